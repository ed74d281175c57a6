"""The homes and the feeder of `benchmarks.homes` as a scene: the same shells, units, tanks, draws, wires and weather."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import homes as parameters
from gridagora.core.tables import Homes
from gridagora.devices.water_heater import KWH_PER_GALLON_K
from gridagora.kernels.physics.etp import (
    KELVIN_PER_F,
    KWH_PER_BTU,
    LEVELS,
    WINDOW_PER_WALL,
    house,
)
from gridagora.population.heat_pump import HeatPumps, cooling_cop
from gridagora.population.hot_water import WaterHeaters
from gridagora.scenario.build import Scene, assemble
from gridagora.scenario.read import parse
from gridagora.sources import synthetic
from gridagora.sources.opendss import read

UA_UNIT = KWH_PER_BTU / KELVIN_PER_F  # kW/K per Btu/(h F)
HEAT_SHARE = 0.9  # of what appliances draw; GridLAB-D's default
WINDOW_SHARE = (
    0.67 * 0.6
)  # of sun on a window that enters: shading and outer pane, defaults of levels up to `good`
INLET_DEGF, TANK_DEGF, ROOM_DEGC = 60.0, 125.6, 24.0
HOMES_PER_UNIT = 5
FEET_MILE = 5280.0

SCENARIO = """
[scenario]
title = "Homes of two simulators"
seed = 1
start = 2017-07-10
days = {days}
timezone = "Etc/GMT+6"
architectures = ["flat"]
[feeder]
source = "synthetic"
[substation]
limit_share_of_flat_peak = {limit}
over_per_kwh = 1.0
[prices]
delivery_per_kwh = 0.045
export_credit_per_kwh = 0.0
[market]
interval_minutes = 5
forecast = "persistence"
rest_minutes = 3
"""


def triplex_ohm_mile() -> np.ndarray:
    """Return the impedance of the drops between their two legs, shape (2, 2), by Carson's equations and Kron's reduction.

    The neutral is held at zero volts at both ends. Constants for 60 Hz and earth of 100 ohm m: W. H. Kersting, Distribution
    System Modeling and Analysis, ch. 4.
    """
    gmr_ft, wide_ft, thick_ft = 0.0111, 0.368 / 12, 0.08 / 12
    apart = np.full((3, 3), wide_ft + thick_ft)
    apart[0, 1] = apart[1, 0] = wide_ft + 2 * thick_ft
    np.fill_diagonal(apart, gmr_ft)
    z = 0.00158836 * 60 + 0.00202237 * 60j * (np.log(1 / apart) + 7.6786 + 0.5 * np.log(100 / 60))
    z += np.diag(np.full(3, 0.57))
    return z[:2, :2] - z[:2, 2:] @ z[2:, :2] / z[2, 2]


def feeder_script(count: int) -> str:
    """Return the feeder of `count` homes as an OpenDSS script, as `peers/run_gridlabd.py` writes it for GridLAB-D."""
    z, main = triplex_ohm_mile(), "[0.3465 | 0.1560 0.3375 | 0.1580 0.1535 0.3414]"
    main_x = "[1.0179 | 0.5017 1.0478 | 0.4236 0.3849 1.0348]"
    lines = [
        "clear",
        f"new circuit.twin bus1=head basekv={7.2 * np.sqrt(3):.12g} pu=1 mvasc3=2000000 mvasc1=2000000",
        f"new linecode.main nphases=3 units=mi rmatrix={main} xmatrix={main_x} cmatrix=[0 | 0 0 | 0 0 0]",
        "new linecode.drop nphases=2 units=mi "
        f"rmatrix=[{z[0, 0].real:.9g} | {z[1, 0].real:.9g} {z[1, 1].real:.9g}] "
        f"xmatrix=[{z[0, 0].imag:.9g} | {z[1, 0].imag:.9g} {z[1, 1].imag:.9g}] cmatrix=[0 | 0 0]",
    ]
    here = "head"
    for t in range(-(-count // HOMES_PER_UNIT)):
        if t % 3 == 0:
            there, here = here, f"pole{t}"
            lines.append(
                f"new line.span{t} bus1={there} bus2={here} linecode=main length={200 / FEET_MILE:.12g} units=mi"
            )
        lines.append(
            f"new transformer.unit{t} phases=1 windings=3 buses=[{here}.{t % 3 + 1} low{t}.1.0 low{t}.0.2] "
            "kvs=[7.2 .12 .12] kvas=[50 50 50] %rs=[.5 1 1] xhl=2.4 xht=2.4 xlt=1.6 %noloadloss=0 %imag=0"
        )
        for i in range(t * HOMES_PER_UNIT, min(count, (t + 1) * HOMES_PER_UNIT)):
            lines.append(
                f"new line.drop{i} phases=2 bus1=low{t}.1.2 bus2=home{i}.1.2 linecode=drop length={80 / FEET_MILE:.12g} units=mi"
            )
            lines.append(f"new load.home{i} phases=1 bus1=home{i}.1.2 kv=.24 kw=2 pf=.95 model=1")
    lines += [f"set voltagebases=[{7.2 * np.sqrt(3):.12g} .208]", "calcvoltagebases", "solve"]
    return "\n".join(lines) + "\n"


def shells(drawn: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return what the two-state model knows of each house, shape (n, 5): losses, coupling [kW/K], capacities of air and mass
    [kWh/K], and the opening to the sun [ft2].
    """
    found = []
    for home in drawn:
        shell = house(LEVELS[home["level_name"]], home["floor_ft2"])
        wall = 2 * 2.5 * 8.0 * np.sqrt(home["floor_ft2"] / 1.5)
        found.append([*shell, WINDOW_PER_WALL * wall * WINDOW_SHARE])
    return np.array(found)


