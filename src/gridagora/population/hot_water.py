"""Electric water heaters: the tanks that homes own, and the draws that they believe in."""

from dataclasses import dataclass, replace

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.device import (
    ANY,
    HOURLY,
    Column,
    People,
    check_above_zero,
    check_share,
    own,
    refuse,
)
from gridagora.core.tables import Col, Flag, Homes, Index
from gridagora.population.charging import owners

TANK_L = 189.0  # 50 gallons, with the heat capacity and the loss that GridLAB-D gives them
TANK_KWH_K, TANK_UA_KW_K, TANK_KW = 0.22, 1.055e-3, 4.5
PAST_DAYS = 28
COLUMNS = (
    Column("cap_kwh_k", (), 0.0, is_open=True),
    Column("ua_kw_k", (), 0.0),
    Column("rated_kw", (), 0.0),
    Column("draw_kwh", (HOURLY,), 0.0),
    Column("draw_set_kwh", (ANY, 24), 0.0),
)


@dataclass(frozen=True)
class WaterHeaters:
    """n tanks over H hours."""

    home: Index  # (n,) row of the home
    cap_kwh_k: Col  # (n,) heat capacity
    ua_kw_k: Col  # (n,) losses to the room
    rated_kw: Col  # (n,) element
    draw_kwh: Col  # (n, H) heat drawn as hot water in each hour
    draw_set_kwh: Col  # (n, S, 24) S equally likely draws of each local hour of day

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def tanks(has: Flag, draw_kwh: Col, past_kwh: Col) -> WaterHeaters:
    """Return a tank of 50 gallons in every home of `has` (n,).

    Parameters
    ----------
    draw_kwh
        Hot water of all homes over the run, shape (n, H) [kWh].
    past_kwh
        Hot water of the last 28 days, shape (n, 672) [kWh]; the equally likely draws of an hour of day are those of these days.
    """
    home = np.flatnonzero(has)
    likely = np.ascontiguousarray(past_kwh[home].reshape(len(home), PAST_DAYS, 24))
    capacity, loss, rated = (
        np.full(len(home), value) for value in (TANK_KWH_K, TANK_UA_KW_K, TANK_KW)
    )
    return WaterHeaters(home, capacity, loss, rated, draw_kwh[home], likely)


@dataclass(frozen=True)
class WaterHeaterKeys:
    """`[homes.water_heater]`: tanks of homes whose hot water is known, of one size; left out: as their source has them."""

    share: float = 1.0  # share of these homes with a tank
    volume_l: float | None = None  # size of the tank
    kw: float | None = None  # rating of the element

    def __post_init__(self) -> None:
        """Refuse a share outside 0 to 1, a size or rating that is not above zero."""
        refuse(
            check_share("homes.water_heater.share", self.share),
            []
            if self.volume_l is None
            else check_above_zero("homes.water_heater.volume_l", self.volume_l),
            [] if self.kw is None else check_above_zero("homes.water_heater.kw", self.kw),
        )


def draw(keys: WaterHeaterKeys, people: People) -> Homes:
    """Return the homes with the tanks that some of those with hot water own, a draw of the seed keyed by the home."""
    homes, table = people.homes, people.homes.owned.get("water_heater")
    if table is None:
        return homes
    if keys.share < 1.0:
        names = [homes.home_id[row] for row in table.home]
        table = take(table, owners(people.seed, "water heater", names, keys.share))
    n = len(table.home)
    if keys.volume_l is not None:
        cap, loss = np.full(n, TANK_KWH_K * (keys.volume_l / TANK_L)), np.full(n, TANK_UA_KW_K)
        table = replace(table, cap_kwh_k=cap, ua_kw_k=loss)
    return own(
        homes,
        "water_heater",
        table if keys.kw is None else replace(table, rated_kw=np.full(n, keys.kw)),
    )


def take(table: WaterHeaters, rows: Index) -> WaterHeaters:
    """Return the tanks of some rows (k,)."""
    return WaterHeaters(*(column[rows] for column in vars(table).values()))
