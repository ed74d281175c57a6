"""A feeder as a model of OpenDSS: a master script and one script for each kind of component.

What a component is to the flow is its primitive admittance. Each is written as the element of its kind where OpenDSS then makes
the same admittance of it; what is left over stands beside it as reactors, so that voltages are those of the feeder.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.components import Capacitors
from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Col
from gridagora.report.opendss_model.capacitors import write_capacitor
from gridagora.report.opendss_model.controls import (
    ElementNames,
    measured,
    write_capacitor_controls,
    write_regulators,
)
from gridagora.report.opendss_model.lines import write_line
from gridagora.report.opendss_model.loads import count_held, write_loads
from gridagora.report.opendss_model.names import NodePlaces, make_safe, place_nodes
from gridagora.report.opendss_model.rest import (
    Block,
    WrittenElement,
    beyond,
    crosses,
    each_block,
    is_symmetric,
    write_rest,
)
from gridagora.report.opendss_model.sources import write_sources
from gridagora.report.opendss_model.transformers import write_transformer

MASTER = "Master.dss"
NOWHERE = "gridagora_nowhere"  # the bus of a circuit whose sources are all of another kind
SHOWN = 6  # names in a sentence
WriteElement = Callable[[Any, int, str, NodePlaces, Block], WrittenElement | None]


class WrittenModel(NamedTuple):
    """The master script, names that were changed by kind, and what the model says in another way, a sentence each."""

    path: Path
    renamed: tuple[tuple[str, str, str], ...]  # kind, name, name in the model
    notes: tuple[str, ...]


class WrittenTable(NamedTuple):
    """Lines of one kind of component, the names of its elements by row, and those that are reactors alone."""

    lines: tuple[str, ...]
    rest: tuple[str, ...]
    elements: Mapping[int, str]
    as_reactors: tuple[str, ...]


class SafeNames(NamedTuple):
    """Names of the components of a feeder in the model, by kind."""

    lines: tuple[str, ...]
    transformers: tuple[str, ...]
    capacitors: tuple[str, ...]
    others: tuple[str, ...]
    regulators: tuple[str, ...]
    capacitor_controls: tuple[str, ...]
    loads: tuple[str, ...]


def write_opendss(feeder: Feeder, folder: Path) -> WrittenModel:
    """Write a feeder as scripts that OpenDSS compiles; controls are on, loads at their rating.

    Parameters
    ----------
    feeder
        Three-phase network with m nodes.
    folder
        Where to write `Master.dss` and the scripts that it leads to; made where it is not there.

    Raises
    ------
    InputError
        Components that no elements of OpenDSS can be, all at once by name; nothing is written then.
    OSError
        A folder that cannot be written to.
    """
    places, names = place_nodes(feeder), _safe(feeder)
    problems = list[Problem]()
    tables = {
        "Lines": _table("line", feeder, names.lines, write_line, places, problems),
        "Transformers": _table(
            "transformer", feeder, names.transformers, write_transformer, places, problems
        ),
        "Capacitors": _table(
            "capacitor", feeder, names.capacitors, write_capacitor, places, problems
        ),
        "Others": _table("other", feeder, names.others, _as_reactors, places, problems),
    }
    if problems:
        raise InputError(problems)
    sources = write_sources(feeder, places)
    scripts = {name: [*table.lines, *table.rest] for name, table in tables.items()}
    scripts["Sources"] = list(sources.lines)
    elements = ElementNames(
        *(tables[name].elements for name in ("Transformers", "Lines", "Capacitors"))
    )
    scripts["Controls"] = [
        *write_regulators(feeder, elements, names.regulators, places),
        *write_capacitor_controls(feeder, elements, names.capacitor_controls, places),
    ]
    scripts["Loads"] = [*write_loads(feeder, names.loads, places)]
    scripts["BaseVoltages"] = [*_bases(feeder, places)]
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: lines for name, lines in scripts.items() if lines}
    for name, lines in kept.items():
        _write(folder / f"{name}.dss", lines)
    _write(folder / "BusCoords.csv", _coordinates(feeder, places))
    _write(folder / MASTER, _master(feeder, sources.circuit, list(kept)))
    told = [each for table in tables.values() for each in table.as_reactors]
    notes = []
    if told:
        notes.append(f"Written as reactors, since no other element is like them: {_some(told)}.")
    if lost := [*_uncontrolled(feeder, elements)]:
        notes.append(
            f"Controls left out, since what they act on or measure is reactors or the power of one phase: {_some(lost)}."
        )
    if held := count_held(feeder):
        notes.append(
            f"{held} rows of loads move with voltage as no load of OpenDSS does, and are of constant power in the model."
        )
    return WrittenModel(folder / MASTER, _renamed(feeder, names, places), tuple(notes))


def _uncontrolled(feeder: Feeder, elements: ElementNames) -> Iterator[str]:
    """Yield the controls that have no element of the model to act on or to measure."""
    units, banks = feeder.regulators, feeder.capacitor_controls
    for row, name in enumerate(units.name):
        if int(units.transformer[row]) not in elements.transformers:
            yield name
    for row, name in enumerate(banks.name):
        if int(banks.bank[row]) not in elements.capacitors or not measured(feeder, elements, row):
            yield name


def _safe(feeder: Feeder) -> SafeNames:
    return SafeNames(
        make_safe(feeder.lines.name),
        make_safe(feeder.transformers.name),
        make_safe(feeder.capacitors.name),
        make_safe(feeder.others.name),
        make_safe(feeder.regulators.name),
        make_safe(feeder.capacitor_controls.name),
        make_safe(feeder.meters.name),
    )


def _renamed(
    feeder: Feeder, names: SafeNames, places: NodePlaces
) -> tuple[tuple[str, str, str], ...]:
    kinds = {
        "bus": (feeder.buses.name, places.bus),
        "line": (feeder.lines.name, names.lines),
        "transformer": (feeder.transformers.name, names.transformers),
        "capacitor": (feeder.capacitors.name, names.capacitors),
        "other": (feeder.others.name, names.others),
        "regulator": (feeder.regulators.name, names.regulators),
        "capacitor control": (feeder.capacitor_controls.name, names.capacitor_controls),
        "load": (feeder.meters.name, names.loads),
    }
    return tuple(
        (kind, old, new)
        for kind, (before, after) in kinds.items()
        for old, new in zip(before, after, strict=True)
        if old.lower() != new
    )


def _table(
    kind: str,
    feeder: Feeder,
    names: Sequence[str],
    write: WriteElement,
    places: NodePlaces,
    problems: list[Problem],
) -> WrittenTable:
    """Return the lines of one table; what OpenDSS has no element for joins the problems."""
    table: Any = getattr(feeder, f"{kind}s")
    lines, rest, instead = list[str](), list[str](), list[str]()
    elements: dict[int, str] = {}
    for row, block in enumerate(_blocks(table, feeder.nodes.base_v)):
        if not block.node.size:
            continue
        made = write(table, row, names[row], places, block)
        left = beyond(block, np.zeros_like(block.y_siemens) if made is None else made.y_siemens)
        if made is not None and crosses(block, left):
            made, left = None, beyond(block, np.zeros_like(block.y_siemens))
        if not is_symmetric(left):
            problems.append(_one_way(kind, table.name[row]))
            continue
        if made is not None:
            lines.append(made.line)
            elements[row] = names[row]
        elif kind != "other":
            instead.append(f"{kind} {table.name[row]}")
        rest += write_rest(f"{kind}_{names[row]}", places, block, left)
    return WrittenTable(tuple(lines), tuple(rest), elements, tuple(instead))


def _one_way(kind: str, name: str) -> Problem:
    """Return the problem of a component whose admittance is not the same both ways."""
    if kind == "transformer":
        got, expected = "a turn of phase that no coils make", "a component of coils and impedances"
        hint = "Give its transformer a shift of whole steps of 30 degrees."
    else:
        got = "an impedance between two phases that is not the same both ways"
        expected = "a symmetric matrix, as of any conductors"
        hint = "Mend the matrix that it is made of."
    return Problem(f"{kind} {name}", got, expected, hint)


def _blocks(table: Any, base_v: Col) -> Iterator[Block]:
    """Yield the blocks of a table; those of banks over the conductors that they have when they are on."""
    own = each_block(table.blocks, base_v)
    if not isinstance(table, Capacitors):
        yield from own
        return
    for block, whole in zip(own, each_block(table.full, base_v), strict=True):
        if block.node.size:
            yield block
        else:
            yield whole._replace(y_siemens=np.zeros_like(whole.y_siemens))


def _as_reactors(*_: Any) -> None:
    """Return nothing: reactors and faults are written as reactors, whatever they were."""


def _bases(feeder: Feeder, places: NodePlaces) -> Iterator[str]:
    base_v = feeder.buses.base_v.copy()
    missing = base_v[feeder.nodes.bus] <= 0
    base_v[feeder.nodes.bus[missing]] = feeder.nodes.base_v[missing]
    for bus, volts in zip(places.bus, base_v.tolist(), strict=True):
        yield f"SetkVBase bus={bus} kVLN={volts / 1e3!r}"


def _coordinates(feeder: Feeder, places: NodePlaces) -> list[str]:
    x, y = feeder.buses.x_m, feeder.buses.y_m
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    return [f"{places.bus[at]}, {float(x[at])!r}, {float(y[at])!r}" for at in known]


def _master(feeder: Feeder, circuit: str, scripts: Sequence[str]) -> list[str]:
    levels = sorted({round(float(v) * np.sqrt(3) / 1e3, 6) for v in feeder.nodes.base_v})
    levels.reverse()
    name = make_safe([feeder.name])[0]
    own = circuit or f"bus1={NOWHERE} basekv=1"
    return [
        "! Written by gridagora: loads at their rating, taps and capacitors as they stand.",
        "Clear",
        "Set DefaultBaseFrequency=60",
        f"New Circuit.{name} {own}",
        *([] if circuit else ["Vsource.source.enabled=no"]),
        *(f"Redirect {each}.dss" for each in scripts if each != "BaseVoltages"),
        f"Set VoltageBases=[{', '.join(repr(float(level)) for level in levels)}]",
        "CalcVoltageBases",
        "Redirect BaseVoltages.dss",
        "BusCoords BusCoords.csv",
        "Set ControlMode=Static",
        "Set MaxIter=100",
        "Set MaxControlIter=100",
        "Set Tolerance=1e-9",
        "Solve",
    ]


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
