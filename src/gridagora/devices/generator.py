"""Back-up generator: injects up to its rating at a marginal cost, without a store (theory 1.10)."""

from dataclasses import dataclass

import numpy as np

from gridagora.core.registry import register
from gridagora.core.tables import Col, Index
from gridagora.kernels.value import Stores, stores

NO_STORE = 1e9  # a row without a store: a state wide enough never to bind, worth nothing


@register("device", "generator")
@dataclass(frozen=True)
class Generator:
    """n generators."""

    home: Index  # (n,) row of the home
    rated_kw: Col
    cost_per_kwh: Col  # fuel and wear of a kWh made


def of(home: Index, rated_kw: Col, cost_per_kwh: Col | float) -> Generator:
    """Generators at some homes.

    Raises
    ------
    ValueError
        A negative rating or cost; the message names the row.
    """
    rated = np.asarray(rated_kw, float)
    cost = np.broadcast_to(np.asarray(cost_per_kwh, float), rated.shape).copy()
    for name, column in (("rated_kw", rated), ("cost_per_kwh", cost)):
        if not (column >= 0).all():
            row = int(np.argmin(column >= 0))
            raise ValueError(f"generator row {row}: got {name} {column[row]}, expected 0 or more")
    return Generator(np.asarray(home, np.int64), rated, cost)


def take(table: Generator, rows: Index) -> Generator:
    """Return the generators of some rows."""
    return Generator(table.home[rows], table.rated_kw[rows], table.cost_per_kwh[rows])


def spec(table: Generator, hours: int = 24) -> Stores:
    """Rows that run where the price is above their cost, over a window of hours."""
    return _stores(table, np.ones(hours))


def spec_now(table: Generator, short_h: float = 1 / 12) -> Stores:
    """The next real-time interval, for a bid."""
    return _stores(table, np.array([short_h]))


def _stores(table: Generator, dt_h: Col) -> Stores:
    return stores(
        np.zeros(len(table.rated_kw)),
        dt_h,
        p_min_kw=-table.rated_kw[:, None],
        wear_per_kwh=table.cost_per_kwh[:, None],
        x_min=-NO_STORE,
        x_max=NO_STORE,
        end_x=(-NO_STORE, NO_STORE),
    )


def step(table: Generator, p_target_kw: Col, step_h: float = 1 / 12) -> tuple[Col, Col]:
    """Power at the meter, negative [kW], and cost of the step [$], shape (n,) each: the target cut to the rating."""
    made = np.clip(-p_target_kw, 0.0, table.rated_kw)
    return -made, made * table.cost_per_kwh * step_h
