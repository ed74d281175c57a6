"""What a comparison leaves: a summary, tables and the scenario, in memory and in a folder that reproduces it."""

import hashlib
import math
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridagora.bound.relaxation import Bound
from gridagora.core.currency import spell_money
from gridagora.core.feeder import Feeder, branches, still_taps
from gridagora.core.limits import Limits, bounds_of
from gridagora.core.place import Level, lift_kw
from gridagora.core.product import Commodity, Horizon
from gridagora.core.records import sum_rows
from gridagora.core.registry import find, names
from gridagora.core.session import Topology
from gridagora.core.tables import Col, Homes, Prices, Weather, blocks_of
from gridagora.grid.distance import bus_distance_pu
from gridagora.grid.phases import branch_phases
from gridagora.population.quality import TIERS, deviation_kwh, energy_share, mean_kw, per_home
from gridagora.results.gain import MUCH_LEFT, balanced_bill_usd, warn_of_stores
from gridagora.results.home_block import HomeBlock, home_blocks
from gridagora.results.metric import AUTOMATED, Metric, Reference
from gridagora.results.outcome import Outcome, costs_usd, welfare_before_losses_usd
from gridagora.results.solved_flow import flow_columns
from gridagora.run.controls_table import control_rows
from gridagora.run.evaluate import settlement
from gridagora.run.home_series import series_tables
from gridagora.run.home_tables import home_tables
from gridagora.run.limit_table import limit_rows
from gridagora.run.loading_table import loading_rows, loading_series_rows
from gridagora.run.metric_values import measured_by, metric_values
from gridagora.run.nodal_table import nodal_tables
from gridagora.run.reactive_table import reactive_columns, reactive_market_tables
from gridagora.run.settle import CHARGE, MeterPrices, book_charges, settle
from gridagora.run.state import Setup
from gridagora.run.topology import by_interval
from gridagora.run.transformer_table import transformer_rows
from gridagora.run.unranked import unranked
from gridagora.scenario import plugins
from gridagora.scenario.build import Scene
from gridagora.scenario.overload import spell_limit
from gridagora.scenario.shares import spell_shares
from gridagora.settlement.capacity import capacity_usd
from gridagora.settlement.ledger import UUSD_PER_USD, UWH_PER_KWH, join, only, paid_uusd
from gridagora.settlement.parties import Role, row_of
from gridagora.settlement.retail_bill import retail_usd

