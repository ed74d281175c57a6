"""What a market knows when it opens, and how a session is driven: quotes down, tenders up, until transactions."""

from collections.abc import Callable, Generator
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import Plans, Proposals, Quotes, Tenders, Transactions, count_bytes, count_messages, quote
from gridagora.core.place import Level, Places, places
from gridagora.core.product import Product
from gridagora.core.retail_inner import Terms
from gridagora.core.retail_rounds import Asked
from gridagora.core.retail_rounds import Said as Offered
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curve import Curves
from gridagora.kernels.value import Stores

ROUNDS_MAX = 10_000
REACH_KW = 1e7  # what a substation can carry where nobody limits it


class Supply(NamedTuple):
    """The substation's tender, shape (h,) each: import and export price [$/kWh], and what is already taken [kW].

    `base_kw` is the load that does not tender, that of other customers first. Above `limit_kw` the import price rises by
    `over_per_kwh`; beyond as much export the export price falls by it. `export_per_kwh` never exceeds `import_per_kwh`.
    """

    import_per_kwh: Col
    export_per_kwh: Col
    base_kw: Col
    limit_kw: float
    over_per_kwh: float


class Preference(NamedTuple):
    """What homes mind, beside the price, of energy they would rather have from elsewhere.

    A home that is not `green` looks only at the price, and at `local_per_kwh` as all do.
    """

    local_per_kwh: float  # what any home would pay more for a kWh of a partner than for one of the supplier
    green_per_kwh: float  # what a green home would pay more for a kWh of a partner with sun to spare
    green: Flag  # (n,) who cares
    panels: Flag  # (n,) who has solar panels


class Site(NamedTuple):
    """Where the parties stand: a tree of m places, the place of each party, and what each place can carry either way.

    What the roots can carry, and the load that does not tender there, stand in the `Supply`; `high_kw` is inf where nothing is
    limited. `base_kw` is the load below a place that does not tender, that of other customers: it takes room from a limit as
    homes do. Who may trade with whom and what homes prefer is None where a scenario does not say.
    """

    tree: Places
    place: Index  # (n,) the place right above each party
    high_kw: Col  # (m,)
    partners: Index | None = None  # (e, 2) pairs of parties
    prefers: Preference | None = None
    base_kw: Col | None = None  # (m, h) of the hours at hand, 0 at the roots; None: nobody but the parties


class Call(NamedTuple):
    """One opening of a market: the product, who takes part, the supply, and what the design may know of the homes.

    `tariff_per_kwh` (h,) is nan where the design has no tariff; `specs` is empty unless the design is told every spec;
    `before_per_kwh` is what the outlook of the opening before handed on, (h,) or (m, h), shifted to this one, nan at first.
    """

    product: Product
    party: Index  # (n,)
    supply: Supply
    tariff_per_kwh: Col  # (h,)
    specs: tuple[Stores, ...]
    before_per_kwh: Col
    site: Site | None = None  # None: every party stands at the root
    binds: bool = False  # whether positions follow from a look-ahead
    leads: Flag | None = None  # (n,) homes with PV, a battery or a car, where parties are homes
    agreed_per_kwh: Col | None = None  # (n,) price of the hour that each home agreed to ahead


class Behind(NamedTuple):
    """What stands behind the meters: one curve for each of r resources, the home of each, and the rest of every home."""

    curves: Curves
    home: Index  # (r,)
    net_kw: Col  # (n,) load without devices


class Passed(NamedTuple):
    """What layers told each other while parties waited: curves or plans up, prices down. Nobody answers; it is counted."""

    up: Tenders | Plans | Proposals
    down: Quotes


class Costed(NamedTuple):
    """Quotes which parties answer with `Proposals`: a plan, and what it costs them."""

    quotes: Quotes


class Talk(NamedTuple):
    """What parties told each other directly in some rounds of a session, already counted; nobody answers.

    `disclosed` are the numbers that all homes together sent about themselves.
    """

    messages: int
    bytes: int
    rounds: int
    disclosed: int


class Outlook(NamedTuple):
    """What an opening of a look-ahead leads to, as rows by party: a price path, and the power the parties mean to take.

    `carry_per_kwh` is handed to the next opening; `gap_share` is the certified gap of the plan over its cost, nan where none is.
    """

    price_per_kwh: Col  # (n, h)
    p_kw: Col  # (n, h)
    carry_per_kwh: Col
    gap_share: float = float("nan")


Game = Terms | Asked  # of the retail game: who leads knows the terms and answers what is asked; a `Talk` counts it
Said = Quotes | Costed | Passed | Talk | Transactions  # transactions said along the way are those of parties with each other
Session = Generator[Said, Tenders | None, Transactions]
Ahead = Generator[Said, Plans | Proposals | None, Outlook]
Playing = Generator[Said | Game, Plans | Offered | None, Outlook]  # of a market that plays the retail game ahead


class Traffic(NamedTuple):
    """What crossed the seam so far."""

    messages: int = 0
    bytes: int = 0
    rounds: int = 0
    disclosed: int = 0  # numbers sent up, by all homes together


