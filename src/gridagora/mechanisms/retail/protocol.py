"""The nested rounds of prosumers that are their own retailer: prices down, offers up, end-users asked in between.

An outer round broadcasts the retail price, the margin earned on it and the internal price; every prosumer answers what it would
sell at retail and what it would make. The inner iteration then finds the retail price at which end-users, who only say what they
take, agree with the offers, and the wholesale position follows hour by hour. This is ADMM on the potential of the game, so it
converges for any number of prosumers and any convex devices. Prices fall for whoever moves away from its last answer, by a pull
for each hour that is balanced by residuals, so that the rounds do not depend on how many take part.

References
----------
Sharing by ADMM: S. Boyd and others, Distributed optimization and statistical learning via the alternating direction method of
multipliers (2011), 7.3; relative residuals: B. Wohlberg, arXiv 1704.06209. The game: `mechanisms.retail.game` and theory 10.4.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import sum_kw
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.stores.table import join_rows
from gridagora.kernels.stores.value import Stores, best_response
from gridagora.mechanisms.price_grid import GRID_PER_KWH, put_on_grid
from gridagora.mechanisms.retail.clearing import (
    GameParameters,
    InnerState,
    retail_per_kwh,
    solve_inner,
)
from gridagora.mechanisms.retail.game import Demand, taken_kw

SAME = 1e-12
LEAST = 1e-9  # a residual below this share says nothing about its pull
MOST = 1.5  # by which a pull changes in a round
GRID_KW = 2.0**-10  # where the next game goes on, so that no game hands on what rounding adds to it


class Community(NamedTuple):
    """N prosumers over T hours, with one wholesale access: they net among themselves before they buy or sell outside.

    `made_kw` (N, T) is what nobody decides, PV less own load; row k of `stores[d]` belongs to prosumer `home[d][k]`. A device's
    own quadratic cost stands in its `prox`. The rest is as in `Terms`.
    """

    end_users: Demand
    made_kw: Col
    stores: tuple[Stores, ...]
    home: tuple[Index, ...]
    buy_per_kwh: Col  # (T,) wholesale
    sell_per_kwh: Col
    own_share: float = 1.0
    tariff_per_kwh: Col | float = np.inf
    limit_kw: float = np.inf
    over_per_kwh: float = 0.0
    base_kw: Col | float = 0.0


class Broadcast(NamedTuple):
    """What is broadcast in a round, shape (T,) each: the retail price, the margin earned on it, the internal price [$/kWh].

    `part_kw` is what each sells where all sell alike. `pull_per_kwh_kw` says how fast the internal price falls for whoever moves
    a device away from its last answer [$/kWh per kW].
    """

    retail_per_kwh: Col
    margin_per_kwh: Col
    internal_per_kwh: Col
    part_kw: Col
    pull_per_kwh_kw: Col


class ProsumerOffer(NamedTuple):
    """Answers of n prosumers, shape (n, T) [kW]: offered at retail and made in all; a row of nan where nobody answered."""

    offer_kw: Col
    made_kw: Col


class PrivateState(NamedTuple):
    """What prosumers keep to themselves: their last offers (n, T), and the power of their devices, p_kw > 0 is taken [kW]."""

    offer_kw: Col
    device_kw: tuple[Col, ...]


class ProtocolState(NamedTuple):
    """Where a session stands, in broadcast quantities (T,): prices, what end-users take, what prosumers buy outside.

    `end_users` are as they are known so far; `sellers` are the prosumers who were not dropped.
    """

    end_users: Demand
    inside: InnerState
    offered_kw: Col
    made_kw: Col
    relaxed_kw: Col  # made, and moved on beyond by `Rule.relaxed_ratio`: what prices answer to
    pull_per_kwh_kw: Col
    sellers: int
    rounds: int = 0
    inner_rounds: int = 0  # price rounds with end-users so far
    moved_per_kwh: float = np.inf


class GameResult(NamedTuple):
    """How a session ended: prices, answers, pulls, rounds with prosumers and with end-users, who fell silent, both residuals."""

    retail_per_kwh: Col  # (T,)
    internal_per_kwh: Col  # (T,)
    offer_kw: Col  # (N, T)
    made_kw: Col  # (N, T)
    wholesale_kw: Col  # (T,)
    pull_per_kwh_kw: Col  # (T,)
    rounds: int
    inner_rounds: int
    silent_party: Index  # (s,)
    off_kw: float
    off_per_kwh: float
    converged: bool


Rounds = Generator[Broadcast | Col, ProsumerOffer | Col, GameResult]


class StoppingRule(NamedTuple):
    """When a session ends, and how hard it pulls.

    Offers must be within `tolerance_share` of the mean of what end-users take; the prices at which prosumers would make what they
    make, within `tolerance_per_kwh`. Pulls begin at `device_ratio` N times the end-users' slope and follow the residuals for
    `balanced_rounds`, never beyond `most_pull_ratio` times where they begin: in an hour in which nobody can move, residuals ask
    for more without end. `relaxed_ratio` above 1 lets prices go further than answers do.
    """

    tolerance_share: float = 1e-7
    tolerance_per_kwh: float = 1e-9
    most_rounds: int = 500
    most_inner_rounds: int = 50
    inner_per_kwh: float = 1e-11
    device_ratio: float = 0.3
    balanced_rounds: int = 100
    relaxed_ratio: float = 1.3
    most_pull_ratio: float = 1e4


def make_community(
    end_users: Demand,
    made_kw: Col,
    devices: tuple[Stores, ...],
    owner: tuple[Index, ...],
    buy_per_kwh: Col,
    sell_per_kwh: Col,
    own_share: float = 1.0,
    tariff_per_kwh: Col | float = np.inf,
    limit_kw: float = np.inf,
    over_per_kwh: float = 0.0,
    base_kw: Col | float = 0.0,
) -> Community:
    """Return a checked community.

    What N prosumers make has shape (N, T) [kW]; prices [$/kWh] and what else stands at the substation [kW] have (T,). `owner`
    gives the prosumer of each device, table by table.

    Raises
    ------
    PartError
        Nobody leads; shapes that do not fit; wholesale that buys dearer than it sells; an outside tariff or a limit that is not a
        number; steps that are not hours.
    """
    n, steps = made_kw.shape
    if n == 0:
        raise PartError(
            "nobody has PV, a battery or a car: without a prosumer there is no retailer"
        )
    if (
        len(end_users.choke_per_kwh) != steps
        or len(buy_per_kwh) != steps
        or len(sell_per_kwh) != steps
    ):
        raise PartError(
            f"prosumers plan {steps} hours: end-users and wholesale prices must have as many"
        )
    if (sell_per_kwh > buy_per_kwh + SAME).any():
        hour = int(np.argmax(sell_per_kwh > buy_per_kwh + SAME))
        raise PartError(
            f"hour {hour}: wholesale pays {sell_per_kwh[hour]} $/kWh and asks {buy_per_kwh[hour]}: it must ask more"
        )
    if np.isnan(tariff_per_kwh).any() or not limit_kw > 0 or not over_per_kwh >= 0:
        raise PartError(
            "outside tariff, limit and its price: expected numbers, a limit above nil and a price of nil or more"
        )
    for table, at in zip(devices, owner, strict=True):
        if len(table.dt_h) != steps or np.abs(table.dt_h - 1.0).max() > SAME:
            raise PartError(
                f"devices of a prosumer plan steps of {table.dt_h.tolist()} h: expected {steps} steps of one hour"
            )
        if len(at) != len(table.x0) or (len(at) and not 0 <= at.min() <= at.max() < n):
            raise PartError(
                f"owners of {len(table.x0)} devices: expected one prosumer of {n} for each"
            )
    outside = (
        buy_per_kwh,
        sell_per_kwh,
        own_share,
        tariff_per_kwh,
        limit_kw,
        over_per_kwh,
        base_kw,
    )
    return Community(end_users, made_kw, devices, owner, *outside)


def answer_prices(
    c: Community, asked: Broadcast, held: PrivateState, threads: int = 1
) -> PrivateState:
    """Return what each prosumer holds after prices: an offer, and a schedule of its devices close to its last answer.

    An offer is best at the margin, or the part of all that are alike where nobody's offer moves the price.
    """
    price = asked.internal_per_kwh
    near = (
        _near(table, p_kw, asked.pull_per_kwh_kw)
        for table, p_kw in zip(c.stores, held.device_kw, strict=True)
    )
    device_kw = tuple(best_response(table, price, price, threads=threads).p_kw for table in near)
    return PrivateState(_best_offers(c, asked), device_kw)


def _best_offers(c: Community, asked: Broadcast) -> Col:
    """Return what each prosumer would sell at retail, shape (N, T) [kW]."""
    offer = asked.part_kw
    if c.own_share:
        best = c.end_users.response @ asked.margin_per_kwh / c.own_share
        offer = np.where(
            asked.retail_per_kwh >= c.tariff_per_kwh, asked.part_kw, np.maximum(best, 0.0)
        )
    return np.tile(offer, (len(c.made_kw), 1))


class JoinedDevices(NamedTuple):
    """Devices of the prosumers of several communities as rows of one table a kind, community by community."""

    stores: tuple[Stores, ...]
    community: tuple[Index, ...]  # (r,) of each row, table by table


def join_devices(communities: Sequence[Community]) -> JoinedDevices:
    """Return the devices of several communities, which have as many kinds."""
    kinds = range(len(communities[0].stores))
    count = np.arange(len(communities))
    return JoinedDevices(
        tuple(join_rows([c.stores[kind] for c in communities]) for kind in kinds),
        tuple(np.repeat(count, [len(c.home[kind]) for c in communities]) for kind in kinds),
    )


def answer_together(
    devices: JoinedDevices,
    communities: Sequence[Community],
    asked: Sequence[Broadcast],
    held: Sequence[PrivateState],
) -> list[PrivateState]:
    """Return what the prosumers of several communities hold after prices, each as `answer_prices` has it."""
    price = np.stack([each.internal_per_kwh for each in asked])
    pull = np.stack([each.pull_per_kwh_kw for each in asked])
    answers: list[list[Col]] = [[] for _ in communities]
    for kind, (table, at) in enumerate(zip(*devices, strict=True)):
        before = np.concatenate([each.device_kw[kind] for each in held])
        near = _near(table, before, pull[at])
        p_kw = best_response(near, price, price, row=at).p_kw
        start = 0
        for own, c in zip(answers, communities, strict=True):
            own.append(p_kw[start : start + len(c.home[kind])])
            start += len(c.home[kind])
    return [
        PrivateState(_best_offers(c, each), tuple(own))
        for c, each, own in zip(communities, asked, answers, strict=True)
    ]


def _near(table: Stores, p_kw: Col, weight: Col) -> Stores:
    both = table.prox + weight
    return table._replace(prox=both, p_ref_kw=(table.prox * table.p_ref_kw + weight * p_kw) / both)


def make_offers(c: Community, held: PrivateState) -> ProsumerOffer:
    """Return what prosumers tell: offers, and what each makes in all."""
    made = c.made_kw.copy()
    for at, p_kw in zip(c.home, held.device_kw, strict=True):
        np.add.at(made, at, -p_kw)
    return ProsumerOffer(held.offer_kw, made)


def make_idle_state(c: Community) -> PrivateState:
    """Return nothing offered and devices at rest."""
    return PrivateState(
        np.zeros_like(c.made_kw),
        tuple(np.zeros((len(table.x0), len(table.dt_h))) for table in c.stores),
    )


def publish_terms(c: Community) -> GameParameters:
    """Return what is public of a community."""
    count = len(c.made_kw), max(1, sum(len(at) for at in c.home))
    known = GameParameters(
        c.end_users,
        c.buy_per_kwh,
        c.sell_per_kwh,
        *count,
        c.own_share,
        c.tariff_per_kwh,
        c.limit_kw,
        c.over_per_kwh,
    )
    return known._replace(base_kw=c.base_kw)


def open_protocol(c: GameParameters, rule: StoppingRule, last: GameResult | None) -> ProtocolState:
    """Return the board before the first round: at the prices of the last session, or between the wholesale prices inside.

    Pulls begin anew in every session: those of the last one are what its rounding made of residuals near nil.
    """
    zero, mid = np.zeros_like(c.buy_per_kwh), 0.5 * (c.buy_per_kwh + c.sell_per_kwh)
    pull = np.full(len(mid), first_pull_per_kwh_kw(c, rule))
    taken = wholesale = made = zero
    if last is not None:
        mid, taken, made = last.internal_per_kwh, sum_kw(last.offer_kw), sum_kw(last.made_kw)
        wholesale = last.wholesale_kw
    retail = retail_per_kwh(c, mid, c.prosumer_count)
    inside = InnerState(mid, retail, retail - mid, taken, wholesale)
    return ProtocolState(c.end_users, inside, taken, made, made, pull, c.prosumer_count)


def first_pull_per_kwh_kw(c: GameParameters, rule: StoppingRule) -> float:
    """Return the pull of every hour before the first round [$/kWh per kW]."""
    return rule.device_ratio * c.prosumer_count * float(np.diag(c.end_users.slope).mean())


def gain_per_kwh_kw(c: GameParameters, board: ProtocolState) -> Col:
    """Return by how much the internal price moves for a kW of all together, shape (T,) [$/kWh per kW]."""
    return board.pull_per_kwh_kw / c.store_count


def short_kw(board: ProtocolState) -> Col:
    """Return what is needed but not made, as prices see it, shape (T,) [kW]."""
    return board.inside.taken_kw - board.inside.wholesale_kw - board.relaxed_kw


def make_broadcast(c: GameParameters, board: ProtocolState) -> Broadcast:
    """Return what is broadcast; the internal price is moved by what the last answers left over."""
    here = board.inside
    internal = here.internal_per_kwh + gain_per_kwh_kw(c, board) * short_kw(board)
    part = here.taken_kw / board.sellers
    return Broadcast(
        here.retail_per_kwh, here.margin_per_kwh, internal, part, board.pull_per_kwh_kw
    )


def adjust_pulls(
    c: GameParameters, board: ProtocolState, rule: StoppingRule, moved_kw: Col
) -> ProtocolState:
    """Return the board with pulls that follow the residuals: more where answers disagree, less where prosumers still move.

    Parameters
    ----------
    moved_kw
        How far each prosumer moved since its last answer, shape (N, T) [kW].
    """
    here, pull = board.inside, board.pull_per_kwh_kw
    volume, level = np.abs(here.taken_kw).mean(), np.abs(here.internal_per_kwh).mean()
    still = np.abs(short_kw(board)) / max(volume, LEAST)
    going = gain_per_kwh_kw(c, board) * moved_kw.sum(0) / max(level, LEAST)
    if board.rounds < rule.balanced_rounds:
        pull = pull * np.clip(np.sqrt((still + LEAST) / (going + LEAST)), 1 / MOST, MOST)
        pull = np.minimum(pull, rule.most_pull_ratio * first_pull_per_kwh_kw(c, rule))
    far = float((board.pull_per_kwh_kw * moved_kw.max(0)).max())
    return board._replace(pull_per_kwh_kw=pull, rounds=board.rounds + 1, moved_per_kwh=far)


def receive_offers(
    board: ProtocolState, heard: ProsumerOffer, silent: Flag, rule: StoppingRule
) -> ProtocolState:
    """Return the board with the sums of what was heard, in an order that no party can change; `silent` (N,)."""
    made, here = sum_kw(heard.made_kw), board.inside
    beyond = (
        rule.relaxed_ratio * made + (1.0 - rule.relaxed_ratio) * (here.taken_kw - here.wholesale_kw)
        if board.rounds
        else made
    )
    sellers = int((~silent).sum())
    return board._replace(
        offered_kw=sum_kw(heard.offer_kw), made_kw=made, relaxed_kw=beyond, sellers=sellers
    )


def off_kw(board: ProtocolState) -> float:
    """Return how far offers are from what is taken, and production from what is needed, at worst [kW]."""
    here = board.inside
    short = here.taken_kw - here.wholesale_kw - board.made_kw
    return float(max(np.abs(here.taken_kw - board.offered_kw).max(), np.abs(short).max()))


def is_converged(board: ProtocolState, rule: StoppingRule) -> bool:
    """Return whether offers and schedules stand still to within the tolerances."""
    close = off_kw(board) <= rule.tolerance_share * np.abs(board.inside.taken_kw).mean()
    return bool(close and board.moved_per_kwh <= rule.tolerance_per_kwh)


def iterate_rounds(c: GameParameters, rule: StoppingRule, last: GameResult | None = None) -> Rounds:
    """Yield what is broadcast each outer round, hear prosumers; inside it yield retail prices, hear what end-users take.

    Whoever has heard the offers can run it: nothing but prices and offers goes in or out, so no entity is needed that knows more.
    A prosumer that does not answer a round (a row of nan) is dropped: from then on it offers nothing, makes nothing and is not
    heard again; the others go on as the sellers that are left. Where nobody is left the session ends without agreement. A
    session may go on where the `last` of the same prosumers ended, who still hold their last answers.
    """
    board, silent, done = open_protocol(c, rule, last), np.zeros(c.prosumer_count, np.bool_), False
    none = np.zeros((c.prosumer_count, len(c.buy_per_kwh)))
    heard = (
        ProsumerOffer(none, none) if last is None else ProsumerOffer(last.offer_kw, last.made_kw)
    )
    while not done and board.rounds < rule.most_rounds:
        before, heard = heard, ProsumerOffer(*(yield make_broadcast(c, board)))
        silent = silent | np.isnan(heard.offer_kw).any(1) | np.isnan(heard.made_kw).any(1)
        if silent.all():
            heard = before
            break
        heard = drop_silent(heard, silent)
        board = receive_offers(board, heard, silent, rule)
        known, gain = c._replace(end_users=board.end_users), gain_per_kwh_kw(c, board)
        made, mu = board.relaxed_kw, board.inside.internal_per_kwh
        inside, users, count = yield from solve_inner(
            known, made, mu, gain, board.sellers, rule.inner_per_kwh, rule.most_inner_rounds
        )
        board = board._replace(
            inside=inside, end_users=users, inner_rounds=board.inner_rounds + count
        )
        board = adjust_pulls(c, board, rule, np.abs(heard.made_kw - before.made_kw))
        done = is_converged(board, rule)
    here = board.inside
    return GameResult(
        here.retail_per_kwh,
        here.internal_per_kwh,
        *heard,
        here.wholesale_kw,
        board.pull_per_kwh_kw,
        board.rounds,
        board.inner_rounds,
        np.flatnonzero(silent),
        off_kw(board),
        board.moved_per_kwh,
        done,
    )


def settle_result(c: GameParameters, found: GameResult) -> GameResult:
    """Return how a session ended to the digits that it was played to, where the next one goes on.

    Rounds follow their residuals, and pulls follow them in turn: what rounding leaves in the last digit grows by some hundred
    times in a session. Prices stay on a grid of `GRID_PER_KWH`, powers on one of `GRID_KW`; an internal price that near a
    wholesale price, or a retail price that near the outside tariff, is that.
    """
    internal = put_on_grid(found.internal_per_kwh, GRID_PER_KWH)
    for wholesale in (c.sell_per_kwh, c.buy_per_kwh):
        near = np.abs(found.internal_per_kwh - wholesale) <= GRID_PER_KWH
        internal = np.where(near, wholesale, internal)
    retail, tariff = found.retail_per_kwh, c.tariff_per_kwh
    retail = np.where(
        retail >= tariff - GRID_PER_KWH,
        tariff,
        np.minimum(put_on_grid(retail, GRID_PER_KWH), tariff),
    )
    return found._replace(
        internal_per_kwh=internal,
        retail_per_kwh=retail,
        offer_kw=put_on_grid(found.offer_kw, GRID_KW),
        made_kw=put_on_grid(found.made_kw, GRID_KW),
        wholesale_kw=put_on_grid(found.wholesale_kw, GRID_KW),
    )


def settle_state(held: PrivateState) -> PrivateState:
    """Return what prosumers hold between two sessions, powers on the grid of `settle_result`."""
    devices = tuple(put_on_grid(p_kw, GRID_KW) for p_kw in held.device_kw)
    return PrivateState(put_on_grid(held.offer_kw, GRID_KW), devices)


def drop_silent(heard: ProsumerOffer, silent: Flag) -> ProsumerOffer:
    """Return what was heard, with nothing offered and made by who fell silent, (N,)."""
    return ProsumerOffer(*(np.where(silent[:, None], 0.0, column) for column in heard))


def run_protocol(
    c: Community,
    rule: StoppingRule | None = None,
    threads: int = 1,
    quiet: dict[int, int] | None = None,
) -> tuple[GameResult, PrivateState]:
    """Run the protocol for all prosumers in one process; `quiet` tells from which round on a prosumer says nothing.

    Returns how it ended, and what prosumers hold, which nobody else sees.
    """
    rounds, held, count = (
        iterate_rounds(publish_terms(c), StoppingRule() if rule is None else rule),
        make_idle_state(c),
        0,
    )
    asked = next(rounds)
    while True:
        answer: ProsumerOffer | Col
        if isinstance(asked, Broadcast):
            count += 1
            held = answer_prices(c, asked, held, threads)
            answer = make_offers(c, held)
            for row in (row for row, since in (quiet or {}).items() if count >= since):
                answer.offer_kw[row], answer.made_kw[row] = np.nan, np.nan
        else:
            answer = taken_kw(c.end_users, asked)
        try:
            asked = rounds.send(answer)
        except StopIteration as end:
            return GameResult(*end.value), held
