"""A small made-up comparison with the shape of a real one: five designs, a radial feeder, seeded noise."""

import base64
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridagora.core.registry import find
from gridagora.results.metric import place_in_table
from gridagora.run.result import describe_metric
from tests.report import made_grid

KIN = {"I1.bytes": "I1b"}  # a metric of another name, explained as that of the program
DESIGNS = ("flat", "tou", "rtp", "central", "layered")
START_S = 1_721_019_600  # 2024-07-15 00:00 in Texas
BOUND_USD = -3598.7
WELFARE_USD = {
    "flat": -4471.5,
    "tou": -4981.3,
    "rtp": -4725.0,
    "central": -3740.9,
    "layered": -3772.2,
}
OVER_KWH = {"flat": 455.2, "tou": 673.3, "rtp": 635.4, "central": 235.2, "layered": 242.9}
LEFT_USD = {"flat": 107.3, "tou": 119.9, "rtp": 105.0, "central": 121.3, "layered": 120.5}
MARGIN_USD = {"flat": 0.0, "tou": -166.8, "rtp": -0.3, "central": 6.6, "layered": 39.6}
SCENARIO = """title = "Austin, one summer week <script>alert(1)</script>"
time_zone = "America/Chicago"
note = "Homes are of 2018 (Travis County), wholesale prices of 2024 (ERCOT hub average); paired by weekday."

[feeder]
source = "smart-ds/austin"   # 186 residential loads

[limit]
share_of_flat_peak = 0.85
"""


def unpack(page: str) -> dict[str, str]:
    """Return what a page carries packed, by the name of its element: the library and the JSON of the figures."""
    found = re.findall(r'<script type="application/zlib" id="data-([a-z_-]+)">(.*?)</script>', page)
    return {name: zlib.decompress(base64.b64decode(text)).decode() for name, text in found}


@pytest.fixture(scope="session")
def unpacked():
    """The figures of a page by name, as they are drawn."""

    def figures_of(page):
        held = unpack(page)
        return {
            name.removeprefix("figure-"): json.loads(text)
            for name, text in held.items()
            if name.startswith("figure-")
        }

    return figures_of


@dataclass(frozen=True)
class FakeResult:
    """The three members that the report reads."""

    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    scenario_text: str = field(default=SCENARIO)


def make_result(homes: int = 60, days: int = 3, seed: int = 7) -> FakeResult:
    """Return a made-up comparison of `homes` homes over `days` days of five-minute intervals."""
    rng = np.random.default_rng(seed)
    intervals = pd.concat(
        [_intervals(name, homes, days, rng) for name in DESIGNS], ignore_index=True
    )
    buses, lines = _feeder(homes, rng)
    tables = {
        "intervals": intervals,
        "homes": _homes(homes, days, rng),
        "buses": buses,
        "lines": lines,
        "ledger": pd.concat(
            [_ledger(homes), made_grid.loss_entries(DESIGNS, homes)], ignore_index=True
        ),
        "costs": _costs(days),
        "places": places(),
        "loading": _loading(lines, rng),
        "nodal_prices": made_grid.nodal_prices(DESIGNS, homes, START_S, 24 * days),
        "controls": made_grid.control_moves(DESIGNS, START_S),
    }
    start_s = START_S + 300 * np.arange(288 * days)
    tables["loading_series"] = _loading_series(tables["loading"], start_s)
    return FakeResult(_summary(intervals, homes, days), tables)


