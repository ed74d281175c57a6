"""The grid on which searches tell prices, far below what they tell apart and far above what rounding leaves in them."""

import numpy as np

from gridagora.core.tables import Col

GRID_PER_KWH = 2.0**-20


def put_on_grid(column: Col, step: float) -> Col:
    """Return the multiple of a step that is nearest to each entry, of any shape and [any unit]."""
    return np.asarray(step * np.rint(column / step))
