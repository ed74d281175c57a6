"""What was understood of a scenario or of a feeder file, in lines for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.device import DeviceKind, homes_with_inverter
from gridagora.core.errors import InputError
from gridagora.core.feeder import LINE, TRANSFORMER, Feeder, branches
from gridagora.core.registry import find
from gridagora.core.tables import LEAD_H, Col, Prices
from gridagora.grid import power_grid_model
from gridagora.population.charging import ChargingSessions
from gridagora.population.customers import apply_pairs, customers_of
from gridagora.population.quality import TIERS, per_home
from gridagora.scenario import plugins, strained
from gridagora.scenario import populate as draw
from gridagora.scenario import validate as sound
from gridagora.scenario.build import Scene, load
from gridagora.scenario.dwellings import left_share
from gridagora.scenario.feeder_file import is_feeder_file, list_classes, read_feeder_file
from gridagora.scenario.money import currency_lines, in_currency
from gridagora.scenario.overload import spell_limit
from gridagora.scenario.read import literal
from gridagora.scenario.schema import Design, Scenario
from gridagora.scenario.shares import spell_shares
from gridagora.scenario.tariff_files import tariff_lines

UNRATED_KVA = 1e6  # of a transformer whose source states no rating: nothing loads it
NAMES = 6  # of loads told before the rest is cut
ENGINES = {
    "opendss": "OpenDSS, from the same script",
    "power_grid_model": "power-grid-model, which can represent this feeder",
}
LOSSES: Mapping[str, str] = {
    "none": 'nobody is charged for them: the wires buy them, and no bill holds what they cost ([network] losses = "averaged" or '
    '"marginal" charges it)',
    "averaged": "charged to all customers by what they withdraw in the same interval",
    "marginal": "charged by the loss part of nodal prices, the surplus returned by what is withdrawn",
}


class Understood(NamedTuple):
    """What was read of a file: a line of text for each subject, the feeder, and the scene where it is a scenario."""

    lines: Mapping[str, str]
    feeder: Feeder
    scene: Scene | None


def check(path: str | Path, overrides: Sequence[str] = ()) -> Mapping[str, str]:
    """Read a scenario (.toml) or a feeder (as .dss) to the point where it could run, and say what was understood.

    Returns
    -------
    Mapping
        A line of text for each subject, in reading order.

    Raises
    ------
    InputError
        Every problem found.
    """
    return understand(path, overrides).lines


def understand(
    path: str | Path, overrides: Sequence[str] = (), *, strict: bool = False
) -> Understood:
    """Read a scenario (.toml) or a feeder (as .dss) to the point where it could run; strictly: without any assumption.

    Raises
    ------
    InputError
        Every problem found.
    """
    if not isinstance(path, str | Path) or not is_feeder_file(Path(path)):
        scene = load(path, overrides)
        return Understood(scene_lines(scene), scene.feeder, scene)
    network = read_feeder_file(Path(path), strict=strict)
    problems = sound.feeder(network, str(path))
    if problems:
        raise InputError(problems)
    feeder = apply_pairs(network, "customers")
    lines = feeder_lines(feeder, pairs=len(network.leg_pairs)) | dict(list_classes(Path(path)))
    lines["power-grid-model"] = spell_engine(feeder)
    return Understood(lines, feeder, None)


def feeder_lines(network: Feeder, pairs: int = 0) -> dict[str, str]:
    """Return what a feeder holds; `pairs` of its meters were two loads on the two legs of one home."""
    live = np.abs(
        network.nodes.v_no_load[network.nodes.base_v > 0]
        / network.nodes.base_v[network.nodes.base_v > 0]
    )
    joins = branches(network)
    levels = sorted({round(float(volts)) for volts in network.nodes.base_v}, reverse=True)
    lines = {
        "feeder": network.name,
        "network": f"{len(network.buses.name)} buses, {len(network.nodes.name)} nodes, {joins.kind.count(LINE)} lines, "
        f"{joins.kind.count(TRANSFORMER)} transformers",
        "voltage levels": ", ".join(f"{volts:,} V" for volts in levels) + " line to neutral",
        "loads": f"{len(network.meters.name)} meters, rated {network.meters.p_kw.sum():,.0f} kW in all",
        **loads_lines(network, pairs),
        "ratings": _ratings(network),
        "map": "coordinates on every bus"
        if np.isfinite(network.buses.x_m).all()
        else f"{np.isfinite(network.buses.x_m).sum()} buses have coordinates",
        "power flow": f"converges at the rated loads; highest voltage without load {live.max():.3f} pu",
    }
    return lines | {f"assumed {number}": note for number, note in enumerate(network.notes, 1)}


def spell_engine(network: Feeder) -> str:
    """Return whether power-grid-model can represent a feeder, or what of it has no type there."""
    refused = power_grid_model.refusals(network, "")
    if not refused:
        return 'can represent it: [feeder] engine = "power_grid_model" solves its flow'
    return f"cannot represent it: {'; '.join(each.got for each in refused)}"


def _ratings(network: Feeder) -> str:
    """Return how many lines and transformers have a rating that limits and envelopes can keep."""
    lines, units = network.lines, network.transformers
    is_line = ~lines.is_switch
    rated = {
        "lines": (lines.rating_a > 0)[is_line],
        "transformers and regulators": (units.kva > 0) & (units.kva < UNRATED_KVA),
    }
    said = [f"{int(each.sum()):,} of {len(each):,} {what}" for what, each in rated.items()]
    whole = all(each.all() for each in rated.values())
    return " and ".join(said) + (" have one" if whole else " have one; nothing limits the others")


def loads_lines(network: Feeder, pairs: int = 0) -> dict[str, str]:
    """Return what became of the loads of a feeder: places for homes, and loads that stay by the reason why."""
    customers, kw = customers_of(network), network.meters.p_kw
    single, block = customers == 1, customers > 1
    parts = (
        [f"{np.count_nonzero(single)} meters of one customer, {kw[single].sum():,.0f} kW"]
        if single.any()
        else []
    )
    if block.any():
        parts.append(
            f"{np.count_nonzero(block)} of several, {customers[block].sum()} customers and {kw[block].sum():,.0f} kW"
        )
    if pairs:
        parts.append(f"{pairs} pairs of loads joined, each the two legs of one home")
    lines = {"places for homes": f"{customers.sum()}" + (f": {'; '.join(parts)}" if parts else "")}
    reasons = np.array(network.meters.stays or [""] * len(customers), dtype=object)
    reasons[(customers == 0) & (reasons == "")] = "no home in the source"
    for number, reason in enumerate(dict.fromkeys(reasons[customers == 0]), 1):
        rows = np.flatnonzero((customers == 0) & (reasons == reason))
        names = ", ".join(network.meters.name[at] for at in rows[:NAMES]) + (
            " and others" if len(rows) > NAMES else ""
        )
        lines[f"stay loads {number}"] = f"{len(rows)} {reason}, {kw[rows].sum():,.0f} kW: {names}"
    return lines


def _left(scene: Scene) -> str:
    """Return which residential loads no home stands for, and the shape that they keep."""
    share = left_share(scene.feeder, scene.home_meter)
    rows = np.flatnonzero(share)
    if not rows.size:
        return ""
    shape = scene.feeder.meters.shape
    own = int(np.count_nonzero(shape[rows] >= 0)) if shape.size else 0
    customers = customers_of(scene.feeder)
    return (
        f"{round(float((share * customers).sum()))} of {customers.sum()} places have no home; their {rows.size} meters keep "
        f"{float(share @ scene.feeder.meters.p_kw):,.0f} kW rated, {own} of them by the load shape of the script, the others by "
        "a residential day with its peak in the evening"
    )


def _designs(keys: Scenario) -> str:
    """Return the designs to compare, each of the scenario's own with what it is."""
    own = {each.name: each for each in keys.designs}
    said = ", ".join(_spell_design(own.get(name), name) for name in keys.compared)
    rest = [name for name in own if name not in keys.compared]
    return said + (f"; not compared: {', '.join(rest)}" if rest else "")


