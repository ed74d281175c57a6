"""How prosumers agree on one round's table of offers, though any of them may fall silent at any moment.

All know the order of duty of a round. Whoever is on duty gathers offers, and sends the table of what it heard; every one that
hears the table says so to all; a table that everybody heard, but for those that have been silent too long, is final. Where the
one on duty is silent too long, the ballot rises and duty passes to the next: it sends the table that it heard last, and gathers
one itself only if it heard none. So where a table is final for anybody, everybody alive holds it, and a later ballot can only
send the same one again. Who comes late is sent the final table.

References
----------
Hierarchical uniform consensus: C. Cachin, R. Guerraoui, L. Rodrigues, Introduction to Reliable and Secure Distributed Programming
(2011), 5.2; it holds for any number of crashes as long as nobody alive is taken for dead.
"""

from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass, field

from gridagora.core.exchange import join
from gridagora.live.wire import FINAL, Frame, Kind, Size
from gridagora.mechanisms.retail.messages import GameOffers


@dataclass
class Agreement:
    """Where one prosumer stands in one round; `adopted` is the ballot of the table it holds, -1 if it was told it is final."""

    size: Size
    number: int  # of the round
    me: int
    order: tuple[int, ...]  # of duty, without those dropped
    ballot: int = 0
    adopted: int = -1
    told: int = -1  # the ballot up to which all were told what it holds
    table: GameOffers | None = None  # of whoever was heard
    final: bool = False
    offers: dict[int, GameOffers] = field(default_factory=dict)
    heard: dict[int, set[int]] = field(
        default_factory=lambda: defaultdict(set)
    )  # by ballot: who holds its table


def order_of(number: int, size: Size, dropped: Set[int]) -> tuple[int, ...]:
    """Return whose duty a round is, first to last: it goes round with the rounds, and skips who was dropped."""
    turned = ((number - 1 + k) % size.prosumers for k in range(size.prosumers))
    return tuple(j for j in turned if j not in dropped)


def find_coordinator(a: Agreement) -> int:
    """Return who is on duty now."""
    return a.order[a.ballot % len(a.order)]


def receive_frame(a: Agreement, frame: Frame) -> None:
    """Take in a frame of this round."""
    if frame.step == FINAL:
        if isinstance(frame.table, GameOffers) and frame.kind is Kind.TABLE and not a.final:
            a.table, a.final = frame.table, True
        return
    a.ballot = max(a.ballot, frame.step)
    if isinstance(frame.table, GameOffers) and frame.kind is Kind.OFFER:
        a.offers.setdefault(frame.sender, frame.table)
        return
    a.heard[frame.step].add(frame.sender)
    if (
        isinstance(frame.table, GameOffers)
        and frame.kind is Kind.TABLE
        and frame.step == a.ballot > a.adopted
    ):
        a.table, a.adopted = frame.table, frame.step
        a.heard[a.adopted].add(a.me)


def advance(a: Agreement, silent: Set[int]) -> list[Frame]:
    """Take every step that can be taken; return what is to be said to all because of it."""
    while not a.final and find_coordinator(a) in silent:
        a.ballot += 1
    if (
        not a.final
        and find_coordinator(a) == a.me
        and a.adopted < a.ballot
        and (a.table is not None or _all_offered(a, silent))
    ):
        a.table = _gathered(a) if a.table is None else a.table
        a.adopted = a.ballot
        a.heard[a.adopted].add(a.me)
    if a.adopted == a.ballot and all(j in a.heard[a.ballot] for j in a.order if j not in silent):
        a.final = True
    if a.adopted != a.ballot or a.adopted <= a.told:
        return []
    a.told = a.adopted
    return repeat_frames(a)[1:]


def _all_offered(a: Agreement, silent: Set[int]) -> bool:
    return all(j in a.offers for j in a.order if j not in silent)


def _gathered(a: Agreement) -> GameOffers:
    return join([a.offers[j] for j in range(a.size.prosumers) if j in a.order and j in a.offers])


def repeat_frames(a: Agreement) -> list[Frame]:
    """Return what to say again until the table is final: the own offer, and the table or that it was heard."""
    frames = [Frame(Kind.OFFER, a.me, a.number, a.ballot, a.offers[a.me])]
    if a.adopted == a.ballot and a.table is not None:
        kind, table = (Kind.TABLE, a.table) if find_coordinator(a) == a.me else (Kind.HEARD, None)
        frames.append(Frame(kind, a.me, a.number, a.ballot, table))
    return frames
