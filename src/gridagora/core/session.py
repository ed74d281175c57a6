"""The market contract: what a design knows when it opens, what it may say, what it returns, and how a session is driven."""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.errors import PartError
from gridagora.core.exchange import (
    ExportLimits,
    MeterFees,
    MeterLimits,
    Plans,
    Proposals,
    Quotes,
    Tenders,
    Transactions,
    count_bytes,
    count_messages,
)
from gridagora.core.flow import Flow
from gridagora.core.lean import LeanCount
from gridagora.core.limits import Bounds, Limits, bounds_of, limit_substation
from gridagora.core.place import Level, Places, places
from gridagora.core.product import Product
from gridagora.core.records import RunColumn
from gridagora.core.spec import Spec
from gridagora.core.spec import count_bytes as spec_bytes
from gridagora.core.spec import count_messages as spec_messages
from gridagora.core.spec import disclosed as spec_numbers
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.curve import Curves

ROUNDS_MAX = 10_000
TABLES = (Quotes, MeterLimits, ExportLimits, MeterFees, Tenders, Plans, Proposals, Transactions)
REACH_KW = 1e9  # what a substation can carry without a limit: more than any area takes
State = TypeVar("State")


class SupplyOffer(NamedTuple):
    """The substation's tender, shape (h,) each: import and export price [$/kWh], and base load [kW].

    `base_kw` is the load that does not tender, mainly that of other customers. The capacity of the substation is a row of the
    limits. `export_per_kwh` never exceeds `import_per_kwh`, which holds the network charge `delivery_per_kwh` [$/kWh].
    """

    import_per_kwh: Col
    export_per_kwh: Col
    base_kw: Col
    delivery_per_kwh: float = 0.0


class Preference(NamedTuple):
    """Premiums of homes for local or renewable energy.

    A home that is not `green` considers only the price and `local_per_kwh`.
    """

    local_per_kwh: float  # premium of any home for a kWh of a partner over one of the supplier
    green_per_kwh: float  # premium of a green home for a kWh of a partner with a renewable surplus
    green: Flag  # (n,) which homes prefer renewable energy
    renewable: Flag  # (n,) who owns renewable generation


class Topology(NamedTuple):
    """Location of the parties: a tree of m places, and the place of each party.

    `partners` and `prefers` are None where the scenario does not set them.
    """

    tree: Places
    place: Index  # (n,) the place right above each party
    partners: Index | None = None  # (e, 2) pairs of parties
    prefers: Preference | None = None


class Baseline(NamedTuple):
    """The homes of the flat design, by interval: the basis on which a tariff is set before a run.

    The first run has no baseline yet: its tariffs are `fixed_per_kwh`.
    """

    start_s: int
    duration_s: int
    local_hour: Index  # (T,) local hour of day; a day follows the run, for the look-ahead
    cost_usd_per_h: Col  # (t,) what the homes add to the cost of the substation
    load_kw: Col  # (t,) of all homes together, net
    exported_kw: Col  # (t,) of those that export
    fixed_per_kwh: float | None = None
    home_kw: RunColumn | None = None  # (n, t) net power of every home, read some homes at a time
    other_kw: Col | None = None  # (t,) of other customers; None: there are none
    limit_kw: float = float("inf")  # of the substation
    first_day: int | None = None  # first local day, in days since 1970; None: not known

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Opening(NamedTuple):
    """One opening of a market: the first of h products, the parties, their places, the substation's tender, the limits."""

    product: Product
    party: Index  # (n,) homes; in real time devices where devices tender
    supply: SupplyOffer
    site: Topology | None = None  # None: every party is at the root
    binds: bool = False  # whether the gate of the day ahead closes with this opening
    is_prosumer: Flag | None = (
        None  # (n,) homes with PV, a battery or a car, where parties are homes
    )
    limits: Limits | None = None  # None: no limit
    flow: Flow | None = (
        None  # of the interval before, in real time, for a design that sees it; None before there is one
    )
    homes: Index | None = None  # (n,) homes that each party stands for; None: one each
    bounds: Bounds | None = None  # what `limits` say of every place of the site, where it is known


class BehindTheMeter(NamedTuple):
    """Resources behind the meters: one curve for each of r resources, its home, and the remaining load of every home.

    What a home imports beyond `limit_kw` costs `over_per_kwh` more than its price, what it exports beyond `export_kw` earns
    `under_per_kwh` less; both of a direction are None where no home has a limit of it. `fee_per_kwh` comes on top of both prices
    of a home; None where none has a fee.
    """

    curves: Curves
    home: Index  # (r,)
    net_kw: Col  # (n,) load without devices
    limit_kw: Col | None = None  # (n,)
    over_per_kwh: Col | None = None  # (n,)
    export_kw: Col | None = None  # (n,)
    under_per_kwh: Col | None = None  # (n,)
    fee_per_kwh: Col | None = None  # (n,)


