"""Houses as the bound sees them: both states, continuous power that may change every `duty_s` seconds, comfort by block.

Theory 5.2.
"""

import numpy as np

from gridagora.core.quality import comfort_ratio
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.control import Houses, discretise

NEAR_K = 0.5  # the mass starts this much warmer than the air while cooling


def houses(
    homes: Homes,
    t_best_degc: Col,
    hour: Index,
    end_per_kwh: float,
    comfort_per_k2_h: float,
    duty_s: int,
    start_degc: tuple[Col, Col] | None = None,
) -> Houses:
    """Lay all homes over blocks of a quarter of an hour.

    Parameters
    ----------
    homes, hour
        The homes, and the hour of every block, shape (b,).
    t_best_degc
        Air temperature each home likes best, shape (n, H).
    end_per_kwh
        What the electricity that the last heat or coolth displaces is worth [$/kWh].
    comfort_per_k2_h
        Value of comfort of a standard home [$/(K2 h)].
    duty_s
        How long a unit holds its power [s].
    start_degc
        Air and mass temperatures at the start, shape (n,) each; those of a run where left out.

    Returns
    -------
    Houses
        An hour whose mode the home has no unit for costs no comfort, as in a run.
    """
    ca, cm, blocks_h = homes.ca_kwh_k, homes.cm_kwh_k, 4
    matrices = discretise(homes.ua_kw_k, homes.hm_kw_k, ca, cm, duty_s / 3600.0)
    warm = homes.heating[:, hour]
    heat = np.where(warm, homes.heat_kw[:, None], -homes.cool_kw[:, None])
    source = np.stack([homes.q_air_kw[:, hour] / ca[:, None], homes.q_mass_kw[:, hour] / cm[:, None]], axis=2)
    sign = np.where(homes.heating[:, hour[-1]], -1.0, 1.0)
    price_k = sign * end_per_kwh / homes.cop[:, hour[-1]]
    first = homes.t_set_degc[:, 0]
    start = (first, first - NEAR_K * np.where(homes.heating[:, 0], 1.0, -1.0)) if start_degc is None else start_degc
    return Houses(
        *matrices,
        np.stack(start, axis=1),
        source,
        heat / ca[:, None],
        np.abs(heat) / homes.cop[:, hour],
        t_best_degc[:, hour],
        comfort_per_k2_h / blocks_h * comfort_ratio(homes)[:, None] * (heat != 0.0),
        price_k[:, None] * np.stack([ca, cm], axis=1),
    )
