"""Where homes stand on a feeder, and what its other meters draw."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gridagora.core.feeder import Feeder
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Index
from gridagora.core.voltage_dependence import with_constant
from gridagora.population.customers import customers_of
from gridagora.scenario.schema import Scenario

# Feeder files give ratings, no hours: loads that are no homes follow office hours.
OPEN_H = (8, 18)
CLOSED_SHARE = 0.35
SATURDAY = 5
# Homes that nobody simulates: a day with its peak in the evening, of the rating, for loads without a shape of their own.
HOME_DAY = np.array(
    [.38, .33, .30, .29, .30, .34, .42, .48, .46, .43, .43, .45, .47, .49, .53, .60, .72, .86, .97, 1.0, .96, .85, .68, .50]
)  # fmt: skip


def places_by_seed(feeder: Feeder, scenario: Scenario) -> Index:
    """Return the p places for homes as meters, shape (p,), in the order in which homes take them, a draw of the seed."""
    customers = customers_of(feeder)
    free = np.repeat(np.arange(len(customers)), customers)
    return stream(scenario.scenario.seed, "home_meter").permutation(free).astype(np.int64)


def own_meters(places: Index, home_id: Sequence[str], feeder: Feeder) -> Index:
    """Return the meter of each home, shape (n,): that of its own name where there is one, else the next of the places."""
    free = {feeder.meters.name[meter].lower(): int(meter) for meter in places}
    own = [free.pop(name.lower(), -1) for name in home_id]
    taken = np.bincount([meter for meter in own if meter >= 0], minlength=len(feeder.meters.name))
    rest = []
    for meter in places:
        if taken[meter]:
            taken[meter] -= 1
        else:
            rest.append(int(meter))
    left = iter(rest)
    return np.array([meter if meter >= 0 else next(left) for meter in own], dtype=np.int64)


def other_kw(feeder: Feeder, scenario: Scenario, home_meter: Index, hours: int) -> Col:
    """Return the load of everybody who is no simulated home, shape (hours, j) [kW].

    Homes short of meters leave their meters at their own load; loads that are no homes follow their own shape where they have
    one; of the rest those below zero feed in all the time, others follow office hours at `other_peak_share` of their rating.
    """
    start = scenario.scenario.start
    homes = customers_of(feeder) > 0
    shaped = ~homes & (feeder.meters.shape >= 0) if feeder.meters.shape.size else homes & False
    drawing = np.where(homes | shaped, 0.0, feeder.meters.p_kw.clip(min=0))
    office = other_load_kw(scenario.feeder.other_peak_share * drawing, hours, start.weekday())
    feeding = np.where(homes | shaped, 0.0, feeder.meters.p_kw.clip(max=0))
    own_kw = np.where(shaped, 1.0, left_share(feeder, home_meter)) * feeder.meters.p_kw
    first_h = 24 * (start.timetuple().tm_yday - 1)
    return office + feeding[None, :] + own_kw[None, :] * _home_shape(feeder, first_h, hours)


def keep_load_models(feeder: Feeder, scenario: Scenario, home_meter: Index) -> Feeder:
    """Return the feeder in which meters of homes draw what homes need at any voltage; others as `load_models` says.

    The power of a home comes from its devices, which hold their energy whatever the voltage; so does its bill.
    `home_meter` is the meter of each home, shape (n,).
    """
    loads = feeder.loads
    of_homes = np.isin(loads.meter, home_meter)
    rows = of_homes if scenario.feeder.load_models == "source" else np.ones(len(of_homes), np.bool_)
    kept = with_constant(loads.dependence, rows)
    return replace(feeder, loads=loads._replace(dependence=kept))


def left_share(feeder: Feeder, home_meter: Index) -> Col:
    """Return the share of each meter's customers that no home stands for, shape (j,)."""
    customers = customers_of(feeder)
    placed = np.bincount(home_meter, minlength=len(customers))
    share: Col = (customers - placed).clip(min=0) / np.maximum(customers, 1)
    return share


def _home_shape(feeder: Feeder, first_h: int, hours: int) -> Col:
    """Return the load of each meter over its rating, shape (hours, j): its own shape, or the day of a home."""
    hour = np.arange(first_h, first_h + hours)
    shape = np.repeat(HOME_DAY[hour % 24][:, None], len(feeder.meters.name), axis=1)
    for row, share in enumerate(feeder.shape_share):
        shape[:, feeder.meters.shape == row] = share[hour % len(share)][:, None]
    return shape


def other_load_kw(peak_kw: Col, hours: int, weekday: int) -> Col:
    """Load of the meters that are no homes, shape (hours, j) [kW]: `peak_kw` (j,) in office hours, a share of it otherwise.

    Feeder files give ratings and no calendar; `weekday` is that of the first day, Monday 0.
    """
    hour = np.arange(hours)
    workday = (weekday + hour // 24) % 7 < SATURDAY
    office = workday & (hour % 24 >= OPEN_H[0]) & (hour % 24 < OPEN_H[1])
    return np.where(office, 1.0, CLOSED_SHARE)[:, None] * peak_kw[None, :]