class GateOpen(NamedTuple):
    """The gate opens at a fixed time, which needs no message. Parties answer with `Tenders`."""

    product: Product


class Posted(NamedTuple):
    """Prices, limits of meters and their price, or fees, that need no answer."""

    quotes: Quotes | MeterLimits | ExportLimits | MeterFees


class Costed(NamedTuple):
    """Quotes which parties answer with `Proposals`: a plan and its cost. Quotes alone are answered with `Plans`."""

    quotes: Quotes


class SpecRequest(NamedTuple):
    """The operator asks for the specification of every device; parties answer with one `Spec` for each kind."""

    product: Product


class LayerMessages(NamedTuple):
    """Messages between layers: curves or plans up, prices down. They need no answer and are counted."""

    up: Tenders | Plans | Proposals
    down: Quotes


class PeerMessages(NamedTuple):
    """Count of the messages that parties exchanged directly in some rounds of a session; needs no answer.

    `disclosed` are the numbers that all homes together sent about themselves. `lean` is the leanest form of the same: curves that
    each home broadcasts once, or a number of bits; None takes every number as it is (`core.lean`).
    """

    messages: int
    bytes: int
    rounds: int
    disclosed: int
    lean: Tenders | int | None = None


class Commitment(NamedTuple):
    """Positions that bind before delivery, h consecutive products from the first on; they oblige to deliver at their price.

    For commodity E, `p_kw` is the mean power over the hours. `premium_per_kwh` is the price of a kWh above wholesale and
    delivery, (h,), (n, h) or (1,). Where devices bid, p_kw is theirs and the home's load comes on top at the same price.
    """

    product: Product
    hours: int
    p_kw: Col  # (n, h), or (n, 1) of an E product
    premium_per_kwh: Col


class HourPlan(NamedTuple, Generic[State]):
    """Result of a look-ahead: the prices that homes plan on, the binding positions, and the state of the design.

    `credit_per_kwh` is the export price where it differs from `price_per_kwh`; `p_kw` the plans that parties report. Import of
    a home beyond its row of `limits` costs more, export beyond that of `export_limits` earns less: it plans on that, and keeps to
    the first column in the intervals of the hour, on the mean of them or, with `by_interval`, in each. `fees` come on top of both
    prices, for plans and in the intervals of the hour.
    `gap_share` is the certified gap of the plan over its cost, nan without a certificate. Where plans are combined, a party
    that keeps its own needs only `round_share`.
    """

    price_per_kwh: Col  # (h,) for all, or (n, h) by home
    state: State
    credit_per_kwh: Col | None = None  # (h,), or (n, h) by home
    p_kw: Col | None = None  # (n, h)
    commitments: tuple[Commitment, ...] = ()
    gap_share: float = float("nan")
    round_share: Col | None = None  # (n, r) weight of each plan that a party made in `p_kw`, 0..1
    limits: MeterLimits | None = None  # over the h products; None: no meter has one
    export_limits: ExportLimits | None = None  # likewise
    by_interval: bool = False  # whether limits hold in each interval, not on the mean of the hour
    fees: MeterFees | None = None  # over the h products; None: no meter has one


class Clearing(NamedTuple):
    """Result of an interval: one transaction for each party that tendered, or the price that was posted to all.

    `local` are the trades of parties with each other and their network charges; `place_per_kwh` (m,) the price at every
    place of the site, `home_per_kwh` (n,) that at the meter of every home, where devices tender and prices are nodal; without
    it all have one. `network_per_kwh` is what the network operator adds to both prices of the supplier [$/kWh], where homes
    trade with it and each other.
    `state` is what the design remembers from now on, where it learns from what it cleared; None: what it did.
    """

    transactions: Transactions | None = None
    posted: Quotes | None = None
    local: Transactions | None = None
    place_per_kwh: Col | None = None
    state: Any = None
    network_per_kwh: float = 0.0
    home_per_kwh: Col | None = None


class MessageCount(NamedTuple):
    """Messages between market and parties so far."""

    messages: int = 0
    bytes: int = 0
    rounds: int = 0
    disclosed: int = 0  # numbers sent up, by all homes together


Session = Generator[
    Any, Any, Clearing
]  # what it yields is one of the messages above, or of the design's own
Planning = Generator[Any, Any, HourPlan[State]]
Result = TypeVar("Result")


