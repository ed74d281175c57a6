"""Faults of the tables a scenario is built from, whether they were read or made in code; each sentence names the row."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from gridagora.core.device import ANY, HOURLY, Column
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.registry import find
from gridagora.core.tables import LEAD_H, TAIL_H, Col, Homes, Index, Prices, Weather
from gridagora.grid import power_grid_model
from gridagora.grid.flow import solve
from gridagora.population.customers import customers_of
from gridagora.population.quality import TIERS
from gridagora.scenario.schema import Scenario
from gridagora.settlement.parties import SINGLE

HOUR_S = 3600
SHOWN = 3  # rows named of one fault before the rest is counted
QUALITY = ("slider_ratio", "tier_ratio", "deviation_per_kwh")
# What no place and no market has: a figure beyond was written in another unit.
MOST = {
    "t_out_degc": (-90.0, 60.0, "degC"),
    "ghi_w_m2": (0.0, 1500.0, "W/m2"),
    "dni_w_m2": (0.0, 1500.0, "W/m2"),
    "dhi_w_m2": (0.0, 1500.0, "W/m2"),
    "wind_m_s": (0.0, 120.0, "m/s"),
    "day_ahead_per_kwh": (-10.0, 10.0, "$/kWh"),
    "real_time_per_kwh": (-10.0, 10.0, "$/kWh"),
}
LOAD = Column("load_kw", (HOURLY,), 0.0)


def hours(days: int) -> int:
    """Return the number of hours of every series of a run of so many days."""
    return 24 * days + TAIL_H


def prices(table: Prices, start_s: int, days: int, where: str) -> list[Problem]:
    """Return the problems of a price table: wrong span, gaps, not a number. A negative price is none."""
    found: list[Problem] = []
    if table.start_s != start_s:
        found.append(
            Problem(
                f"{where}: prices",
                f"a start at {_when(table.start_s)}",
                f"the start of the run, {_when(start_s)}",
            )
        )
    for name, per_hour in (("day_ahead_per_kwh", 1), ("real_time_per_kwh", 4)):
        shape = (per_hour * (LEAD_H + hours(days)),)
        found += _series(
            getattr(table, name),
            shape,
            f"{where}: prices.{name}",
            start_s - LEAD_H * HOUR_S,
            HOUR_S // per_hour,
        )
    return found


def credit(keys: Scenario, table: Prices, where: str) -> list[Problem]:
    """Return the problem of an export credit that no tariff can pay: above the dearest cost, it is above the import price."""
    asked = keys.tariff.credit_per_kwh
    dearest = (
        table.real_time_per_kwh[4 * LEAD_H :].max(initial=-np.inf) + keys.prices.delivery_per_kwh
    )
    if asked is None or not asked > dearest:
        return []
    expected = f"at most the import price, which cannot exceed the dearest cost of the run, {dearest:.4f} $/kWh"
    return [
        Problem(
            f"{where}: [tariff] credit_per_kwh",
            f"{asked:g} $/kWh",
            expected,
            "Leave it out for net metering.",
        )
    ]


def weather(table: Weather, start_s: int, days: int, where: str) -> list[Problem]:
    """Return the problems of a weather table: wrong span, gaps, not a number."""
    found: list[Problem] = []
    if table.start_s != start_s:
        found.append(
            Problem(
                f"{where}: weather",
                f"a start at {_when(table.start_s)}",
                f"the start of the run, {_when(start_s)}",
            )
        )
    for name in Weather._fields[1:]:
        found += _series(
            getattr(table, name), (hours(days),), f"{where}: weather.{name}", table.start_s, HOUR_S
        )
    return found


def homes(table: Homes, days: int, where: str, load_max_kw: float = np.inf) -> list[Problem]:
    """Return the problems of a population: shapes, not a number, ranges, and those of what it owns."""
    count = len(table.home_id)
    if not count:
        return [Problem(f"{where}: homes", "no home", "at least one")]
    found = [
        Problem(f"{where}: homes.home_id", f"'{name}' more than once", "each home once")
        for name, times in sorted(Counter(table.home_id).items())
        if times > 1
    ]
    hint = "It is the name of a party in the ledger."
    found += [
        Problem(f"{where}: homes.home_id", f"a home called '{name}'", "another name", hint)
        for name in sorted(set(table.home_id) & {role.value for role in SINGLE})
    ]
    found += _column(LOAD, table.load_kw, f"{where}: homes", table.home_id, hours(days))
    found += [
        each for kind in sorted(table.owned) for each in owned(kind, table, hours(days), where)
    ]
    if found:
        return found
    found = [
        Problem(
            f"{where}: homes.load_kw",
            f"{table.load_kw[tuple(at)]:g} kW for home '{table.home_id[at[0]]}'{_hour(at)}",
            f"at most {load_max_kw:g} kW, [homes] load_max_kw",
        )
        for at in np.argwhere(table.load_kw > load_max_kw)[:1]
    ]
    return [*found, *_quality(table, where)]


def owned(kind: str, homes: Homes, hours: int, where: str) -> list[Problem]:
    """Return the problems of a table of devices: rows of no home, shapes, not a number, ranges, and what its kind finds."""
    about, table = find("device", kind).about, homes.owned[kind]
    columns = vars(table)
    rows, count = columns["home"], len(homes.home_id)
    long = {
        name: len(column)
        for name, column in columns.items()
        if isinstance(column, np.ndarray) and column.ndim
    }
    if len(set(long.values())) > 1:
        return [
            Problem(
                f"{where}: {kind}",
                f"columns of different lengths, {long}",
                "one value a row in every column",
            )
        ]
    found = [
        Problem(f"{where}: {kind}, row {row}", f"home {home}", f"a home, 0 to {count - 1}")
        for row, home in enumerate(rows)
        if not 0 <= home < count
    ]
    if found:
        return _cut(found)
    names = tuple(homes.home_id[row] for row in rows)
    for column in about.columns:
        found += _column(column, columns[column.name], f"{where}: {kind}", names, hours)
    return found or _cut(about.check(table, homes.home_id, where))


def _column(
    column: Column, values: Col, where: str, names: tuple[str, ...], hours: int
) -> list[Problem]:
    """Return the problem of a column: its shape, not a number, its range."""
    axes = values.shape[1:] if len(values.shape) == 1 + len(column.axes) else ()
    wanted = tuple(
        {HOURLY: hours, ANY: own}.get(axis, axis)
        for axis, own in zip(column.axes, axes, strict=False)
    )
    place, shape = f"{where}.{column.name}", (len(names), *wanted)
    if len(wanted) < len(column.axes) or values.shape != shape:
        shape = (len(names), *({HOURLY: hours}.get(axis, axis) for axis in column.axes))
        said = str(shape).replace(str(ANY), "any")
        return [Problem(place, f"shape {values.shape}", f"shape {said}: rows first, then hours")]
    found = _numbers(values, place, names)
    if found:
        return found
    low, high = column.least, column.most
    bad = np.argwhere((values < low) | (values > high) | ((values == low) & column.is_open))
    if high < np.inf:
        expected = f"{'above ' if column.is_open else ''}{low:g} to {high:g} {column.unit}".strip()
    else:
        expected = f"a number {'above' if column.is_open else 'of at least'} {low:g}"
    return [
        Problem(
            place,
            f"{values[tuple(at)]:g} for home '{names[at[0]]}'{_hour(at)}",
            expected,
            _rest(len(bad), "values"),
        )
        for at in bad[:1]
    ]


def refuse_bare(homes: Homes, where: str) -> None:
    """Refuse homes that own nothing: there would be nobody to trade.

    Raises
    ------
    InputError
        No table of devices has a row.
    """
    if not any(len(vars(table)["home"]) for table in homes.owned.values()):
        hint = (
            "Give [homes] a share of panels, batteries or cars, or a table in which homes own some; metered loads also "
            'loads_hold = "appliances"; assemble a table of devices.'
        )
        expected = "at least one that can move"
        raise InputError([Problem(f"{where}: homes", "no device", expected, hint)])


def placing(home_meter: Index, table: Homes, feeder: Feeder, where: str) -> list[Problem]:
    """Return the problems of where homes stand, shape (n,): a meter the feeder has not, more homes on one than it holds."""
    meters = len(feeder.meters.name)
    if home_meter.shape != (len(table.home_id),):
        return [
            Problem(
                f"{where}: home_meter",
                f"{home_meter.size} meters",
                f"one for each of {len(table.home_id)} homes",
            )
        ]
    found = [
        Problem(
            f"{where}: home_meter",
            f"meter {meter} for home '{table.home_id[row]}'",
            f"a meter of the feeder, 0 to {meters - 1}",
        )
        for row, meter in enumerate(home_meter)
        if not 0 <= meter < meters
    ]
    if found:
        return found
    room, many = customers_of(feeder), np.bincount(home_meter, minlength=meters)
    return [
        Problem(
            f"{where}: home_meter",
            f"{many[at]} homes on meter {at}",
            f"at most {max(room[at], 1)} on this meter",
        )
        for at in np.flatnonzero(many > np.maximum(room, 1))
    ]


def feeder(network: Feeder, where: str) -> list[Problem]:
    """Return the problems of a feeder: meters on unknown buses, loads that are no number, a power flow without solution."""
    buses = len(network.buses.name)
    found = [
        Problem(
            f"{where}: load '{name}'",
            f"bus {bus}, which does not exist",
            f"a bus of the feeder, 0 to {buses - 1}",
        )
        for name, bus in zip(network.meters.name, network.meters.bus, strict=True)
        if not 0 <= bus < buses
    ]
    if not np.isfinite(network.meters.p_kw).all():
        row = int(np.flatnonzero(~np.isfinite(network.meters.p_kw))[0])
        found.append(
            Problem(
                f"{where}: load '{network.meters.name[row]}'",
                "a power that is no number",
                "a number [kW]",
            )
        )
    return found or _flow(network, where)


def refuse_engine(engine: str, network: Feeder, where: str) -> None:
    """Refuse a feeder that the engine of its flow cannot represent.

    Raises
    ------
    InputError
        What it has no type for, by kind and name.
    """
    if engine != "power_grid_model":
        return
    problems = power_grid_model.refusals(network, f"{where}: [feeder] engine")
    if problems:
        raise InputError(problems)


def _flow(network: Feeder, where: str) -> list[Problem]:
    q_kvar = np.asarray(
        np.bincount(network.loads.meter, network.loads.q_kvar, len(network.meters.name)),
        dtype=np.float64,
    )
    try:
        if bool(solve(network, network.meters.p_kw[None, :], q_kvar[None, :]).converged.all()):
            return []
    except PartError as fault:
        return [
            Problem(f"{where}: feeder '{network.name}'", str(fault), "a network that can be solved")
        ]
    hint = "Its rated loads may exceed what its lines can carry, or a part of it is not connected to the source."
    return [
        Problem(
            f"{where}: feeder '{network.name}'",
            "a power flow that does not converge at the rated loads",
            "a solution",
            hint,
        )
    ]


def other(values: Col, network: Feeder, days: int, where: str) -> list[Problem]:
    """Return the problems of the loads that are no homes, by hour and meter (h, j) [kW]: wrong shape, not a number."""
    shape = (hours(days), len(network.meters.name))
    if values.shape != shape:
        return [
            Problem(
                f"{where}: other_kw",
                f"shape {values.shape}",
                f"shape {shape}: hours first, then meters",
            )
        ]
    bad = np.argwhere(~np.isfinite(values))
    return [
        Problem(
            f"{where}: other_kw",
            f"{values[tuple(at)]} in hour {at[0]}, meter {at[1]}",
            "a number",
            _rest(len(bad), "values"),
        )
        for at in bad[:1]
    ]


def _series(
    values: Col, shape: tuple[int, ...], where: str, start_s: int, step_s: int
) -> list[Problem]:
    if values.shape != shape:
        short = "a gap or a cut" if values.size < np.prod(shape) else "too many values"
        return [
            Problem(
                where,
                f"{values.shape[0] if values.ndim else 0} values ({short})",
                f"{shape[0]} values, one each {step_s // 60} min",
            )
        ]
    bad = np.flatnonzero(~np.isfinite(values))
    return [
        Problem(
            where,
            f"{values[at]} at {_when(start_s + int(at) * step_s)}",
            "a number",
            _rest(bad.size, "values"),
        )
        for at in bad[:1]
    ] or _beyond(values, where, lambda at: f" at {_when(start_s + int(at[0]) * step_s)}")


def _beyond(values: Col, where: str, place: Callable[[Index], str]) -> list[Problem]:
    """Return the problem of values beyond what there is, in a column that has bounds."""
    if where.rpartition(".")[2] not in MOST:
        return []
    low, high, unit = MOST[where.rpartition(".")[2]]
    bad = np.argwhere((values < low) | (values > high))
    return [
        Problem(
            where,
            f"{values[tuple(at)]:g}{place(at)}",
            f"{low:g} to {high:g} {unit}",
            _rest(len(bad), "values"),
        )
        for at in bad[:1]
    ]


def _numbers(values: Col, where: str, names: tuple[str, ...]) -> list[Problem]:
    bad = np.argwhere(~np.isfinite(values))
    return [
        Problem(
            where,
            f"{values[tuple(at)]} for home '{names[at[0]]}'{_hour(at)}",
            "a number",
            _rest(len(bad), "values"),
        )
        for at in bad[:1]
    ]


def _hour(at: Index) -> str:
    return f" in hour {at[-1]}" if at.size > 1 else ""


def _rest(many: int, what: str) -> str:
    return f"{many} {what} are wrong in all." if many > 1 else ""


def _quality(table: Homes, where: str) -> list[Problem]:
    own, count = table.quality, len(table.home_id)
    columns = {name: getattr(own, name) for name in (*QUALITY, "tier")}
    found = [
        Problem(
            f"{where}: homes.quality.{name}",
            f"shape {column.shape}",
            f"shape {(count,)}, or (1,) where all homes are alike",
        )
        for name, column in columns.items()
        if column.shape not in {(count,), (1,)}
    ]
    for name, column in columns.items():
        low = 0.0 if name in {"deviation_per_kwh", "tier"} else np.nextafter(0.0, 1.0)
        bad = np.flatnonzero(~((column >= low) & (column < np.inf)))
        word = "a number of at least 0" if low == 0.0 else "a number above 0"
        found += [
            Problem(f"{where}: homes.quality.{name}", f"{column[at]} in row {at}", word)
            for at in bad[:1]
        ]
    if not (own.tier < len(TIERS)).all():
        expected = f"0 to {len(TIERS) - 1}: {', '.join(TIERS)}"
        found.append(Problem(f"{where}: homes.quality.tier", f"tier {own.tier.max()}", expected))
    return found


def _cut(found: list[Problem]) -> list[Problem]:
    if len(found) <= SHOWN:
        return found
    last = found[SHOWN - 1]
    more = f"{len(found) - SHOWN} more of this kind."
    return [
        *found[: SHOWN - 1],
        Problem(last.where, last.got, last.expected, f"{last.hint} {more}".strip()),
    ]


def _when(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
