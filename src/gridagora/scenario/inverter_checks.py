"""Faults of `[inverters]` that lie in curves, and between it and other tables."""

from collections.abc import Mapping
from typing import Any, cast

from gridagora.core.errors import Problem
from gridagora.core.inverters import VoltCurve, check_curve
from gridagora.scenario.inverter_keys import InverterKeys
from gridagora.scenario.key_checks import Got
from gridagora.scenario.schema import AreaKeys, FeederKeys, ReactiveKeys, ScenarioKeys
from gridagora.scenario.table_model import Table

# designs with a market of reactive power where a power factor is agreed, and whether they have it by default
SELLS_VAR = (("layered", True), ("central", False))
UNITY = 'Set follow = "unity" in [inverters], or leave it out.'
AGAINST_UNITY = 'Set against = "unity" in [reactive], or leave it out.'


def check_inverters(
    keys: InverterKeys, tables: Mapping[str, Table], parts: Mapping[str, Any], got: Got
) -> list[Problem]:
    """Return the problems of what inverters follow, given all tables and the keys of designs by name: all at once."""
    found = list[Problem]()
    curves = (
        ("volt_var", keys.volt_var_pu, keys.volt_var_share, -1.0),
        ("volt_watt", keys.volt_watt_pu, keys.volt_watt_share, 0.0),
    )
    for name, voltage_pu, share, least in curves:
        if voltage_pu or share:
            where = got.where("inverters", f"{name}_pu")
            found += check_curve(VoltCurve(voltage_pu, share), least, 1.0, where)
    bought = cast(ReactiveKeys, tables["reactive"])
    if bought.against == "volt_var":
        found += _check_flow("volt_var", got.where("reactive", "against"), tables, AGAINST_UNITY)
    if keys.storage and keys.follow == "unity":
        where = got.where("inverters", "storage")
        said = "true where nothing follows voltage"
        hint = 'Set follow = "volt_var" in [inverters], or leave storage out.'
        found.append(Problem(where, said, "true only beside follow = 'volt_var' or more", hint))
    if keys.follow == "unity":
        return found
    where = got.where("inverters", "follow")
    found += _check_flow(keys.follow, where, tables, UNITY)
    if bought.market == "nodal":
        said = f"'{keys.follow}' beside [reactive] market = \"nodal\", which buys reactive power of inverters"
        hint = f'{UNITY} [reactive] against = "volt_var" shows the market beside volt-var.'
        found.append(Problem(where, said, "inverters that one of the two steers", hint))
    agreed = bought.power_factor is not None and bought.market != "nodal"
    named = cast(ScenarioKeys, tables["scenario"]).architectures
    for name, sells in SELLS_VAR:
        if agreed and name in named and parts.get(name, {}).get("reactive", sells):
            said = f"'{keys.follow}' beside '{name}', which buys reactive power of inverters"
            hint = f"{UNITY} Or set reactive = false in [market.{name}]."
            found.append(Problem(where, said, "inverters that one of the two steers", hint))
    return found


def _check_flow(word: str, where: str, tables: Mapping[str, Table], hint: str) -> list[Problem]:
    """Return the problems of a flow in which inverters follow voltage as a word says: all at once."""
    found = list[Problem]()
    feeder, expected = cast(FeederKeys, tables["feeder"]), "a feeder with voltages"
    if feeder.source == "busbar":
        found.append(Problem(where, f"'{word}' on a busbar, which has no voltages", expected, hint))
    if feeder.engine != "own":
        said = (
            f"'{word}' under [feeder] engine = \"{feeder.engine}\", which solves a run without them"
        )
        found.append(Problem(where, said, 'engine = "own"', hint))
    if cast(AreaKeys, tables["area"]).homes is not None:
        said = f"'{word}' in an area, whose feeders are not solved within a run"
        found.append(Problem(where, said, "the homes of one feeder", hint))
    return found
