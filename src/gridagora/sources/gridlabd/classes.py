"""Classes of GridLAB-D: which are converted, which only measure, and what it means that one is left out."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from gridagora.sources.gridlabd.buses import NODES
from gridagora.sources.gridlabd.lines import CONTACTS, LINES
from gridagora.sources.gridlabd.model import LEFT, Model

CONVERTED = frozenset(
    {*NODES, *LINES, *CONTACTS, "transformer", "regulator", "player", "house", "waterheater"}
)
STATED = frozenset(
    {
        "line_configuration", "triplex_line_configuration", "line_spacing",
        "overhead_line_conductor", "underground_line_conductor", "triplex_line_conductor",
        "transformer_configuration", "regulator_configuration",
    }
)  # fmt: skip
MEASURING = frozenset(
    {
        "recorder", "group_recorder", "multi_recorder", "collector", "histogram", "voltdump",
        "currdump", "jsondump", "impedance_dump", "billdump", "metrics_collector",
        "metrics_collector_writer", "assert", "double_assert", "complex_assert", "enum_assert",
        "int_assert", "complex_recorder", "fault_check", "power_metrics", "restoration",
        "violation_recorder", "fncs_msg", "helics_msg", "json_writer",
    }
)  # fmt: skip
ABSENT = MappingProxyType(
    {
        "ZIPload": "What homes use besides comes from the scenario.",
        "evcharger": "Homes come from the scenario.",
        "evcharger_det": "Homes come from the scenario.",
        "lights": "Homes come from the scenario.",
        "plugload": "Homes come from the scenario.",
        "occupantload": "Homes come from the scenario.",
        "residential_enduse": "Homes come from the scenario.",
        "solar": "Panels come from the scenario.",
        "inverter": "Inverters come from the scenario.",
        "inverter_dyn": "Inverters come from the scenario.",
        "battery": "Batteries come from the scenario.",
        "shaper": "What it shapes keeps the value of the model.",
        "climate": "Weather comes from the scenario.",
        "csv_reader": "Weather comes from the scenario.",
        "auction": "Markets come from the scenario.",
        "controller": "Markets come from the scenario.",
        "volt_var_control": "Taps and banks keep to their own controls.",
        "diesel_dg": "It feeds nothing in.",
        "windturb_dg": "It feeds nothing in.",
        "energy_storage": "It feeds nothing in.",
        "motor": "It draws nothing.",
        "series_reactor": "What is behind it is fed only by other ways.",
        "series_compensator": "What is behind it is fed only by other ways.",
        "vfd": "What is behind it is fed only by other ways.",
    }
)
WYE_WYE = ("WYE_WYE", "1")
UNKNOWN = "It is left out with all that it does."


def tell_left_out(model: Model, carried: frozenset[str]) -> None:
    """Tell of the objects that are left out, by class; those that only measure are not missed, nor what houses have."""
    for each in model.glm.objects:
        if each.kind in CONVERTED | STATED | MEASURING or each.name in carried:
            continue
        got = f"an object of class {each.kind}"
        model.tell(each, got, "a class that is converted", ABSENT.get(each.kind, UNKNOWN))


def class_lines(model: Model) -> Mapping[str, str]:
    """Return for each class of a model how many objects were read, converted and left out, and why."""
    read = Counter(each.kind for each in model.glm.objects)
    named = {gap.item for gap in model.gaps if gap.consequence == LEFT}
    gone = Counter(item.partition(" ")[0] for item in named)
    lines = {}
    for kind, count in sorted(read.items()):
        if kind in CONVERTED:
            left = min(gone[kind], count)
            why = f", {left} left out (see what is assumed)" if left else ""
            lines[f"class {kind}"] = f"{count} read, {count - left} converted{why}"
        elif kind in STATED:
            cores = _cores(model) if kind == "transformer_configuration" else ""
            lines[f"class {kind}"] = f"{count} read, for those that name them{cores}"
        elif kind in MEASURING:
            lines[f"class {kind}"] = f"{count} read, left out: they only measure"
        else:
            why = ABSENT.get(kind, UNKNOWN)
            told = {gap.item for gap in model.gaps if gap.consequence == why}
            left = sum(item.partition(" ")[0] == kind for item in told)
            some = f"{count - left} in houses, {left} left out" if left < count else "left out"
            lines[f"class {kind}"] = (
                f"{count} read, {some}: {why[0].lower()}{why[1:].rstrip('.')}"
                if left
                else f"{count} read, in houses"
            )
    others = [f"{count} {word}" for word, count in model.glm.left_out.items()]
    if others:
        lines["beside objects"] = f"left out: {', '.join(others)}"
    return lines


def _cores(model: Model) -> str:
    """Return what is said of cores that only one of the engine's solvers takes."""
    count = sum(
        model.text(each, "connect_type").upper() in WYE_WYE
        and any(key.startswith("shunt_") for key in each.values)
        for each in model.of("transformer_configuration")
    )
    return (
        f"; the core of {count} WYE_WYE counts, which its Newton solver leaves out" if count else ""
    )
