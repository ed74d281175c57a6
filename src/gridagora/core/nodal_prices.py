"""Nodal prices of active and reactive power (distribution locational marginal prices), and the duals they follow from.

The price of power at a meter is what the cost of a step rises by when it draws a unit more, for an hour:

    energy       what that unit costs at the substation
    loss         what it adds to losses, at the price of the substation
    congestion   what it adds to currents and loadings, times the duals of their ratings
    voltage      what it moves voltages by, times the duals of their limits, and what inverters that follow voltage then give
                 less, at the price of the substation

References
----------
F. C. Schweppe, M. C. Caramanis, R. D. Tabors, R. E. Bohn, Spot pricing of electricity, Kluwer, 1988, doi
10.1007/978-1-4613-1683-1. L. Bai, J. Wang, C. Wang, C. Chen, F. Li, Distribution locational marginal pricing (DLMP) for
congestion management and voltage support, IEEE Trans. Power Systems 33, 2018, doi 10.1109/TPWRS.2017.2767632.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Index


class SourcePrices(NamedTuple):
    """Prices at the substation in t steps, shape (t,) each: of active power [$/kWh] and of reactive power [$/kvarh]."""

    per_kwh: Col
    per_kvarh: Col


class RowDuals(NamedTuple):
    """What a unit more of k limited magnitudes costs: above zero at their upper limit, below at their lower, 0 within.

    Magnitudes are named as rows of `Grid.limits` are: voltages [$/pu/h], currents of lines [$/A/h], loadings of transformers
    [$/kVAh]. Those not named are within their limits.
    """

    name: tuple[str, ...]  # (k,)
    per_unit_h: Col  # (t, k) [$/h] for a unit of each


class PriceParts(NamedTuple):
    """The parts of a price in t steps at x meters or nodes, shape (t, x) each [$/kWh] or, of reactive power, [$/kvarh].

    nan in a step without a flow, and at a node that carries no phase.
    """

    energy: Col
    loss: Col
    congestion: Col
    voltage: Col


class NodalPrices(NamedTuple):
    """Prices of t steps at j meters, and at m nodes: of power drawn between the phase and earth.

    `rounds` (t,) counts the walks through the factors that they took, all right sides together; 0 where there is no price.
    """

    p: PriceParts  # at meters [$/kWh]
    q: PriceParts  # at meters [$/kvarh]
    node_p: PriceParts
    node_q: PriceParts
    rounds: Index


def network_part(parts: PriceParts) -> Col:
    """Return what a price is above that of energy at the substation, shape (t, x) [$/kWh] or [$/kvarh]."""
    return np.asarray(parts.loss + parts.congestion + parts.voltage)


def total_price(parts: PriceParts) -> Col:
    """Return the price, shape (t, x) [$/kWh] or [$/kvarh]."""
    return np.asarray(parts.energy + network_part(parts))
