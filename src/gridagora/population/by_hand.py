"""What people do by hand in dear windows, where nothing in the home follows a price by itself."""

import numpy as np

from gridagora.core.device import DearWindows
from gridagora.core.tables import Index
from gridagora.kernels.physics.fleet import Hours

SET_BACK_K = 1.0  # assumed: two marks of a thermostat in Fahrenheit


def set_back(hours: Hours, dear: DearWindows | None, home: Index, hour: int) -> Hours:
    """Return what acts on the houses (r,) of some homes in an hour, the thermostat set to take less in a dear window.

    It is set `SET_BACK_K` warmer where the unit cools in that hour and colder where it heats. The temperature that people like
    best stays what it was, so that they bear the discomfort.
    """
    if dear is None:
        return hours
    is_dear = dear.end_of(home, hour) > hour
    back_k = np.sign(hours.unit_kw) * SET_BACK_K
    return hours._replace(set_degc=hours.set_degc - np.where(is_dear, back_k, 0.0))
