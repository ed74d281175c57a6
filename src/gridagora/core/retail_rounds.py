"""The nested rounds of prosumers that are their own retailer: prices down, offers up, end-users asked in between.

An outer round broadcasts the retail price, the margin earned on it and the internal price; every prosumer answers what it would
sell at retail and what it would make. The inner iteration then finds the retail price at which end-users, who only say what they
take, agree with the offers, and the wholesale position follows hour by hour. This is ADMM on the potential of the game, so it
converges for any number of prosumers and any convex devices; the pull towards what the others leave over is folded into the two
prices, and balanced by residuals, so that the rounds do not depend on how many take part.

References
----------
Sharing by ADMM: S. Boyd and others, Distributed optimization and statistical learning via the alternating direction method of
multipliers (2011), 7.3; relative residuals: B. Wohlberg, arXiv 1704.06209. The game: `core.retail_game` and theory 6.5.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import sum_kw
from gridagora.core.retail_game import Demand, positive, stiffness, taken_kw
from gridagora.core.tables import Col, Index
from gridagora.kernels.value import Stores, respond

SAME = 1e-12
TINY = 1e-12  # a residual below this share says nothing about its pull
MOST = 2.0  # by which a pull changes in a round


class Community(NamedTuple):
    """N prosumers over T hours, with one wholesale access: they net among themselves before they buy or sell outside.

    `made_kw` (N, T) is what nobody decides, PV less own load; row k of `stores[d]` belongs to prosumer `home[d][k]`. A device's
    own quadratic cost stands in its `prox`. `own_share` is 1 where prosumers know that offers move the retail price (Cournot) and
    0 where they take it as given.
    """

    end_users: Demand
    made_kw: Col
    stores: tuple[Stores, ...]
    home: tuple[Index, ...]
    buy_per_kwh: Col  # (T,) wholesale
    sell_per_kwh: Col
    own_share: float = 1.0


class Terms(NamedTuple):
    """What everybody knows when a session opens: end-users together, wholesale prices, how many prosumers and devices."""

    end_users: Demand
    buy_per_kwh: Col
    sell_per_kwh: Col
    prosumer_count: int
    store_count: int


class Asked(NamedTuple):
    """What is broadcast in a round, shape (T,) each: the retail price, the margin earned on it, the internal price [$/kWh].

    Both pulls [$/kWh per kW] say how fast the two prices fall for whoever moves away from its last answer.
    """

    retail_per_kwh: Col
    margin_per_kwh: Col
    internal_per_kwh: Col
    offer_per_kwh_kw: float
    device_per_kwh_kw: float


class Said(NamedTuple):
    """Answers of n prosumers, shape (n, T) [kW]: offered at retail and made in all; a row of nan where nobody answered."""

    offer_kw: Col
    made_kw: Col


class Held(NamedTuple):
    """What prosumers keep to themselves: their last offers (n, T), and the power of their devices, p_kw > 0 is taken [kW]."""

    offer_kw: Col
    device_kw: tuple[Col, ...]


class Board(NamedTuple):
    """Where a session stands, in broadcast quantities (T,): prices, what end-users take, what prosumers buy outside.

    `prosumer_count` and `store_count`, of their devices, share what is left over; both are counted when a session opens.
    """

    retail_per_kwh: Col
    margin_per_kwh: Col
    internal_per_kwh: Col
    taken_kw: Col
    wholesale_kw: Col  # net import
    offered_kw: Col
    made_kw: Col
    offer_per_kwh_kw: float
    device_per_kwh_kw: float
    prosumer_count: int
    store_count: int
    rounds: int = 0
    inner_rounds: int = 0  # price rounds with end-users so far
    moved_per_kwh: float = np.inf


class Played(NamedTuple):
    """How a session ended: prices, answers, rounds with prosumers and with end-users, who fell silent, and both residuals."""

    retail_per_kwh: Col
    internal_per_kwh: Col
    offer_kw: Col
    made_kw: Col
    wholesale_kw: Col
    rounds: int
    inner_rounds: int
    silent_party: Index
    off_kw: float
    off_per_kwh: float
    converged: bool


Rounds = Generator[Asked | Col, Said | Col, Played]
Inner = Generator[Asked | Col, Said | Col, tuple[Col, Col, Col, int]]


class Rule(NamedTuple):
    """When a session ends, and how hard it pulls.

    Offers must be within `tolerance_share` of the mean of what end-users take, and prices within `tolerance_per_kwh`. Pulls begin
    at multiples of the end-users' slope, sqrt(N) for offers and N for devices, and follow the residuals for `balanced_rounds`.
    """

    tolerance_share: float = 1e-7
    tolerance_per_kwh: float = 1e-9
    most_rounds: int = 500
    most_inner_rounds: int = 5000
    inner_per_kwh: float = 1e-11
    offer_ratio: float = 1.0
    device_ratio: float = 0.3
    balanced_rounds: int = 20


def community(
    end_users: Demand,
    made_kw: Col,
    devices: tuple[Stores, ...],
    owner: tuple[Index, ...],
    buy_per_kwh: Col,
    sell_per_kwh: Col,
    own_share: float = 1.0,
) -> Community:
    """Return a checked community.

    Raises
    ------
    PartError
        Nobody leads; shapes that do not fit; wholesale that buys dearer than it sells; steps that are not hours.
    """
    n, steps = made_kw.shape
    if n == 0:
        raise PartError("nobody has PV, a battery or a car: without a prosumer there is no retailer")
    if len(end_users.choke_per_kwh) != steps or len(buy_per_kwh) != steps or len(sell_per_kwh) != steps:
        raise PartError(f"prosumers plan {steps} hours: end-users and wholesale prices must have as many")
    if (sell_per_kwh > buy_per_kwh + SAME).any():
        hour = int(np.argmax(sell_per_kwh > buy_per_kwh + SAME))
        raise PartError(f"hour {hour}: wholesale pays {sell_per_kwh[hour]} $/kWh and asks {buy_per_kwh[hour]}: it must ask more")
    for table, at in zip(devices, owner, strict=True):
        if len(table.dt_h) != steps or np.abs(table.dt_h - 1.0).max() > SAME:
            raise PartError(f"devices of a prosumer plan steps of {table.dt_h.tolist()} h: expected {steps} steps of one hour")
        if len(at) != len(table.x0) or (len(at) and not 0 <= at.min() <= at.max() < n):
            raise PartError(f"owners of {len(table.x0)} devices: expected one prosumer of {n} for each")
    return Community(end_users, made_kw, devices, owner, buy_per_kwh, sell_per_kwh, own_share)


def answered(c: Community, asked: Asked, held: Held, threads: int = 1) -> Held:
    """Return what each prosumer holds after prices: an offer and a schedule of its devices, each close to its last answer."""
    curvature: Col = c.own_share * c.end_users.slope + asked.offer_per_kwh_kw * np.eye(len(c.buy_per_kwh))
    inverse: Col = np.linalg.inv(curvature).astype(np.float64)
    offer = positive(curvature, inverse, asked.margin_per_kwh + asked.offer_per_kwh_kw * held.offer_kw)
    price = asked.internal_per_kwh
    near = (_near(table, p_kw, asked.device_per_kwh_kw) for table, p_kw in zip(c.stores, held.device_kw, strict=True))
    return Held(offer, tuple(respond(table, price, price, threads=threads).p_kw for table in near))


def _near(table: Stores, p_kw: Col, weight: float) -> Stores:
    both = table.prox + weight
    return table._replace(prox=both, p_ref_kw=(table.prox * table.p_ref_kw + weight * p_kw) / both)


def said(c: Community, held: Held) -> Said:
    """Return what prosumers tell: offers, and what each makes in all."""
    made = c.made_kw.copy()
    for at, p_kw in zip(c.home, held.device_kw, strict=True):
        np.add.at(made, at, -p_kw)
    return Said(held.offer_kw, made)


def idle(c: Community) -> Held:
    """Return nothing offered and devices at rest."""
    return Held(np.zeros_like(c.made_kw), tuple(np.zeros((len(table.x0), len(table.dt_h))) for table in c.stores))


def terms(c: Community) -> Terms:
    """Return what is public of a community."""
    return Terms(c.end_users, c.buy_per_kwh, c.sell_per_kwh, len(c.made_kw), max(1, sum(len(at) for at in c.home)))


def opened(c: Terms, rule: Rule) -> Board:
    """Return the board before the first round: wholesale prices inside, and a retail price half way to where nobody buys."""
    zero, mid = np.zeros_like(c.buy_per_kwh), 0.5 * (c.buy_per_kwh + c.sell_per_kwh)
    retail = 0.5 * (c.end_users.choke_per_kwh + mid)
    steep = float(np.diag(c.end_users.slope).mean())
    pulls = rule.offer_ratio * steep * c.prosumer_count**0.5, rule.device_ratio * steep * c.prosumer_count
    return Board(retail, retail - mid, mid, zero, zero, zero, zero, *pulls, c.prosumer_count, c.store_count)


def gains(board: Board) -> tuple[float, float]:
    """Return by how much the two prices move for a kW of all together [$/kWh per kW]."""
    return board.offer_per_kwh_kw / board.prosumer_count, board.device_per_kwh_kw / board.store_count


def left_kw(board: Board) -> tuple[Col, Col]:
    """Return what is taken but not offered, and what is needed but not made, shape (T,) each [kW]."""
    return board.taken_kw - board.offered_kw, board.taken_kw - board.wholesale_kw - board.made_kw


def asking(board: Board) -> Asked:
    """Return what is broadcast: both prices, moved by what the last answers left over."""
    (g, k), (left, short) = gains(board), left_kw(board)
    margin, internal = board.margin_per_kwh + g * left, board.internal_per_kwh + k * short
    return Asked(board.retail_per_kwh, margin, internal, board.offer_per_kwh_kw, board.device_per_kwh_kw)


def inner(c: Terms, board: Board, rule: Rule) -> Inner:
    """Yield retail prices, hear what end-users take, until both agree with the offers on the board.

    Returns the retail price, what is taken, the net import, and the rounds it took. A contraction, since demand falls.
    """
    (g, k), count = gains(board), 0
    price, margin, internal = board.retail_per_kwh, board.margin_per_kwh, board.internal_per_kwh
    step = 1.0 / (1.0 + (g + k) * stiffness(c.end_users))
    while True:
        taken = np.asarray((yield price))
        count += 1
        net = imported_kw(c, taken - board.made_kw, internal, k)
        move = margin + internal + g * (taken - board.offered_kw) + k * (taken - net - board.made_kw) - price
        if np.abs(move).max() < rule.inner_per_kwh or count == rule.most_inner_rounds:
            return price, taken, net, count
        price = price + step * move


def imported_kw(c: Terms, short_kw: Col, internal_per_kwh: Col, gain: float) -> Col:
    """Return the net import of each hour, the closed form of its own small problem: buy, sell or neither."""
    importing = short_kw + (internal_per_kwh - c.buy_per_kwh) / gain
    exporting = short_kw + (internal_per_kwh - c.sell_per_kwh) / gain
    return np.where(importing > 0, importing, np.where(exporting < 0, exporting, 0.0))


def turned(board: Board, rule: Rule, found: tuple[Col, Col, Col, int]) -> Board:
    """Return the board after the inner iteration: prices follow what is offered but not taken, made but not needed."""
    price, taken, net, count = found
    g, k = gains(board)
    moved = g * (taken - board.taken_kw), k * (taken - net - board.taken_kw + board.wholesale_kw)
    after = board._replace(retail_per_kwh=price, taken_kw=taken, wholesale_kw=net)
    left, short = left_kw(after)
    volume, level = np.linalg.norm(taken), np.linalg.norm(price)
    adapts = board.rounds < rule.balanced_rounds
    return after._replace(
        margin_per_kwh=board.margin_per_kwh + g * left,
        internal_per_kwh=board.internal_per_kwh + k * short,
        offer_per_kwh_kw=board.offer_per_kwh_kw * (_balance(left / volume, moved[0] / level) if adapts else 1.0),
        device_per_kwh_kw=board.device_per_kwh_kw * (_balance(short / volume, moved[1] / level) if adapts else 1.0),
        rounds=board.rounds + 1,
        inner_rounds=board.inner_rounds + count,
        moved_per_kwh=float(max(np.abs(moved[0]).max(), np.abs(moved[1]).max())),
    )


def _balance(primal: Col, dual: Col) -> float:
    """Return what to multiply a pull by: more where answers disagree, less where prices still move."""
    a, b = float(np.linalg.norm(primal)), float(np.linalg.norm(dual))
    if min(a, b) <= TINY:
        return 1.0
    return float(np.clip((a / b) ** 0.5, 1 / MOST, MOST))


def off_kw(board: Board) -> float:
    """Return how far offers are from what is taken, and production from what is needed, at worst [kW]."""
    return float(max(np.abs(part).max() for part in left_kw(board)))


def met(board: Board, rule: Rule) -> bool:
    """Return whether offers and prices stand still to within the tolerances."""
    close = off_kw(board) <= rule.tolerance_share * np.abs(board.taken_kw).mean()
    return bool(close and board.moved_per_kwh <= rule.tolerance_per_kwh)


def protocol(c: Terms, rule: Rule) -> Rounds:
    """Yield what is broadcast each outer round, hear prosumers; inside it yield retail prices, hear what end-users take.

    Whoever has heard the offers can run it: nothing but prices and offers goes in or out, so no entity is needed that knows more.
    A prosumer that does not answer a round (a row of nan) is dropped: from then on it offers nothing, makes nothing and is not
    heard again. It keeps its place in the weights, as one who answers nil, so that the others converge as before.
    """
    board, silent, done = opened(c, rule), np.zeros(c.prosumer_count, np.bool_), False
    while not done and board.rounds < rule.most_rounds:
        heard = Said(*(yield asking(board)))
        silent = silent | np.isnan(heard.offer_kw).any(1) | np.isnan(heard.made_kw).any(1)
        heard = Said(*(np.where(silent[:, None], 0.0, column) for column in heard))
        board = board._replace(offered_kw=sum_kw(heard.offer_kw), made_kw=sum_kw(heard.made_kw))
        found = yield from inner(c, board, rule)
        board = turned(board, rule, found)
        done = met(board, rule)
    return Played(
        board.retail_per_kwh,
        board.internal_per_kwh,
        *heard,
        board.wholesale_kw,
        board.rounds,
        board.inner_rounds,
        np.flatnonzero(silent),
        off_kw(board),
        board.moved_per_kwh,
        done,
    )


def play(c: Community, rule: Rule | None = None, threads: int = 1, quiet: dict[int, int] | None = None) -> tuple[Played, Held]:
    """Run the protocol for all prosumers in one process; `quiet` tells from which round on a prosumer says nothing.

    Returns how it ended, and what prosumers hold, which nobody else sees.
    """
    rounds, held, count = protocol(terms(c), Rule() if rule is None else rule), idle(c), 0
    asked = next(rounds)
    while True:
        answer: Said | Col
        if isinstance(asked, Asked):
            count += 1
            held = answered(c, asked, held, threads)
            answer = said(c, held)
            for row in (row for row, since in (quiet or {}).items() if count >= since):
                answer.offer_kw[row], answer.made_kw[row] = np.nan, np.nan
        else:
            answer = taken_kw(c.end_users, asked)
        try:
            asked = rounds.send(answer)
        except StopIteration as end:
            return Played(*end.value), held