def supply_curve(supply: SupplyOffer, limits: Limits, step: int = 0) -> tuple[Col, Col]:
    """Return the supply of one interval as a rising polyline: power (k,) [kW] and price (k,) [$/kWh].

    Beyond the row of the substation, the first of the limits, import costs more and export earns less by its price.
    """
    buy, sell, more = (
        float(supply.import_per_kwh[step]),
        float(supply.export_per_kwh[step]),
        float(limits.over_per_kwh[0]),
    )
    low, high = float(limits.low[0, step]), float(limits.high[0, step])
    power, price = [0.0, 0.0], [sell, buy]
    if low > -REACH_KW:
        power, price = [low, low, *power], [sell - more, sell, *price]
    if high < REACH_KW:
        power, price = [*power, high, high], [*price, buy, buy + more]
    return np.array([-REACH_KW, *power, REACH_KW]), np.array([price[0], *price, price[-1]])


class Driven(NamedTuple, Generic[Result]):
    """Result of a session and the new message count."""

    result: Result
    traffic: MessageCount


def drive(
    session: Generator[Any, Any, Result],
    ask: Callable[[Any], Any],
    traffic: MessageCount,
    *,
    private: bool = False,
    accept: Callable[[Any], None] | None = None,
    lean: LeanCount | None = None,
) -> Driven[Result]:
    """Run a session to its end and count every row that crosses.

    Parameters
    ----------
    session
        The market's generator.
    ask
        The carrier: takes a message to the parties and brings their answer, or None without an answer. It also carries the
        design's own messages, which the design counts itself in `PeerMessages`.
    traffic
        The count so far.
    private
        Answers stay with the parties: in one process the generator acts for each of them, and reports their exchange
        in `PeerMessages`.
    accept
        Receives the result before it is counted, and may refuse it.
    lean
        Hears what homes send about themselves, and counts its leanest form.

    Returns
    -------
    Driven
        A plan or a clearing.

    Raises
    ------
    PartError
        A session that does not end, a message that holds no table, or what the carrier cannot deliver.
    """
    talk = _converse(session, traffic, private=private, accept=accept, lean=lean)
    answer: Any = None
    while True:
        try:
            said = talk.send(answer)
        except StopIteration as end:
            found: Driven[Result] = end.value
            return found
        answer = ask(said)


def drive_together(
    sessions: Sequence[Generator[Any, Any, Result]],
    ask: Callable[[Mapping[int, Any]], Mapping[int, Any]],
    traffic: Sequence[MessageCount],
    *,
    private: bool = False,
    accept: Callable[[int, Any], None] | None = None,
    lean: Sequence[LeanCount] = (),
) -> list[Driven[Result]]:
    """Run the sessions of several runs to their ends in step; each goes and is counted as by `drive`.

    Parameters
    ----------
    sessions, traffic
        The market's generator and the count so far of each run.
    ask
        The carrier of all: takes what the sessions of runs ask, by run, and brings answers to one of them or more; the others
        wait.
    private
        As for `drive`.
    accept
        Receives the number of a run and its result, and may refuse it.
    lean
        Hears what homes of each run send about themselves; nobody does where it is left out.

    Raises
    ------
    PartError
        As `drive`.
    """
    talks = [
        _converse(
            session,
            count,
            private=private,
            accept=None if accept is None else partial(accept, run),
            lean=lean[run] if lean else None,
        )
        for run, (session, count) in enumerate(zip(sessions, traffic, strict=True))
    ]
    found: dict[int, Driven[Result]] = {}
    asked: dict[int, Any] = {}
    told: Mapping[int, Any] = dict.fromkeys(range(len(talks)))
    while told:
        for run, answer in told.items():
            try:
                asked[run] = talks[run].send(answer)
            except StopIteration as end:
                found[run] = end.value
                asked.pop(run, None)
        told = ask(asked) if asked else {}
    return [found[run] for run in range(len(talks))]


