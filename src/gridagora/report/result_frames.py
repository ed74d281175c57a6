"""What a result holds, for people who compute: bills as one frame, series of a home by time, each design by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridagora.core.brief import in_lines
from gridagora.core.errors import InputError, Problem, nearest, shown
from gridagora.files.xarray_module import data_set
from gridagora.report import facts
from gridagora.report.facts import ComparisonView, require_comparison

KEEP = 'keep = ["bills", "temperature", "device_power"]'
SERIES = ("meters", "temperature", "device_power")  # a row for each design, home and interval
LEADING = ("architecture", "home_id", "start_s")
BRIEF = ("E1y", "E2", "E5", "P1")  # metrics of a result in brief


@dataclass(frozen=True, eq=False)
class DesignResult:
    """One design of a result: its figures, bills and series, without the other designs."""

    result: ComparisonView
    name: str

    @property
    def metrics(self) -> pd.Series:
        """Every metric of the design by its id, nan where it reports none; units are those of `Result.table`."""
        rows = facts.metrics(self.result)
        values = {
            row.metric_id: facts.metric_value(self.result, self.name, row.metric_id) for row in rows
        }
        return pd.Series(values, name=self.name, dtype=float).rename_axis("metric_id")

    @property
    def bills(self) -> pd.Series:
        """Bill of each home by its name [$]."""
        return bills_of(self.result)[self.name].rename("bill_usd")

    @property
    def intervals(self) -> pd.DataFrame:
        """Power of all homes together, prices and voltages by time, in units at the end of the names."""
        return _by_time(self.result, "intervals")[self.name]

    @property
    def warnings(self) -> list[str]:
        """What a reader must know of the run of this design."""
        entry = self.result.summary["architectures"].get(self.name, {})
        return list(entry.get("warnings", []))

    @property
    def certificates(self) -> Mapping[str, Any]:
        """What the run proved: distance to the bound, balance of money and energy, by name with unit."""
        return dict(self.result.summary["architectures"][self.name].get("certificates", {}))

    def series(self, home: str) -> pd.DataFrame:
        """Return what is kept of a home by time; see `Result.series`.

        Raises
        ------
        InputError
            No such home, or a result that keeps no series of homes.
        """
        return pd.DataFrame(series_of(self.result, home)[self.name])

    def __repr__(self) -> str:
        """Return the design in brief."""
        rows = facts.metrics(self.result)
        said = [
            (
                row.metric_id,
                f"{row.name}: {_value(self.result, self.name, row.metric_id)} {row.unit}",
            )
            for row in rows
            if row.metric_id in BRIEF
        ]
        said += [("warning", text) for text in self.warnings]
        return in_lines(f"Design '{self.name}'", said)


def bills_of(result: ComparisonView) -> pd.DataFrame:
    """Return the bill of every home [$]: a row a home, in their order, and a column a design.

    Raises
    ------
    InputError
        What is no comparison, or a comparison of so many homes that it keeps none of them.
    """
    homes = _table(result, "homes", "bills")
    wide = homes.pivot(index="home_id", columns="architecture", values="bill_usd")
    order = homes.home_id.drop_duplicates()
    return wide.loc[order, list(facts.present(result, homes))].rename_axis(columns="bill_usd")


def series_of(result: ComparisonView, home: str) -> pd.DataFrame:
    """Return what a result keeps of a home by time: net power, price and credit, temperature, power of each kind of device.

    Rows are times in the zone of the scenario; columns are pairs of a design and a quantity, whose name ends in its unit, so
    that `series["flat"]` is the frame of one design.

    Raises
    ------
    InputError
        No such home, with the nearest name, or a result that keeps no series of homes, with the key that keeps them.
    """
    homes = _table(result, "homes", "series")
    known = homes.home_id.drop_duplicates().tolist()
    where = f"series({shown(home)})"
    if home not in known:
        hint = nearest(home, known) if isinstance(home, str) else f"The first is '{known[0]}'."
        raise InputError([Problem(where, shown(home), "the name of a home", hint)])
    kept = [result.tables[name] for name in SERIES if name in result.tables]
    if not kept:
        hint = f"Set {KEEP} in [results] and run again."
        raise InputError([Problem(where, "a result without series of homes", "one of them", hint)])
    own = [table[table.home_id == home].drop(columns="home_id") for table in kept]
    by_design = {
        name: pd.concat([_of_design(table, name) for table in own], axis=1)
        for name in facts.present(result, own[0])
    }
    return _local(result, pd.concat(by_design, axis=1))


def _of_design(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of one design by their start, without columns of kinds of device that the home lacks."""
    rows = table[table.architecture == name].set_index("start_s")
    return rows.drop(columns="architecture").dropna(axis=1, how="all")


