"""Cheapest charging of known sessions against a price path: the cheapest blocks first, none dearer than it is worth.

Theory 5.2.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.quality import denied_ratio
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.dual import Answer


class Cars(NamedTuple):
    """Sessions, m of them, over b blocks, seen at the meter.

    kw (m, b) most mean power of a block; need_kwh, worth_per_kwh (m,); first (m,) block.
    """

    kw: Col
    need_kwh: Col
    worth_per_kwh: Col
    first: Index


def sessions(homes: Homes, blocks: int, block_s: int, efficiency: float, ev_per_kwh: float) -> Cars:
    """Lay the sessions that begin inside the horizon over its blocks, with the share of each block that they are plugged in."""
    inside = homes.ev_arrive_s < blocks * block_s
    arrive, depart = homes.ev_arrive_s[inside], homes.ev_depart_s[inside]
    begin = np.arange(blocks) * block_s
    overlap = np.minimum(depart[:, None], begin + block_s) - np.maximum(arrive[:, None], begin)
    kw = np.maximum(overlap, 0) / block_s * homes.ev_kw[inside, None]
    worth_per_kwh = ev_per_kwh * efficiency * denied_ratio(homes)[homes.ev_home[inside]]
    return Cars(kw, homes.ev_need_kwh[inside] / efficiency, worth_per_kwh, arrive // block_s)


def charge(cars: Cars, price_per_kwh: Col, dt_h: float) -> Answer:
    """Best answer of every session to a price (b,). Energy not delivered costs what it is worth."""
    order = np.argsort(price_per_kwh, kind="stable")
    room = cars.kw[:, order] * dt_h * (price_per_kwh[order] <= cars.worth_per_kwh[:, None])
    filled = np.minimum(np.cumsum(room, axis=1), cars.need_kwh[:, None])
    kwh = np.empty_like(room)
    kwh[:, order] = np.diff(filled, axis=1, prepend=0.0)
    unmet = (cars.need_kwh - filled[:, -1]) * cars.worth_per_kwh
    return Answer(kwh / dt_h, unmet, unmet + kwh @ price_per_kwh)
