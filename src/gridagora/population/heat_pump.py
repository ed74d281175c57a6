"""Heat pumps and air conditioners with the houses that they serve; coefficient of performance by outdoor temperature."""

from dataclasses import dataclass

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.device import HOURLY, Column
from gridagora.core.tables import Col, Flag, Index

COOL_RATED = 3.5  # at 95 F
HEAT_RATED = 2.5  # at 47 F
COOL_COLDEST_F = 40.0
HEAT_WARMEST_F = 80.0
COLUMNS = (
    Column("t_set_degc", (HOURLY,), -10.0, 60.0, unit="degC"),
    Column("heating", (HOURLY,)),
    *(Column(name, (), 0.0) for name in ("ua_kw_k", "cool_kw", "heat_kw")),
    *(Column(name, (), 0.0, is_open=True) for name in ("hm_kw_k", "ca_kwh_k", "cm_kwh_k")),
    Column("q_air_kw", (HOURLY,)),
    Column("q_mass_kw", (HOURLY,)),
    Column("cop", (HOURLY,), 0.0, is_open=True),
)


@dataclass(frozen=True)
class HeatPumps:
    """n units over H hours, each with its house.

    The house has two states, air and mass [degC]:

        ca Ta' = q_air - (ua + hm) Ta + hm Tm - heat removed by cooling + heat added by heating
        cm Tm' = q_mass + hm (Ta - Tm)

    so that q_air already holds ua times the outdoor temperature, the lagged part, and half the gains.
    """

    home: Index  # (n,) row of the home
    t_set_degc: Col  # (n, H)
    heating: Flag  # (n, H) True where the unit heats, False where it cools
    ua_kw_k: Col  # (n,)
    hm_kw_k: Col  # (n,)
    ca_kwh_k: Col  # (n,)
    cm_kwh_k: Col  # (n,)
    q_air_kw: Col  # (n, H)
    q_mass_kw: Col  # (n, H)
    cool_kw: Col  # (n,) thermal capacity; 0 where it does not cool
    heat_kw: Col  # (n,) thermal capacity; 0 where it does not heat
    cop: Col  # (n, H) of the mode of that hour
    fit_error: Col  # (n,) |energy error| share on held-out data; nan where the house was not fitted

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def describe(table: HeatPumps, hours: int) -> str:
    """Return how well the houses were fitted, in words."""
    del hours
    error = table.fit_error[np.isfinite(table.fit_error)]
    if not error.size:
        return ""
    return f"houses fitted to their hourly series, median energy error {np.median(error):.1%} on days held out"


def cooling_cop(t_out_degc: Col, rated: float | Col = COOL_RATED) -> Col:
    """Return heat removed per kWh of electricity [kWh/kWh] at temperatures in any shape [degC]; held below 40 F.

    References
    ----------
    GridLAB-D residential module, house_e (D. Chassin et al., 2008, doi 10.1109/TDC.2008.4517254): the linear curve.
    """
    fahrenheit = np.maximum(np.asarray(t_out_degc) * 1.8 + 32.0, COOL_COLDEST_F)
    return rated / (-0.01363961 + 0.01066989 * fahrenheit)


def heating_cop(t_out_degc: Col, rated: float | Col = HEAT_RATED) -> Col:
    """Return heat delivered per kWh of electricity [kWh/kWh] at temperatures in any shape [degC]; held above 80 F.

    References
    ----------
    GridLAB-D residential module, house_e: the cubic curve, 1 at 47 F.
    """
    f = np.minimum(np.asarray(t_out_degc) * 1.8 + 32.0, HEAT_WARMEST_F)
    return rated / (2.03914613 - 0.03906753 * f + 0.00045617 * f**2 - 0.00000203 * f**3)