def _spell_design(own: Design | None, name: str) -> str:
    if own is None:
        return name
    beside = own.model_dump(exclude={"name", "market", "keys"}, exclude_none=True)
    every = dict(own.keys) | beside
    keys = ", ".join(f"{key} = {literal(value)}" for key, value in every.items())
    return f"{name} ({own.market}{': ' if keys else ''}{keys})"


def scene_lines(scene: Scene) -> dict[str, str]:
    """Return what a scene holds."""
    case, keys = scene.scenario.scenario, scene.scenario
    lines = {"title": case.title} | ({"note": case.note} if case.note else {})
    lines["time"] = (
        f"{case.days} days from {case.start:%A %d %B %Y}, {case.timezone}, every {keys.market.interval_minutes} minutes"
        + ("; stores end as 'flat' leaves them" if keys.market.closes_stores else "")
    )
    lines["designs"] = _designs(keys)
    lines |= {f"plugin {number}": text for number, text in enumerate(_plugins(scene), 1)}
    lines |= feeder_lines(scene.feeder, sum("+" in name for name in scene.feeder.meters.name))
    if keys.feeder.engine != "own":
        lines["flow solved by"] = ENGINES[keys.feeder.engine]
    lines["homes"] = _homes(scene)
    lines |= {"loads without a home": left} if (left := _left(scene)) else {}
    lines |= {f"homes read {number}": note for number, note in enumerate(scene.notes, 1)}
    lines["equipment"] = _equipment(scene)
    if scene.other_kw.any():
        lines["other loads"] = (
            f"{np.count_nonzero(scene.other_kw.any(axis=0))} meters, up to {scene.other_kw.sum(axis=1).max():,.0f} kW together"
        )
    sky = scene.weather.t_out_degc[: 24 * case.days]
    lines["weather"] = (
        f"{keys.weather.source}: {sky.min():.0f} to {sky.max():.0f} degC, mean {sky.mean():.1f}"
    )
    if scene.weather_note:
        lines["weather read"] = scene.weather_note
    lines |= {f"prices read {number}": note for number, note in enumerate(scene.price_notes, 1)}
    lines["prices"] = prices_line(scene.prices, case.days, keys.prices.source)
    lines["tariff"] = (
        f"delivery {keys.prices.delivery_per_kwh:g} $/kWh, export credit {keys.prices.export_credit_per_kwh:+g} $/kWh"
    )
    lines["export of homes"] = _export(keys.tariff.credit_per_kwh)
    lines |= tariff_lines(keys)
    lines["substation"] = spell_limit(scene)
    lines["losses"] = LOSSES[keys.network.losses]
    lines["reactive power"] = _reactive(scene)
    lines["comfort"] = _comfort(scene)
    lines["quality of service"] = _quality(scene)
    if scene.partners is not None:
        lines["partners"] = (
            f"{len(np.unique(np.sort(scene.partners, 1), axis=0))} pairs, {keys.layers.partners_file}"
        )
    lines |= _preference(scene) | strained.lines(scene)
    return in_currency(lines, keys) | currency_lines(keys)