def data_set_of(result: ComparisonView, name: str) -> Any:
    """Return a table with a time as an `xarray.Dataset`: dimensions design, home_id where it is of homes, and UTC time.

    Raises
    ------
    InputError
        A table that is absent or has no time, or xarray is not installed.
    """
    timed = [each for each in ("intervals", *SERIES) if each in result.tables]
    if name not in timed:
        hint = nearest(name, timed) if isinstance(name, str) and timed else f"Set {KEEP}."
        expected = "a table with a row for each time"
        raise InputError([Problem(f"xarray({shown(name)})", shown(name), expected, hint)])
    table = result.tables[name]
    keys = [key for key in LEADING if key in table]
    dims = tuple({"architecture": "design", "start_s": "time"}.get(key, key) for key in keys)
    levels = [table[key].drop_duplicates() for key in keys]
    places = [
        pd.Categorical(table[key], categories=level).codes
        for key, level in zip(keys, levels, strict=True)
    ]
    numbers = table.drop(columns=keys).select_dtypes("number")
    columns: dict[str, tuple[tuple[str, ...], Any]] = {}
    for column in numbers:
        values = np.full([len(level) for level in levels], np.nan)
        values[tuple(places)] = numbers[column].to_numpy(float)
        columns[str(column)] = dims, values
    coordinates: dict[str, Any] = dict(zip(dims, (v.to_numpy() for v in levels), strict=True))
    coordinates["time"] = pd.to_datetime(coordinates["time"], unit="s").to_numpy()
    return data_set(columns, coordinates, {"table": name, "times": "UTC"})


def result_in_brief(result: ComparisonView) -> str:
    """Return a comparison in at most 15 lines: what ran, its headline figures by design, its tables, what to call next."""
    names = facts.designs(result)
    said = [
        (row.metric_id, f"{row.name} [{row.unit}]: {_values(result, names, row.metric_id)}")
        for row in facts.metrics(result)
        if row.metric_id in BRIEF
    ]
    said += [("tables", ", ".join(result.tables))]
    said += [("next", "table(), bills, series(HOME), designs, figures, statement(DESIGN, HOME)")]
    return in_lines(f"Result '{facts.title(result)}': {', '.join(names)}", said)


def _values(result: ComparisonView, names: tuple[str, ...], metric_id: str) -> str:
    return ", ".join(f"{name} {_value(result, name, metric_id)}" for name in names)


def _value(result: ComparisonView, name: str, metric_id: str) -> str:
    value = facts.metric_value(result, name, metric_id)
    return f"{value:.3g}" if np.isfinite(value) else "-"


def _table(result: ComparisonView, name: str, where: str) -> pd.DataFrame:
    require_comparison(result, where)
    if name not in result.tables:
        raise InputError(
            [Problem(where, f"a result without the table '{name}'", "one of a comparison")]
        )
    return result.tables[name]


def _by_time(result: ComparisonView, name: str) -> dict[str, pd.DataFrame]:
    table = _table(result, name, name)
    return {
        str(design): _local(result, rows.drop(columns="architecture").set_index("start_s"))
        for design, rows in table.groupby("architecture", sort=False)
    }


def _local(result: ComparisonView, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose rows are seconds with times of the zone of the scenario in their place."""
    place, _ = facts.zone(result)
    times = pd.DatetimeIndex(pd.to_datetime(frame.index.to_numpy(), unit="s", utc=True))
    return frame.set_axis(times.tz_convert(place).rename("time"), axis=0)
