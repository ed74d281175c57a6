"""Coefficient of performance of an air conditioner and a heat pump by outdoor temperature."""

import numpy as np

from gridagora.core.tables import Col

COOL_RATED = 3.5  # at 95 F
HEAT_RATED = 2.5  # at 47 F
COOL_COLDEST_F = 40.0
HEAT_WARMEST_F = 80.0


def cooling_cop(t_out_degc: Col, rated: float = COOL_RATED) -> Col:
    """Return heat removed per kWh of electricity [kWh/kWh] at temperatures in any shape [degC]; held below 40 F.

    References
    ----------
    GridLAB-D residential module, house_e (D. Chassin et al., 2008, doi 10.1109/TDC.2008.4517254): the linear curve.
    """
    fahrenheit = np.maximum(np.asarray(t_out_degc) * 1.8 + 32.0, COOL_COLDEST_F)
    return rated / (-0.01363961 + 0.01066989 * fahrenheit)


def heating_cop(t_out_degc: Col, rated: float = HEAT_RATED) -> Col:
    """Return heat delivered per kWh of electricity [kWh/kWh] at temperatures in any shape [degC]; held above 80 F.

    References
    ----------
    GridLAB-D residential module, house_e: the cubic curve, 1 at 47 F.
    """
    f = np.minimum(np.asarray(t_out_degc) * 1.8 + 32.0, HEAT_WARMEST_F)
    return rated / (2.03914613 - 0.03906753 * f + 0.00045617 * f**2 - 0.00000203 * f**3)
