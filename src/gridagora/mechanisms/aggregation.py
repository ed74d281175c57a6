"""What many devices can do together: answers that add up, fleets of cars, on/off fleets with a bound, virtual batteries.

Theory 4.6.

Under one price vector the sum of best answers is the best answer of the sum, whatever the sets (the support function of a sum
of sets is the sum of support functions), so a market by price needs no set of the aggregate. These are for those who want one.

References
----------
H. Hao, B. M. Sanandaji, K. Poolla, T. L. Vincent, Aggregate flexibility of thermostatically controlled loads, IEEE Trans.
Power Syst. 30 (2015), doi 10.1109/TPWRS.2014.2328865: virtual batteries (here in discrete time).
J. Edmonds, Submodular functions, matroids, and certain polyhedra (1970): greedy answers on polymatroids, ranks that add.
L. S. Shapley, J. W. Folkman, in R. M. Starr, Quasi-equilibria in markets with non-convex preferences, Econometrica 37 (1969).
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col, Index


def fill_greedily(upper_kwh: Col, energy_kwh: Col, worth_per_kwh: Col) -> Col:
    """Return the best filling of cars: the slots of highest worth first.

    Parameters
    ----------
    upper_kwh
        What each car can take in each slot, shape (n, T) [kWh].
    energy_kwh
        What each car must get in all, shape (n,) [kWh].
    worth_per_kwh
        Worth of a slot, shape (T,) [$/kWh]; minus the price.

    Returns
    -------
    Col
        Shape (n, T) [kWh]. Its sum over cars is the best point of the whole fleet, an aggregate polymatroid of `fleet_rank`.

    Raises
    ------
    PartError
        A car that cannot take its energy.
    """
    short = np.flatnonzero(upper_kwh.sum(axis=1) < energy_kwh * (1 - 1e-12))
    if len(short):
        row = short[0]
        raise PartError(
            f"car {row}: needs {energy_kwh[row]} kWh, its slots take {upper_kwh[row].sum()} kWh"
        )
    order = np.argsort(-worth_per_kwh, kind="stable")
    room = np.cumsum(upper_kwh[:, order], axis=1)
    filled = np.minimum(room, energy_kwh[:, None])
    answer = np.empty_like(upper_kwh)
    answer[:, order] = np.diff(filled, axis=1, prepend=0.0)
    return answer


def fleet_rank(upper_kwh: Col, energy_kwh: Col, slots: Index) -> float:
    """Return the most energy a fleet can take within some slots [kWh]: ranks of the cars add, and say all about the sum.

    Each of n cars takes no more than upper_kwh (n, s) [kWh] in each of all slots, and energy_kwh (n,) [kWh] in all of them.
    """
    return float(np.minimum(upper_kwh[:, slots].sum(axis=1), energy_kwh).sum())


class Rounded(NamedTuple):
    """An on/off fleet with every device in one slot.

    `slot` (n,); `cost_usd`; `split`: devices that the shares had left undecided; `bound_usd`: the most the cost can exceed that
    of the shares, rise/2 times the sum of their squares of power.
    """

    slot: Index
    cost_usd: float
    split: int
    bound_usd: float


def round_fleet(
    share: Col, own_usd: Col, power_kw: Col, base_kw: Col, price_per_kw: float, rise: float
) -> Rounded:
    """Round shares of slots to one slot a device, one undecided device after another, each to its least expected cost.

    The supply of slot t costs price q + rise/2 q^2 for its power q. Every choice is at most the mean over the device's shares,
    so rounding costs at most rise/2 sum P^2 over the undecided devices (conditional expectations). A vertex of the relaxed
    problem leaves at most T of them.

    Parameters
    ----------
    share
        Relaxed answer, shape (n, T), rows sum to one.
    own_usd
        Own cost of each device in each slot, shape (n, T) [$].
    power_kw, base_kw
        Power of the devices, (n,), and of all else, (T,) [kW].
    price_per_kw, rise
        Supply: price at no power [$ per kW and slot] and its rise [$ per kW^2 and slot].

    Raises
    ------
    PartError
        Shares of a device that do not sum to one.
    """
    off = np.flatnonzero(np.abs(share.sum(axis=1) - 1) > 1e-6)
    if len(off):
        raise PartError(f"device {off[0]}: its shares sum to {share[off[0]].sum()}, expected 1")
    split = np.flatnonzero(((share > 1e-7) & (share < 1 - 1e-7)).any(axis=1))
    slot, q = share.argmax(axis=1), base_kw + power_kw @ share
    for i in split:
        p = power_kw[i]
        q = q - p * share[i]
        open_slots = share[i] > 1e-7
        extra = own_usd[i] + price_per_kw * p + rise * (q * p + 0.5 * p**2)
        slot[i] = int(np.argmin(np.where(open_slots, extra, np.inf)))
        q[slot[i]] += p
    q = base_kw + np.bincount(slot, power_kw, len(base_kw))
    cost = own_usd[np.arange(len(slot)), slot].sum() + price_per_kw * q.sum() + 0.5 * rise * (q @ q)
    return Rounded(slot, float(cost), len(split), float(0.5 * rise * np.sum(power_kw[split] ** 2)))


def rounding_bound_usd(power_kw: Col, rise: float, slots: int) -> float:
    """Return, before anything is solved, the most that rounding a vertex costs: rise/2 times the sum of the T largest P^2 [$].

    P is the power of each device, (n,) [kW].
    """
    return float(0.5 * rise * np.sum(np.sort(power_kw**2)[::-1][:slots]))


class VirtualBattery(NamedTuple):
    """x' = pole x - u with |x| <= capacity_kwh and -down_kw <= u <= up_kw (u in kWh a step)."""

    pole: float
    capacity_kwh: float
    down_kw: float
    up_kw: float


def virtual_battery(
    pole: Col, capacity_kwh: Col, down_kw: Col, up_kw: Col
) -> tuple[VirtualBattery, VirtualBattery]:
    """Return an inner and an outer battery of a fleet: what it surely can do, and what it surely cannot exceed.

    Each device, (n,) each [1], [kWh], [kW], has the form of `VirtualBattery`; the inner one is shared by capacity. One kind of
    device makes both equal; the more the poles differ, the wider apart they are.

    Raises
    ------
    PartError
        A pole outside 0 to 1 (1 excluded).
    """
    wrong = np.flatnonzero(~((pole >= 0) & (pole < 1)))
    if len(wrong):
        raise PartError(f"device {wrong[0]}: pole {pole[wrong[0]]}, expected 0 or more and below 1")
    mean, part = float(pole.mean()), capacity_kwh / capacity_kwh.sum()
    away = np.abs(pole - mean)
    inner = VirtualBattery(
        mean,
        float(np.min(capacity_kwh / (part * (1 + away / (1 - pole))))),
        float(np.min(down_kw / part)),
        float(np.min(up_kw / part)),
    )
    outer = VirtualBattery(
        mean,
        float(np.sum(capacity_kwh * (1 + away / (1 - mean)))),
        float(down_kw.sum()),
        float(up_kw.sum()),
    )
    return inner, outer
