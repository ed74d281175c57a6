"""What a nodal market of reactive power left: who gave, at which price, and what the network was without it and with it."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col

WITHOUT, WITH = "no market", "nodal market"  # names of cases


class NetworkCase(NamedTuple):
    """The network of a run in one case: the same active power of homes, reactive power of inverters as the case has it."""

    name: str
    losses_kwh: float
    v_min_pu: float  # of any home in any interval
    v_max_pu: float
    outside_pu_h: float  # what voltages of homes are outside their band, over homes and intervals
    taps_moved: float  # of regulators, up and down; nan where no controls move
    steps_moved: float  # of capacitor banks, on and off


class ReactiveMarket(NamedTuple):
    """Reactive power cleared at every meter, n homes and t intervals; withdrawal positive.

    A home without an inverter has neither power nor price: zeros.
    """

    given_kvar: Col  # (n, t)
    price_per_kvarh: (
        Col  # (n, t) what a home pays for a kvarh it draws; below zero it is paid to draw
    )
    paid_usd: Col  # (n,) to each home
    loss_usd: float  # of energy that inverters lose over it, at the price homes saw
    loss_kwh: float
    saved_usd: float  # by the operator's measure, priced limits included, less what inverters lose
    unsettled: int  # intervals in which the model and the exact flow did not come to agree
    declined: (
        int  # intervals in which the exact flow costs less without the market: it buys nothing
    )
    cases: tuple[NetworkCase, ...]  # without the market first


def traded_kvarh(side: ReactiveMarket, dt_h: float) -> float:
    """Return the reactive energy that homes gave for money, either way [kvarh]."""
    return float(np.abs(side.given_kvar).sum() * dt_h)