def tables(
    drawn: Sequence[Mapping[str, Any]], sky: np.ndarray
) -> tuple[Homes, HeatPumps, WaterHeaters]:
    """Return homes, units and tanks over the hours of `sky` (H, 5): outdoor air [F], sun on four walls [W/ft2]."""
    hours, n = len(sky), len(drawn)
    ua, hm, ca, cm, opening = shells(drawn).T

    def column(name: str) -> np.ndarray:
        return np.array([float(home[name]) for home in drawn])

    t_out = (sky[:, 0] - 32) / 1.8
    load = column("load_kw")[:, None] * np.resize(parameters.APPLIANCES, hours)
    flow_kw_k = (
        column("tap_gpm")[:, None] * 60 * KWH_PER_GALLON_K * np.resize(parameters.TAPS, hours)
    )
    tank_ua, set_degc = column("tank_ua") * UA_UNIT, (TANK_DEGF - 32) / 1.8
    jacket = tank_ua * (set_degc - ROOM_DEGC)
    sun = opening[:, None] * sky[:, 1:].mean(1) / 1000
    inside = HEAT_SHARE * load + jacket[:, None]
    drawn_kw = flow_kw_k * (set_degc - (INLET_DEGF - 32) / 1.8)
    past = np.broadcast_to(drawn_kw[:, None, :24], (n, 1, 24))
    ids = tuple(f"home{i}" for i in range(n))
    cop = np.stack([cooling_cop(t_out, rated) for rated in column("cop")])
    units = HeatPumps(
        home=np.arange(n),
        t_set_degc=np.repeat((column("set_degf")[:, None] - 32) / 1.8, hours, 1),
        heating=np.zeros((n, hours), np.bool_),
        ua_kw_k=ua,
        hm_kw_k=hm,
        ca_kwh_k=ca,
        cm_kwh_k=cm,
        q_air_kw=ua[:, None] * t_out + 0.5 * (inside + sun),
        q_mass_kw=0.5 * (inside + sun),
        cool_kw=column("cooling_btu_h") * KWH_PER_BTU,
        heat_kw=np.zeros(n),
        cop=cop,
        fit_error=np.full(n, np.nan),
    )
    tanks = WaterHeaters(
        home=np.arange(n),
        cap_kwh_k=column("gallons") * KWH_PER_GALLON_K,
        ua_kw_k=tank_ua,
        rated_kw=column("element_kw"),
        draw_kwh=drawn_kw,
        draw_set_kwh=np.ascontiguousarray(past),
    )
    return Homes(ids, load), units, tanks


def scene(
    drawn: Sequence[Mapping[str, Any]],
    sky: np.ndarray,
    folder: Path,
    days: int,
    limit: float = 0.85,
) -> Scene:
    """Return the scene; `folder` receives the script of the feeder."""
    script = folder / "twin.dss"
    script.write_text(feeder_script(len(drawn)))
    scenario = parse(SCENARIO.format(days=days, limit=limit), "twin")
    start_s = int(datetime.datetime(2017, 7, 10, 6, tzinfo=datetime.UTC).timestamp())
    households, units, tanks = tables(drawn, sky[: 24 * days + 25])
    feeder = read(script)
    meter = np.array(
        [[name.lower() for name in feeder.meters.name].index(f"home{i}") for i in range(len(drawn))]
    )
    return assemble(
        feeder=feeder,
        homes=households,
        weather=synthetic.weather(1, start_s, days),
        prices=synthetic.prices(1, start_s, days),
        scenario=scenario,
        home_meter=meter,
        other_kw=np.zeros((24 * days + 25, len(feeder.meters.name))),
        devices=[units, tanks],
    )
