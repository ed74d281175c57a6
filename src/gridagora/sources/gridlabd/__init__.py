"""GridLAB-D models (.glm): network, loads, taps and switches as the model states them, read without GridLAB-D.

What is not converted is told by name and line, with the consequence, and refused where a reading is strict.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Buses, Nodes, Phasors, PrimitiveBlocks
from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.registry import register
from gridagora.files.glm import GlmObject, read_glm
from gridagora.files.path import require_path
from gridagora.grid.admittance import injected, sum_blocks, unloaded
from gridagora.grid.impossible import find_doubts
from gridagora.grid.unsteady import TRANSFORMER
from gridagora.population.customers import classify_meters
from gridagora.sources.gridlabd.bank_controls import bank_control_columns
from gridagora.sources.gridlabd.buses import BusTable, read_buses, read_sources
from gridagora.sources.gridlabd.capacitors import ControlledBank, read_capacitors
from gridagora.sources.gridlabd.classes import class_lines, tell_left_out
from gridagora.sources.gridlabd.columns import (
    MeterPart,
    RowsByName,
    capacitor_columns,
    line_columns,
    load_columns,
    meter_columns,
    other_columns,
    regulator_columns,
    source_columns,
    split_loads,
    transformer_columns,
)
from gridagora.sources.gridlabd.elements import SWITCH_OHM, LineElement, switch_y
from gridagora.sources.gridlabd.gaps import gap_causes, gap_notes, gap_problems
from gridagora.sources.gridlabd.home_rows import GlmHome
from gridagora.sources.gridlabd.houses import place_loads, read_houses
from gridagora.sources.gridlabd.lines import read_lines
from gridagora.sources.gridlabd.loads import CustomerLoad, read_loads
from gridagora.sources.gridlabd.model import LEFT, Model, index
from gridagora.sources.gridlabd.network import (
    Elements,
    Fed,
    base_voltages,
    close_loops,
    find_fed,
    live,
)
from gridagora.sources.gridlabd.players import play
from gridagora.sources.gridlabd.properties import tell_ignored
from gridagora.sources.gridlabd.regulators import RegulatorUnit, common_phase, read_regulators
from gridagora.sources.gridlabd.sound_figures import tell_beyond
from gridagora.sources.gridlabd.transformers import read_transformers
from gridagora.sources.gridlabd.zip_loads import read_zip_loads

COMMERCIAL, RESIDENTIAL = (
    re.compile("commercial|industrial|agricultural"),
    re.compile("residential"),
)
CIRCULATE = "It is read as it is, and currents may circulate."
UNFED_PART = "What it draws on the others is left out."


@register("source", "feeder.source=gridlabd")
def read(path: str | Path, *, strict: bool = False) -> Feeder:
    """Read a feeder from a GridLAB-D model.

    Parameters
    ----------
    path
        The model (.glm); what it includes stands beside it.
    strict
        Refuse a model of which anything is left out or assumed.

    Raises
    ------
    InputError
        A missing file, a model without a swing bus or without a load that is fed, a network that floats; where it is strict,
        all that is left out or assumed too: all at once.

    References
    ----------
    GridLAB-D, "Power flow user guide", gridlab-d.shoutwiki.com/wiki/Power_Flow_User_Guide
    """
    return _feeder(_model(path), Path(path), strict=strict)


def describe_classes(path: str | Path) -> Mapping[str, str]:
    """Return for each class of a model how many objects were read, converted and left out, and why.

    Raises
    ------
    InputError
        As `read`.
    """
    model = _model(path)
    _feeder(model, Path(path), strict=False)
    return class_lines(model)


def read_homes(path: str | Path) -> tuple[GlmHome, ...]:
    """Return the houses of a model as rows of a table of homes.

    Raises
    ------
    InputError
        A missing file.
    """
    model, _ = play(_model(path))
    houses, _ = read_houses(model, read_buses(model))
    return tuple(each.home for each in houses)


def _model(path: str | Path) -> Model:
    expected = "the path of a GridLAB-D model (.glm)"
    require_path(path, "read_gridlabd", expected)
    if not Path(path).is_file():
        raise InputError([Problem(str(path), "no file", expected)])
    return index(read_glm(Path(path)))


def _feeder(model: Model, path: Path, *, strict: bool) -> Feeder:
    tell_ignored(model)
    tell_beyond(model)
    model, played = play(model)
    buses = read_buses(model)
    units = list(read_regulators(model, buses.of, buses.nominal_v))
    houses, carried = read_houses(model, buses)
    appliances, rated = read_zip_loads(model)
    tell_left_out(model, carried | rated)
    loads = [*read_loads(model, buses, played.row), *place_loads(houses, appliances)]
    banks = list(read_capacitors(model, buses))
    elements = _elements(model, buses, units, loads, banks)
    fed = find_fed(elements, buses.nominal_v)
    row = {node: at for at, node in enumerate(fed.nodes)}
    elements = live(elements, row)
    causes = tuple(model.gaps)  # before what follows from them: what nothing feeds
    meters = _placed(model, loads, row, fed)
    base_v = _bases(model, elements, buses)
    _tell_dead(model, fed)
    problems = _fatal(path, elements, meters)
    if problems:
        raise InputError([*problems, *(gap_problems(model.gaps) if strict else gap_causes(causes))])
    feeder = _columns(path, _Read(elements, fed, base_v, units, banks, meters))
    _tell_unsteady(model, elements, feeder)
    if strict and model.gaps:
        raise InputError(gap_problems(model.gaps))
    notes = tuple(gap_notes(model.gaps))
    return _with_homes(replace(feeder, notes=notes, shape_share=played.share), meters)


def _object(model: Model, name: str) -> GlmObject:
    """Return the object of a row of a table, whose name may end in its phase."""
    return model.by_name.get(name) or model.by_name[name.rpartition(".")[0]]


class _Read(NamedTuple):
    """All that the columns of a feeder are made of."""

    elements: Elements
    fed: Fed
    base_v: dict[str, float]
    units: list[RegulatorUnit]
    banks: list[ControlledBank]
    meters: list[MeterPart]


def _elements(
    model: Model,
    buses: BusTable,
    units: list[RegulatorUnit],
    loads: list[CustomerLoad],
    banks: list[ControlledBank],
) -> Elements:
    through = [
        LineElement(f"{name}.b", ends, (2,), 0.0, np.nan, np.nan, True, switch_y(1, SWITCH_OHM))
        for name, ends in common_phase(model, buses.of)
    ]
    transformers = [*read_transformers(model, buses.of), *(unit.element for unit in units)]
    return Elements(
        tuple(read_sources(model, buses)),
        (*read_lines(model, buses.of), *through),
        tuple(transformers),
        tuple(bank.element for bank in banks),
        tuple(shunt for load in loads for shunt in load.shunts),
    )


def _placed(
    model: Model, loads: list[CustomerLoad], row: dict[tuple[str, int], int], fed_by: Fed
) -> list[MeterPart]:
    """Return the meters whose nodes are fed; rows of loads that are not are told and left out, but for buses that are told."""
    dead = set(fed_by.dead)
    kept = []
    for load in loads:
        fed = tuple(
            each for each in load.rows if all((load.bus, at) in row for at in each.pair if at)
        )
        if len(fed) < len(load.rows) and load.name not in dead:
            what = f"{len(fed)} of {len(load.rows)}" if fed else "none"
            got = f"a source that feeds {what} of its pairs of phases"
            done = UNFED_PART if fed else LEFT
            model.tell(model.by_name[load.name], got, "a load whose phases are all fed", done)
        if fed:
            kept.append(load._replace(rows=fed))
    return split_loads(kept)


def _tell_dead(model: Model, fed: Fed) -> None:
    """Tell of buses that nothing feeds."""
    for name in fed.dead:
        each = model.by_name[name]
        model.tell(each, "no source that feeds it", "a way of lines and transformers to a source")


def _tell_unsteady(model: Model, elements: Elements, feeder: Feeder) -> None:
    """Tell of what cannot rest or cannot be, and of transformers that close a loop in which nothing circles without load."""
    doubts = find_doubts(feeder)
    for one in doubts:
        model.tell(_object(model, one.name), one.got, one.expected, one.consequence)
    told = {_object(model, one.name).name for one in doubts if one.kind == TRANSFORMER}
    for name in close_loops(elements):
        each = _object(model, name)
        if each.name not in told:
            got = "a loop that it closes"
            model.tell(each, got, "transformers that no other way is beside", CIRCULATE)


def _fatal(path: Path, elements: Elements, meters: list[MeterPart]) -> list[Problem]:
    """Return what leaves no feeder at all."""
    if not elements.sources:
        expected = "a node with bustype SWING and a nominal_voltage"
        return [Problem(str(path), "no swing bus", expected)]
    if not meters:
        expected = "at least one, since homes take the places of loads"
        return [Problem(str(path), "no load that is fed", expected)]
    return []


def _bases(model: Model, elements: Elements, buses: BusTable) -> dict[str, float]:
    """Return the voltage of each bus line to neutral [V]; where the model states another, or none, that is told."""
    base, changed = base_voltages(elements, buses.nominal_v)
    for name, volts in changed.items():
        stated = buses.nominal_v.get(name, 0.0)
        got = f"nominal_voltage {stated:g} V" if stated > 0 else "no nominal_voltage"
        expected = "what transformers make of the source's, line to neutral"
        model.tell(model.by_name[name], got, expected, f"{volts:.0f} V is taken.")
    return base


def _columns(path: Path, read_: _Read) -> Feeder:
    elements, fed = read_.elements, read_.fed
    names = tuple(dict.fromkeys(bus for bus, _ in fed.nodes))
    rows = RowsByName(
        {name: at for at, name in enumerate(names)},
        {node: at for at, node in enumerate(fed.nodes)},
    )
    base_v = np.array([read_.base_v[name] for name in names])
    of_node = np.array([rows.bus[bus] for bus, _ in fed.nodes], np.int64)
    sources = source_columns(elements.sources, rows)
    lines = line_columns(elements.lines, rows)
    transformers = transformer_columns(elements.transformers, rows)
    capacitors = capacitor_columns(elements.capacitors, rows)
    others = other_columns(elements.others, rows)
    blocks = [table.blocks for table in (sources, lines, transformers, capacitors, others)]
    v = _no_load(path, blocks, injected(sources, len(fed.nodes)))
    unknown = np.full(len(names), np.nan)
    node_names = tuple(f"{bus}.{phase}" for bus, phase in fed.nodes)
    controls = [unit.control for unit in read_.units]
    return Feeder(
        name=path.stem,
        buses=Buses(names, unknown, unknown.copy(), base_v),
        nodes=Nodes(node_names, of_node, base_v[of_node], v),
        sources=sources,
        lines=lines,
        transformers=transformers,
        regulators=regulator_columns(controls, elements.transformers, rows),
        capacitors=capacitors,
        capacitor_controls=bank_control_columns(read_.banks, elements, rows.node),
        others=others,
        loads=load_columns(read_.meters, rows),
        meters=meter_columns(read_.meters, rows),
        notes=(),
    )


def _no_load(path: Path, blocks: list[PrimitiveBlocks], source_i: Phasors) -> Phasors:
    """Return the voltages without load, shape (m,) [V]."""
    try:
        return unloaded(sum_blocks(blocks, len(source_i)), source_i)
    except RuntimeError as fault:
        expected = "every node to have a voltage against earth"
        raise InputError(
            [Problem(str(path), "a winding without path to earth", expected)]
        ) from fault


def _with_homes(feeder: Feeder, meters: list[MeterPart]) -> Feeder:
    """Return the feeder with its homes: by what the model calls its loads, else by power, phases and voltage."""
    words = [meter.load.words for meter in meters]
    commercial = np.array([COMMERCIAL.search(word) is not None for word in words], bool)
    residential = np.array([RESIDENTIAL.search(word) is not None for word in words], bool)
    phases = np.array([1 if each.load.is_split else len(each.load.rows) for each in meters])
    return classify_meters(feeder, np.zeros(len(meters), np.int64), phases, commercial, residential)