def _intervals(name: str, homes: int, days: int, rng: np.random.Generator) -> pd.DataFrame:
    start_s = START_S + 300 * np.arange(288 * days)
    hour = (np.arange(288 * days) / 12) % 24
    day = 1 + 0.06 * np.sin(np.arange(288 * days) / 288)
    wholesale = (
        0.028
        + 0.02 * np.exp(-(((hour - 17.5) / 2.2) ** 2))
        + 0.35 * np.exp(-(((hour - 19.6) / 0.5) ** 2)) * (day > 1.03)
    )
    wholesale = (
        wholesale
        + 0.003 * rng.standard_normal(hour.size)
        - 0.03 * np.exp(-(((hour - 12.5) / 1.2) ** 2))
    )
    shape = np.exp(-(((hour - 17.4) / 3.4) ** 2))
    move = {"flat": 0.0, "tou": 0.9, "rtp": 1.2, "central": 0.55, "layered": 0.5}[name]
    back = {"tou": 21.1, "rtp": 20.9, "central": 14.0, "layered": 14.2, "flat": 12.0}[name]
    rebound = np.exp(-(((hour - back) / {"central": 3.4}.get(name, 0.7)) ** 2))
    dip = np.exp(-(((hour - 18.6) / 1.5) ** 2))
    hvac = homes * (0.55 + 1.5 * shape * day - 0.55 * move * dip * shape + 0.85 * move * rebound)
    evening = np.exp(-(((hour - 19.8) / 1.7) ** 2))
    night = np.exp(-(((hour - 2.5) / 2.5) ** 2)) + np.exp(-(((hour - 22.5) / 1.5) ** 2))
    ev = homes * 0.32 * ((1 - min(move, 1)) * evening + min(move, 1) * night)
    battery = homes * 0.22 * move * (np.exp(-(((hour - 12.5) / 1.6) ** 2)) - dip)
    noise = 1 + 0.04 * rng.standard_normal(hour.size)
    fixed = homes * (0.45 + 0.35 * evening) * (1 + 0.03 * rng.standard_normal(hour.size))
    water = homes * 0.14 * (1 + np.exp(-(((hour - 7) / 1.2) ** 2)) + 0.7 * evening)
    pv = (
        homes
        * 0.4
        * 3.1
        * np.clip(np.sin((hour - 6.4) / 13.6 * np.pi), 0, None) ** 1.3
        * (hour > 6.4)
        * (hour < 20)
    )
    net = fixed + hvac * noise + water + ev + battery - pv
    losses = 0.02 * np.abs(net) + 2e-5 * net**2
    load = net
    price = {
        "flat": np.full(hour.size, 0.118),
        "tou": np.where((hour >= 15) & (hour < 20), 0.27, 0.081),
        "rtp": wholesale + 0.045,
        "central": wholesale + 0.045 + 0.1 * np.clip(load / (3.0 * homes) - 0.85, 0, None),
        "layered": wholesale + 0.045 + 0.1 * np.clip(load / (3.0 * homes) - 0.87, 0, None),
    }[name]
    return pd.DataFrame(
        {
            "architecture": name,
            "start_s": start_s,
            "load_kw": load,
            "committed_kw": load * 0.99,
            "price_per_kwh": price,
            "wholesale_per_kwh": wholesale,
            "fixed_kw": fixed,
            "hvac_kw": hvac * noise,
            "water_heater_kw": water,
            "battery_kw": battery,
            "ev_kw": ev,
            "pv_kw": pv,
            "losses_kw": losses,
            "v_min_pu": 0.985 - 0.012 * load / homes,
            "v_max_pu": 1.025 + 0.002 * pv / homes,
            "v_median_pu": 1.004 - 0.006 * load / homes,
            "limit_kw": 2.72 * homes,
            "comfort_dev_k": 0.35 + 0.9 * move * dip * 0.6 + 0.03 * rng.random(hour.size),
        }
    )


