"""How hot a transformer gets under a load, how fast it ages, and what load of a given shape it carries at its normal ageing.

A transformer ages by the temperature of the hottest spot of its windings: twice as fast for every 6 to 8 K. Its oil follows the
load over hours, so that a peak may stand above the rating if the hours before it stay below.
"""

import math
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col

DAY_H = 24
REFERENCE_C, KELVIN = (
    110.0,
    273.0,
)  # of the hottest spot where ageing is 1; zero degC as the standard rounds it
ACTIVATION_K = 15_000.0  # of the ageing of paper, IEEE C57.91-2011, equation (2)
SPOT_MAX_C, OIL_MAX_C = 120.0, 105.0  # IEEE C57.91-1995, table 6, loading of normal life
LOAD_MAX_PU = 2.0  # the same table: no more for that loading
BISECTIONS = 40
LIFE_H = 180_000.0  # of insulation at ageing 1, IEEE C57.91-1995, table 2, by life tests of distribution transformers
NODES = 16  # of an interval, at which its ageing is taken: 1e-12 of a quarter of an hour, 1e-4 of an hour


class ThermalDesign(NamedTuple):
    """What an oil-filled transformer without fans does at rated load, winding rise 65 K: rises, exponents and time constants.

    The hottest spot is 80 K above the air at rated load, IEEE C57.91-2011, section 4.1. Exponents and time constants are those
    that IEC 60076-7:2018 recommends for distribution transformers with natural cooling; the ratio of losses is typical.
    """

    oil_rise_k: float = 55.0  # of the top oil over the air
    spot_rise_k: float = 25.0  # of the hottest spot over the top oil
    load_loss_ratio: float = 5.0  # over the no-load loss
    oil_exponent: float = 0.8
    spot_exponent: float = 1.6
    oil_time_h: float = 3.0
    spot_time_h: float = 4.0 / 60.0


TYPICAL = ThermalDesign()


class TransformerHeat(NamedTuple):
    """Temperatures at the end of every interval, and the life that it takes."""

    top_oil_c: Col  # (t,) [degC]
    hot_spot_c: Col  # (t,) [degC]
    ageing_pu: Col  # (t,) hours of life that an hour takes in the mean of the interval [pu]


class Rises(NamedTuple):
    """Rises of u transformers at one time, shape (u,) each [K]."""

    oil_k: Col  # of the top oil over the air
    spot_k: Col  # of the hottest spot over the top oil


class HeatOfMany(NamedTuple):
    """What some intervals did to u transformers."""

    ageing_h: Col  # (u,) hours of life that they took
    hot_spot_c: Col  # (u,) highest at the end of an interval [degC]
    after: Rises


class LoadedTransformer(NamedTuple):
    """A transformer that carries all power of a feeder, and the air around it."""

    rated_kw: float  # at the power factor of its load
    outdoor_c: Col  # (t,) [degC]


def ageing_rate(hot_spot_c: float) -> float:
    """Return how fast insulation ages at a temperature of the hottest spot [degC], over its ageing at 110 degC.

    References
    ----------
    IEEE C57.91-2011, equation (2), for thermally upgraded paper; doi 10.1109/IEEESTD.2012.6166928.
    """
    return math.exp(ACTIVATION_K / (REFERENCE_C + KELVIN) - ACTIVATION_K / (hot_spot_c + KELVIN))


def steady_hot_spot_c(load_pu: float, ambient_c: float, design: ThermalDesign = TYPICAL) -> float:
    """Return the temperature of the hottest spot [degC] under a load that lasts, over the rating, in air of `ambient_c` [degC].

    References
    ----------
    IEEE C57.91-2011, section 7.2.
    """
    return float(ambient_c + _oil_rise_k(load_pu, design) + _spot_rise_k(load_pu, design))


def trace_heat(
    load_pu: Col, ambient_c: Col, dt_h: float, design: ThermalDesign = TYPICAL
) -> TransformerHeat:
    """Return the temperatures of a transformer under a load that is constant in every interval.

    Both rises follow what they would settle at by their time constants, exactly over an interval. They begin where the mean of
    the first day would hold them.

    Parameters
    ----------
    load_pu
        Over the rating, shape (t,), of either sign.
    ambient_c
        Of the air, shape (t,) [degC].
    dt_h
        Length of an interval [h].

    References
    ----------
    IEEE C57.91-2011, section 7.2, with time constants that do not depend on the load.
    """
    size = np.abs(load_pu)
    oil = _follow(_oil_rise_k(size, design), dt_h, design.oil_time_h)
    spot = _follow(_spot_rise_k(size, design), dt_h, design.spot_time_h)
    ageing = np.zeros(len(size))
    for place, weight in zip(*_quadrature(), strict=True):
        since_h = dt_h * place
        ageing += weight * _ageing_rates(ambient_c + oil.after_k(since_h) + spot.after_k(since_h))
    top_c = ambient_c + oil.after_k(dt_h)
    return TransformerHeat(top_c, top_c + spot.after_k(dt_h), ageing)


def mean_rises(load_pu: Col, design: ThermalDesign = TYPICAL) -> Rises:
    """Return the rises that the mean of some intervals would hold, by loads over the ratings (t, u) [1], either way."""
    size = np.abs(load_pu)
    return Rises(_oil_rise_k(size, design).mean(0), _spot_rise_k(size, design).mean(0))


