"""A group of end-users: it hears prices, and answers each with what its members take together.

It answers one price a turn, and who asks another in the same turn is sent the answer to the first. So if the network is split and
prosumers go on in two parts with different tables, at most one part is served: no two results can come of one session.
"""

from multiprocessing.connection import Connection

import numpy as np

from gridagora.core.tables import Col
from gridagora.live.post import Post, SessionLimits, live
from gridagora.live.wire import Frame, Kind, Size
from gridagora.mechanisms.retail.game import aggregate_followers, taken_kw
from gridagora.mechanisms.retail.messages import RetailDemand, RetailPrices


class EndUsers:
    """Members' own worth and slopes; `me` counts on from the prosumers."""

    def __init__(self, me: int, worth_per_kwh: Col, slope: Col, size: Size) -> None:
        self.me, self.size, self.demand = me, size, aggregate_followers(worth_per_kwh, slope)
        self.answers: dict[int, Frame] = {}  # by turn

    def hear(self, frame: Frame) -> Post:
        """Answer a new turn to all prosumers, and one that was answered before only to the prosumer that asks again."""
        if not isinstance(frame.table, RetailPrices):
            return []
        if frame.step in self.answers:
            return [(frame.sender, self.answers[frame.step])]
        price = frame.table.price_per_kwh
        taken = RetailDemand(
            frame.table.product, np.array([self.me]), price, taken_kw(self.demand, price[0])[None]
        )
        answer = Frame(Kind.TAKEN, self.me, frame.round, frame.step, taken)
        self.answers[frame.step] = answer
        return [(to, answer) for to in range(self.size.prosumers)]

    def begin(self) -> Post:
        """Say nothing: end-users answer."""
        return []

    def tick(self, awake_s: float) -> Post:
        """Say nothing: who misses an answer asks again."""
        return []

    def is_over(self) -> bool:
        """End with the prosumers."""
        return False


def run(line: Connection, me: int, worth_per_kwh: Col, slope: Col, limits: SessionLimits) -> None:
    """Be the process of k end-users: worth of the first kWh (k, T) and slopes, (k, T, T), or (k, T) without shifting.

    In [$/kWh] and [$/kWh per kW].
    """
    live(line, me, EndUsers(me, worth_per_kwh, slope, limits.size), limits, lambda: None)
