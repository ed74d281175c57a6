"""Cheapest heating of tanks against a price path, minute by minute as the run steps them (theory 5.2).

A minute is exact: constant heat and draw, water lost to the room, cold water paid for at the end of the minute. Power may change
every minute, while a run changes it every interval at most: all that a run can do is among what is minimised over here.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.quality import denied_ratio
from gridagora.core.tables import Col, Homes, Index
from gridagora.devices.water_heater import held_share
from gridagora.kernels.dual import Answer
from gridagora.kernels.fleet import TankControl
from gridagora.kernels.value import Stores, respond, rows, stores

BLOCKS_H = 4
ABOVE_K = 1e3  # the taste is switched off above the least temperature: nobody pays for warm water
CHUNK = 256  # tanks answered at a time: their minutes take memory
FLOOR_DEGC = 25.0  # tried first: a store with a near floor has a short value function


class Tanks(NamedTuple):
    """Tanks of n homes over steps.

    table: the steps, its floor no schedule reaches; sub: steps in a block of the price.
    """

    table: Stores
    sub: int


def tanks(
    homes: Homes, hour: Index, sub: int, end_per_kwh: float, per_k2_h: float, start_degc: float, control: TankControl
) -> Tanks:
    """Lay the tanks of the homes that have one over steps.

    Parameters
    ----------
    homes, hour
        The homes, and the hour of every block of a quarter of an hour, shape (b,).
    sub
        Steps in a block: 15 are the minutes of a run, and a bound; 1 is coarse, for the search of a price.
    end_per_kwh
        What heat left at the end is worth [$/kWh].
    per_k2_h, start_degc, control
        Cost of cold water of a standard home [$/(K2 h)], first temperature, and the limits of the run.
    """
    row = np.flatnonzero(homes.tank_kwh_k > 0.0)
    dt = 1.0 / (BLOCKS_H * sub)
    capacity, loss, element = homes.tank_kwh_k[row], homes.tank_ua_kw_k[row], homes.tank_kw[row]
    leak = np.exp(-loss / capacity * dt)[:, None]
    per_kwh = (held_share(capacity, loss, dt) / capacity)[:, None]
    drawn = np.repeat(homes.draw_kwh[np.ix_(row, hour)], sub, axis=1)
    inflow = (1.0 - leak) * control.t_room_degc - per_kwh * drawn * dt
    # a thermostat may end the step in which it passes its band above the limit switch
    most = np.maximum(control.t_max_degc, start_degc + control.half_band_k + element * dt * per_kwh[:, 0])
    table = stores(
        np.full(len(row), start_degc),
        np.full(drawn.shape[1], dt),
        leak=leak,
        inflow=inflow,
        p_max_kw=element[:, None],
        x_min=(_unheated(start_degc, leak[:, 0], inflow).min(1) - 1.0)[:, None],
        x_max=most[:, None],
        gain_in=per_kwh,
        k_x=per_k2_h * denied_ratio(homes)[row, None],
        x_set=control.t_min_degc + ABOVE_K,
        dead=ABOVE_K,
        end_mu=end_per_kwh * capacity[:, None] * np.ones(2),
    )
    return Tanks(table, sub)


def heat(area: Tanks, price_per_kwh: Col, threads: int = 1) -> Answer:
    """Best answer of every tank to a price (b,).

    The problem is convex, so a schedule that keeps clear of a floor is best without the floor too: the near floor serves all
    tanks whose best water stays above it, and the others answer again with a floor that no schedule reaches.
    """
    n = len(area.table.x0)
    spans = [np.arange(i, min(i + CHUNK, n)) for i in range(0, n, CHUNK)]
    parts = [_heat(rows(area.table, span), price_per_kwh, area.sub, threads) for span in spans]
    return Answer(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _heat(table: Stores, price_per_kwh: Col, sub: int, threads: int) -> Answer:
    price = np.repeat(price_per_kwh, sub)
    near = table._replace(x_min=np.broadcast_to(np.maximum(table.x_min[:, :1], FLOOR_DEGC), table.x_min.shape))
    found = respond(near, price, price, threads=threads)
    p, cost, least = found.p_kw, found.cost_usd, found.bound_usd
    deep = np.flatnonzero((found.x.min(1) <= FLOOR_DEGC + 1e-6) | (found.missing > 0.0))
    if len(deep):
        again = respond(rows(table, deep), price, price, threads=threads)
        p[deep], cost[deep], least[deep] = again.p_kw, again.cost_usd, again.bound_usd
    return Answer(p.reshape(len(p), -1, sub).mean(2), cost - p @ price * table.dt_h[0], least)


def _unheated(start_degc: float, leak: Col, inflow: Col) -> Col:
    """Temperature of tanks that are never heated, at the start and after every step, shape (n, steps + 1)."""
    x = np.empty((len(leak), inflow.shape[1] + 1))
    x[:, 0] = start_degc
    for t in range(inflow.shape[1]):
        x[:, t + 1] = leak * x[:, t] + inflow[:, t]
    return x