def steps(supply: Supply, step: int = 0) -> tuple[Col, Col]:
    """Return the supply of one interval as a rising polyline: power (k,) [kW] and price (k,) [$/kWh]."""
    buy, sell, top = float(supply.import_per_kwh[step]), float(supply.export_per_kwh[step]), supply.limit_kw
    if top >= REACH_KW:
        return np.array([-REACH_KW, 0.0, 0.0, REACH_KW]), np.array([sell, sell, buy, buy])
    over, below = buy + supply.over_per_kwh, sell - supply.over_per_kwh
    power = np.array([-REACH_KW, -top, -top, 0.0, 0.0, top, top, REACH_KW])
    return power, np.array([below, below, sell, sell, buy, buy, over, over])


Answer = TypeVar("Answer", Tenders, Plans | Offered, Plans | Proposals | Offered)
Result = TypeVar("Result")


class Driven(NamedTuple, Generic[Result]):
    """How a session ended: its result, the last quotes, the new count, what layers told each other last, and local trades."""

    result: Result
    quotes: Quotes | None
    traffic: Traffic
    passed: Passed | None
    local: Transactions | None


def drive(
    session: Generator[Said | Game, Answer | None, Result],
    ask: Callable[[Quotes | Costed | Game], Answer | None],
    traffic: Traffic,
    *,
    private: bool = False,
) -> Driven[Result]:
    """Run a session to its end and count every row that crosses.

    Parameters
    ----------
    session
        The market's generator.
    ask
        The carrier: takes quotes to the parties and brings their tenders or plans, or None where nobody answers.
    traffic
        The count so far.
    private
        Answers stay with the parties: in one process the generator acts for each of them, and tells in a `Talk` what they told
        each other.

    Returns
    -------
    Driven
        Its result: binding transactions (no rows where the price is only posted), or the outlook.

    Raises
    ------
    PartError
        A session that yields nothing, or what nobody can hear.
    """
    passed, local, quotes = None, None, None
    said: Any = next(session, None)  # a session of one's own may yield nothing or nonsense
    for _ in range(ROUNDS_MAX):
        answer = None
        if isinstance(said, Passed):
            passed = said
            traffic = _counted(_counted(traffic, said.up), said.down)
        elif isinstance(said, Transactions):
            local = said
        elif isinstance(said, Talk):
            traffic = Traffic(*(before + more for before, more in zip(traffic, said, strict=True)))
        elif isinstance(said, Terms | Asked):
            answer = ask(said)
        else:
            quotes, answer = _quoted(said), ask(said)
            traffic = _counted(traffic, quotes)._replace(rounds=traffic.rounds + 1)
        if isinstance(answer, Tenders | Plans | Proposals) and not private:
            traffic = _counted(traffic, answer)
            traffic = traffic._replace(disclosed=traffic.disclosed + _numbers(answer))
        try:
            said = session.send(answer)
        except StopIteration as end:
            if isinstance(end.value, Transactions):
                traffic = _counted(traffic, end.value)
            return Driven(end.value, quotes, traffic, passed, local)
    raise RuntimeError(f"a market session did not end within {ROUNDS_MAX} rounds")


def _quoted(said: Any) -> Quotes:
    if isinstance(said, Costed):
        return said.quotes
    if not isinstance(said, Quotes):
        raise PartError(f"a market's session yields {type(said).__name__}, expected Quotes, Passed, Talk or local Transactions")
    return said


def _counted(traffic: Traffic, table: Quotes | Tenders | Plans | Proposals | Transactions) -> Traffic:
    return traffic._replace(messages=traffic.messages + count_messages(table), bytes=traffic.bytes + count_bytes(table))


def _numbers(answer: Tenders | Plans | Proposals) -> int:
    """Numbers about a home that an answer discloses: power and price of every point, or the powers of a plan and its costs."""
    if isinstance(answer, Tenders):
        return 2 * len(answer.p_kw)
    return answer.p_kw.size + (2 * len(answer.party) if isinstance(answer, Proposals) else 0)


def opening(call: Call) -> Quotes:
    """Return quotes to nobody: the gate opens by the clock, which needs no message."""
    return quote(call.product, call.party[:0], np.zeros(1))


def standing(call: Call) -> Site:
    """Return where the parties stand: at one root, unless the call says otherwise."""
    if call.site is not None:
        return call.site
    root = places(["feeder"], [Level.FEEDER], [-1])
    return Site(root, np.zeros(len(call.party), dtype=np.int64), np.full(1, np.inf))


def hours_of(site: Site, first: int, count: int) -> Site:
    """Return a site whose `base_kw` covers `count` hours from hour `first` on."""
    return site if site.base_kw is None else site._replace(base_kw=site.base_kw[:, first : first + count])


def nothing(call: Call) -> Transactions:
    """Return transactions without rows: a posted price binds nobody."""
    none, empty = np.zeros(0, dtype=np.int64), np.zeros((0, 1))
    return Transactions(call.product, none, none, empty, empty, none)
