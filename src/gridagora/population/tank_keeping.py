"""What a tank keeps of heat over a step of any length."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col


class Keeping(NamedTuple):
    """What n tanks keep over a step: rise from the room without power [K], share held of a kW of the step [1], (n,) each."""

    from_room_k: Col
    held: Col


def held_share(cap_kwh_k: Col, ua_kw_k: Col, step_h: float) -> Col:
    """Mean share that a kW of a step still holds at its end, losses taken off, shape (n,)."""
    z = ua_kw_k * step_h / cap_kwh_k
    return np.where(z > 0, -np.expm1(-z) / np.where(z > 0, z, 1.0), 1.0)


def keep(cap_kwh_k: Col, ua_kw_k: Col, t_room_degc: float, step_h: float) -> Keeping:
    """Return what tanks of capacity (n,) [kWh/K] and losses (n,) [kW/K] keep over a step [h]."""
    from_room_k = -np.expm1(-ua_kw_k * step_h / cap_kwh_k) * t_room_degc
    return Keeping(from_room_k, held_share(cap_kwh_k, ua_kw_k, step_h))