def _homes(homes: int, days: int, rng: np.random.Generator) -> pd.DataFrame:
    size = rng.gamma(6.0, 1 / 6.0, homes)
    pv, ev, battery = rng.random(homes) < 0.4, rng.random(homes) < 0.3, rng.random(homes) < 0.15
    drop = 0.02 + 0.02 * rng.random(homes)
    parts = []
    for name in DESIGNS:
        factor = {"flat": 1.0, "tou": 1.0, "rtp": 0.9, "central": 0.86, "layered": 0.87}[name]
        own = rng.standard_normal(homes)
        energy = days * 36.0 * size * (1 + 0.25 * ev) - days * 19.0 * pv
        bill = 0.118 * energy * factor * (1 + 0.08 * own)
        stretch = {"flat": 1.0, "tou": 1.15, "rtp": 1.45, "central": 0.97, "layered": 1.02}[name]
        parts.append(
            pd.DataFrame(
                {
                    "architecture": name,
                    "home_id": [f"home_{row:04d}" for row in range(homes)],
                    "bus": [f"house_{row}" for row in range(homes)],
                    "bill_usd": bill,
                    "balanced_bill_usd": bill - MARGIN_USD[name] / homes,
                    "energy_kwh": energy,
                    "export_kwh": 9.0 * days * pv,
                    "discomfort_k_h": days * stretch * rng.gamma(3.0, 1.1, homes),
                    "comfort_usd": days * 0.05 * stretch * rng.gamma(3.0, 0.6, homes),
                    "wear_usd": 0.6 * battery * stretch,
                    "v_min_pu": 1.012 - drop * stretch,
                    "v_max_pu": 1.022 + 0.012 * pv + 0.004 * rng.random(homes),
                    "ev_unmet_kwh": 0.0,
                    "hot_water_k_h": rng.random(homes),
                    "hvac_starts": rng.integers(40, 80, homes),
                    "pv": pv,
                    "ev": ev,
                    "battery": battery,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _feeder(homes: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    where = {"substation": (0.0, 0.0)}
    links: list[tuple[str, str, str]] = []
    trunk = "substation"
    for at in range(1, 9):
        name = f"main_{at}"
        where[name] = (180.0 * at, 40.0 * np.sin(at / 2))
        links.append((trunk, name, "line"))
        trunk = name
    for house in range(homes):
        main = f"main_{(house // 4) % 8 + 1}"
        pole, name = f"pole_{house // 4}", f"house_{house}"
        if pole not in where:
            x, y = where[main]
            side = 1 if (house // 32) % 2 else -1
            where[pole] = (
                x + 14 * rng.standard_normal(),
                y + side * (60 + 24 * (house // 64) + 12 * rng.random()),
            )
            links.append((main, pole, "transformer"))
        x, y = where[pole]
        where[name] = (x + 22 * np.cos(house * 1.6), y + 22 * np.sin(house * 1.6))
        links.append((pole, name, "line"))
    buses = pd.concat([_bus_rows(name, where, rng) for name in DESIGNS], ignore_index=True)
    lines = pd.DataFrame(
        [(a, b, *where[a], *where[b], kind) for a, b, kind in links],
        columns=["from_bus", "to_bus", "x0", "y0", "x1", "y1", "kind"],
    )
    return buses, lines


def _bus_rows(
    name: str, where: dict[str, tuple[float, float]], rng: np.random.Generator
) -> pd.DataFrame:
    x, y = np.array(list(where.values())).T
    sag = {"flat": 0.05, "tou": 0.062, "rtp": 0.085, "central": 0.041, "layered": 0.042}[name]
    v_min = (
        1.02 - sag * x / x.max() - 0.01 * np.abs(y) / np.abs(y).max() - 0.002 * rng.random(x.size)
    )
    return pd.DataFrame(
        {
            "architecture": name,
            "bus": list(where),
            "x": x,
            "y": y,
            "v_min_pu": v_min,
            "v_max_pu": 1.03 + 0.01 * x / x.max(),
            "v_at_peak_pu": v_min + 0.004,
            "distance_pu": 1e-4 * np.hypot(x, y),
        }
    )


def _loading(lines: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Lines of 200 A and transformers of 25 kVA, the first of each without a known rating and so without a row."""
    rated = lines[lines.duplicated("kind")]
    is_line = (rated["kind"] == "line").to_numpy()
    most = {"flat": 0.9, "tou": 1.3, "rtp": 1.2, "central": 0.8, "layered": 0.8}
    parts = [
        rated[["kind", "from_bus", "to_bus"]].assign(
            architecture=name,
            name=[f"b{row}" for row in range(len(rated))],
            rating_a=np.where(is_line, 200.0, np.nan),
            rating_kva=np.where(is_line, np.nan, 25.0),
            loading_max_share=share * rng.random(len(rated)),
            loading_at_peak_share=0.5 * share,
            over_rating_h=0.0,
        )
        for name, share in most.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _loading_series(loading: pd.DataFrame, start_s: np.ndarray) -> pd.DataFrame:
    """The ten most loaded of each design, by the hour: they carry their most at six in the evening."""
    hours = start_s[::12]
    shape = np.exp(-((((hours - hours[0]) / 3600 % 24 - 18) / 4.0) ** 2))
    top = loading.sort_values("loading_max_share", ascending=False, kind="stable")
    rows = pd.concat([top[top["architecture"] == name].iloc[:10] for name in DESIGNS])
    return pd.DataFrame(
        {
            key: np.repeat(rows[key].to_numpy(), len(hours))
            for key in ("architecture", "name", "kind")
        }
        | {
            "start_s": np.tile(hours, len(rows)),
            "loading_share": np.outer(rows["loading_max_share"], shape).ravel(),
        }
    )


def _ledger(homes: int) -> pd.DataFrame:
    rows = [
        (name, f"home_{row:04d}", "retailer", "energy", 21_000_000 + row)
        for name in DESIGNS
        for row in range(homes)
    ]
    rows += [(name, "retailer", "wholesale", "energy", 19_000_000 * homes) for name in DESIGNS]
    return pd.DataFrame(rows, columns=["architecture", "payer", "payee", "item", "amount_uusd"])


def _costs(days: int) -> pd.DataFrame:
    week = {
        "flat": (3521.3, 23.0, 57.1, 57.7, 0.0, 1062.1, -250.4),
        "tou": (3389.9, 51.5, 142.1, 106.3, 0.0, 1571.0, -279.9),
        "rtp": (3344.1, 24.1, 81.8, 37.3, 0.2, 1482.7, -245.0),
        "central": (3311.6, 23.9, 84.7, 55.3, 0.0, 548.8, -283.0),
        "layered": (3318.0, 24.6, 88.1, 55.9, 0.0, 566.7, -281.1),
    }
    items = ("energy", "wear", "comfort", "hot water", "ev unmet", "over limit", "left in stores")
    rows = [
        (name, item, value * days / 7)
        for name, values in week.items()
        for item, value in zip(items, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["architecture", "item", "cost_usd"])


def places() -> pd.DataFrame:
    """Six places: a substation, two zones and three transformers; the second zone and its transformer bind."""
    rows = [
        ("t1", "transformer", "zone 1", 0.060, 0.000, 0.0, 20.0, 25.0),
        ("t2", "transformer", "zone 2", 0.066, 0.002, 3.5, 25.5, 25.0),
        ("t3", "transformer", "zone 2", 0.064, 0.000, 0.0, 10.0, np.nan),
        ("zone 1", "zone", "<feeder>", 0.060, 0.000, 0.0, 60.0, 90.0),
        ("zone 2", "zone", "<feeder>", 0.064, 0.004, 6.0, 70.2, 70.0),
        ("<feeder>", "feeder", "", 0.060, 0.010, 9.0, 140.0, 140.0),
    ]
    columns = [
        "place",
        "level",
        "parent",
        "price_mean_per_kwh",
        "added_mean_per_kwh",
        "bound_h",
        "peak_kw",
        "limit_kw",
    ]
    return pd.DataFrame(rows, columns=columns).assign(architecture="layered", bound_export_h=0.0)


def _summary(intervals: pd.DataFrame, homes: int, days: int) -> dict[str, Any]:
    summary: dict[str, Any] = {"architectures": {}}
    for rank, name in enumerate(DESIGNS):
        load = intervals.loc[intervals["architecture"] == name, "load_kw"]
        captured = (WELFARE_USD[name] - WELFARE_USD["flat"]) / (BOUND_USD - WELFARE_USD["flat"])
        more_usd, more_kwh = (
            WELFARE_USD[name] - WELFARE_USD["flat"],
            OVER_KWH[name] - OVER_KWH["flat"],
        )
        a_year, even = 365 / days / homes, (more_usd / more_kwh + 1.0 if more_kwh else np.nan)
        left_usd = LEFT_USD[name] - LEFT_USD["flat"]
        cells = {
            "E1y": ("Gain over the flat rate", more_usd * a_year, "$/home/year", "higher"),
            "E1s": ("Of the gain, left in stores", left_usd * a_year, "$/home/year", ""),
            "E1o": ("Overload price at break-even", even, "$/kWh", ""),
            "E1": ("Social welfare", WELFARE_USD[name], "$", "higher"),
            "E2": ("Captured value", captured, "-", "higher"),
            "E3": ("Wholesale purchase cost", 3521.3 - 60 * rank, "$", "lower"),
            "E4": ("Wholesale energy", load.sum() / 12e3, "MWh", ""),
            "E5": ("Mean bill", 31.2 - 1.3 * rank, "$", ""),
            "E5b": (
                "Mean bill, budget balanced",
                31.2 - 1.3 * rank - MARGIN_USD[name] / homes,
                "$",
                "lower",
            ),
            "E6m": ("Operator margin", MARGIN_USD[name], "$", ""),
            "E8": ("Budget imbalance", 0.0, "$", "lower"),
            "E10": ("Price volatility", 0.02 * rank, "$/kWh", "lower"),
            "P1": ("Peak load", load.max(), "kW", "lower"),
            "P2": ("Load factor", load.mean() / load.max(), "-", "higher"),
            "P4x": ("Reactive energy from elsewhere", 80.0, "kvarh", "lower"),
            "P4w": ("Power factor by energy", 0.93, "share", "higher"),
            "P5": ("Over the limit", OVER_KWH[name], "kWh", "lower"),
            "P3": ("Losses", 850.0 + 41 * rank, "kWh", "lower"),
            "V1": ("Lowest voltage", 0.955 - 0.004 * rank, "pu", "higher"),
            "V4": ("Time outside ANSI range A", 900.0 * rank, "s", "lower"),
            "C1": ("Discomfort", 8.1 * days + rank, "K h", "lower"),
            "C2": ("Unmet vehicle energy", 0.0, "kWh", "lower"),
            "D1t": (
                "Deviation together",
                [np.nan, np.nan, np.nan, 0.044, 0.049][rank],
                "share",
                "lower",
            ),
            "D1i": (
                "Deviation by the interval",
                [np.nan, np.nan, np.nan, 0.5, 0.6][rank],
                "kW",
                "lower",
            ),
            "I1": ("Messages", [0, 0, 24, 72, 48][rank] * 186 * days, "#", "lower"),
            "I1.bytes": ("Bytes", [0, 0, 192, 9800, 12_000][rank] * 186 * days, "B", "lower"),
            "I3": ("Computing time", 0.9 + rank, "s", "lower"),
        }
        summary["architectures"][name] = {
            "metrics": {
                key: dict(zip(("name", "value", "unit", "direction"), cell, strict=True))
                for key, cell in cells.items()
            },
            "certificates": {
                "bound_usd": BOUND_USD,
                "gap_share": 4.2e-6,
                "energy_balance_kwh": 3.1e-12,
                "money_balance_uusd": 0,
                "voltage_error_pu": 6.4e-9,
            },
            "wall_s": 0.9 + rank,
        }
    parts = {key: find("metric", KIN.get(key, key)) for key in cells}
    order = sorted(parts, key=lambda key: place_in_table(parts[key]))
    summary["metrics"] = {key: describe_metric(parts[key], order.index(key)) for key in cells}
    summary["manifest"] = {
        "command": "gridagora compare examples/austin/scenario.toml --out out",
        "seed": 7,
        "versions": {"gridagora": "0.1.0", "numpy": "2.4.6", "python": "3.11.9"},
        "hashes": {"scenario.toml": "9f2c" * 16, "prices.parquet": "77aa" * 16},
    }
    return summary


@pytest.fixture(scope="session")
def result() -> FakeResult:
    """A small comparison: 60 homes, 3 days."""
    return make_result()