def _plugins(scene: Scene) -> list[str]:
    """Return what each plugin is and adds."""
    plugins.use(scene.scenario.outside)
    return [
        f"{each.get('file') or each['module']}: {', '.join(each['parts'])}"
        for each in plugins.described(scene.scenario.outside)
    ]


def _preference(scene: Scene) -> dict[str, str]:
    wants = draw.preference(scene.scenario, scene.homes)
    if wants is None:
        return {}
    local = f"every home would pay {wants.local_per_kwh:g} $/kWh more for energy of another home"
    green = f"{np.count_nonzero(wants.green)} green homes {wants.green_per_kwh:g} $/kWh more for solar energy of another home"
    said = [
        text
        for text, per_kwh in ((local, wants.local_per_kwh), (green, wants.green_per_kwh))
        if per_kwh
    ]
    return {"preferences": "; ".join(said) + "; only the design 'peer' knows whose energy is whose"}


def prices_line(prices: Prices, days: int, source: str) -> str:
    """Return the range of the prices of a run, and how many are below zero: legal, and said."""
    ahead = prices.day_ahead_per_kwh[LEAD_H : LEAD_H + 24 * days]
    now = prices.real_time_per_kwh[4 * LEAD_H : 4 * (LEAD_H + 24 * days)]
    text = f"{source}: day-ahead {ahead.min():.3f} to {ahead.max():.3f}, real-time {now.min():.3f} to {now.max():.3f} $/kWh"
    below = int(np.count_nonzero(now < 0))
    return text + (
        f"; {below} quarter-hours below zero, which is legal: homes are paid to consume"
        if below
        else ""
    )


