"""Prosumers together are the retailer: they sell to end-users at one retail price and share one access to wholesale.

Theory 10.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.exchange import LAYOUT, MeterFees, Plans, Status, Transactions, quote
from gridagora.core.limits import Limits, keep_reserve
from gridagora.core.registry import register
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing, Residual, Rulebook
from gridagora.core.session import (
    Baseline,
    Clearing,
    GateOpen,
    HourPlan,
    Opening,
    PeerMessages,
    Planning,
    PricePath,
    Session,
    SupplyOffer,
    limits_of,
    shift_path,
    supply_curve,
)
from gridagora.core.tables import Col, Flag
from gridagora.kernels.curves.awards import clear_some
from gridagora.kernels.curves.curve import Curves
from gridagora.mechanisms.nodal_fee import FEE, hear_fees
from gridagora.mechanisms.operating_envelope import check_envelope, hold_envelopes
from gridagora.mechanisms.price_grid import GRID_PER_KWH
from gridagora.mechanisms.retail.clearing import GameParameters
from gridagora.mechanisms.retail.demand import identify_end_users, make_probes
from gridagora.mechanisms.retail.game import (
    Demand,
    Offers,
    iterate_sequential,
    iterate_simultaneous,
    price_per_kwh,
    solve_nonnegative,
    taken_kw,
)
from gridagora.mechanisms.retail.messages import (
    MESSAGES,
    GameOffers,
    GamePrices,
    GameTerms,
    RetailDemand,
    RetailPrices,
)
from gridagora.mechanisms.retail.protocol import (
    Broadcast,
    GameResult,
    StoppingRule,
    iterate_rounds,
    settle_result,
)
from gridagora.mechanisms.retail.protocol import ProsumerOffer as Offered
from gridagora.settlement.tariff import Tariff, select_products, set_tariff

PRICE_SIGNAL = "price_signal"
OUTER = (PRICE_SIGNAL, "damped", "sequential")
CONDUCT = ("cournot", "price_taking")
FILLED = int(Status.FILLED)
COMMUNITY = -1  # the counterparty of every transaction
DEVICES = 4  # that a prosumer may have: heating and cooling, hot water, a battery, a car
LEAST_ELASTICITY = 0.02  # of end-users in an hour and in all, where probing finds less
EARLY_ROUNDS = 60  # of all games of a day but the last
SHARE, NEAR_PER_KWH = 1e-5, 1e-6  # within which the retail game counts as played
NEAR, ROUNDS_MAX = 1e-4, 2000  # of the rounds of offers
AT_WHOLESALE_PER_KWH = GRID_PER_KWH  # so near a wholesale price, an internal price is that
STEEPEST = 1e3  # times the end-users' response, how steeply all together may be taken to answer an internal price


HOUR_S = 3600


class RetailState(NamedTuple):
    """What a day remembers: the outside tariff, and the path of the last opening, (3, h) as premium, retail price, steepness."""

    outside: Tariff
    path: PricePath | None


class Path(NamedTuple):
    """Prices of the window (h,) [$/kWh]: among prosumers and for end-users; how power falls with the former [kW per $/kWh]."""

    internal_per_kwh: Col
    retail_per_kwh: Col
    steep: Col


@register("market", "retailer")
@dataclass(frozen=True)
class Retailer:
    """Homes with PV, a battery or a car set the retail price by their offers, the others respond; there is no intermediary.

    Day ahead, end-users are identified by what they would take at prices `probe_per_kwh` apart: by own hours and total energy
    where they are `shifting`, else by hours alone. Then the retail game is played: with `outer` "price_signal" retail price and
    internal price go down, offers come up, until no party changes its answer, for `game_rounds` at most. Both are done `games`
    times, each time around the prices found and with probes half as far apart. With "damped" or "sequential" offers answer each
    other in each of `rounds_day_ahead` internal prices. Under `conduct` "cournot" prosumers know that offers move the price,
    under "price_taking" they sell at the internal price. No end-user pays more than the outside tariff, `outside_ratio` times the
    rate that recovers its cost; prosumers serve the demand of end-users at it. In real time end-users buy at the retail price
    set for the hour; prosumers trade the residual at the internal price, between the wholesale export and import price.
    `reserve_share` of the limit is kept free for on/off units.

    With `network` "envelope" each home gets a limit of its import, and where `[network] envelopes` guards the feeder one of its
    export, from `mechanisms.operating_envelope`, shared by `envelope`; a kWh beyond costs more, or earns less.
    With "fee" each pays what its kWh adds to losses and limits of the network, by `mechanisms.nodal_fee`.

    References
    ----------
    Xiao, Wang, Pinson, Wang, IEEE Trans. Smart Grid (2020) for roles and iterations; equations are a reconstruction (theory 10).
    """

    # how offers find prices: prices go down and offers come up, or offers answer each other
    outer: str = PRICE_SIGNAL
    conduct: str = "cournot"  # what prosumers know: that offers move the price, or nothing
    rounds: int = 1  # rounds of an hour
    games: int = 4  # times that the game of a day is played, each around the prices found
    game_rounds: int = 100  # rounds of a game, at most
    rounds_day_ahead: int = 8  # internal prices that are tried, where offers answer each other
    inner_rounds: int = 2  # answers of offers to each other in one of them
    probe_per_kwh: float = 0.02  # distance of the prices at which demand is asked for
    # share of the limit that is kept free for on/off units, which cannot follow exactly
    reserve_share: float = 0.03
    shifting: bool = True  # whether demand moves between hours, in place of each hour by itself
    outside_ratio: float = 1.0  # outside tariff over the rate that recovers its cost
    # what the operator of the network does: nothing, give each home a limit of its import, and of
    # its export where `[network]` says so, or charge each the nodal fee of its hour
    network: str = "none"
    # how limits of homes are set: the same in all, by what each imports in the baseline, or by the
    # size of its connection
    envelope: str = "baseline"
    strategy: str = "retail_offer"  # how homes act under it, one of the strategies that fit it
    rules: ClassVar[Rulebook] = Rulebook(
        strategies=("retail_offer",),
        bidder=Bidder.HOME,
        discloses=Disclosure.CURVES,
        look_ahead=LookAhead.NEGOTIATED,
        pricing=Pricing.BY_PARTY,  # end-users pay the retail price, prosumers trade at the internal one
        sees_limit=True,
        residual=Residual.PROSUMERS,
    )

    def __post_init__(self) -> None:
        """Refuse modes that do not exist and rounds that find nothing."""
        rules = (
            ("outer", self.outer in OUTER, f"one of {', '.join(OUTER)}"),
            ("conduct", self.conduct in CONDUCT, f"one of {', '.join(CONDUCT)}"),
            ("rounds", self.rounds >= 1, "one round an hour or more"),
            ("games", self.games >= 1, "one game a day or more"),
            ("game_rounds", self.game_rounds >= 1, "one round a day or more"),
            ("rounds_day_ahead", self.rounds_day_ahead >= 1, "one round a day or more"),
            ("inner_rounds", self.inner_rounds >= 1, "one inner round or more"),
            ("reserve_share", 0 <= self.reserve_share < 1, "a share in [0, 1)"),
            ("probe_per_kwh", self.probe_per_kwh > 0, "a price step above 0"),
            (
                "outside_ratio",
                self.outside_ratio > 0,
                "a ratio above 0, 1 where the outside tariff recovers its cost",
            ),
        )
        broken = [
            Problem(f"market.retailer.{key}", repr(getattr(self, key)), rule)
            for key, good, rule in rules
            if not good
        ]
        broken += check_envelope("market.retailer", self.network, self.envelope)
        if broken:
            raise InputError(broken)

    def start(self, baseline: Baseline) -> RetailState:
        """Set the outside tariff of end-users: `outside_ratio` times the rate that earns what the baseline costs."""
        flat = set_tariff(baseline, np.ones(len(baseline.local_hour)))
        price = self.outside_ratio * flat.import_per_kwh
        return RetailState(flat._replace(import_per_kwh=price, credit_per_kwh=price), None)

    def plan(self, opening: Opening, state: RetailState) -> Planning[RetailState]:
        """Nest two iterations: prosumers find offers and an internal price, inside it end-users find what they take.

        The retail price is set at the day-ahead gate and stays until the next one; in other hours only prosumers plan again.
        """
        leads, path, supply, limits = (
            find_leaders(opening),
            start_path(opening, state),
            opening.supply,
            self.available_limits(opening),
        )
        outside = outside_per_kwh(opening, state)
        agrees = not leads.all() and (opening.binds or not np.isfinite(path.retail_per_kwh).all())
        path = path._replace(
            retail_per_kwh=np.where(
                np.isfinite(path.retail_per_kwh), path.retail_per_kwh, path.internal_per_kwh
            )
        )
        fees: MeterFees | None = None
        if self.network == FEE:
            fees = yield from hear_fees(opening, _spread_prices(leads, path))
        users: Demand | None = None
        if agrees and self.outer == PRICE_SIGNAL:
            path = yield from self.negotiated(opening, outside, leads, path)
        elif agrees:
            users = yield from self.probed(opening, leads, path, self.probe_per_kwh)
        rounds = self.rounds if users is None else self.rounds_day_ahead
        kept, total_kw = 0, np.zeros((len(opening.party), len(path.steep)))
        before: tuple[Col, Col] | None = None
        for turn in range(rounds):
            if users is None:
                plans = yield from _query_plans(opening, leads, path)
            else:
                offered_kw = yield from self.offered(users, path, int(leads.sum()))
                users, path, plans = yield from self.absorbed(
                    opening, outside, leads, users, path, offered_kw
                )
            quoted, net_kw = path, supply.base_kw + plans.p_kw.sum(0)
            path = correct_path(path, net_kw, supply, limits, before)
            before = quoted.internal_per_kwh, net_kw
            if turn >= rounds // 2:
                kept, total_kw = kept + 1, total_kw + plans.p_kw
        carry = np.stack(
            [path.internal_per_kwh - supply.import_per_kwh, quoted.retail_per_kwh, path.steep]
        )
        after = RetailState(state.outside, PricePath(opening.product.start_s, carry))
        plan = HourPlan(_spread_prices(leads, quoted), after, p_kw=total_kw / kept, fees=fees)
        if fees is not None:
            return plan
        return (yield from hold_envelopes(plan, opening, self.network, self.envelope))

    def available_limits(self, opening: Opening) -> Limits:
        """Return the limits less the reserve."""
        return keep_reserve(limits_of(opening), self.reserve_share)

    def negotiated(
        self, opening: Opening, outside: Col, leads: Flag, path: Path
    ) -> Generator[Any, Any, Path]:
        """Identify end-users and play the game, again around the prices found and with probes half as far apart.

        The outside tariff has shape (h,) [$/kWh]; `leads` (n,) are the prosumers.
        """
        last: GameResult | None = None
        for turn in range(self.games):
            users = yield from self.probed(opening, leads, path, self.probe_per_kwh / 2**turn)
            rounds = (
                self.game_rounds if turn == self.games - 1 else min(self.game_rounds, EARLY_ROUNDS)
            )
            last = yield from self.game(opening, outside, users, last, rounds)
            path = path._replace(
                internal_per_kwh=last.internal_per_kwh, retail_per_kwh=last.retail_per_kwh
            )
        return path

    def probed(
        self, opening: Opening, leads: Flag, path: Path, apart_per_kwh: float
    ) -> Generator[Any, Any, Demand]:
        """Quote prices a little apart to end-users, and return them as what they take at those; `leads` (n,) are no end-users.

        Raises
        ------
        InputError
            End-users who do not take less when the price rises.
        """
        prices = make_probes(path.retail_per_kwh, apart_per_kwh, shifting=self.shifting)
        taken = []
        for price in prices:
            plans = yield from _query_plans(opening, leads, path._replace(retail_per_kwh=price))
            taken.append(plans.p_kw[~leads])
        try:
            return identify_end_users(np.array(taken), prices, LEAST_ELASTICITY)
        except PartError as error:
            raise InputError(
                [
                    Problem(
                        "market.retailer",
                        str(error),
                        "end-users who take less when the price rises",
                    )
                ]
            ) from error

    def game(
        self, opening: Opening, outside: Col, users: Demand, last: GameResult | None, rounds: int
    ) -> Generator[Any, Any, GameResult]:
        """Play the retail game for the window: prosumers answer prices with offers, end-users answer as they were identified.

        The outside tariff has shape (h,) [$/kWh].

        Raises
        ------
        InputError
            End-users whose answer does not tell one retail price from another.
        """
        supply, limits, leads = (
            opening.supply,
            self.available_limits(opening),
            find_leaders(opening),
        )
        count, ends = int(leads.sum()), int((~leads).sum())
        own = 1.0 if self.conduct == "cournot" else 0.0
        prices = supply.import_per_kwh, supply.export_per_kwh, count, DEVICES * count, own, outside
        # the game knows one limit, for import and export and in all hours: the tightest
        tightest_kw = float(np.minimum(limits.high[0], -limits.low[0]).min())
        terms = GameParameters(
            users, *prices, tightest_kw, float(limits.over_per_kwh[0]), supply.base_kw
        )
        yield terms
        try:
            played = yield from _run_protocol(
                terms, StoppingRule(SHARE, NEAR_PER_KWH, most_rounds=rounds), last
            )
        except PartError as error:
            hint = "Set market.retailer.shifting = false, which takes the hours of end-users as independent."
            expected = "end-users whose answer to the price tells one retail price from another"
            raise InputError([Problem("market.retailer", str(error), expected, hint)]) from error
        yield count_messages(played, count, ends)
        return settle_result(terms, played)

    def offered(self, users: Demand, path: Path, count: int) -> Generator[Any, Any, Col]:
        """Outer: prosumers find their retail offers at the internal price; return their sum, shape (h,) [kW]."""
        hours, rounds, cost = len(path.internal_per_kwh), 1, path.internal_per_kwh
        own = 1.0 / count if self.conduct == "cournot" else 0.0
        best = solve_nonnegative(
            (1.0 + own) * users.slope,
            users.response / (1.0 + own),
            (users.choke_per_kwh - cost)[None],
        )  # of all
        if own:
            each, start = np.tile(cost, (count, 1)), np.zeros((count, hours))
            if self.outer == "damped":
                best, rounds = _find_fixed_point(
                    iterate_simultaneous(users, each, start, 4.0 / (count + 2))
                )
            else:
                best, rounds = _find_fixed_point(iterate_sequential(users, each, start))
        messages = 2 * count * rounds  # a price to each, an offer of each
        size = message_bytes(MESSAGES[RetailPrices], hours) + message_bytes(LAYOUT[Plans], hours)
        yield PeerMessages(messages, messages // 2 * size, rounds, count * rounds * hours)
        total: Col = best.sum(0)
        return total

    def absorbed(
        self,
        opening: Opening,
        outside: Col,
        leads: Flag,
        users: Demand,
        path: Path,
        offered_kw: Col,
    ) -> Generator[Any, Any, tuple[Demand, Path, Plans]]:
        """Inner: find the retail price at which end-users take what is offered, or all they want at the outside tariff.

        Each answer corrects the choke price of the linear demand model of end-users, so that nonlinear demand is met too.
        Outside tariff (h,) [$/kWh], offers together (h,) [kW]; `leads` (n,) are the prosumers.
        """
        for _ in range(self.inner_rounds):
            retail = price_per_kwh(users, offered_kw)
            retail = np.fmin(
                np.maximum(retail, path.internal_per_kwh), outside
            )  # no prosumer sells below the internal price
            path = path._replace(retail_per_kwh=retail)
            plans = yield from _query_plans(opening, leads, path)
            taken = plans.p_kw[~leads].sum(0)
            users = users._replace(choke_per_kwh=retail + users.slope @ taken)
        return users, path, plans

    def clear(self, opening: Opening, state: RetailState) -> Session:
        """Serve the demand of end-users at the retail price, and clear the curves of prosumers for the residual.

        Raises
        ------
        InputError
            Homes that tender nothing.
        """
        leads, supply = find_leaders(opening), opening.supply
        tenders = yield GateOpen(opening.product)
        if tenders is None:
            raise InputError(
                [
                    Problem(
                        "market.retailer", "no tenders", "a strategy that tenders, such as 'home'"
                    )
                ]
            )
        n = len(opening.party)
        price, power = clear_some(
            Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh),
            leads,
            retail_per_kwh(opening, state),
            float(supply.base_kw[0]),
            *supply_curve(supply, self.available_limits(opening)),
        )
        sides = opening.party, np.full(n, COMMUNITY), power[:, None], price[:, None]
        return Clearing(Transactions(opening.product, *sides, np.full(n, FILLED)))


def find_leaders(opening: Opening) -> Flag:
    """Return who leads, shape (n,): who the opening says has PV, a battery or a car, all homes where it does not say.

    Raises
    ------
    InputError
        No home does.
    """
    leads = opening.is_prosumer
    found = np.ones(len(opening.party), np.bool_) if leads is None else np.asarray(leads, np.bool_)
    if not found.any():
        hint = "Give homes PV, batteries or cars, let more of them take part, or compare with a tariff."
        raise InputError(
            [
                Problem(
                    "market.retailer",
                    "no home with PV, battery or car that takes part",
                    "prosumers, who are the retailer",
                    hint,
                )
            ]
        )
    return found


def outside_per_kwh(opening: Opening, state: RetailState) -> Col:
    """Return the outside tariff of the products of an opening, shape (h,) [$/kWh]."""
    return select_products(state.outside, opening)[0]


def retail_per_kwh(opening: Opening, state: RetailState) -> float:
    """Return the retail price of the interval [$/kWh]: the negotiated one, else the outside tariff."""
    if state.path is not None:
        hour = (opening.product.start_s - state.path.start_s) // HOUR_S
        retail_price_per_kwh = float(state.path.value_per_kwh[1, hour])
        if np.isfinite(retail_price_per_kwh):
            return retail_price_per_kwh
    return float(outside_per_kwh(opening, state)[0])


def start_path(opening: Opening, state: RetailState) -> Path:
    """Return the path of the opening before, the internal price as a premium on import; no retail price at first."""
    supply, over = opening.supply, limits_of(opening).over_per_kwh[0]
    hours = len(supply.import_per_kwh)
    none = np.full((len(Path._fields), hours), np.nan)
    carried = none if state.path is None else shift_path(state.path, opening)
    premium, retail, steep = carried
    internal = supply.import_per_kwh + np.where(np.isfinite(premium), premium, 0.0)
    low, high = supply.export_per_kwh - over, supply.import_per_kwh + over
    if np.isfinite(retail[0]):
        same_hour = np.roll(retail, 24)[-1] if hours > 24 else retail[-2]
        retail = np.where(np.isfinite(retail), retail, same_hour)
    return Path(
        np.clip(internal, low, high),
        retail,
        np.where(np.isfinite(steep), steep, np.nanmax(steep, initial=0.0)),
    )


def correct_path(
    path: Path, net_kw: Col, supply: SupplyOffer, limits: Limits, before: tuple[Col, Col] | None
) -> Path:
    """Return the path with the internal price of each hour corrected by the imbalance of net power.

    Between export and import price net power at the substation is zero; at either price, or within `AT_WHOLESALE_PER_KWH` of
    it, any power in its direction is allowed up to the limit. Beyond it the price rises, or falls for export, by at most the
    penalty. A secant estimates the slope of net power (h,) [kW]; `before` are price and net power of the last round.
    """
    low, high = supply.export_per_kwh, supply.import_per_kwh
    price = path.internal_per_kwh
    for wholesale in (low, high):
        price = np.where(np.abs(price - wholesale) <= AT_WHOLESALE_PER_KWH, wholesale, price)
    top, least = high + limits.over_per_kwh[0], low - limits.over_per_kwh[0]
    steep = np.where(
        path.steep > 0, path.steep, np.maximum(np.abs(net_kw), 1.0) / np.maximum(high, 1e-3)
    )
    if before is not None:
        step, fall = price - before[0], before[1] - net_kw
        seen = np.abs(step) > 1e-9
        rate = np.where(seen, fall / np.where(seen, step, 1.0), steep)
        steep = np.where(
            seen, np.clip(rate, steep / 2, STEEPEST * np.maximum(np.abs(net_kw), 1.0)), steep
        )
    over, under = net_kw - limits.high[0], net_kw - limits.low[0]
    import_limited, export_limited = (
        (price > high) | ((price == high) & (over > 0)),
        (price < low) | ((price == low) & (under < 0)),
    )
    at_wholesale = ((price == high) & (net_kw >= 0)) | ((price == low) & (net_kw <= 0))
    new = (
        price
        + np.select([import_limited, export_limited, at_wholesale], [over, under, 0.0], net_kw)
        / steep
    )
    floor = np.where(price > high, high, np.where(price > low, low, least))
    ceiling = np.where(price < low, low, np.where(price < high, high, top))
    return path._replace(internal_per_kwh=np.clip(new, floor, ceiling), steep=steep)


def count_messages(played: GameResult, count: int, ends: int) -> PeerMessages:
    """Return the messages of a game between prosumers and end-users: terms once, then prices and offers in every round."""
    hours, outer, inside = (
        len(played.retail_per_kwh),
        count * played.rounds,
        ends * played.inner_rounds,
    )
    sent = {
        GameTerms: count,
        GamePrices: outer,
        GameOffers: outer,
        RetailPrices: inside,
        RetailDemand: inside,
    }
    size = sum(many * message_bytes(MESSAGES[kind], hours) for kind, many in sent.items())
    disclosed = outer * len(Offered._fields) * hours + inside * hours
    return PeerMessages(sum(sent.values()), size, played.rounds + played.inner_rounds, disclosed)


def _run_protocol(
    terms: GameParameters, rule: StoppingRule, last: GameResult | None
) -> Generator[Any, Any, GameResult]:
    """Send prices to prosumers and return their offers; the identified demand of end-users is evaluated here."""
    rounds = iterate_rounds(terms, rule, last)
    asked = next(rounds)
    while True:
        answer: Offered | Col | None = (
            (yield asked) if isinstance(asked, Broadcast) else taken_kw(terms.end_users, asked)
        )
        if answer is None:
            raise InputError(
                [Problem("market.retailer", "no offers", "prosumers who answer the retail game")]
            )
        try:
            asked = rounds.send(answer)
        except StopIteration as end:
            return GameResult(*end.value)


def _spread_prices(leads: Flag, path: Path) -> Col:
    return np.where(leads[:, None], path.internal_per_kwh, path.retail_per_kwh)


def _query_plans(opening: Opening, leads: Flag, path: Path) -> Generator[Any, Any, Plans]:
    """Quote the internal price to prosumers and the retail price to end-users, and receive their plans."""
    plans: Plans | None = yield quote(opening.product, opening.party, _spread_prices(leads, path))
    if plans is None:
        raise InputError(
            [Problem("market.retailer", "no plans", "a strategy that looks ahead, such as 'home'")]
        )
    return plans


def _find_fixed_point(rounds: Iterator[Offers]) -> tuple[Col, int]:
    """Return offers that no longer move, and after how many rounds."""
    last = next(rounds).offer_kw
    for count, (offer, _) in enumerate(rounds, 2):
        if (
            np.abs(offer - last).max() <= NEAR * max(float(np.abs(offer).max()), 1e-9)
            or count == ROUNDS_MAX
        ):
            break
        last = offer
    return offer, count
