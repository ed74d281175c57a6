"""Every table of a scene as a frame of pandas or a data set of xarray, with names of rows and times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from gridagora.core.brief import count_of
from gridagora.core.by_name import ByName
from gridagora.core.errors import InputError, Problem, nearest, shown
from gridagora.core.feeder import Feeder
from gridagora.core.tables import LEAD_H, Col, Homes, Index, Prices, Weather
from gridagora.files.xarray_module import data_set
from gridagora.population.quality import TIERS, per_home
from gridagora.scenario.schema import Scenario

HOUR_S = 3600
DAY_H = 24
QUARTER_S = 900
ROW, TIME = "row", "time"
# columns of the feeder that hold rows of another table of it
POINTS_AT = {
    "bus": "buses",
    "from_bus": "buses",
    "to_bus": "buses",
    "meter": "meters",
    "from_node": "nodes",
    "to_node": "nodes",
    "transformer": "transformers",
}


class SceneView(Protocol):
    """The part of a scene that its tables are made of."""

    @property
    def scenario(self) -> Scenario:
        """Keys of the scene."""

    @property
    def feeder(self) -> Feeder:
        """Network of the scene."""

    @property
    def homes(self) -> Homes:
        """Homes and what they own."""

    @property
    def weather(self) -> Weather:
        """Hourly weather."""

    @property
    def prices(self) -> Prices:
        """Wholesale prices."""

    @property
    def home_meter(self) -> Index:
        """Meter of each home, shape (n,)."""

    @property
    def home_class(self) -> tuple[str, ...]:
        """Class of each home, where a table says one."""

    @property
    def other_kw(self) -> Col:
        """Load of other customers by hour and meter, shape (H, j) [kW]."""


class TableColumn(NamedTuple):
    """Values of a column and the names of their dimensions: `row`, `time`, or one of the column's own."""

    dims: tuple[str, ...]
    values: Any


@dataclass(frozen=True, eq=False)
class SceneTable:
    """One table of a scene: rows with names, columns with units at the end of theirs, times in the zone of the scenario."""

    name: str
    rows: pd.Index  # (n,) names of homes, devices or components
    times: pd.DatetimeIndex | None  # (t,)
    make: Callable[[], Mapping[str, TableColumn]]  # of its columns, once somebody looks

    @property
    def columns(self) -> Mapping[str, TableColumn]:
        """Columns by name, with their dimensions."""
        return self.make()

    def frame(self, column: str | None = None) -> pd.DataFrame:
        """Return the table as a data frame.

        Parameters
        ----------
        column
            One that changes with time, as "load_kw": a row an hour, a column for each home or device. Left out: a row for each
            home, device or component with all that does not change, or where everything does, a row for each time.

        Raises
        ------
        InputError
            A column that the table has not, or one that does not change with time.
        """
        if column is not None:
            return self._by_time(column)
        columns = self.columns
        still = {name: each.values for name, each in columns.items() if each.dims == (ROW,)}
        if still:
            return pd.DataFrame(still, index=self.rows)
        along = {name: each.values for name, each in columns.items() if each.dims == (TIME,)}
        if along:
            return pd.DataFrame(along, index=self.times)
        return self._by_time(next(iter(columns)))

    def _by_time(self, column: str) -> pd.DataFrame:
        columns = self.columns
        moving = [name for name, each in columns.items() if TIME in each.dims]
        if column not in moving:
            where = f"scene.tables.{self.name}.frame({shown(column)})"
            expected = "a column that changes with time" if moving else "no column: none has a time"
            hint = nearest(column if isinstance(column, str) else "", moving) if moving else ""
            raise InputError([Problem(where, shown(column), expected, hint)])
        each = columns[column]
        if each.dims == (TIME,):
            return pd.DataFrame({column: each.values}, index=self.times)
        frame = pd.DataFrame(each.values.T, index=self.times, columns=self.rows)
        return frame.rename_axis(columns=f"{column} of {self.rows.name}")

    def xarray(self) -> Any:
        """Return the table as an `xarray.Dataset`: dimensions are the rows and UTC times; units are attributes.

        Raises
        ------
        InputError
            xarray is not installed, with the command that installs it.
        """
        row = str(self.rows.name)
        columns = {
            name: (tuple(row if dim == ROW else dim for dim in each.dims), each.values)
            for name, each in self.columns.items()
        }
        dims = {dim for named, _ in columns.values() for dim in named}
        coordinates: dict[str, Any] = {row: self.rows.to_numpy()} if row in dims else {}
        if TIME in dims and self.times is not None:
            coordinates[TIME] = self.times.tz_convert("UTC").tz_localize(None).to_numpy()
        return data_set(columns, coordinates, {"table": self.name, "times": "UTC"})

    def __repr__(self) -> str:
        """Return the first rows."""
        frame = self.frame()
        return f"{self.name}: {count_of(len(frame), 'row')}\n{frame.iloc[:5, :8]}"

    def _repr_html_(self) -> str:
        """Return the first rows for a notebook."""
        frame = self.frame()
        return f"<p>{self.name}: {count_of(len(frame), 'row')}</p>{frame.head().to_html()}"


