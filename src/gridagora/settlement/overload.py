"""What a kWh beyond a limit costs: by the upgrade that it brings nearer, or by the life that a transformer loses.

An upgrade costs so much a kW and year, which is laid on the hours that cause it. A transformer ages by the temperature of the
hottest spot of its windings: twice as fast for every 6 to 8 K.
"""

import math
from typing import NamedTuple

from gridagora.core.errors import PartError

UPGRADE_PER_KW_YEAR = 57.03  # $: distribution capacity avoided, PG&E 2012, CPUC decision 10-12-024, section 4.2.1.3; SCE 30.71
UPGRADE_HOURS = (
    250.0  # a year that cause it; the same decision lays it on "several hundred" of the hottest
)
LIFE_H = 180_000.0  # of insulation at 110 degC, IEEE C57.91-2011, table I
REFERENCE_C, KELVIN = (
    110.0,
    273.0,
)  # the temperature of that life; zero degC as the standard rounds it
ACTIVATION_K = 15_000.0  # of the ageing of paper, IEEE C57.91-2011, equation (2)


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
    losses = (load_pu**2 * design.load_loss_ratio + 1.0) / (design.load_loss_ratio + 1.0)
    oil_k = design.oil_rise_k * math.pow(losses, design.oil_exponent)
    return ambient_c + oil_k + design.spot_rise_k * math.pow(load_pu, design.spot_exponent)


def price_by_upgrade(upgrade_per_kw_year: float, hours: float) -> float:
    """Return the price of a kWh beyond a limit [$/kWh] that earns the cost of a kW and year in so many hours.

    Raises
    ------
    PartError
        No hours, or a negative cost.
    """
    if not hours > 0 or not upgrade_per_kw_year >= 0:
        got = f"got {upgrade_per_kw_year:g} $/kW in {hours:g} hours"
        raise PartError(f"price of an upgrade: {got}, expected 0 or more in hours above 0")
    return upgrade_per_kw_year / hours


def price_by_ageing(
    transformer_per_kva: float,
    over_pu: float = 0.2,
    ambient_c: float = 30.0,
    design: ThermalDesign = TYPICAL,
) -> float:
    """Return the price of a kWh beyond the rating [$/kWh]: the life lost at a steady overload more than at the rating.

    Parameters
    ----------
    transformer_per_kva
        To replace the transformer [$/kVA].
    over_pu, ambient_c
        The overload that the price is right for, over the rating, in air of that temperature [degC]. It is the mean over all kWh
        beyond the rating: the first cost less, those beyond `over_pu` more. An overload much shorter than the time constant of
        the oil, some three hours, ages less.

    Raises
    ------
    PartError
        A negative cost, or no overload.
    """
    if not transformer_per_kva >= 0 or not over_pu > 0:
        got = f"got {transformer_per_kva:g} $/kVA and an overload of {over_pu:g}"
        raise PartError(f"price of ageing: {got}, expected 0 or more and above 0")
    more = ageing_rate(steady_hot_spot_c(1.0 + over_pu, ambient_c, design)) - ageing_rate(
        steady_hot_spot_c(1.0, ambient_c, design)
    )
    return transformer_per_kva * more / LIFE_H / over_pu
