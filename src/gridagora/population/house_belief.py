"""What homes believe of a house: one state, over steps of one length."""

from collections.abc import Mapping
from typing import NamedTuple

from gridagora.core.tables import Col


class HourBelief(NamedTuple):
    """What bids of an hour take from the belief: columns of a table of stores, and what its state is found with."""

    side: Col  # (n,) 1 while heating, -1 while cooling [1]
    c_0: Col  # (n,) departure without power, of a fast part that is nil [K]
    settled_k: Col  # (n,)
    columns: Mapping[str, Col]  # (n, 1) each [unit of the field]


class Belief(NamedTuple):
    """One-state house over steps of one length, n rows and H hours.

    State x [K] is the slow part of the air, as coolth while cooling and warmth while heating. x' = leak x + gain p + drift, and
    the mean departure from the bliss temperature over the step, positive on the side of too much, is
    c_x x + c_p p + c_0, the fast mode taken as settled.
    """

    leak: Col  # (n,)
    gain_k_kw: Col  # (n, H)
    drift_k: Col  # (n, H)
    c_x: Col  # (n,)
    c_p: Col  # (n, H)
    c_0: Col  # (n, H)