def _homes(scene: Scene) -> str:
    homes = scene.homes
    paired = scene.scenario.homes.start
    lived = f"; home data from {paired:%d %B %Y}" if paired else ""
    own = sum(
        scene.feeder.meters.name[at].lower() == home.lower()
        for home, at in zip(homes.home_id, scene.home_meter, strict=True)
    )
    named = f", {own} of them on the meter of their own name" if own else ""
    meters = np.unique(scene.home_meter).size
    return f"{len(homes.home_id)} on {meters} meters{named}, source '{scene.scenario.homes.source}'{lived}"


def _equipment(scene: Scene) -> str:
    tables = [(find("device", kind).about, table) for kind, table in scene.homes.owned.items()]
    tables = sorted(tables, key=lambda each: (-each[0].rank, each[0].kind))
    owners = [_owners(about, table) for about, table in tables]
    more = [about.describe(table, 24 * scene.scenario.scenario.days) for about, table in tables]
    return "; ".join(said for said in (", ".join(owners), *more, spell_shares(scene)) if said)


def _owners(about: DeviceKind, table: Any) -> str:
    """Return how many homes own a kind of device; of cars, how many plug in during the run."""
    count = np.unique(table.home).size or "none"
    if isinstance(table, ChargingSessions):
        return f"{count} with {about.label.lower()} that plug in"
    return f"{count} with {about.label.lower()}"


def _export(credit_per_kwh: float | None) -> str:
    if credit_per_kwh is None:
        return (
            "net metering under a tariff: what leaves a home earns the import price of its interval"
        )
    return f"under a tariff what leaves a home earns a credit of {credit_per_kwh:g} $/kWh, what enters it pays the import price"


def _reactive(scene: Scene) -> str:
    keys, homes = scene.scenario.reactive, scene.homes
    able = int(np.count_nonzero(homes_with_inverter(homes)))
    if keys.market == "nodal":
        beside = ", shown against volt-var" if keys.against == "volt_var" else ""
        return (
            f"inverters of {able} homes offer it at their meters under a design that asks them, and the network operator buys "
            f"what saves more in losses, voltages and ratings than it costs{beside}"
        )
    if keys.power_factor is None:
        return "no power factor is agreed, so nobody asks for it"
    return (
        f"power factor {keys.power_factor:g} agreed at the substation; what it lacks costs {keys.cap_per_kvarh:g} $/kvarh "
        f"elsewhere, or less from the inverters of {able} homes under a design that asks them"
    )


def _comfort(scene: Scene) -> str:
    value, slider = scene.scenario.comfort.value_per_k2_h, scene.homes.quality.slider_ratio
    if (slider == 1).all():
        return f"{value:g} $/(K2 h)"
    spread = f"{value * slider.min():.3g} to {value * slider.max():.3g}, median {value * np.median(slider):.3g}"
    return f"{value:g} $/(K2 h) for a standard home; by their sliders homes of the standard tier have {spread}"


def _quality(scene: Scene) -> str:
    own = per_home(scene.homes.quality, len(scene.homes.home_id))
    tiers = ", ".join(
        _tier(name, own.tier_ratio[own.tier == row]) for row, name in enumerate(TIERS)
    )
    tiers = tiers if own.tier.any() else "every home standard"
    if not own.deviation_per_kwh.any():
        return f"{tiers}; deviation from awards is measured, not charged"
    over = f"the mean of {own.window_h:g} h" if own.window_h else "every interval"
    return f"{tiers}; a home pays {own.deviation_per_kwh.max():g} $/kWh for what it delivers other than awarded, over {over}"


def _tier(name: str, ratio: Col) -> str:
    worth = (
        f" to whom energy is worth {ratio[0]:g} times as much"
        if ratio.size and ratio[0] != 1
        else ""
    )
    return f"{ratio.size} {name} homes{worth}"