QUARTERS = 4
SAME_PER_KWH = 1e-9  # prices closer than this are one price
PACKAGES = (
    "gridagora",
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "pyarrow",
    "clarabel",
    "dss-python",
    "plotly",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One comparison: `summary` is what `--json` prints, `tables` are data frames by name, `scenario_text` is the TOML."""

    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    scenario_text: str


def gather(
    scene: Scene,
    study: Setup,
    outcomes: dict[str, Outcome],
    flat: Outcome,
    top: Bound,
    bound_s: float,
    faults: dict[str, str],
    unlimited: dict[str, Outcome],
    unlimited_bound_usd: float | None,
    origin: dict[str, Any],
) -> Comparison:
    """Return the result of finished designs; `unlimited` holds the runs without the limit.

    `faults` names the designs that failed; metrics that fail on a design join it. `origin` is what the manifest says of files.
    """
    measure = {
        name: Reference(
            flat,
            top.welfare_usd,
            unlimited.get(name),
            unlimited_bound_usd,
            outcomes.get(AUTOMATED),
        )
        for name in outcomes
    }
    known: list[Metric] = [find("metric", name) for name in names("metric")]
    metrics = measured_by(known, flat, faults)
    values = {
        name: _in_currency(metric_values(metrics, outcome, measure[name], faults), scene)
        for name, outcome in outcomes.items()
    }
    architectures = {
        name: {
            "market": scene.scenario.market_of(name),
            "network": str(getattr(scene.market(name), "network", "none")),
        }
        | _entry(
            outcome, flat, values[name], top, study, is_tariff=scene.market(name).rules.is_tariff
        )
        for name, outcome in outcomes.items()
    }
    frames = {
        kind: pd.concat([make(scene, o) for o in outcomes.values()], ignore_index=True)
        for kind, make in TABLES.items()
    }
    said = {part.id: describe_metric(part, order) for order, part in enumerate(metrics)}
    summary = {
        "architectures": architectures,
        "metrics": said,
        "manifest": _manifest(scene, study, top, bound_s)
        | {"left_in_stores": _left_in_stores(study, flat, outcomes)}
        | origin,
    }
    if faults:
        summary["failed"] = faults
    if reasons := unranked(scene.feeder, outcomes):
        summary["unranked"] = reasons
    made = list(outcomes.values())
    keys = scene.scenario
    bills = keys.scenario.per_home or "bills" in keys.results.keep
    own = (home_tables(scene.homes.home_id, made) if bills else {}) | series_tables(
        scene.homes.home_id, made
    )
    own |= nodal_tables(scene.homes.home_id, made) | reactive_market_tables(made)
    return Comparison(
        summary, frames | {"lines": _lines(scene.feeder)} | _places(study, made) | own, scene.text
    )


def _in_currency(values: dict[str, dict[str, Any]], scene: Scene) -> dict[str, dict[str, Any]]:
    """Return metrics with units of money in the currency of the scenario."""
    code = scene.scenario.scenario.currency
    return {name: each | {"unit": spell_money(each["unit"], code)} for name, each in values.items()}


def describe_metric(part: Metric, order: int) -> dict[str, Any]:
    """Return what table and report say of a metric beside its figures, so that a folder explains itself."""
    return {
        "family": part.family,
        "order": order,
        "explanation": part.explanation,
        "short_name": part.short_name,
        "in_brief": part.in_brief,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _entry(
    outcome: Outcome,
    flat: Outcome,
    values: dict[str, Any],
    top: Bound,
    study: Setup,
    *,
    is_tariff: bool,
) -> dict[str, Any]:
    net = outcome.network
    return {
        "metrics": values,
        "certificates": {
            "bound_usd": top.welfare_usd,
            "below_bound_usd": top.welfare_usd - welfare_before_losses_usd(outcome),
            "money_imbalance_uusd": outcome.imbalance_uusd,
            "plan_gap_share": _number(outcome.plan_gap_share),
            "energy_balance_kwh": outcome.energy_balance_kwh,
            "flow_mismatch_kva": None if net is None else net.mismatch_kva,
            "flow_failed_intervals": None if net is None else net.failed,
            "revenue_gap_usd": revenue_gap_usd(outcome, study) if is_tariff else None,
            "unconverged_sessions": outcome.unconverged_sessions,
            "leader_gain_usd": _number(outcome.leader_gain_usd),
            "leader_gain_share": _number(outcome.leader_gain_share),
            "leader_tried_share": _number(outcome.leader_tried_share),
            "follower_gain_usd": _number(outcome.follower_gain_usd),
        },
        "warnings": [*outcome.warnings, *warn_of_stores(outcome, flat)],
        "wall_s": outcome.wall_s,
    }


def revenue_gap_usd(outcome: Outcome, study: Setup) -> float | None:
    """What the ledger leaves with the operator if homes take the baseline at a tariff [$]: zero but for rounding each bill.

    None where the study has no baseline, or the outcome does not say what meters were charged.
    """
    paid = outcome.paid
    if study.baseline_kw is None or paid is None:
        return None
    parties, prices = outcome.parties, MeterPrices(paid.price_per_kwh, paid.credit_per_kwh)
    s = settlement(parties, study)
    ledger = settle(
        s, study.baseline_kw, prices, outcome.wholesale_per_kwh, other_kw=outcome.other_kw
    )
    if paid.capacity is not None:
        per = round(1 / outcome.dt_h)
        charged = capacity_usd(paid.capacity, study.baseline_kw, per, study.local_hour)
        ledger = join([ledger, book_charges(s, charged)])
    if paid.billing is not None:
        charged = retail_usd(paid.billing, study.baseline_kw, round(1 / outcome.dt_h))
        ledger = join([ledger, book_charges(s, charged)])
    return float(-paid_uusd(ledger, len(parties.id))[row_of(parties, Role.OPERATOR)] / UUSD_PER_USD)


def _manifest(scene: Scene, study: Setup, top: Bound, bound_s: float) -> dict[str, Any]:
    keys = scene.scenario
    return {
        "title": keys.scenario.title,
        "note": keys.scenario.note,
        "seed": keys.scenario.seed,
        "start": str(keys.scenario.start),
        "days": keys.scenario.days,
        "timezone": keys.scenario.timezone,
        "currency": keys.scenario.currency,
        "homes": len(scene.homes.home_id),
        "feeder": scene.feeder.name,
        "held_taps": list(still_taps(scene.feeder)),
        "limit_kw": _number(study.wholesale.limit_kw),
        "limit_source": spell_money(
            spell_limit(scene, study.wholesale.limit_kw), keys.scenario.currency
        ),
        "participation": spell_shares(scene),
        "flat_rate_per_kwh": study.flat_per_kwh,
        "bound": {
            "welfare_usd": top.welfare_usd,
            "feasible_usd": None if math.isnan(top.feasible_usd) else top.feasible_usd,
            "gap_usd": None if math.isnan(top.gap_usd) else top.gap_usd,
            "evaluations": top.evaluations,
            "wall_s": bound_s,
        },
        "scenario_sha256": hashlib.sha256(scene.text.encode()).hexdigest(),
        "inputs_sha256": {
            name: _hash(table)
            for name, table in (
                ("homes", scene.homes),
                ("prices", scene.prices),
                ("weather", scene.weather),
            )
        },
        "versions": {name: _version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "plugins": plugins.described(keys.outside),
        "machine": platform.machine(),
        "command": " ".join(["gridagora", *sys.argv[1:]])
        if Path(sys.argv[0]).name == "gridagora"
        else "python",
    }


def _left_in_stores(study: Setup, flat: Outcome, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    """Return whether stores end as the flat design leaves them, and the designs of whose gain much is what they hold."""
    much = [name for name, outcome in outcomes.items() if warn_of_stores(outcome, flat)]
    return {"are_closed": study.closes_stores, "much_share": MUCH_LEFT, "designs": much}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _hash(table: Homes | Prices | Weather) -> str:
    """Hash of every column of a table, so that equal inputs can be told from unequal ones."""
    digest = hashlib.sha256()
    for name, column in table._asdict().items():
        digest.update(name.encode())
        for block in blocks_of(column):
            digest.update(block)
    return digest.hexdigest()


def _intervals(_: Scene, o: Outcome) -> pd.DataFrame:
    columns: dict[str, object] = {"architecture": o.name, "start_s": o.start_s}
    columns |= {
        name: getattr(o, name)
        for name in (
            "load_kw",
            "other_kw",
            "committed_kw",
            "price_per_kwh",
            "credit_per_kwh",
            "wholesale_per_kwh",
            "fixed_kw",
        )
    }
    columns |= {
        f"{kind}_kw": 0.0 - kw if is_generation(kind) else kw for kind, kw in o.device_kw.items()
    }
    columns |= flow_columns(o)
    if o.reactive is not None:
        columns |= {
            "reactive_need_kvar": o.reactive.need_kvar,
            "reactive_homes_kvar": o.reactive.given_kvar.sum(0),
            "reactive_unmet_kvar": o.reactive.unmet_kvar,
            "reactive_price_per_kvarh": o.reactive.price_per_kvarh,
        }
    if o.reactive_market is not None:
        columns |= reactive_columns(o.reactive_market)
    columns |= {"limit_kw": o.limit_kw if math.isfinite(o.limit_kw) else np.nan}
    columns |= {name: sum_rows(values) / len(values) for name, values in o.series.items()}
    return pd.DataFrame(columns)


def is_generation(kind: str) -> bool:
    """Return whether tables show the power of a kind of device as generation."""
    return bool(find("device", kind).about.is_generation)


def items_by_home(kinds: Iterable[str]) -> list[str]:
    """Return the costs of kinds of device that the table of homes shows."""
    found = [
        item.name for kind in kinds for item in find("device", kind).about.items if item.is_by_home
    ]
    return list(dict.fromkeys(found))


def _homes(scene: Scene, o: Outcome) -> pd.DataFrame:
    h = scene.homes
    buses = scene.feeder.meters.bus[scene.home_meter]
    parts = [_measured(block) for block in home_blocks(o)]
    measured = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    deviations = {name: measured.pop(name) for name in list(measured) if "deviation" in name}
    return pd.DataFrame(
        {
            "architecture": o.name,
            "home_id": list(h.home_id),
            **({"class": list(scene.home_class)} if any(scene.home_class) else {}),
            "bus": [scene.feeder.buses.name[b] for b in buses],
            "bill_usd": o.bill_usd,
            "balanced_bill_usd": balanced_bill_usd(o),
        }
        | measured
        | {f"{item}_usd": o.device_usd[item] for item in items_by_home(o.device_kw)}
        | dict(o.felt)
        | dict(o.owned)
        | _quality(h, o)
        | deviations
    )


def _measured(block: HomeBlock) -> dict[str, Col]:
    """Return columns of what meters of some homes saw and how far they missed awards, by the interval and by the hour."""
    home_kw, award_kw, dt_h = block.home_kw, block.award_kw, block.outcome.dt_h
    columns = {
        "energy_kwh": home_kw.clip(min=0).sum(1) * dt_h,
        "export_kwh": (-home_kw).clip(min=0).sum(1) * dt_h,
        "v_min_pu": block.home_v_pu.min(1),
        "v_max_pu": block.home_v_pu.max(1),
    }
    net = block.outcome.network
    if net is not None and net.nominal_pu is not None:
        columns["v_nominal_pu"] = net.nominal_pu[block.rows]
    for name, window_h in (("interval", 0.0), ("hour", 1.0)):
        missed = deviation_kwh(home_kw, award_kw, dt_h, window_h)
        columns[f"deviation_{name}_kw"] = mean_kw(missed, award_kw, dt_h)
        columns[f"deviation_{name}_share"] = energy_share(missed, home_kw, award_kw, dt_h)
    return columns


def _quality(h: Homes, o: Outcome) -> dict[str, Any]:
    """Columns of what service is worth to each home and what it was charged for missing its awards."""
    own, paid = per_home(h.quality, len(o.bill_usd)), only(o.ledger, CHARGE)
    usd = np.bincount(paid.payer, paid.amount_uusd / UUSD_PER_USD, len(o.bill_usd))
    return {
        "tier": [TIERS[row] for row in own.tier],
        "slider_ratio": own.slider_ratio,
        "tier_ratio": own.tier_ratio,
        "deviation_charge_usd": usd,
    }


def _buses(scene: Scene, o: Outcome) -> pd.DataFrame:
    f, net = scene.feeder, o.network
    values = (
        (np.nan,) * 3 if net is None else (net.bus_v_min_pu, net.bus_v_max_pu, net.bus_v_at_peak_pu)
    )
    return pd.DataFrame(
        {
            "architecture": o.name,
            "bus": list(f.buses.name),
            "x": f.buses.x_m,
            "y": f.buses.y_m,
            "distance_pu": bus_distance_pu(f),
        }
        | dict(zip(("v_min_pu", "v_max_pu", "v_at_peak_pu"), values, strict=True))
        | {"unbalance_share": _unbalance(scene, o)}
    )


def _unbalance(scene: Scene, o: Outcome) -> Col:
    """Return the unbalance of voltage at every bus (b,) [1]; nan where a bus has not three phases."""
    share = np.full(len(scene.feeder.buses.name), np.nan)
    found = None if o.network is None else o.network.unbalance
    if found is not None:
        share[found.bus] = found.kept_share
    return share


def _costs(_: Scene, o: Outcome) -> pd.DataFrame:
    costs = costs_usd(o)
    return pd.DataFrame(
        {"architecture": o.name, "item": list(costs), "cost_usd": list(costs.values())}
    )


def _lines(feeder: Feeder) -> pd.DataFrame:
    joins = branches(feeder)
    a, b, phases = joins.from_bus, joins.to_bus, branch_phases(feeder)
    return pd.DataFrame(
        {
            "from_bus": [feeder.buses.name[i] for i in a],
            "to_bus": [feeder.buses.name[i] for i in b],
            "x0": feeder.buses.x_m[a],
            "y0": feeder.buses.y_m[a],
            "x1": feeder.buses.x_m[b],
            "y1": feeder.buses.y_m[b],
            "kind": list(joins.kind),
            "phases": [phases[pair] for pair in zip(a.tolist(), b.tolist(), strict=True)],
        }
    )


def _places(study: Setup, outcomes: list[Outcome]) -> dict[str, pd.DataFrame]:
    """Return the table of places with a price of their own, for the designs that have such; no table where none does."""
    priced = [o for o in outcomes if len(o.place_per_kwh) and o.place_per_kwh.any()]
    if study.site is None or study.limits is None or study.place_other_kw is None or not priced:
        return {}
    return {
        "places": pd.concat(
            [place_rows(study.site, study.limits, study.place_other_kw, o) for o in priced],
            ignore_index=True,
        )
    }


def place_rows(site: Topology, limits: Limits, other_kw: Col, o: Outcome) -> pd.DataFrame:
    """Return one row a place of a layered design: where it stands, its price, what its own limit did to it, its load.

    `limits` are the rows of zones and transformers; `other_kw` (m, H) is what other customers draw below each place [kW].
    A place within its limit has the price of its parent, so any difference is its own limit at work; the parent of a root is the
    wholesale price with delivery. `peak_kw` is the largest mean of 15 minutes either way, other customers included.
    """
    tree, price, root = site.tree, o.place_per_kwh, site.tree.parent < 0
    above = price[tree.parent]
    above[root] = np.minimum(price[root], o.wholesale_per_kwh + o.delivery_per_kwh)
    added = price - above
    load_kw = lift_kw(tree, site.place, np.asarray(o.home_kw))
    load_kw[root] += o.other_kw
    load_kw += by_interval(other_kw, load_kw.shape[1], o.dt_h)
    per = max(1, round(1 / (QUARTERS * o.dt_h)))
    quarters = load_kw[:, : load_kw.shape[1] // per * per].reshape(len(load_kw), -1, per).mean(2)
    limit_kw = np.where(root, o.limit_kw, bounds_of(limits, tree).high_kw.max(1))
    return pd.DataFrame(
        {
            "architecture": o.name,
            "place": list(tree.name),
            "level": [Level(level).name.lower() for level in tree.level],
            "parent": ["" if up < 0 else tree.name[up] for up in tree.parent],
            "price_mean_per_kwh": price.mean(1),
            "price_min_per_kwh": price.min(1),
            "price_max_per_kwh": price.max(1),
            "added_mean_per_kwh": added.mean(1),
            "bound_h": (added > SAME_PER_KWH).sum(1) * o.dt_h,
            "bound_export_h": (added < -SAME_PER_KWH).sum(1) * o.dt_h,
            "peak_kw": np.abs(quarters).max(1),
            "limit_kw": np.where(np.isfinite(limit_kw), limit_kw, np.nan),
        }
    )


def _ledger(_: Scene, o: Outcome) -> pd.DataFrame:
    party, entries = np.array(o.parties.id), o.ledger
    return pd.DataFrame(
        {
            "architecture": o.name,
            "payer": party[entries.payer],
            "payee": party[entries.payee],
            "item": entries.item,
            "amount_uusd": entries.amount_uusd,
            "horizon": [Horizon(row).name.lower() for row in entries.horizon],
            "commodity": [Commodity(row).name for row in entries.commodity],
            "place": entries.place,
            "start_s": entries.start_s,
            "duration_s": entries.duration_s,
            "quantity_kwh": entries.quantity_uwh / UWH_PER_KWH,
        }
    )


TABLES = {
    "intervals": _intervals,
    "homes": _homes,
    "buses": _buses,
    "loading": loading_rows,
    "loading_series": loading_series_rows,
    "transformers": transformer_rows,
    "home_limits": limit_rows,
    "controls": control_rows,
    "costs": _costs,
    "ledger": _ledger,
}