class SceneTables(ByName[SceneTable]):
    """The tables of a scene by name, as `tables["homes"]` or `tables.homes`."""

    def __getattr__(self, name: str) -> SceneTable:
        """Return the table of that name.

        Raises
        ------
        AttributeError
            No such table, with the nearest name.
        """
        if name in self:
            return self[name]
        raise AttributeError(f"a scene has no table '{name}'. {nearest(name, list(self))}")

    def __repr__(self) -> str:
        """Return the names with how many rows and columns each has."""
        said = [f"{name} ({len(table.rows)})" for name, table in self.items()]
        return "tables of a scene: " + ", ".join(said)


def tables_of(scene: SceneView) -> SceneTables:
    """Return every table of a scene by name: homes, loads, other, weather, prices, devices by kind, and those of the feeder."""
    times = _SceneClock(scene.weather.start_s, ZoneInfo(scene.scenario.scenario.timezone))
    hours = times.every(HOUR_S, scene.homes.load_kw.shape[1])
    homes = pd.Index(list(scene.homes.home_id), name="home_id")
    found = {
        "homes": SceneTable("homes", homes, None, lambda: _homes(scene)),
        "loads": SceneTable(
            "loads",
            homes,
            hours,
            lambda: {"load_kw": TableColumn((ROW, TIME), scene.homes.load_kw)},
        ),
        "other": _other(scene, times),
        "weather": _weather(scene.weather, times),
        "prices": _prices(scene.prices, times),
    }
    found |= feeder_tables(scene.feeder)
    for kind, table in scene.homes.owned.items():
        found.setdefault(kind, _devices(kind, table, homes, hours))
    return SceneTables(found, "scene.tables", "a table of the scene")


class _SceneClock(NamedTuple):
    """The clock of a scene."""

    start_s: int
    zone: ZoneInfo

    def every(self, step_s: int, count: int, start_s: int | None = None) -> pd.DatetimeIndex:
        """Return so many times, in the zone of the scenario."""
        first = self.start_s if start_s is None else start_s
        utc = pd.to_datetime(first + step_s * np.arange(count), unit="s", utc=True)
        return pd.DatetimeIndex(utc).tz_convert(self.zone).rename("time")


def _homes(scene: SceneView) -> dict[str, TableColumn]:
    homes, meters = scene.homes, scene.feeder.meters
    count = len(homes.home_id)
    own = per_home(homes.quality, count)
    run_kw = homes.load_kw[:, : DAY_H * scene.scenario.scenario.days]
    columns: dict[str, Any] = {}
    if any(scene.home_class):
        columns["class"] = np.array(scene.home_class)
    columns |= {
        "meter": [meters.name[row] for row in scene.home_meter],
        "bus": [scene.feeder.buses.name[row] for row in meters.bus[scene.home_meter]],
        "load_mean_kw": run_kw.mean(1),
        "load_peak_kw": run_kw.max(1),
    }
    columns |= {
        f"{kind}_count": np.bincount(table.home, minlength=count)
        for kind, table in homes.owned.items()
    }
    columns |= {
        "tier": [TIERS[row] for row in own.tier],
        "slider_ratio": own.slider_ratio,
        "tier_ratio": own.tier_ratio,
        "deviation_per_kwh": own.deviation_per_kwh,
    }
    return {name: TableColumn((ROW,), values) for name, values in columns.items()}


def _other(scene: SceneView, times: _SceneClock) -> SceneTable:
    rows = pd.Index(list(scene.feeder.meters.name), name="meter")
    hours = times.every(HOUR_S, len(scene.other_kw))
    return SceneTable(
        "other", rows, hours, lambda: {"other_kw": TableColumn((ROW, TIME), scene.other_kw.T)}
    )


