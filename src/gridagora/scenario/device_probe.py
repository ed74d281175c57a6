"""Devices from outside, tried on the homes of a scene before anything runs: hours of orders, and what they say of them.

The kinds of the package are held to the laws of `tests/devices`; one of a plugin is held to the same here: shapes,
finite numbers, signs, the account of its store, power within its belief, and an answer of the bound that is proved.
What it is tried on is a group of its own, which is thrown away.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.device import (
    Beside,
    Blocks,
    BoundPart,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Metered,
    Moment,
    Setting,
    Window,
)
from gridagora.core.errors import FAULTS, Problem, describe_error
from gridagora.core.ports import DeviceGroup
from gridagora.core.registry import Entry, entries
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.stores.table import Stores
from gridagora.scenario import fit, plugins
from gridagora.scenario.plugins import Plugin

HOURS = 3  # of the trial
TOLERANCE = 1e-6  # kW, kWh and $
PRICES_PER_KWH = (0.02, 0.10, 0.50)  # of the hours of the trial
FREE_SHARE = 0.2  # of rows that are left to their own switch while others are ordered
ORDERS_KW = (-50.0, -3.0, 0.0, 0.4, 3.0, 50.0)


class Odd(Exception):
    """What a method returned in place of what was expected."""

    def __init__(self, got: str, expected: str) -> None:
        super().__init__(got)
        self.got, self.expected = got, expected


class Trial(NamedTuple):
    """A group of devices at the start of a run, and what its methods are given."""

    group: DeviceGroup
    homes: int
    dt_h: float

    @property
    def rows(self) -> int:
        """Devices of the group."""
        return len(self.group.home)

    @property
    def moments(self) -> list[Moment]:
        """Intervals of the trial."""
        per = round(1 / self.dt_h)
        return [
            Moment(i // per, 3600.0 * i * self.dt_h, self.dt_h, (i % per + 1) / per)
            for i in range(HOURS * per)
        ]


def problems(setting: Setting, plugged: Sequence[Plugin]) -> list[Problem]:
    """Return what is wrong with the devices of plugins that homes own, each by kind and method."""
    found = []
    for entry in entries("device"):
        if entry.outside:
            where = f"device '{entry.name}' of {plugins.origin(entry, plugged)}"
            found += _tried(entry, setting, where)
    return found


def _tried(entry: Entry, setting: Setting, where: str) -> list[Problem]:
    """Return the first problem of a kind of device: what follows one would follow from it."""
    made: list[DeviceGroup] = []
    first = _probe(where, "of(setting)", lambda: made.extend(_group(entry.part.of(setting))))
    if first or not made:
        return first
    trial = Trial(made[0], len(setting.homes.home_id), setting.dt_h)
    checks: Mapping[str, Callable[[Trial], object]] = {
        "home": _home,
        "stored_kwh()": lambda t: _numbers(t.group.stored_kwh(), (t.rows,)),
        "observe(now)": _observed,
        "believe(window)": lambda t: _believed(t, HOURS),
        "planned_kw(window, price_per_kwh)": _planned,
        "tender(now, rows)": _tendered,
        "rated_kva()": _rated,
        "bound(blocks)": _bounded,
        "step(p_target_kw, now, beside)": lambda t: _lived(t, entry.part.of(setting)),
    }
    for method, check in checks.items():
        if found := _probe(where, method, lambda check=check: check(trial)):  # type: ignore[misc]
            return found
    return []


def _probe(where: str, method: str, call: Callable[[], object]) -> list[Problem]:
    place = f"{where}: {method}"
    try:
        call()
    except Odd as odd:
        return [Problem(place, odd.got, odd.expected)]
    except FAULTS as fault:  # code of a plugin may raise anything
        return [
            Problem(place, f"an error, {describe_error(fault)}", "what the port DeviceGroup says")
        ]
    return []


def _group(made: Any) -> list[DeviceGroup]:
    """Return the group in a list, an empty one where no home owns such a device."""
    if made is None:
        return []
    lacking = fit.lacking(made, DeviceGroup, "of")
    if lacking:
        raise Odd(
            f"{type(made).__name__} with {lacking[0].got}",
            "a DeviceGroup, or None where no home owns one",
        )
    return [made]


def _numbers(values: Any, shape: tuple[int, ...], name: str = "", *, nan: bool = False) -> Col:
    """Return an array of finite numbers of a shape."""
    what, of = f"{name} " if name else "", f"an array of numbers of shape {shape}"
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        kind = (
            f"an array of {values.dtype.name}"
            if isinstance(values, np.ndarray)
            else type(values).__name__
        )
        raise Odd(f"{what}{kind}", of)
    if values.shape != shape:
        raise Odd(f"{what}shape {values.shape}", f"shape {shape}")
    bad = np.argwhere(np.isinf(values) if nan else ~np.isfinite(values))
    if len(bad):
        raise Odd(f"{what}{values[tuple(bad[0])]} in row {bad[0][0]}", "finite numbers")
    return values


def _rows(values: Any, count: int, name: str) -> Index:
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iu":
        kind = (
            f"an array of {values.dtype.name}"
            if isinstance(values, np.ndarray)
            else type(values).__name__
        )
        raise Odd(f"{name} {kind}", "an array of whole numbers, one dimension")
    if values.size and not 0 <= values.min() <= values.max() < count:
        raise Odd(
            f"{name} {values.min() if values.min() < 0 else values.max()}",
            f"rows from 0 to {count - 1}",
        )
    return values


def _home(trial: Trial) -> None:
    _rows(trial.group.home, trial.homes, "home")


def _observed(trial: Trial) -> None:
    read = trial.group.observe(trial.moments[0])
    if not isinstance(read, Mapping):
        raise Odd(
            type(read).__name__, "a mapping of names to arrays, empty where nothing can be read"
        )
    for name, column in read.items():
        _numbers(column, (trial.rows,), str(name))


def _believed(trial: Trial, hours: int) -> GroupBelief:
    found = trial.group.believe(Window(0, hours, PRICES_PER_KWH[1]))
    if not isinstance(found, GroupBelief):
        raise Odd(type(found).__name__, "a GroupBelief")
    rows = _rows(found.rows, trial.rows, "rows")
    if len(np.unique(rows)) != len(rows):
        raise Odd("a row twice", "each row once")
    _stores(found.stores, len(rows), hours)
    if found.draws is not None:
        draws = found.draws[slice(0, len(rows))]
        _numbers(draws, (len(rows), *np.shape(draws)[1:2], hours), "draws")
    return found


def _stores(found: Any, rows: int, hours: int) -> Stores:
    if not isinstance(found, Stores):
        raise Odd(type(found).__name__, "a table made by stores or storeless")
    for name, column in found._asdict().items():
        shape = {"x0": (rows,), "dt_h": (hours,)}.get(name, (rows, hours))
        if not name.startswith("end_"):
            _numbers(column, shape, name)
    for low, high in (("p_min_kw", "p_max_kw"), ("x_min", "x_max")):
        least, most = found._asdict()[low], found._asdict()[high]
        if (least > most).any():
            row = int(np.argwhere(least > most)[0][0])
            raise Odd(
                f"{low} {least[row].max():g} above {high} {most[row].min():g} in row {row}",
                f"{low} of at most {high}",
            )
    return found


def _planned(trial: Trial) -> None:
    if trial.group.about.is_valued:
        return
    rows = _believed(trial, HOURS).rows
    _numbers(
        trial.group.planned_kw(Window(0, HOURS, 0.0), np.array(PRICES_PER_KWH)), (len(rows), HOURS)
    )


def _tendered(trial: Trial) -> None:
    rows = _believed(trial, HOURS).rows
    found = trial.group.tender(trial.moments[0], rows)
    if trial.group.about.is_valued:
        if isinstance(found, Curves):
            return _curves(found, len(rows))
        _stores(found, len(rows), 1)
        return None
    if not isinstance(found, Curves):
        raise Odd(type(found).__name__, "Curves, for a kind whose is_valued is False")
    return _curves(found, len(rows))


def _curves(found: Curves, rows: int) -> None:
    offset = _numbers(found.offset, (rows + 1,), "offset")
    points = int(offset[-1])
    p_kw, price = (
        _numbers(column, (points,), name)
        for name, column in zip(Curves._fields[1:], found[1:], strict=True)
    )
    for start, stop in pairwise(offset.tolist()):
        if (
            stop <= start
            or (np.diff(p_kw[start:stop]) < 0).any()
            or (np.diff(price[start:stop]) > 0).any()
        ):
            raise Odd(
                "points that are not in order, or none",
                "for each row rising powers at falling prices",
            )


def _rated(trial: Trial) -> None:
    if (
        trial.group.about.has_inverter
        and (_numbers(trial.group.rated_kva(), (trial.rows,)) < 0).any()
    ):
        raise Odd("a rating below 0", "ratings of at least 0 kVA")


def _bounded(trial: Trial) -> None:
    """Hold the answer of the bound to its shapes and its proof: what it costs is never below what it bounds."""
    group, blocks = trial.group, Blocks(4, np.repeat(np.arange(HOURS), 4), 15, 0.1)
    b = len(blocks.hour)
    part = group.bound(blocks)
    if not isinstance(part, BoundPart):
        raise Odd(type(part).__name__, "a BoundPart")
    least, most, reach = (
        _numbers(part._asdict()[name], (b,), name) for name in ("least_kw", "most_kw", "reach_kw")
    )
    if (least > most + TOLERANCE).any() or (most > reach + TOLERANCE).any():
        raise Odd(
            "least_kw above most_kw, or most_kw above reach_kw",
            "least_kw of at most most_kw of at most reach_kw",
        )
    price = np.repeat(PRICES_PER_KWH, 4)
    answer = part.answer(price, 1)
    if not isinstance(answer, Answer):
        raise Odd(f"an answer of {type(answer).__name__}", "an Answer")
    k = len(answer.p_kw)
    p_kw, own = _numbers(answer.p_kw, (k, b), "p_kw"), _numbers(answer.own_usd, (k,), "own_usd")
    if (
        own + p_kw @ price / blocks.blocks_h
        < _numbers(answer.bound_usd, (k,), "bound_usd") - TOLERANCE
    ).any():
        raise Odd(
            "an answer that costs less than its bound_usd",
            "bound_usd, the least that any schedule costs",
        )
    total = p_kw.sum(0)
    if ((total < least - TOLERANCE) | (total > most + TOLERANCE)).any():
        raise Odd("an answer beyond least_kw and most_kw", "power between them in every block")
    _numbers(
        np.asarray(group.orders_kw(p_kw, len(trial.moments), trial.dt_h)),
        (trial.rows, len(trial.moments)),
        "orders_kw",
    )


def _lived(trial: Trial, free: DeviceGroup) -> None:
    """Step the group by orders of every size and sign, another by its own switch, and hold both to what they say."""
    about, rng = trial.group.about, np.random.default_rng(0)
    for group, ordered in ((trial.group, True), (free, False)):
        power: list[Col] = []
        series: dict[str, list[Col]] = {name: [] for name in about.series}
        for now in trial.moments:
            asked = rng.choice(ORDERS_KW, trial.rows) if ordered else np.full(trial.rows, np.nan)
            asked[rng.random(trial.rows) < FREE_SHARE] = np.nan  # rows that follow their own switch
            least, most = _offered(group, now, asked)
            beside = Beside(np.ones(trial.homes), np.zeros(trial.homes), None, True)
            got = _stepped(group, asked if ordered else None, now, beside, trial.rows)
            beyond = np.flatnonzero((got.p_kw < least - TOLERANCE) | (got.p_kw > most + TOLERANCE))
            if len(beyond):
                row = beyond[0]
                said = (
                    f"{least[row]:g} to {most[row]:g} kW, what it tendered (withdrawal is positive)"
                )
                raise Odd(f"{got.p_kw[row]:g} kW at the meter in row {row}", said)
            if about.is_generation and (got.p_kw > TOLERANCE).any():
                expected = "power of at most 0: what a device gives is below zero"
                raise Odd(f"{got.p_kw.max():g} kW of a kind that generates", expected)
            power.append(got.p_kw.copy())
            for name in about.series:
                series[name].append(got.series[name].copy())
            is_over = len(power) == len(trial.moments)
            if is_over or len(power) == 1:  # a run that is taken step by step asks within an hour
                columns = {name: np.array(values).T for name, values in series.items()}
                home_kw = np.zeros((trial.homes, len(power)))
                np.add.at(home_kw, group.home, np.array(power).T)
                lived = DeviceRecord(home_kw, columns, trial.dt_h, is_over)
                _probe_outcome(group.feel(lived), trial.homes, len(power))


def _offered(group: DeviceGroup, now: Moment, asked: Col) -> tuple[Col, Col]:
    """Return the least and most power of every row (r,) in an interval [kW]: what those tender that are ordered, else any."""
    rows = group.believe(Window(now.hour, 1)).rows
    offered = group.tender(now, rows)
    least, most = np.full(len(asked), -np.inf), np.full(len(asked), np.inf)
    if isinstance(offered, Curves):
        least[rows], most[rows] = (
            offered.p_kw[offered.offset[:-1]],
            offered.p_kw[offered.offset[1:] - 1],
        )
    else:
        least[rows], most[rows] = offered.p_min_kw[:, 0], offered.p_max_kw[:, 0]
    is_free = np.isnan(asked)
    return np.where(is_free, -np.inf, least), np.where(is_free, np.inf, most)


def _stepped(
    group: DeviceGroup, asked: Col | None, now: Moment, beside: Beside, rows: int
) -> Metered:
    before = group.stored_kwh().copy()
    got = group.step(asked, now, beside)
    if not isinstance(got, Metered):
        raise Odd(type(got).__name__, "a Metered")
    _numbers(got.p_kw, (rows,), "p_kw")
    if set(got.series) != set(group.about.series):
        raise Odd(
            f"series {', '.join(got.series) or 'none'}",
            f"those that about names: {', '.join(group.about.series) or 'none'}",
        )
    for name, column in got.series.items():
        _numbers(column, (rows,), name, nan=True)
    added = _numbers(group.stored_kwh(), (rows,), "stored_kwh") - before
    missed = np.abs(added - _numbers(got.stored_kwh, (rows,), "stored_kwh"))
    if (missed > TOLERANCE).any():
        row = int(missed.argmax())
        expected = f"{added[row]:g} kWh, by which stored_kwh() of row {row} changed"
        raise Odd(f"a Metered whose stored_kwh is {got.stored_kwh[row]:g} kWh", expected)
    return got


def _probe_outcome(found: Any, homes: int, intervals: int) -> None:
    if not isinstance(found, DeviceOutcome):
        raise Odd(f"feel(lived) of {type(found).__name__}", "a DeviceOutcome")
    _numbers(found.left_kwh, (homes,), "feel(lived): left_kwh")
    for name, column in {**found.device_usd, **found.felt}.items():
        _numbers(column, (homes,), f"feel(lived): {name}", nan=True)
    for name, series in found.series.items():
        _numbers(np.asarray(series), (homes, intervals), f"feel(lived): {name}", nan=True)


def setting_of(homes: Homes, local_hour: Index, keys: Any) -> Setting:
    """Return what groups of a scene are made of; `local_hour` is (H,) [h of day], `keys` its `scenario.schema.Scenario`."""
    market, comfort = keys.market, keys.comfort
    return Setting(
        homes,
        local_hour,
        market.interval_minutes / 60,
        comfort.value_per_k2_h,
        comfort.reference_per_kwh,
        market.dispatch,
        market.rest_minutes,
        market.forecast == "perfect",
        np.zeros(len(homes.home_id), np.int64),
    )
