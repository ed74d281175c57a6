"""The price of overload at which a design is worth what the flat one is, with the design played anew at every price.

The metric E1o scores at another price what a design did at its own. That is exact where a design does the same at both, as a
posted real-time price does. A tariff that earns what the baseline costs earns its overload too, and a design that is told the
limit is told what more costs: both do something else at another price, and what they are worth is known once they have run there.
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from gridagora.core.errors import InputError, Problem
from gridagora.results.gain import break_even_per_kwh, gain_usd
from gridagora.results.outcome import Outcome
from gridagora.run.compare import add_power_flow, prepare, study_of
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.state import wiring_of
from gridagora.scenario.build import Scene
from gridagora.scenario.overload import price_overload
from gridagora.scenario.schema import LIMIT_KEYS
from gridagora.studies.sweep import override

OVER = "substation.over_per_kwh"
MOST_PER_KWH = 100.0  # that a scenario takes for the price of overload
NEAR_USD = 1e-6  # of a gain, which then is nothing
NEAR_PER_KWH, LEAST_PER_KWH = (
    1e-4,
    1e-12,
)  # between two prices on either side of a jump, and of a gain that does not jump
JUMP = 4.0  # times what the price of overload alone explains
RUNS_MAX = 24
INWARD = 0.1  # of a bracket: a straight line that ends nearer to its ends is not trusted


class PricePoint(NamedTuple):
    """What a design gains over the flat one [$] where overload has a price, and E1o, which scores that run at other prices."""

    price_per_kwh: float
    gain_usd: float
    told_per_kwh: float


class BreakEven(NamedTuple):
    """Where a design gains nothing over the flat one: `price_per_kwh`, nan where no price was found.

    `gain_usd` is what it gains there. `tried` are all prices at which it was run, the price of the scenario first, in order of
    trial. Where a design jumps, `low_per_kwh` and `high_per_kwh` are prices on either side of it, and the price lies between.
    """

    design: str
    price_per_kwh: float
    gain_usd: float
    low_per_kwh: float
    high_per_kwh: float
    tried: tuple[PricePoint, ...]

    @property
    def is_told(self) -> bool:
        """Whether E1o of the run of the scenario is that price: the design does the same at both."""
        return len(self.tried) == 2 and abs(self.gain_usd) <= NEAR_USD


def find_break_even(scene: Scene, design: str, runs_max: int = RUNS_MAX) -> BreakEven:
    """Return the price of overload at which a design of a scene is worth what its flat design is, both played there.

    Raises
    ------
    InputError
        A design that the scene does not have, or the flat one itself, or a scene without a limit.
    """
    if design == "flat":
        got, expected = "'flat', which every design is held against", "another design"
        raise InputError([Problem("--design", got, expected)])
    scene.market(design)
    if not any(getattr(scene.scenario.substation, key) for key in LIMIT_KEYS):
        where = f"{scene.file or 'scene'}: [substation]"
        hint = "A limit is one of " + ", ".join(LIMIT_KEYS) + "."
        raise InputError([Problem(where, "no limit", "a limit that loads may exceed", hint)])
    start = price_overload(scene.scenario.substation).value
    return search_break_even(design, lambda price: play_at(scene, design, price), start, runs_max)


def play_at(scene: Scene, design: str, price_per_kwh: float) -> PricePoint:
    """Run a design and the flat one of a scene in which a kWh beyond the limit has another price, and return what is gained."""
    here = override(scene, ((OVER, price_per_kwh),))
    study = prepare(here)

    def run(name: str) -> Outcome:
        market, own = here.market(name), study_of(here, study, name)
        ran = simulate(market, own)
        return add_power_flow(here, wiring_of(study).grid, market, ran, evaluate(name, ran, own))

    outcome, flat = run(design), run("flat")
    told = break_even_per_kwh(outcome, flat)
    return PricePoint(price_per_kwh, gain_usd(outcome, flat), told)


def search_break_even(
    design: str, play: Callable[[float], PricePoint], start_per_kwh: float, runs_max: int = RUNS_MAX
) -> BreakEven:
    """Return where the gain that `play` tells of a price [$/kWh] is nothing, from `start_per_kwh` on.

    A step goes where E1o says, which is Newton's: gain falls by the price for every kWh that is overloaded more. Between two
    prices with gains of opposite signs where that does not help it is the secant, or the middle.

    References
    ----------
    R. P. Brent, Algorithms for Minimization without Derivatives, 1973, chapter 4: why a secant needs a bracket.
    """
    tried = [play(start_per_kwh)]
    while abs(tried[-1].gain_usd) > NEAR_USD and len(tried) < runs_max:
        ends = _bracket(tried)
        price = _between(*ends, tried) if ends else _step(tried)
        if math.isnan(price):
            break
        tried.append(play(price))
    return _found(design, tried)


def _bracket(tried: list[PricePoint]) -> tuple[PricePoint, PricePoint] | None:
    """Return the nearest two prices with gains of opposite signs, None where there are none."""
    ordered = sorted(tried)
    pairs = [
        (low, high)
        for low, high in itertools.pairwise(ordered)
        if low.gain_usd * high.gain_usd < 0.0
    ]
    return min(pairs, key=lambda ends: ends[1].price_per_kwh - ends[0].price_per_kwh, default=None)


def _between(low: PricePoint, high: PricePoint, tried: list[PricePoint]) -> float:
    """Return a price between two; nan where they are near enough.

    It is what E1o of the nearer one says as long as that at least halves the gain, else where the straight line through both is
    nothing, or the middle where that is close to one of them.
    """
    wide = high.price_per_kwh - low.price_per_kwh
    if wide <= (NEAR_PER_KWH if _jumps(low, high) else LEAST_PER_KWH):
        return math.nan
    nearer = min(low, high, key=lambda end: abs(end.gain_usd))
    halves = abs(tried[-1].gain_usd) <= 0.5 * abs(tried[-2].gain_usd)
    if halves and low.price_per_kwh < nearer.told_per_kwh < high.price_per_kwh:
        return nearer.told_per_kwh
    share = low.gain_usd / (low.gain_usd - high.gain_usd)
    share = share if INWARD <= share <= 1.0 - INWARD else 0.5
    return low.price_per_kwh + share * wide


def _jumps(low: PricePoint, high: PricePoint) -> bool:
    """Return whether gains differ by much more than the price of what is overloaded more does."""
    more_kwh = max(
        (
            abs(end.gain_usd / (end.told_per_kwh - end.price_per_kwh))
            for end in (low, high)
            if abs(end.told_per_kwh - end.price_per_kwh) > 0.0
        ),
        default=0.0,
    )
    moved = abs(high.gain_usd - low.gain_usd)
    return moved > JUMP * more_kwh * (high.price_per_kwh - low.price_per_kwh)


def _step(tried: list[PricePoint]) -> float:
    """Return the price that E1o of the last run names, within what a scenario takes, else zero; nan where both are tried."""
    known = {each.price_per_kwh for each in tried}
    told = tried[-1].told_per_kwh
    wished = [] if math.isnan(told) else [min(max(told, 0.0), MOST_PER_KWH)]
    return next((price for price in (*wished, 0.0) if price not in known), math.nan)


def _found(design: str, tried: list[PricePoint]) -> BreakEven:
    best = min(tried, key=lambda each: abs(each.gain_usd))
    ends = _bracket(tried)
    if abs(best.gain_usd) <= NEAR_USD:
        price, low, high = (best.price_per_kwh,) * 3
    elif ends is not None:
        low, high = (each.price_per_kwh for each in ends)
        price, best = (low + high) / 2.0, min(ends, key=lambda each: abs(each.gain_usd))
    else:
        price = low = high = math.nan
    return BreakEven(design, price, best.gain_usd, low, high, tuple(tried))


def spell_break_even(found: BreakEven) -> str:
    """Return in sentences where a design breaks even, how that was found, and what E1o of the run of the scenario says."""
    first, runs = found.tried[0], f"{len(found.tried)} prices were run"
    told = first.told_per_kwh
    named = "names no price" if math.isnan(told) else f"says {told:.4g} $/kWh"
    said = f"E1o of the run at {first.price_per_kwh:.4g} $/kWh {named}."
    if math.isnan(found.price_per_kwh):
        side = "better" if first.gain_usd > 0 else "worse"
        prices = sorted(each.price_per_kwh for each in found.tried)
        tried = ", ".join(f"{price:.4g}" for price in prices)
        return (
            f"'{found.design}' is {side} than 'flat' at every price tried ({tried} $/kWh). {said}"
        )
    if found.low_per_kwh == found.high_per_kwh:
        how = "it does the same at both prices" if found.is_told else runs
        worth = f"'{found.design}' is worth what 'flat' is where overload costs"
        return f"{worth} {found.price_per_kwh:.6g} $/kWh: {how}. {said}"
    ends = f"{found.low_per_kwh:.6g} and {found.high_per_kwh:.6g}"
    turns = (
        f"'{found.design}' turns from better to worse than 'flat', or back, between {ends} $/kWh"
    )
    return f"{turns}, where what it does jumps: {runs}. {said}"