def heat_many(
    load_pu: Col, ambient_c: Col, dt_h: float, before: Rises, design: ThermalDesign = TYPICAL
) -> HeatOfMany:
    """Return what loads constant in every interval do to u transformers that stand in the same air; each as `trace_heat` has it.

    Parameters
    ----------
    load_pu
        Over the ratings, shape (t, u) [1], of either sign.
    ambient_c
        Of the air, shape (t,) [degC].
    dt_h
        Length of an interval [h].
    before
        Rises at the start of the first interval.
    """
    size = np.abs(load_pu)
    oil = _follow_many(_oil_rise_k(size, design), before.oil_k, dt_h, design.oil_time_h)
    spot = _follow_many(_spot_rise_k(size, design), before.spot_k, dt_h, design.spot_time_h)
    ageing_h, air_c = np.zeros(size.shape[1]), ambient_c[:, None]
    for place, weight in zip(*_quadrature(), strict=True):
        since_h = dt_h * place
        rates = _ageing_rates(air_c + oil.after_k(since_h) + spot.after_k(since_h))
        ageing_h += dt_h * weight * rates.sum(0)
    oil_k, spot_k = oil.after_k(dt_h), spot.after_k(dt_h)
    highest_c = (air_c + oil_k + spot_k).max(0, initial=-np.inf)
    if not len(size):
        return HeatOfMany(ageing_h, highest_c, before)
    return HeatOfMany(ageing_h, highest_c, Rises(oil_k[-1], spot_k[-1]))


def rate_load_cycle(
    load_kw: Col, ambient_c: Col, dt_h: float, design: ThermalDesign = TYPICAL
) -> float:
    """Return the peak that a load of this shape may have, over the rating of the transformer that carries it, 0 where none may.

    At that peak the transformer ages in no day faster than at its rating, its hottest spot stays at or below 120 degC and
    its oil at or below 105 degC: loading for normal life. More than twice the rating is not given.

    Parameters
    ----------
    load_kw, ambient_c
        Power of either sign and air, shape (t,) [kW], [degC].
    dt_h
        Length of an interval [h].

    Raises
    ------
    PartError
        A load that is zero throughout, which has no shape.

    References
    ----------
    IEEE C57.91-1995, section 8 and table 6, doi 10.1109/IEEESTD.1996.79665.
    """
    peak = float(np.abs(load_kw).max(initial=0.0))
    if not peak > 0:
        raise PartError("load cycle: got a load of 0 kW throughout, expected one with a peak")
    low, high = 0.0, LOAD_MAX_PU
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        heat = trace_heat(load_kw * (middle / peak), ambient_c, dt_h, design)
        low, high = (middle, high) if _lives_normally(heat, dt_h) else (low, middle)
    return low


def _lives_normally(heat: TransformerHeat, dt_h: float) -> bool:
    if heat.hot_spot_c.max() > SPOT_MAX_C or heat.top_oil_c.max() > OIL_MAX_C:
        return False
    first = np.arange(0, len(heat.ageing_pu), _day(dt_h))
    length = np.diff(np.append(first, len(heat.ageing_pu)))
    return bool((np.add.reduceat(heat.ageing_pu, first) <= length).all())


def _ageing_rates(hot_spot_c: Col) -> Col:
    return np.exp(ACTIVATION_K / (REFERENCE_C + KELVIN) - ACTIVATION_K / (hot_spot_c + KELVIN))


def _quadrature() -> tuple[Col, Col]:
    """Return places in an interval, as shares of it, and their weights."""
    place, weight = np.polynomial.legendre.leggauss(NODES)
    return 0.5 * (place + 1.0), 0.5 * weight


def _day(dt_h: float) -> int:
    return max(1, round(DAY_H / dt_h))


def _oil_rise_k(load_pu: float | Col, design: ThermalDesign) -> Col:
    ratio = design.load_loss_ratio
    losses = (np.square(load_pu) * ratio + 1.0) / (ratio + 1.0)
    return np.asarray(design.oil_rise_k * np.power(losses, design.oil_exponent))


def _spot_rise_k(load_pu: float | Col, design: ThermalDesign) -> Col:
    return np.asarray(design.spot_rise_k * np.power(load_pu, design.spot_exponent))


class _Rise(NamedTuple):
    """A rise that moves from its start to its goal in every interval, shape (t,) each, or (t, u) of many [K]."""

    start_k: Col
    goal_k: Col
    time_h: float

    def after_k(self, since_h: float) -> Col:
        """Return the rise so long after the start of every interval [K]."""
        return self.goal_k + (self.start_k - self.goal_k) * math.exp(-since_h / self.time_h)


def _follow_many(goal_k: Col, start_k: Col, dt_h: float, time_h: float) -> _Rise:
    """Return rises (t, u) [K] that follow their goals from `start_k` (u,) [K] on."""
    keep, now = math.exp(-dt_h / time_h), start_k
    risen = np.empty_like(goal_k)
    for row, aim in enumerate(goal_k):
        risen[row] = now
        now = aim + (now - aim) * keep
    return _Rise(risen, goal_k, time_h)


def _follow(goal_k: Col, dt_h: float, time_h: float) -> _Rise:
    """Return a rise that follows its goal by a time constant, from the mean goal of the first day on."""
    keep = math.exp(-dt_h / time_h)
    start = float(goal_k[: _day(dt_h)].mean())
    risen = accumulate(goal_k.tolist(), lambda now, aim: aim + (now - aim) * keep, initial=start)
    return _Rise(np.fromiter(risen, np.float64, len(goal_k) + 1)[:-1], goal_k, time_h)
