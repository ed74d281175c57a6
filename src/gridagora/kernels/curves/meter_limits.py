"""Limits of import or export at the meters of homes, checked: import beyond one costs more, export beyond one earns less."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Col = NDArray[np.float64]


def spread_limits(
    limit_kw: ArrayLike, over_per_kwh: ArrayLike, shape: tuple[int, ...]
) -> tuple[Col, Col]:
    """Return limits of one direction [kW] and what a kWh beyond costs more [$/kWh], each of a shape (n,) or (n, h).

    No premium where there is no limit, and no limit where there is no premium.

    Raises
    ------
    ValueError
        A limit or a premium that is below zero or no number, or of another shape.
    """
    given = (np.asarray(each, np.float64) for each in (limit_kw, over_per_kwh))
    limit, over = (np.broadcast_to(each, shape) for each in given)
    for name, values in (("limit", limit), ("premium beyond the limit", over)):
        if not (values >= 0).all():
            at = np.argwhere(~(values >= 0))[0]
            raise ValueError(
                f"{name}, row and step {tuple(at)}: {values[tuple(at)]}, expected 0 or more"
            )
    if not np.isfinite(over).all():
        raise ValueError("premium beyond the limit: expected a finite number")
    none: NDArray[np.bool_] = ~np.isfinite(limit) | (over == 0.0)
    if none.all():
        return np.broadcast_to(np.inf, shape), np.broadcast_to(0.0, shape)
    return np.where(none, np.inf, limit), np.where(none, 0.0, over)
