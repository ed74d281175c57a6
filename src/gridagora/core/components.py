"""Components of a feeder as typed columns, one table a kind; the admittance matrix is what `gridagora.grid` makes of them.

What a component is to the flow is its primitive admittance, a block of its own over the nodes that it
touches (`PrimitiveBlocks`). The other columns say what it is: ratings, taps, connections. Who changes a component
changes its block with it: `with_block`, `tapped`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.brief import brief
from gridagora.core.controls import PHASES, ReverseSettings, no_reverse
from gridagora.core.errors import PartError
from gridagora.core.tables import Col, Flag, Index
from gridagora.core.voltage_dependence import VoltageDependence, no_dependence

Phasors = NDArray[np.complex128]

GROUND = -1  # the node of a conductor at earth, and the `to_node` of a load from a node to earth
NO_BUS = -1  # the bus of an end that is not fed
CONSTANT_POWER = 1  # of `LoadRows.model`
TAPS_AT_ONCE = 16  # one half of the range of most regulators
FLOATING_SHARE = 1e-4  # of its own admittance, from which a conductor is at earth by its coil, not against floating alone


class PrimitiveBlocks(NamedTuple):
    """Primitive admittance of k components: the currents into their conductors are the block times the voltages of those.

    Component i has the c_i conductors `start[i]` to `start[i + 1]`, without those at earth, and c_i by c_i entries.
    """

    start: Index  # (k + 1,) first conductor of each
    node: Index  # (c,) row of the node
    terminal: Index  # (c,) end of the component, from 0; the winding of a transformer
    y_siemens: Phasors  # (z,) with z the sum of c_i^2, row by row
    order: Index  # (k,) place in the sum: by it the last digits of a matrix are those of its source

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Buses(NamedTuple):
    """b buses; one without coordinates has nan."""

    name: tuple[str, ...]  # (b,)
    x_m: Col  # (b,) in the metres of its source's map
    y_m: Col  # (b,)
    base_v: Col  # (b,) line to neutral, 0 where the source of the feeder states none [V]

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Nodes(NamedTuple):
    """m nodes: the phases and neutrals of buses. `v_no_load` is as the reader found it; the grid solves its own."""

    name: tuple[str, ...]  # (m,) "bus.phase"
    bus: Index  # (m,) row of the bus
    base_v: Col  # (m,) line to neutral, above 0 [V]
    v_no_load: Phasors  # (m,) without load [V]

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Sources(NamedTuple):
    """Voltage and current sources as Norton equivalents."""

    name: tuple[str, ...]  # (k,)
    bus: Index  # (k,)
    pu: Col  # (k,) voltage behind the impedance, nan of a current source
    blocks: PrimitiveBlocks
    current_a: Phasors  # (c,) into each conductor of the blocks; sources at one node: the first has the current of all [A]

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Lines(NamedTuple):
    """Lines, cables and switches; their impedance is in the block, `series_ohm` reads it."""

    name: tuple[str, ...]  # (k,)
    from_bus: Index  # (k,) NO_BUS where that end is not fed
    to_bus: Index  # (k,)
    phases: Index  # (k,) conductors
    length_m: Col  # (k,) nan where the source of the feeder has no unit
    rating_a: Col  # (k,) of a conductor, nan where unknown [A]
    emergency_a: Col  # (k,)
    is_switch: Flag  # (k,)
    blocks: PrimitiveBlocks

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Windings(NamedTuple):
    """w windings, transformer after transformer."""

    transformer: Index  # (w,) row of the transformer
    bus: Index  # (w,) NO_BUS where it is not fed
    kv: Col  # (w,) rated: line to line of two or three phases, across the winding of one
    kva: Col  # (w,) rated
    is_delta: Flag  # (w,)
    r_share: Col  # (w,) resistance on its own rating
    tap: Col  # (w,) turns over rated turns [pu]
    tap_min: Col  # (w,) [pu]
    tap_max: Col  # (w,) [pu]
    tap_steps: Index  # (w,) between the two

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Transformers(NamedTuple):
    """Transformers; a bank of single-phase units is several rows."""

    name: tuple[str, ...]  # (k,)
    phases: Index  # (k,)
    kva: Col  # (k,) rating of the first winding
    x_share: Col  # (k, 3) leakage reactance first to second, first to third, second to third winding on `kva`; nan without
    core_share: Col  # (k,) no-load loss on `kva`
    magnetising_share: Col  # (k,) magnetising current on that of `kva`
    windings: Windings
    blocks: PrimitiveBlocks

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Regulators(NamedTuple):
    """Controls of taps, by the settings of a line drop compensator; each moves the tap of one winding."""

    name: tuple[str, ...]  # (k,)
    transformer: Index  # (k,) row, -1 where it is not fed
    winding: Index  # (k,) of the tap, counted within the transformer from 0
    tap_number: Index  # (k,) steps from the middle, as the source of the feeder leaves them
    set_v: Col  # (k,) on the secondary of its voltage transformer [V]
    band_v: Col  # (k,)
    voltage_ratio: Col  # (k,) of the voltage transformer
    current_a: Col  # (k,) primary rating of the current transformer [A]
    r_v: Col  # (k,) compensation at that current [V]
    x_v: Col  # (k,)
    delay_s: Col  # (k,)
    sensed_winding: Index  # (k,) whose voltage and current are measured
    from_node: Index  # (k, 3) ends of the phases of it, GROUND from both where it has no more
    to_node: Index  # (k, 3)
    sensed_phase: Index  # (k,) phase from 0, or HIGHEST_PHASE or LOWEST_PHASE of all
    at_once: Index  # (k,) most steps of one action; 0: the tap is held
    z_v: Col  # (k,) compensation by magnitude in place of r and x, 0: none [V]
    limit_v: Col  # (k,) highest voltage at the winding, on the secondary, 0: none [V]
    inverse_time: Flag  # (k,) whether the delay shortens as the voltage is further off
    tap_delay_s: Col  # (k,) on the way to the middle tap
    remote_node: Index  # (k,) where the voltage is measured instead, without compensation; GROUND: at the winding
    remote_to_node: Index  # (k,) or GROUND
    remote_ratio: Col  # (k,) of the voltage transformer there
    reverse: ReverseSettings

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Capacitors(NamedTuple):
    """Capacitor banks as they stand; the block of one that is off is empty."""

    name: tuple[str, ...]  # (k,)
    bus: Index  # (k,)
    phases: Index  # (k,)
    kv: Col  # (k,) rated, as of a winding
    kvar: Col  # (k,) rated, all steps together
    is_delta: Flag  # (k,)
    steps: Index  # (k,)
    steps_on: Index  # (k,)
    blocks: PrimitiveBlocks
    step_share: Col  # (k, s) each step's part of `kvar`, 0 beyond the last
    full: PrimitiveBlocks  # with all steps on, over the same conductors as `blocks` where those are not empty

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Others(NamedTuple):
    """Linear elements of other kinds: reactors, faults."""

    name: tuple[str, ...]  # (k,)
    kind: tuple[str, ...]  # (k,)
    blocks: PrimitiveBlocks

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class LoadRows(NamedTuple):
    """k load rows: a meter on several phases has one for each pair of nodes.

    What the meter draws is in equal parts on its rows; `p_kw` and `q_kvar` are ratings. `model` is the number of OpenDSS: 1
    constant power, 2 constant impedance, 5 constant current, 8 ZIP and so on. The flow follows `dependence`: what a row draws of
    its rating at a voltage; an empty one is constant power everywhere.
    """

    name: tuple[str, ...]  # (k,)
    meter: Index  # (k,) row of the meter
    from_node: Index  # (k,)
    to_node: Index  # (k,) or GROUND
    p_kw: Col  # (k,)
    q_kvar: Col  # (k,)
    model: Index  # (k,)
    dependence: VoltageDependence = no_dependence()  # of k rows, or of none

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Meters(NamedTuple):
    """j meters: the places where homes and other customers draw."""

    name: tuple[str, ...]  # (j,)
    bus: Index  # (j,)
    p_kw: Col  # (j,) rated
    is_home: Flag  # (j,)
    customers: Index  # (j,) homes a meter has room for; empty: one on each home meter
    stays: tuple[
        str, ...
    ]  # (j,) why a meter stays a load, "" for homes; empty where nothing is said
    shape: Index  # (j,) row of its load shape, -1 where it has none; empty: none has

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def no_transformers() -> Transformers:
    """Return the table of a feeder without transformers."""
    none, empty, whole = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_)
    windings = Windings(none, none, empty, empty, whole, empty, empty, empty, empty, none)
    return Transformers((), none, empty, np.zeros((0, 3)), empty, empty, windings, stack_blocks([]))


def no_regulators() -> Regulators:
    """Return the table of a feeder without regulators."""
    none, empty = np.zeros(0, np.int64), np.zeros(0)
    ends = np.zeros((0, PHASES), np.int64)
    return plain_regulators((), none, none, none, *(empty,) * 7, from_node=ends, to_node=ends)


def plain_regulators(
    name: tuple[str, ...],
    transformer: Index,
    winding: Index,
    tap_number: Index,
    set_v: Col,
    band_v: Col,
    voltage_ratio: Col,
    current_a: Col,
    r_v: Col,
    x_v: Col,
    delay_s: Col,
    *,
    from_node: Index,
    to_node: Index,
) -> Regulators:
    """Return regulators that look forward at the first phase of the winding whose tap they move, up to 16 steps at once.

    All arguments are columns of `Regulators`: the ends of phases of shape (k, 3), others of shape (k,) [V], [A], [s].
    """
    k = len(name)
    none, empty = np.zeros(k, np.int64), np.zeros(k)
    return Regulators(
        name, transformer, winding, tap_number, set_v, band_v, voltage_ratio, current_a, r_v, x_v, delay_s,
        sensed_winding=winding,
        from_node=from_node,
        to_node=to_node,
        sensed_phase=none,
        at_once=np.full(k, TAPS_AT_ONCE),
        z_v=empty,
        limit_v=empty,
        inverse_time=np.zeros(k, np.bool_),
        tap_delay_s=empty,
        remote_node=np.full(k, GROUND),
        remote_to_node=np.full(k, GROUND),
        remote_ratio=voltage_ratio,
        reverse=no_reverse(k),
    )  # fmt: skip


def no_capacitors() -> Capacitors:
    """Return the table of a feeder without capacitor banks."""
    none, empty, truth = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_)
    blocks = stack_blocks([])
    shares = np.zeros((0, 1))
    return Capacitors(
        (), none, none, empty, empty, truth, none, none, blocks, step_share=shares, full=blocks
    )


def stack_blocks(
    parts: Sequence[tuple[Index, Index, Phasors]], order: Sequence[int] | None = None
) -> PrimitiveBlocks:
    """Return the blocks of components; conductors at earth are left out.

    Parameters
    ----------
    parts
        Of each component the nodes (c,), the terminals (c,) and the admittance (c, c) [S].
    order
        Place of each in the sum, one row after another where it is left out.
    """
    nodes, terminals, entries = (
        [np.zeros(0, np.int64)],
        [np.zeros(0, np.int64)],
        [np.zeros(0, np.complex128)],
    )
    for node, terminal, y in parts:
        keep = np.asarray(node) != GROUND
        nodes.append(np.asarray(node, np.int64)[keep])
        terminals.append(np.asarray(terminal, np.int64)[keep])
        entries.append(np.asarray(y, np.complex128)[np.ix_(keep, keep)].ravel())
    start = np.cumsum([0, *(len(node) for node in nodes[1:])])
    place = np.array(range(len(parts)) if order is None else order, np.int64)
    columns = (np.concatenate(nodes), np.concatenate(terminals), np.concatenate(entries))
    return PrimitiveBlocks(start, *columns, place)


def block_of(blocks: PrimitiveBlocks, row: int) -> tuple[Index, Phasors]:
    """Return the nodes (c,) of a component and its admittance (c, c) [S]."""
    node, size = blocks.node[blocks.start[row] : blocks.start[row + 1]], np.diff(blocks.start)
    first, count = int((size[:row] ** 2).sum()), int(size[row])
    return node, blocks.y_siemens[first : first + count**2].reshape(count, count)


def terminals_of(blocks: PrimitiveBlocks, row: int) -> Index:
    """Return the end of the component that each of its conductors belongs to, shape (c,), in the order of `block_of`."""
    return blocks.terminal[blocks.start[row] : blocks.start[row + 1]]


def with_block(blocks: PrimitiveBlocks, row: int, y_siemens: Phasors) -> PrimitiveBlocks:
    """Return the blocks in which one component has another admittance (c, c) over the same conductors [S].

    Raises
    ------
    PartError
        Another shape than the component has conductors, or an entry that is no number.
    """
    size = np.diff(blocks.start)
    first, count = int((size[:row] ** 2).sum()), int(size[row])
    if y_siemens.shape != (count, count) or not np.isfinite(y_siemens).all():
        raise PartError(
            f"block of component {row}: got shape {y_siemens.shape}, expected finite entries of "
            f"({count}, {count}), its conductors"
        )
    new = blocks.y_siemens.copy()
    new[first : first + count**2] = y_siemens.ravel()
    return blocks._replace(y_siemens=new)


def pi_block(series_ohm: Phasors, shunt_siemens: Phasors | float = 0.0) -> Phasors:
    """Return the block of a line over both its ends, shape (2 c, 2 c) [S].

    Parameters
    ----------
    series_ohm
        Of the whole line, shape (c, c) [ohm].
    shunt_siemens
        Of the whole line, half at each end, shape (c, c) [S].
    """
    y = np.linalg.inv(series_ohm)
    end = y + np.asarray(shunt_siemens) / 2
    return np.asarray(np.block([[end, -y], [-y, end]]), np.complex128)


def series_ohm(lines: Lines, row: int) -> Phasors:
    """Return the impedance of a whole line, shape (c, c) [ohm].

    Raises
    ------
    PartError
        A line of which a conductor stands open, so that it has no impedance from end to end.
    """
    _, y = block_of(lines.blocks, row)
    at = terminals_of(lines.blocks, row)
    across = -y[np.ix_(at == 0, at == 1)]
    if across.shape[0] != across.shape[1] or not np.diag(across).all():
        raise PartError(
            f"line '{lines.name[row]}': a conductor stands open, so it has no impedance from end to end"
        )
    return np.asarray(np.linalg.inv(across), np.complex128)


def tap_of(windings: Windings, row: int, number: int) -> float:
    """Return the turns over rated turns of a winding at a tap number, counted in steps from the middle of its range."""
    low, high = float(windings.tap_min[row]), float(windings.tap_max[row])
    return (low + high) / 2 + number * (high - low) / int(windings.tap_steps[row])


def floating_part(y_siemens: Phasors, terminal: Index) -> Phasors:
    """Return what each of c conductors of a transformer has to earth against floating, shape (c,) [S].

    A coil draws nothing where all conductors of its winding stand at one voltage, so what they draw then is that part. A winding
    with a conductor at earth draws by its coils, and has none that counts.
    """
    within = terminal[:, None] == terminal
    drawn = np.where(within, y_siemens, 0.0).sum(1)
    is_small = np.abs(drawn) < FLOATING_SHARE * np.abs(np.diag(y_siemens))
    floats = np.array([is_small[terminal == end].all() for end in terminal], np.bool_)
    return np.asarray(np.where(floats, drawn, 0.0), np.complex128)


def tapped(transformers: Transformers, row: int, winding: int, tap: float) -> Transformers:
    """Return the transformers in which one winding has other turns; all but what stands against floating scales with them.

    Parameters
    ----------
    row, winding
        The transformer, and its winding counted from 0.
    tap
        Turns over rated turns.

    Raises
    ------
    PartError
        No such winding, or turns that are not above zero.
    """
    own = np.flatnonzero(transformers.windings.transformer == row)
    if not 0 <= winding < len(own) or not 0 < tap < np.inf:
        raise PartError(
            f"transformer '{transformers.name[row]}': got winding {winding} at tap {tap}, expected a winding of 0 to "
            f"{len(own) - 1} and turns above zero"
        )
    at = int(own[winding])
    turns = transformers.windings.tap.copy()
    blocks = transformers.blocks
    terminal = terminals_of(blocks, row)
    ratio = np.where(terminal == winding, turns[at] / tap, 1.0)
    turns[at] = tap
    _, y = block_of(blocks, row)
    held = np.diag(floating_part(y, terminal))
    return transformers._replace(
        windings=transformers.windings._replace(tap=turns),
        blocks=with_block(blocks, row, ratio[:, None] * (y - held) * ratio + held),
    )