def _weather(weather: Weather, times: _SceneClock) -> SceneTable:
    columns = {
        name: TableColumn((TIME,), values)
        for name, values in weather._asdict().items()
        if name != "start_s"
    }
    hours = times.every(HOUR_S, len(weather.t_out_degc))
    return SceneTable("weather", pd.RangeIndex(len(hours), name="hour"), hours, lambda: columns)


def _prices(prices: Prices, times: _SceneClock) -> SceneTable:
    """Return both prices by quarter of an hour: that of the day ahead stands four times."""
    real = prices.real_time_per_kwh
    ahead = np.repeat(prices.day_ahead_per_kwh, HOUR_S // QUARTER_S)
    quarters = times.every(QUARTER_S, len(real), times.start_s - HOUR_S * LEAD_H)
    columns = {
        "day_ahead_per_kwh": TableColumn((TIME,), ahead),
        "real_time_per_kwh": TableColumn((TIME,), real),
    }
    return SceneTable("prices", pd.RangeIndex(len(real), name="quarter"), quarters, lambda: columns)


def _devices(kind: str, table: Any, homes: pd.Index, hours: pd.DatetimeIndex) -> SceneTable:
    """Return the devices of a kind, a row each: their home by name, what does not change, and what changes by the hour."""
    names = [field.name for field in fields(table)] if is_dataclass(table) else []
    count = len(table.home)
    is_single = len(set(table.home.tolist())) == count
    labels = homes[table.home]
    rows = labels if is_single else pd.RangeIndex(count, name="device")
    columns = {} if is_single else {"home_id": TableColumn((ROW,), labels.to_numpy())}
    for name in names:
        values = getattr(table, name)
        if name != "home" and isinstance(values, np.ndarray) and len(values) == count:
            columns[name] = TableColumn(_dims(name, values, len(hours)), values)
        elif isinstance(values, float):
            columns[name] = TableColumn((ROW,), np.full(count, values))
    return SceneTable(kind, rows, hours, lambda: columns)


def _dims(name: str, values: Any, hours: int) -> tuple[str, ...]:
    if values.ndim == 1:
        return (ROW,)
    if values.ndim == 2 and values.shape[1] == hours:
        return (ROW, TIME)
    return (ROW, *(f"{name}_{axis}" for axis in range(1, values.ndim)))


def feeder_tables(feeder: Feeder) -> dict[str, SceneTable]:
    """Return the tables of components by name: buses, nodes, lines, transformers and so on; rows that they name are names."""
    found = {
        field.name: getattr(feeder, field.name)
        for field in fields(feeder)
        if hasattr(getattr(feeder, field.name), "_fields")
    }
    found |= {"windings": feeder.transformers.windings}
    found["load_rows"] = found.pop("loads")
    return {name: _component(name, table, feeder) for name, table in found.items()}


def _component(name: str, table: Any, feeder: Feeder) -> SceneTable:
    names = getattr(table, "name", None)
    count = len(table[0]) if names is None else len(names)
    rows: pd.Index = (
        pd.RangeIndex(count, name="row") if names is None else pd.Index(list(names), name="name")
    )
    return SceneTable(name, rows, None, lambda: _columns_of(table, count, feeder))


def _columns_of(table: Any, count: int, feeder: Feeder) -> dict[str, TableColumn]:
    kept: dict[str, TableColumn] = {}
    for column, values in table._asdict().items():
        if column == "name":
            continue
        if isinstance(values, np.ndarray) and values.ndim == 1 and len(values) == count:
            kept[column] = TableColumn((ROW,), _named_rows(column, values, feeder))
        elif isinstance(values, tuple) and not hasattr(values, "_fields") and len(values) == count:
            kept[column] = TableColumn((ROW,), np.array(values, dtype=object))
    return kept


def _named_rows(column: str, values: Any, feeder: Feeder) -> Any:
    """Return rows of another table by their names, '' where a row is none; other columns as they are."""
    if column not in POINTS_AT or values.dtype.kind not in "iu":
        return values
    names = np.array([*getattr(feeder, POINTS_AT[column]).name, ""], dtype=object)
    return names[np.where(values < 0, len(names) - 1, values)]
