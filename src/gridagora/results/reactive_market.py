"""What a nodal market of reactive power left: who gave, at which price, and what the network was without it and with it."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col

WITHOUT, VOLT_VAR, WITH = "no market", "volt-var", "nodal market"  # names of cases
NOTHING: Col = np.zeros(0)


class InverterUse(NamedTuple):
    """What inverters of homes do for reactive power over a run in one case, and what it is worth."""

    reactive_kvarh: float = 0.0  # either way
    paid_usd: float = 0.0  # to homes
    inverter_loss_kwh: float = 0.0
    inverter_loss_usd: float = 0.0  # at the price homes saw
    curtailed_kwh: float = 0.0  # active power of panels that gives way
    curtailed_usd: float = 0.0  # at the same price
    saved_usd: float = 0.0  # against no market, by the operator's measure, priced limits included, less what inverters lose


class NetworkCase(NamedTuple):
    """The network of a run in one case: the same active power of homes, reactive power of inverters as the case has it."""

    name: str
    losses_kwh: float
    losses_usd: float  # at the wholesale price
    v_min_pu: float  # of any home in any interval
    v_max_pu: float
    outside_h: float  # time that homes are outside their band, over homes
    outside_pu_h: float  # what voltages of homes are outside their band, over homes and intervals
    taps_moved: float  # of regulators, up and down; nan where no controls move
    steps_moved: float  # of capacitor banks, on and off
    use: InverterUse = InverterUse()


class AgreedAhead(NamedTuple):
    """Reactive power that n homes agreed a day ahead for every hour of a run, nil where nothing is; withdrawal positive."""

    q_kvar: Col  # (n, h)
    price_per_kvarh: Col  # (n, h)
    paid_usd: Col = NOTHING  # (n,) for what was agreed
    deviation_usd: Col = NOTHING  # (n,) for what real time gave beside it
    deviation_kvarh: float = 0.0  # of that, either way


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
    cases: tuple[NetworkCase, ...]  # without the market first, with it last
    ahead: AgreedAhead | None = None  # where it clears at midnight as well
    given_up_kwh: float = 0.0  # active power of panels that gives way
    given_up_usd: float = 0.0  # at the price homes saw


def traded_kvarh(side: ReactiveMarket, dt_h: float) -> float:
    """Return the reactive energy that homes gave for money, either way [kvarh]."""
    return float(np.abs(side.given_kvar).sum() * dt_h)


def use_of(side: ReactiveMarket, dt_h: float) -> InverterUse:
    """Return what inverters did for a market, in intervals of so many hours."""
    return InverterUse(
        traded_kvarh(side, dt_h),
        float(side.paid_usd.sum()),
        side.loss_kwh,
        side.loss_usd,
        side.given_up_kwh,
        side.given_up_usd,
        saved_usd=side.saved_usd,
    )
