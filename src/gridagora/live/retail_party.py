"""One prosumer: its own replica of the rounds, its own devices, and what it says to whom. No socket and no clock of its own.

Time is handed in as seconds awake, so that a process that was stopped does not wake up and take all others for dead: silence
counts only while one listens.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import encode
from gridagora.core.tables import Col
from gridagora.live.agree import Agreement, advance, order_of, receive_frame, repeat_frames
from gridagora.live.post import Post
from gridagora.live.wire import FINAL, Frame, Kind, Size
from gridagora.mechanisms.retail.clearing import GameParameters
from gridagora.mechanisms.retail.messages import MESSAGES, GameOffers, RetailDemand, RetailPrices
from gridagora.mechanisms.retail.protocol import (
    Broadcast,
    Community,
    GameResult,
    ProsumerOffer,
    StoppingRule,
    answer_prices,
    iterate_rounds,
    make_idle_state,
    make_offers,
)

OFFERS = MESSAGES[GameOffers]
END_USERS_PATIENCE = 5  # times the patience with a prosumer: without end-users nothing goes on


class Waits(NamedTuple):
    """How long is waited [s]: for a silent prosumer, before one says the same again, and before one asks end-users again."""

    patience_s: float = 2.0
    again_s: float = 0.05
    ask_s: float = 0.006


class Seat(NamedTuple):
    """What one prosumer starts with: its number, its own community of one, and what everybody knows."""

    me: int
    own: Community
    terms: GameParameters
    rule: StoppingRule
    size: Size
    waits: Waits


class Prosumer:
    """A replica of the rounds: it hears frames and returns what it says because of them; `at_round` is told of each round."""

    def __init__(self, seat: Seat, at_round: Callable[[int], None] | None = None) -> None:
        self.seat, self.at_round = seat, at_round
        self.rounds, self.held = iterate_rounds(seat.terms, seat.rule), make_idle_state(seat.own)
        self.tables: dict[int, GameOffers] = {}  # final ones, by round: who comes late needs them
        self.dropped: dict[int, int] = {}  # prosumer: round
        self.taken: dict[tuple[int, int], RetailDemand] = {}  # by turn and group
        self.early: dict[tuple[int, Kind], Frame] = {}  # of the next round, by who was quicker
        self.turn, self.newest = 0, 0
        self.silent_s = np.zeros(seat.size.prosumers)
        self.said_s = self.stuck_s = self.ask_at_s = 0.0
        self.end: GameResult | None = None
        self.stopped = ""
        self.asked: Broadcast | Col = next(self.rounds)

    def begin(self) -> Post:
        """Return what is said first."""
        return self._turned(self.asked) + self._go_on()

    def hear(self, frame: Frame) -> Post:
        """Take in a frame, return what is said because of it."""
        if self.stopped:
            return []
        if isinstance(frame.table, RetailDemand):
            self._hear_taken(frame, frame.table)
            return self._go_on()
        self.silent_s[frame.sender] = 0.0
        if frame.round in self.tables:
            return self._tell_late(frame)
        if frame.round == self.agreement.number:
            receive_frame(self.agreement, frame)
        elif frame.round == self.agreement.number + 1:
            self.early[frame.sender, frame.kind] = frame
        return self._go_on()

    def _hear_taken(self, frame: Frame, taken: RetailDemand) -> None:
        if frame.step > self.turn or (frame.step == self.turn and self._is_asking()):
            self.taken[frame.step, frame.sender] = taken
        if frame.step > max(self.turn, self.newest):
            self.newest, self.ask_at_s = (
                frame.step,
                0.0,
            )  # others are further: the answer to this turn was lost on its way here

    def tick(self, awake_s: float) -> Post:
        """Let time pass, return what is said again."""
        if self.stopped:
            return []
        self.silent_s += awake_s
        self.silent_s[self.seat.me] = 0.0
        self.said_s += awake_s
        self.stuck_s += awake_s
        post: Post = []
        if self.said_s >= self.seat.waits.again_s:
            self.said_s, a = 0.0, self.agreement
            alive = Frame(Kind.HEARD, self.seat.me, a.number, FINAL)
            post += self._to_all([alive] if a.number in self.tables else repeat_frames(a))
        if self._is_asking() and self.stuck_s >= self.ask_at_s:
            self.ask_at_s = self.stuck_s + min(
                max(self.stuck_s, self.seat.waits.ask_s), self.seat.waits.again_s
            )
            post += self._ask()
        self._give_up()
        return post + self._go_on()

    def is_over(self) -> bool:
        """Return whether the rounds have ended, or it was dropped."""
        return self.end is not None or bool(self.stopped)

    def _is_asking(self) -> bool:
        return self.end is None and not isinstance(self.asked, Broadcast)

    def _give_up(self) -> None:
        """Stop where end-users stay silent: nobody can say in their place what they take."""
        if self._is_asking() and self.stuck_s >= END_USERS_PATIENCE * self.seat.waits.patience_s:
            groups = ", ".join(str(group - self.seat.size.prosumers) for group, _ in self._ask())
            self.stopped = f"end-users of group {groups} did not answer turn {self.turn} for {self.stuck_s:.0f} s"

    def _silent(self) -> set[int]:
        return set(np.flatnonzero(self.silent_s >= self.seat.waits.patience_s).tolist())

    def _to_all(self, frames: list[Frame]) -> Post:
        return [(j, frame) for frame in frames for j in self.agreement.order if j != self.seat.me]

    def _tell_late(self, frame: Frame) -> Post:
        """Send the final table to one that still offers in its round; stop where another table is said to be final."""
        table = self.tables[frame.round]
        final = (
            isinstance(frame.table, GameOffers) and frame.kind is Kind.TABLE and frame.step == FINAL
        )
        if final and self.end is None and encode(frame.table, OFFERS) != encode(table, OFFERS):
            self.stopped = (
                f"prosumer {frame.sender} agreed on another table in round {frame.round}: the network was split for longer "
                "than the patience"
            )
        if frame.kind is not Kind.OFFER:
            return []
        return [(frame.sender, Frame(Kind.TABLE, self.seat.me, frame.round, FINAL, table))]

    def _go_on(self) -> Post:
        """Take every step for which everything was heard."""
        post: Post = []
        while self.end is None and not self.stopped:
            answer: ProsumerOffer | Col | None
            if isinstance(self.asked, Broadcast):
                post += self._to_all(advance(self.agreement, self._silent()))
                answer = self._agreed()
            else:
                answer = self._taken()
            if answer is None:
                break
            post += self._send(answer)
        return post

    def _agreed(self) -> ProsumerOffer | None:
        """Return the table of this round once it is final; learn from it who is dropped."""
        a = self.agreement
        if not a.final or a.table is None:
            return None
        heard = set(a.table.party.tolist())
        for j in a.order:
            if j not in heard:
                self.dropped[j] = a.number
        if self.seat.me in self.dropped:
            self.stopped = f"the others did not hear me for {self.seat.waits.patience_s} s, and dropped me in round {a.number}"
            return None
        self.tables[a.number] = a.table
        a.order = tuple(j for j in a.order if j not in self.dropped)
        offers = np.full((2, self.seat.size.prosumers, self.seat.size.hours), np.nan)
        offers[:, a.table.party] = a.table.offer_kw, a.table.made_kw
        return ProsumerOffer(*offers)

    def _taken(self) -> Col | None:
        """Return what end-users take at the price asked, once every group said it."""
        first, last = self.seat.size.prosumers, self.seat.size.prosumers + self.seat.size.groups
        keys = [(self.turn, group) for group in range(first, last)]
        if not all(key in self.taken for key in keys):
            return None
        heard = [self.taken.pop(key) for key in keys]
        if any(one.price_per_kwh.tobytes() != np.asarray(self.asked).tobytes() for one in heard):
            self.stopped = (
                f"end-users were asked another price than mine in turn {self.turn}: others went on with another table, or "
                "compute otherwise"
            )
            return None
        return np.asarray(
            sum(one.taken_kw[0] for one in heard)
        )  # in the order of groups: the same bits for all

    def _send(self, answer: ProsumerOffer | Col) -> Post:
        try:
            return self._turned(self.rounds.send(answer))
        except StopIteration as end:
            self.end = end.value
        except PartError as error:
            self.stopped = f"the rounds cannot go on: {error}"
        return []

    def _turned(self, asked: Broadcast | Col) -> Post:
        """Return what is said at a new step: the own offer, or, by the one first on duty, a price to end-users."""
        self.asked = asked
        self.stuck_s = 0.0
        if isinstance(asked, Broadcast):
            return self._offer(asked)
        self.turn += 1
        rank = self.agreement.order.index(self.seat.me)
        self.ask_at_s = (
            4 * max(rank, 0.25) * self.seat.waits.ask_s
        )  # in order of duty, should the first be silent
        return self._ask() if rank == 0 or self.newest > self.turn else []

    def _ask(self) -> Post:
        size, price = self.seat.size, np.asarray(self.asked)[None]
        frame = Frame(Kind.PRICE, self.seat.me, self.agreement.number, self.turn)
        groups = range(size.prosumers, size.prosumers + size.groups)
        return [
            (group, frame._replace(table=RetailPrices(size.product, np.array([group]), price)))
            for group in groups
            if (self.turn, group) not in self.taken
        ]

    def _offer(self, asked: Broadcast) -> Post:
        number = len(self.tables) + 1
        if self.at_round is not None:
            self.at_round(number)
        self.held = answer_prices(self.seat.own, asked, self.held)
        told, me = make_offers(self.seat.own, self.held), self.seat.me
        own = GameOffers(
            self.seat.size.product, np.array([me]), told.offer_kw[:1], told.made_kw[:1]
        )
        if not (np.isfinite(own.offer_kw).all() and np.isfinite(own.made_kw).all()):
            raise PartError(f"round {number}: the own offer is not a number")
        order = order_of(number, self.seat.size, self.dropped.keys())
        self.agreement = Agreement(self.seat.size, number, me, order, offers={me: own})
        self.silent_s[:] = self.said_s = 0.0
        for frame in self.early.values():
            receive_frame(self.agreement, frame)
        self.early.clear()
        return self._to_all(repeat_frames(self.agreement))
