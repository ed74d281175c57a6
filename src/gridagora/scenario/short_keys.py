"""Keys of `[homes]` that stand for keys of `[homes.KIND]`, where a scenario leaves that table out."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from gridagora.core.device import RENEWABLE
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import find, names
from gridagora.scenario.key_checks import Got
from gridagora.scenario.key_sentences import shown
from gridagora.scenario.schema import HomesKeys

SHORT: Mapping[str, tuple[str, str]] = MappingProxyType(  # kind of device and key of its own
    {
        "pv_share": ("pv", "share"),
        "pv_kw": ("pv", "kw"),
        "tilt_deg": ("pv", "tilt_deg"),
        "azimuth_deg": ("pv", "azimuth_deg"),
        "ev_share": ("ev", "share"),
        "ev_kw": ("ev", "kw"),
        "ev_daily_share": ("ev", "daily_share"),
        "battery_share": ("battery", "share"),
        "battery_kwh": ("battery", "kwh"),
        "battery_kw": ("battery", "kw"),
        "battery_efficiency": ("battery", "efficiency"),
        "water_heaters": ("water_heater", "share"),
        "tank_l": ("water_heater", "volume_l"),
        "tank_kw": ("water_heater", "kw"),
    }
)


def device_keys(
    keys: HomesKeys, devices: Mapping[str, Any], *, set_only: bool = False
) -> dict[str, Mapping[str, Any]]:
    """Return the keys of all devices by kind: those of `[homes]`, and in their place those of a `[homes.KIND]`.

    With `set_only`, of `[homes]` those other than the default.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, (kind, own) in SHORT.items():
        value = vars(keys)[name]
        if value is not None and not (set_only and not _is_set(keys, name)):
            found.setdefault(kind, {})[own] = float(value)
    return {**found, **devices}


def check(keys: HomesKeys, devices: Mapping[str, Any], got: Got) -> list[Problem]:
    """Return the problems of the short keys: one beside a table of its kind, and what the kind refuses."""
    found = [
        Problem(
            got.where("homes", name),
            f"{shown(vars(keys)[name])} beside [homes.{kind}]",
            f"the key '{own}' of that table in its place",
            "Leave it out.",
        )
        for name, (kind, own) in SHORT.items()
        if kind in devices and _is_set(keys, name)
    ]
    for kind, values in device_keys(keys, {}).items():
        if kind not in devices:
            found += _refused(kind, values, got)
    return found


def own_renewables(keys: HomesKeys, devices: Mapping[str, Any]) -> bool:
    """Return whether any kind of renewable generation is given to a share of homes."""
    given, known = device_keys(keys, devices), names("device")
    makers = {
        kind: values
        for kind, values in given.items()
        if kind in known and find("device", kind).about.family == RENEWABLE
    }
    return any(values.get("share") != 0 for values in makers.values())


def _is_set(keys: HomesKeys, name: str) -> bool:
    return bool(vars(keys)[name] != type(keys).model_fields[name].default)


def _refused(kind: str, values: Mapping[str, Any], got: Got) -> list[Problem]:
    short = {f"homes.{kind}.{own}": name for name, (of, own) in SHORT.items() if of == kind}
    try:
        find("device", kind).about.keys(**values)
    except InputError as fault:
        share = short.get(f"homes.{kind}.share", "")
        hint = f"Set {share} = 0 for homes without." if share else ""
        return [
            replace(each, where=got.where("homes", short[each.where]), hint=each.hint or hint)
            for each in fault.problems
        ]
    return []
