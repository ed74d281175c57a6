"""What is traded: a commodity over an interval, for a horizon, at a place."""

from enum import IntEnum
from typing import NamedTuple

from gridagora.core.errors import PartError

HOUR_S = 3600


class Commodity(IntEnum):
    """P: mean active power of the interval; E: energy anywhere inside it; Q: mean reactive power."""

    P = 0
    E = 1
    Q = 2


class Horizon(IntEnum):
    """When the product is agreed, from earliest to latest."""

    LONG_TERM = 0
    SHORT_TERM = 1
    DAY_AHEAD = 2
    REAL_TIME = 3


class Product(NamedTuple):
    """One delivery interval of a commodity at a place; a table of h columns holds this product and the h - 1 that follow it.

    `start_s` is UTC seconds, `place` a row of `core.place.Places`.
    """

    commodity: Commodity
    start_s: int
    duration_s: int
    horizon: Horizon
    place: int = 0

    @property
    def end_s(self) -> int:
        """Second at which delivery ends."""
        return self.start_s + self.duration_s

    @property
    def dt_h(self) -> float:
        """Length of the interval [h]."""
        return self.duration_s / HOUR_S


def following(product: Product, count: int = 1) -> Product:
    """Return the product `count` intervals later (earlier where negative)."""
    return product._replace(start_s=product.start_s + count * product.duration_s)


def split_product(
    product: Product, duration_s: int, horizon: Horizon = Horizon.REAL_TIME
) -> tuple[Product, ...]:
    """Return the shorter products that tile an interval, as the five-minute products of a day-ahead hour.

    Raises
    ------
    PartError
        The interval is no whole number of the shorter ones.
    """
    if duration_s <= 0 or product.duration_s % duration_s:
        raise PartError(
            f"product of {product.duration_s} s at {product.start_s}: {duration_s} s does not tile it"
        )
    first = product._replace(duration_s=duration_s, horizon=horizon)
    return tuple(following(first, i) for i in range(product.duration_s // duration_s))
