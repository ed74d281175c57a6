"""A result as a network file of pandapower: one interval of one design, its loads by phase and its voltages beside them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.core.registry import find
from gridagora.core.tables import Col
from gridagora.files.json_text import json_text
from gridagora.grid.fixed_point import open_grid
from gridagora.report.facts import ComparisonView, designs, require_comparison, title, zone
from gridagora.report.pandapower_tables import PHASES, network_tables, phase_of_node
from gridagora.run.power_flow import Wiring, flow_of_interval
from gridagora.run.record import power_of
from gridagora.scenario.build import Scene

KEEP = ("meters", "device_power")  # tables that say what homes drew by interval
# a reader of pandapower adds tables and columns that a file of an older format lacks
FORMAT = "3.0.0"
HOUR_S = 3600


class WrittenNet(NamedTuple):
    """The file, the moment it shows in words, and what it does not say of the feeder, a sentence each."""

    path: Path
    moment: str
    notes: tuple[str, ...]


class Interval(NamedTuple):
    """One interval of one design: row among the intervals, start, and power of all homes then."""

    row: int
    start_s: int
    steps: int  # intervals of the run


def write_pandapower(
    result: ComparisonView,
    scene: Scene,
    path: Path,
    design: str | None = None,
    hour: int | None = None,
) -> WrittenNet:
    """Write a network for pandapower 3: `pandapower.from_json` reads it, `runpp_3ph` solves it.

    Table `bus` has more columns than pandapower knows: `v_a_pu`, `v_b_pu` and `v_c_pu`, the voltages of the flow of this program
    for the same loads [pu of `vn_kv`]. Loads are net: what a home feeds in is below zero.

    Parameters
    ----------
    result, scene
        A comparison that kept bills and power of devices, and what it was made of.
    path
        The file to write.
    design
        Name of a design, the first where it is left out.
    hour
        Hour of the run from 0, whose first interval is shown; the interval of highest load where it is left out.

    Raises
    ------
    InputError
        A design or an hour that the result has not, loads that were not kept, reactive power that a market decided, or components
        that pandapower has no table for.
    OSError
        A folder that cannot be written to.
    """
    require_comparison(result, "pandapower")
    name = _design(result, design)
    _check_kept(result, scene)
    at = _interval(result, name, hour)
    flow = _solve(result, scene, name, at)
    if not flow.converged[0]:
        got = f"no power flow of {name} in that interval"
        raise InputError([Problem("--to pandapower", got, "an interval that has one", "")])
    made = network_tables(scene.feeder, flow.p_kw[0], flow.q_kvar[0])
    tables = made.tables | {"bus": _with_voltages(made.tables["bus"], scene.feeder, flow)}
    clock, _ = zone(result)
    moment = (
        f"{name}, {pd.Timestamp(at.start_s, unit='s', tz='UTC').tz_convert(clock):%Y-%m-%d %H:%M}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    text = net_text(f"{title(result)}: {moment}", tables)
    path.write_text(text, encoding="utf-8")
    return WrittenNet(path, moment, made.notes)


def net_text(name: str, tables: dict[str, pd.DataFrame]) -> str:
    """Return a network as the JSON text of pandapower 3."""
    plain = {"name": name, "f_hz": 50.0, "sn_mva": 1.0, "version": FORMAT, "format_version": FORMAT}
    held = plain | {key: _frame(table) for key, table in tables.items()}
    made = {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": held}
    return json_text(made, sort_keys=False)


def _frame(table: pd.DataFrame) -> dict[str, Any]:
    kinds = {"b": "bool", "i": "int64", "f": "float64"}
    split = {
        "columns": list(table.columns),
        "index": list(range(len(table))),
        "data": [list(row) for row in table.astype(object).to_numpy()],
    }
    return {
        "_module": "pandas.core.frame",
        "_class": "DataFrame",
        "_object": json_text(split, None, sort_keys=False),
        "orient": "split",
        "dtype": {key: kinds.get(table[key].dtype.kind, "object") for key in table},
        "is_multiindex": False,
        "is_multicolumn": False,
    }


def _design(result: ComparisonView, design: str | None) -> str:
    known = designs(result)
    if design is None:
        return known[0]
    if design not in known:
        where, expected = "--design", f"one of {', '.join(known)}"
        raise InputError([Problem(where, f"'{design}'", expected, nearest(design, list(known)))])
    return design


def _check_kept(result: ComparisonView, scene: Scene) -> None:
    if scene.scenario.reactive.power_factor is not None:
        got = "a result whose market decided reactive power, which is not kept by home"
        hint = "Run it again without [reactive] power_factor."
        raise InputError([Problem("--to pandapower", got, "loads of a known power factor", hint)])
    if any(name not in result.tables for name in KEEP):
        got = "a result without the power of each home by interval"
        hint = 'Run it again with --set \'results.keep=["bills", "device_power"]\'.'
        raise InputError([Problem("--to pandapower", got, "a result that kept it", hint)])


def _interval(result: ComparisonView, name: str, hour: int | None) -> Interval:
    table = result.tables["intervals"]
    own = table[table["architecture"] == name]
    start_s = own["start_s"].to_numpy(np.int64)
    if hour is None:
        row = int(np.argmax(own["load_kw"].to_numpy(float)))
        return Interval(row, int(start_s[row]), len(own))
    since_h = (start_s - start_s[0]) // HOUR_S
    found = np.flatnonzero(since_h == hour)
    if not found.size:
        expected = f"an hour of the run, 0 to {since_h[-1]}"
        raise InputError([Problem("--hour", str(hour), expected)])
    return Interval(int(found[0]), int(start_s[found[0]]), len(own))


def _solve(result: ComparisonView, scene: Scene, name: str, at: Interval) -> Flow:
    """Return the flow of the interval, loads as the run had them."""
    meters, power = (_of_interval(result, table, name, at) for table in KEEP)
    home_kw, inverter_kw = meters["net_kw"].to_numpy(float), np.zeros(len(meters))
    for kind in scene.homes.owned:
        about = find("device", kind).about
        if about.has_inverter:
            drawn = power[power_of(kind)].fillna(0.0).to_numpy(float)
            inverter_kw += -drawn if about.is_generation else drawn
    wiring = Wiring(open_grid(scene.feeder), scene.home_meter, scene.other_kw)
    hour = (at.start_s - scene.start_s) // HOUR_S
    return flow_of_interval(wiring, home_kw, _rest_kw(home_kw, inverter_kw), hour)


def _rest_kw(home_kw: Col, inverter_kw: Col) -> Col:
    """Return what homes draw beside their inverters, shape (n,) [kW]."""
    return np.asarray((home_kw - inverter_kw).clip(min=0))


def _of_interval(result: ComparisonView, table: str, name: str, at: Interval) -> pd.DataFrame:
    """Return the rows of the homes, whose intervals follow each other, in one interval."""
    held = result.tables[table]
    return held[held["architecture"] == name].iloc[at.row :: at.steps]


def _with_voltages(buses: pd.DataFrame, feeder: Feeder, flow: Flow) -> pd.DataFrame:
    phase, found = phase_of_node(feeder), np.full((len(buses), len(PHASES)), np.nan)
    found[feeder.nodes.bus, phase] = flow.v_pu[0]
    columns = {f"v_{letter}_pu": found[:, at] for at, letter in enumerate(PHASES)}
    return buses.assign(**columns)
