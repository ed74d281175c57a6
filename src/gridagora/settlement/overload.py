"""What a kWh beyond a limit costs: by the upgrade that it brings nearer, or by the life that a transformer loses.

An upgrade costs so much a kW and year, which is laid on the hours that cause it.
"""

from gridagora.core.errors import PartError
from gridagora.settlement.transformer_life import (
    TYPICAL,
    ThermalDesign,
    ageing_rate,
    steady_hot_spot_c,
)

UPGRADE_PER_KW_YEAR = 57.03  # $: distribution capacity avoided, PG&E 2012, CPUC decision 10-12-024, section 4.2.1.3; SCE 30.71
UPGRADE_HOURS = (
    250.0  # a year that cause it; the same decision lays it on "several hundred" of the hottest
)
LIFE_H = 180_000.0  # of insulation at 110 degC, IEEE C57.91-2011, table I


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