def _converse(
    session: Generator[Any, Any, Result],
    traffic: MessageCount,
    *,
    private: bool,
    accept: Callable[[Any], None] | None,
    lean: LeanCount | None,
) -> Generator[Any, Any, Driven[Result]]:
    """Run a session to its end and count every row that crosses; yields what needs an answer alone."""
    answer: Any = None
    for _ in range(ROUNDS_MAX):
        try:
            said = session.send(answer)
        except StopIteration as end:
            if accept is not None:
                accept(end.value)
            return Driven(end.value, _count_result(traffic, end.value))
        answer = None
        if isinstance(said, LayerMessages):
            traffic = _count_table(_count_table(traffic, said.up), said.down)
        elif isinstance(said, PeerMessages):
            counts = zip(traffic, said[:-1], strict=True)
            traffic = MessageCount(*(before + more for before, more in counts))
            if lean is not None:
                lean.hear_exchange(said.lean, said.disclosed)
        elif isinstance(said, Posted):
            traffic = count_posted(traffic, said.quotes)
        else:
            traffic = _count_request(traffic, said)
            answer = yield said
            if not private:
                traffic = _count_answer(traffic, answer)
                if lean is not None:
                    lean.hear(answer)
    raise PartError(f"a market session did not end within {ROUNDS_MAX} rounds")


def count_posted(
    traffic: MessageCount, quotes: Quotes | MeterLimits | ExportLimits | MeterFees
) -> MessageCount:
    """Return the count with quotes, limits or fees that were posted: one message to each party, in a round of their own."""
    return _count_round(_count_table(traffic, quotes))


def _count_request(traffic: MessageCount, said: Any) -> MessageCount:
    if isinstance(said, GateOpen):
        return _count_round(traffic)
    if isinstance(said, Quotes | Costed):
        return _count_round(
            _count_table(traffic, said.quotes if isinstance(said, Costed) else said)
        )
    return traffic


def _count_answer(traffic: MessageCount, answer: Any) -> MessageCount:
    """Count an answer, and the numbers about a home that it discloses."""
    if isinstance(answer, (Tenders, Plans, Proposals)):
        traffic = _count_table(traffic, answer)
        return traffic._replace(disclosed=traffic.disclosed + _count_disclosed(answer))
    for table in answer if isinstance(answer, tuple) else ():
        if isinstance(table, Spec):
            numbers = spec_numbers(table)
            traffic = MessageCount(
                traffic.messages + spec_messages(table),
                traffic.bytes + spec_bytes(table, numbers),
                traffic.rounds,
                traffic.disclosed + int(numbers.sum()),
            )
    return traffic


def _count_result(traffic: MessageCount, result: Any) -> MessageCount:
    if isinstance(result, Clearing) and result.transactions is not None:
        return _count_table(traffic, result.transactions)
    return traffic


def _count_round(traffic: MessageCount) -> MessageCount:
    return traffic._replace(rounds=traffic.rounds + 1)


def _count_table(traffic: MessageCount, table: Any) -> MessageCount:
    if not isinstance(table, TABLES):
        raise PartError(
            f"a message of a session holds {type(table).__name__}, expected a table such as Quotes"
        )
    messages, size, rounds, disclosed = traffic
    return MessageCount(
        messages + count_messages(table), size + count_bytes(table), rounds, disclosed
    )


def _count_disclosed(answer: Tenders | Plans | Proposals) -> int:
    """Numbers about a home that an answer discloses: power and price of every point, or the powers of a plan and its costs."""
    if isinstance(answer, Tenders):
        return 2 * len(answer.p_kw)
    return answer.p_kw.size + (2 * len(answer.party) if isinstance(answer, Proposals) else 0)


def site_of(opening: Opening) -> Topology:
    """Return the location of the parties: a single root, unless the opening sets one."""
    if opening.site is not None:
        return opening.site
    root = places(["feeder"], [Level.FEEDER], [-1])
    return Topology(root, np.zeros(len(opening.party), dtype=np.int64))


def limits_of(opening: Opening) -> Limits:
    """Return the limits of the substation and the places: none, unless the opening sets them."""
    if opening.limits is not None:
        return opening.limits
    return limit_substation(len(opening.party), opening.supply.base_kw, np.inf, 0.0)


def bounds_at_places(opening: Opening) -> Bounds:
    """Return the limits of the opening that are net powers of places, by place of its site."""
    if opening.bounds is not None:
        return opening.bounds
    return bounds_of(limits_of(opening), site_of(opening).tree)


class PricePath(NamedTuple):
    """Prices or premiums of consecutive intervals from a time on, as a design carries them from one opening to the next."""

    start_s: int
    value_per_kwh: Col  # (..., h)


def shift_path(path: PricePath, opening: Opening) -> Col:
    """Return the path from the start of an opening on, shape (..., h) [$/kWh], nan in intervals that it did not reach."""
    passed = (opening.product.start_s - path.start_s) // opening.product.duration_s
    value = path.value_per_kwh
    if not passed:
        return value
    return np.append(
        value[..., passed:],
        np.full((*value.shape[:-1], min(passed, value.shape[-1])), np.nan),
        axis=-1,
    )
