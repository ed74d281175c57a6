"""Which loads of a feeder are homes: by power, phases, voltage, number of customers and pairs of legs, not by name."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridagora.core.feeder import GROUND, Feeder
from gridagora.core.tables import Col, Flag, Index

# A home is served at 100 to 240 V; IEC 60038 lets that rise by 10 %. 277 V of a 480 V service is shops and lighting.
HOME_V = 264.0
# Half of what a 200 A service at 240 V carries: a home draws less than 25 kW even when it heats and charges at once.
HOME_KW = 25.0
SERVICE_KW = (
    48.0  # that whole service: the most where the source says in words that the load is residential
)
LEG_V = 140.0  # between a leg of a centre-tapped service and its neutral, 120 V and 10 % more, with room for a raised tap
OPPOSITE = 0.2  # of a leg's voltage: two legs add up to less than this
FEEDS, NOTHING, NAMED = (
    "feeds power in",
    "draws nothing",
    "commercial or industrial by its name or shape",
)
PHASES, VOLTS = "on three phases", f"above {HOME_V:g} V"
POWER = f"above {HOME_KW:g} kW a customer ({SERVICE_KW:g} kW where called residential)"
MANY = "several customers on one meter"


def classified(
    feeder: Feeder, customers: Index, phases: Index, commercial: Flag, residential: Flag
) -> Feeder:
    """Return the feeder with its homes: customers of each meter, why the others stay loads, pairs of legs of one home.

    Parameters
    ----------
    customers
        Customers that the source states for each meter, shape (j,); 1 where it says nothing.
    phases
        Phases of each meter, shape (j,).
    commercial
        Meters that the source calls commercial or industrial, shape (j,).
    residential
        Meters that the source calls residential, shape (j,).
    """
    across = np.zeros(len(feeder.meter_name))
    np.maximum.at(across, feeder.load_meter, _across_v(feeder))
    each_kw = feeder.meter_kw / np.maximum(customers, 1)
    several = customers > 1  # who states the number of customers has said what the load is
    rules = (
        (feeder.meter_kw < 0, FEEDS),
        (feeder.meter_kw == 0, NOTHING),
        (commercial, NAMED),
        (each_kw > np.where(residential, SERVICE_KW, HOME_KW), POWER),
        (~several & (phases > 2), PHASES),
        (~several & (across > HOME_V), VOLTS),
    )
    stays = np.select([rule for rule, _ in rules], [reason for _, reason in rules], "")
    homes = np.where(stays == "", np.maximum(customers, 1), 0)
    return replace(
        feeder,
        meter_is_home=homes > 0,
        meter_customers=homes.astype(np.int64),
        meter_stays=tuple(str(reason) for reason in stays),
        leg_pairs=_leg_pairs(feeder, homes),
    )


def settled(feeder: Feeder, on: str) -> Feeder:
    """Return the feeder with pairs of legs joined to one meter, and homes where `on` puts them.

    'customers' puts a home for each customer of a residential load, 'meters' only on loads of one customer, 'all' on every
    load that draws power. Doing it again changes nothing.
    """
    feeder = joined(feeder)
    customers = customers_of(feeder)
    stays = np.array(feeder.meter_stays or [""] * len(customers), dtype=object)
    if on == "meters":
        stays[customers > 1] = MANY
        customers = np.where(customers > 1, 0, customers)
    elif on == "all":
        draws = feeder.meter_kw > 0
        stays[draws] = ""
        customers = np.where(draws, np.maximum(customers, 1), customers)
    return replace(
        feeder, meter_is_home=customers > 0, meter_customers=customers, meter_stays=tuple(stays)
    )


def customers_of(feeder: Feeder) -> Index:
    """Return the homes that each meter has room for, shape (j,); a feeder that does not say has one on each home meter."""
    said = feeder.meter_customers
    return said if said.size else np.where(feeder.meter_is_home, 1, 0).astype(np.int64)


def joined(feeder: Feeder) -> Feeder:
    """Return the feeder in which the two loads of a customer, one on each leg, are one meter on both legs."""
    if not len(feeder.leg_pairs):
        return feeder
    count = len(feeder.meter_name)
    first, second = feeder.leg_pairs.T
    kept = np.setdiff1d(np.arange(count), second)
    row = np.full(count, -1)
    row[kept] = np.arange(len(kept))
    row[second] = row[first]
    kw, names = feeder.meter_kw.copy(), list(feeder.meter_name)
    kw[first] += kw[second]
    for a, b in feeder.leg_pairs:
        names[a] = f"{names[a]}+{names[b]}"
    return replace(
        feeder,
        load_meter=row[feeder.load_meter],
        meter_name=tuple(names[at] for at in kept),
        meter_bus=feeder.meter_bus[kept],
        meter_kw=kw[kept],
        meter_is_home=feeder.meter_is_home[kept],
        meter_customers=customers_of(feeder)[kept],
        meter_stays=tuple(feeder.meter_stays[at] for at in kept),
        meter_shape=feeder.meter_shape[kept] if feeder.meter_shape.size else feeder.meter_shape,
        leg_pairs=np.zeros((0, 2), np.int64),
    )


def _across_v(feeder: Feeder) -> Col:
    """Voltage without load between the two nodes of each load row, shape (k,) [V]."""
    v = np.append(feeder.v_no_load, 0.0)  # earth is the last, and GROUND is -1
    across: Col = np.abs(v[feeder.load_from] - v[feeder.load_to])
    return across


def _leg_pairs(feeder: Feeder, homes: NDArray[Any]) -> Index:
    """Return pairs of meters, shape (p, 2), on the two legs of one bus; where there are several, in the order of the source."""
    rows = np.bincount(feeder.load_meter, minlength=len(feeder.meter_name))
    v = np.append(feeder.v_no_load, 0.0)
    open_legs: dict[tuple[int, int], list[int]] = {}
    pairs = []
    for row, meter in enumerate(feeder.load_meter):
        start, end = int(feeder.load_from[row]), int(feeder.load_to[row])
        leg = v[start] - v[end]
        if (
            homes[meter] != 1
            or rows[meter] != 1
            or abs(leg) > LEG_V
            or (end != GROUND and abs(v[end]) > abs(leg) / 2)
        ):
            continue
        waiting = open_legs.setdefault((int(feeder.meter_bus[meter]), end), [])
        other = next((at for at in waiting if _one_home(feeder, v, at, row)), None)
        if other is None:
            waiting.append(row)
        else:
            waiting.remove(other)
            pairs.append((int(feeder.load_meter[other]), int(meter)))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _one_home(feeder: Feeder, v: NDArray[np.complex128], a: int, b: int) -> bool:
    """Whether two load rows stand on opposite legs and draw together what a home draws."""
    low = v[feeder.load_from[a]] - v[feeder.load_to[a]]
    high = v[feeder.load_from[b]] - v[feeder.load_to[b]]
    together = feeder.meter_kw[feeder.load_meter[a]] + feeder.meter_kw[feeder.load_meter[b]]
    return bool(abs(low + high) < OPPOSITE * abs(low) and together <= HOME_KW)
