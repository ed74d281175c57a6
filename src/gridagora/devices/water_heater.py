"""Electric water heater: a one-node tank that pays for water below a least temperature (theory 1.5)."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.quality import denied_ratio
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.fleet import TankControl, Tanks, TankStep, TankTable, tank_step
from gridagora.kernels.value import Stores, stores

KWH_PER_GALLON_K = 3.785 * 4.183 / 3600
UA_KW_K_50_GALLON = 2.0 * 0.000293071 * 1.8  # 2 Btu/(h F)
DEFAULT_K = 0.01  # $/(K2 h)
FULL_ENOUGH_DEGC = 46.0  # at the end of a window heat above this is worth nothing
COLDEST_DEGC = 25.0  # the belief stops here: no price is put on colder water


@register("device", "water_heater")
@dataclass(frozen=True)
class WaterHeater:
    """n tanks, only of homes that have one."""

    home: Index  # (n,) row of the home
    cap_kwh_k: Col
    ua_kw_k: Col
    rated_kw: Col
    set_degc: Col
    draw_kw: Col  # (n, H) heat really drawn
    draw_set_kwh: Col  # (n, S, 24) equally likely draws of each local hour of day
    local_hour: Index  # (H,) local hour of day
    likely_kw: Col  # (n, 24) mean of the likely draws
    discomfort_per_k2_h: Col  # (n,) k of k/2 (t_min - T)^2 [$/(K2 h)]
    control: TankControl
    short_h: float  # length of a real-time interval
    resting: Stores  # what does not change from bid to bid, one short step


def of(
    homes: Homes,
    local_hour: Index,
    set_degc: float = 52.0,
    discomfort_per_k2_h: float = DEFAULT_K,
    control: TankControl = TankControl(),
    short_h: float = 1 / 12,
) -> WaterHeater:
    """Tanks of the homes that have one; `local_hour` (H,) is the local hour of day of each hour of the homes.

    `discomfort_per_k2_h` is that of a standard home; the tier of a home multiplies it.
    """
    rows = np.flatnonzero(homes.tank_kwh_k > 0)
    per_k2_h = discomfort_per_k2_h * denied_ratio(homes)[rows]
    n, likely = len(rows), homes.draw_set_kwh[rows]
    size = (homes.tank_kwh_k[rows], homes.tank_ua_kw_k[rows], homes.tank_kw[rows])
    fields = _common(*size, per_k2_h, control, short_h)
    resting = stores(np.full(n, set_degc), [short_h], **fields, end_x=(COLDEST_DEGC, control.t_max_degc))
    return WaterHeater(
        home=rows,
        cap_kwh_k=size[0],
        ua_kw_k=size[1],
        rated_kw=size[2],
        set_degc=np.full(n, set_degc),
        draw_kw=homes.draw_kwh[rows],
        draw_set_kwh=likely,
        local_hour=np.asarray(local_hour, np.int64),
        likely_kw=likely.mean(1),
        discomfort_per_k2_h=per_k2_h,
        control=control,
        short_h=short_h,
        resting=resting,
    )


def size(gallons: float) -> tuple[float, float, float]:
    """Heat capacity [kWh/K], losses [kW/K] and element [kW] of a tank of some US gallons.

    References
    ----------
    GridLAB-D, residential/waterheater: 2 Btu/(h F) at 50 gal; elements of 3.2, 3.5 and 4.5 kW.
    """
    element = 4.5 if gallons >= 50 else 3.5 if gallons >= 30 else 3.2
    return gallons * KWH_PER_GALLON_K, UA_KW_K_50_GALLON * gallons / 50, element


def take(table: WaterHeater, rows: Index) -> WaterHeater:
    """Return the tanks of some rows."""
    own = ("home", "cap_kwh_k", "ua_kw_k", "rated_kw", "set_degc", "draw_kw", "draw_set_kwh", "likely_kw", "discomfort_per_k2_h")
    resting = Stores(*(column if name == "dt_h" else column[rows] for name, column in table.resting._asdict().items()))
    return replace(table, **{name: getattr(table, name)[rows] for name in own}, resting=resting)


def start(table: WaterHeater) -> Tanks:
    """Tanks at their set point, elements off."""
    return Tanks(table.set_degc.copy(), np.zeros(len(table.home), np.bool_))


def held_share(cap_kwh_k: Col, ua_kw_k: Col, step_h: float) -> Col:
    """Mean share that a kW of a step still holds at its end, losses taken off, shape (n,)."""
    z = ua_kw_k * step_h / cap_kwh_k
    return np.where(z > 0, -np.expm1(-z) / np.where(z > 0, z, 1.0), 1.0)


def _common(
    cap_kwh_k: Col, ua_kw_k: Col, rated_kw: Col, discomfort_per_k2_h: Col, control: TankControl, step_h: float
) -> dict[str, ArrayLike]:
    low, high = control.t_min_degc, control.t_max_degc
    gain = held_share(cap_kwh_k, ua_kw_k, step_h) / cap_kwh_k
    return {
        "leak": np.exp(-ua_kw_k * step_h / cap_kwh_k)[:, None],
        "gain_in": gain[:, None],
        "p_max_kw": rated_kw[:, None],
        "x_min": COLDEST_DEGC,
        "x_max": high,
        "k_x": discomfort_per_k2_h[:, None],
        "x_set": (low + high) / 2,
        "dead": (high - low) / 2,
    }


def _inflow(table: WaterHeater, draw_kw: Col, step_h: float) -> Col:
    """Rise of a step without power, from the room and the draw, shape of the draw (n, h) [K]."""
    kept = -np.expm1(-table.ua_kw_k * step_h / table.cap_kwh_k)[:, None] * table.control.t_room_degc
    return kept - held_share(table.cap_kwh_k, table.ua_kw_k, step_h)[:, None] * draw_kw * step_h / table.cap_kwh_k[:, None]


def spec(
    table: WaterHeater, state: Tanks, hour: int, hours: int = 24, value_per_kwh: float = 0.0, *, known_draws: bool = False
) -> Stores:
    """Hourly belief of n tanks over a window; state x is the water temperature [degC].

    With `known_draws` the true draws flow in; otherwise none do, and the plan must be given `draws(table, hour, hours)`, whose
    expectation it takes inside the recursion. Heat left below `FULL_ENOUGH_DEGC` is worth the mean forecast price.
    """
    drawn = table.draw_kw[:, hour : hour + hours] if known_draws else np.zeros((len(table.home), hours))
    size = (table.cap_kwh_k, table.ua_kw_k, table.rated_kw)
    worth = max(value_per_kwh, 0.0) * table.cap_kwh_k[:, None] * np.array([1.0, 1.0, 0.0, 0.0])
    return stores(
        np.maximum(state.t_tank_degc, COLDEST_DEGC),
        np.ones(hours),
        inflow=_inflow(table, drawn, 1.0),
        end_x=(COLDEST_DEGC, FULL_ENOUGH_DEGC, FULL_ENOUGH_DEGC, table.control.t_max_degc),
        end_mu=worth,
        **_common(*size, table.discomfort_per_k2_h, table.control, 1.0),
    )


def draws(table: WaterHeater, hour: int, hours: int = 24) -> Col:
    """Equally likely extra inflows of each hour of a window, shape (n, S, h) [K], negative."""
    per_kwh = held_share(table.cap_kwh_k, table.ua_kw_k, 1.0) / table.cap_kwh_k
    return np.ascontiguousarray(-per_kwh[:, None, None] * table.draw_set_kwh[:, :, table.local_hour[hour : hour + hours]])


def spec_now(table: WaterHeater, state: Tanks, hour: int, *, share: float, known_draws: bool = False) -> Stores:
    """Belief of the next real-time interval, for a bid; the end value is that of the plan: nil here.

    The interval ends at `share` of its hour. In the first one the mean of the likely draws flows out (the true one where known);
    later a tank has felt the draw of the hour, believes that it lasts, and heats for what is still to come above that mean,
    which the plan does not know of.
    """
    mean = table.likely_kw[:, table.local_hour[hour]]
    felt = known_draws or share > 1.5 * table.short_h
    drawn = table.draw_kw[:, hour] if felt else mean
    to_come = 0.0 if known_draws else (drawn - mean) * (1 - share)
    inflow = _inflow(table, (drawn + to_come / table.short_h)[:, None], table.short_h)
    return table.resting._replace(x0=np.maximum(state.t_tank_degc, COLDEST_DEGC), inflow=inflow)


def tank_table(table: WaterHeater) -> TankTable:
    """Columns of the physics kernel."""
    return TankTable(table.cap_kwh_k, table.ua_kw_k, table.rated_kw, table.set_degc)


def step(
    table: WaterHeater, state: Tanks, hour: int, p_target_kw: Col, rule: int, minutes: int = 5, out: TankStep | None = None
) -> TankStep:
    """Step the true tanks with the draws of an hour; see `kernels.fleet.tank_step`. `state` is changed in place."""
    drawn = np.ascontiguousarray(table.draw_kw[:, hour])
    return tank_step(state, tank_table(table), drawn, p_target_kw, rule, table.control, minutes, out)
