"""Whether a design that clears with voltages keeps them: what a band that nothing can keep does to prices, in words."""

import numpy as np

from gridagora.mechanisms.network_interval import AGREED_SHARE
from gridagora.results.outcome import NetworkResult

OFTEN_SHARE = 0.1  # of intervals: fewer are what homes and forecasts do between two clearings


def warn_of_band(net: NetworkResult, band_pu: tuple[float, float]) -> tuple[str, ...]:
    """Return a sentence where homes are often beyond the band that a design clears with, none where they are not."""
    low, high = band_pu
    near = AGREED_SHARE * 0.5 * (high - low)
    beyond = (net.v_min_pu < low - near) | (net.v_max_pu > high + near)
    count, total = int(np.count_nonzero(beyond)), len(beyond)
    if count <= OFTEN_SHARE * total:
        return ()
    reach = f"{np.nanmin(net.v_min_pu):.3f} to {np.nanmax(net.v_max_pu):.3f} pu"
    text = (
        f"homes are beyond the band of {low:g} to {high:g} pu in {count} of {total} intervals, at {reach}, although this design "
        "clears with it: what lies beyond costs [network] voltage_over_per_pu_h and is in every price and bill. Look at voltages "
        "under flat, and set a band that the feeder can keep"
    )
    return (text,)
