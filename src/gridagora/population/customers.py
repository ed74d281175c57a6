"""Which loads of a feeder are homes: by power, phases, voltage, number of customers and pairs of legs, not by name."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridagora.core.components import GROUND, Meters
from gridagora.core.feeder import Feeder
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


def classify_meters(
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
    across = np.zeros(len(feeder.meters.name))
    np.maximum.at(across, feeder.loads.meter, _across_v(feeder))
    each_kw = feeder.meters.p_kw / np.maximum(customers, 1)
    several = customers > 1  # who states the number of customers has said what the load is
    rules = (
        (feeder.meters.p_kw < 0, FEEDS),
        (feeder.meters.p_kw == 0, NOTHING),
        (commercial, NAMED),
        (each_kw > np.where(residential, SERVICE_KW, HOME_KW), POWER),
        (~several & (phases > 2), PHASES),
        (~several & (across > HOME_V), VOLTS),
    )
    stays = np.select([rule for rule, _ in rules], [reason for _, reason in rules], "")
    homes = np.where(stays == "", np.maximum(customers, 1), 0)
    meters = feeder.meters._replace(
        is_home=homes > 0,
        customers=homes.astype(np.int64),
        stays=tuple(str(reason) for reason in stays),
    )
    return replace(feeder, meters=meters, leg_pairs=_leg_pairs(feeder, homes))


def apply_pairs(feeder: Feeder, on: str) -> Feeder:
    """Return the feeder with pairs of legs joined to one meter, and homes where `on` puts them.

    'customers' puts a home for each customer of a residential load, 'meters' only on loads of one customer, 'all' on every
    load that draws power. Doing it again changes nothing.
    """
    feeder = join_legs(feeder)
    customers = customers_of(feeder)
    stays = np.array(feeder.meters.stays or [""] * len(customers), dtype=object)
    if on == "meters":
        stays[customers > 1] = MANY
        customers = np.where(customers > 1, 0, customers)
    elif on == "all":
        draws = feeder.meters.p_kw > 0
        stays[draws] = ""
        customers = np.where(draws, np.maximum(customers, 1), customers)
    return replace(
        feeder,
        meters=feeder.meters._replace(
            is_home=customers > 0, customers=customers, stays=tuple(stays)
        ),
    )


def customers_of(feeder: Feeder) -> Index:
    """Return the homes that each meter has room for, shape (j,); a feeder that does not say has one on each home meter."""
    said = feeder.meters.customers
    return said if said.size else np.where(feeder.meters.is_home, 1, 0).astype(np.int64)


def join_legs(feeder: Feeder) -> Feeder:
    """Return the feeder in which the two loads of a customer, one on each leg, are one meter on both legs."""
    if not len(feeder.leg_pairs):
        return feeder
    count = len(feeder.meters.name)
    first, second = feeder.leg_pairs.T
    kept = np.setdiff1d(np.arange(count), second)
    row = np.full(count, -1)
    row[kept] = np.arange(len(kept))
    row[second] = row[first]
    kw, names = feeder.meters.p_kw.copy(), list(feeder.meters.name)
    kw[first] += kw[second]
    for a, b in feeder.leg_pairs:
        names[a] = f"{names[a]}+{names[b]}"
    old = feeder.meters
    meters = Meters(
        name=tuple(names[at] for at in kept),
        bus=old.bus[kept],
        p_kw=kw[kept],
        is_home=old.is_home[kept],
        customers=customers_of(feeder)[kept],
        stays=tuple(old.stays[at] for at in kept),
        shape=old.shape[kept] if old.shape.size else old.shape,
    )
    loads = feeder.loads._replace(meter=row[feeder.loads.meter])
    return replace(feeder, loads=loads, meters=meters, leg_pairs=np.zeros((0, 2), np.int64))


def _across_v(feeder: Feeder) -> Col:
    """Voltage without load between the two nodes of each load row, shape (k,) [V]."""
    v = np.append(feeder.nodes.v_no_load, 0.0)  # earth is the last, and GROUND is -1
    across: Col = np.abs(v[feeder.loads.from_node] - v[feeder.loads.to_node])
    return across


def _leg_pairs(feeder: Feeder, homes: NDArray[Any]) -> Index:
    """Return pairs of meters, shape (p, 2), on the two legs of one bus; where there are several, in the order of the source."""
    rows = np.bincount(feeder.loads.meter, minlength=len(feeder.meters.name))
    v = np.append(feeder.nodes.v_no_load, 0.0)
    open_legs: dict[tuple[int, int], list[int]] = {}
    pairs = []
    for row, meter in enumerate(feeder.loads.meter):
        start, end = int(feeder.loads.from_node[row]), int(feeder.loads.to_node[row])
        leg = v[start] - v[end]
        if (
            homes[meter] != 1
            or rows[meter] != 1
            or abs(leg) > LEG_V
            or (end != GROUND and abs(v[end]) > abs(leg) / 2)
        ):
            continue
        waiting = open_legs.setdefault((int(feeder.meters.bus[meter]), end), [])
        other = next((at for at in waiting if _one_home(feeder, v, at, row)), None)
        if other is None:
            waiting.append(row)
        else:
            waiting.remove(other)
            pairs.append((int(feeder.loads.meter[other]), int(meter)))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _one_home(feeder: Feeder, v: NDArray[np.complex128], a: int, b: int) -> bool:
    """Whether two load rows stand on opposite legs and draw together what a home draws."""
    low = v[feeder.loads.from_node[a]] - v[feeder.loads.to_node[a]]
    high = v[feeder.loads.from_node[b]] - v[feeder.loads.to_node[b]]
    together = feeder.meters.p_kw[feeder.loads.meter[a]] + feeder.meters.p_kw[feeder.loads.meter[b]]
    return bool(abs(low + high) < OPPOSITE * abs(low) and together <= HOME_KW)
