"""The columns that power-grid-model takes: SI units, volts line to line at buses and a power for each phase."""

import numpy as np
from numpy.typing import NDArray

from gridagora.core.tables import Col
from gridagora.core.voltage_dependence import CURRENT, IMPEDANCE, POWER
from gridagora.grid.power_grid_model.branches import PHASES
from gridagora.grid.power_grid_model.network import EngineNetwork

Columns = NDArray[np.void]
ROOT_3 = np.sqrt(3.0)
HERTZ = (
    50.0  # at which charge is told as a capacitance: any, so long as the engine is told the same
)
W_PER_KW = 1e3
RATED_A, RATED_VA = 1e6, 1e6  # which the flow does not read, and on which leakage is told
DELTA, WYE, WYE_EARTHED = 2, 0, 1  # windings, by the numbers of the engine
TYPES = {POWER: 0, IMPEDANCE: 1, CURRENT: 2}  # of loads
LOWER = np.tril_indices(PHASES)
PAIRS = tuple(f"{'abc'[row]}{'abc'[column]}" for row, column in zip(*LOWER, strict=True))


def input_columns(network: EngineNetwork) -> dict[str, Columns]:
    """Return the components of a network, by kind; loads draw nothing."""
    found = {
        "node": _nodes(network),
        "asym_line": _lines(network),
        "transformer": _units(network),
        "shunt": _shunts(network),
        "source": _sources(network),
        "asym_load": _loads(network),
    }
    first = 0
    for rows in found.values():
        rows["id"] = first + np.arange(len(rows))  # no two components share one, of whatever kind
        first += len(rows)
    return found


def drawn_columns(
    network: EngineNetwork, ids: NDArray[np.int32], powers: tuple[Col, Col]
) -> Columns:
    """Return what loads draw in t steps in which meters draw powers (t, j) each [kW], [kvar], shape (t, l) of `ids` (l,)."""
    from power_grid_model import initialize_array  # noqa: PLC0415  an extra

    t = len(powers[0])
    found: Columns = initialize_array("update", "asym_load", (t, len(ids)))
    found["id"] = ids
    first = 0
    for loads in network.loads:
        rows = slice(first, first + len(loads.bus))
        for column, share, power in (
            ("p_specified", loads.p_share, powers[0]),
            ("q_specified", loads.q_share, powers[1]),
        ):
            found[column][:, rows] = W_PER_KW * (share @ power.T).T.reshape(t, -1, PHASES)
        first = rows.stop
    return found


def _empty(kind: str, count: int) -> Columns:
    from power_grid_model import initialize_array  # noqa: PLC0415

    found: Columns = initialize_array("input", kind, count)
    return found


def _nodes(network: EngineNetwork) -> Columns:
    rows = _empty("node", len(network.base_v))
    rows["u_rated"] = ROOT_3 * network.base_v
    return rows


def _ends(rows: Columns, buses: list[tuple[int, int]]) -> None:
    rows["from_node"], rows["to_node"] = np.array(buses, np.int32).reshape(-1, 2).T
    rows["from_status"] = rows["to_status"] = 1


def _lines(network: EngineNetwork) -> Columns:
    rows = _empty("asym_line", len(network.lines))
    _ends(rows, [each.buses for each in network.lines])
    rows["i_n"] = RATED_A
    ohm = np.array([each.ohm for each in network.lines]).reshape(-1, PHASES, PHASES)
    farad = np.array([each.charge_siemens for each in network.lines]).reshape(-1, PHASES, PHASES)
    farad = farad / (2 * np.pi * HERTZ)
    for name, row, column in zip(PAIRS, *LOWER, strict=True):
        rows[f"r_{name}"] = ohm[:, row, column].real
        rows[f"x_{name}"] = ohm[:, row, column].imag
        rows[f"c_{name}"] = farad[:, row, column]
    return rows


def _units(network: EngineNetwork) -> Columns:
    units = network.units
    rows = _empty("transformer", len(units))
    _ends(rows, [each.buses for each in units])
    ohm = np.array([each.ohm for each in units], np.complex128)
    ratio = np.array([each.ratio for each in units])
    rows["u2"] = ROOT_3 * network.base_v[rows["to_node"]]
    rows["u1"] = ratio * rows["u2"]
    base_ohm = rows["u2"] ** 2 / RATED_VA
    rows["sn"], rows["uk"], rows["pk"] = (
        RATED_VA,
        np.abs(ohm) / base_ohm,
        RATED_VA * ohm.real / base_ohm,
    )
    rows["i0"] = rows["p0"] = 0.0
    rows["clock"] = [each.clock for each in units]
    rows["winding_from"] = [
        _winding(each.clock, carries=each.carries_zero, odd=DELTA) for each in units
    ]
    rows["winding_to"] = [
        _winding(each.clock, carries=each.carries_zero, odd=WYE) for each in units
    ]
    for name in ("tap_side", "tap_pos", "tap_min", "tap_max", "tap_nom", "tap_size"):
        rows[name] = 0
    return rows


def _winding(clock: int, *, carries: bool, odd: int) -> int:
    """Return a winding that has the clock and passes zero sequence or not; what it draws of that alone is in shunts."""
    if carries:
        return WYE_EARTHED
    return odd if clock % 2 else WYE


def _shunts(network: EngineNetwork) -> Columns:
    rows = _empty("shunt", len(network.shunts))
    rows["node"], rows["status"] = [each.bus for each in network.shunts], 1
    for number, values in (
        (1, [each.positive for each in network.shunts]),
        (0, [each.zero for each in network.shunts]),
    ):
        siemens = np.array(values, np.complex128)
        rows[f"g{number}"], rows[f"b{number}"] = siemens.real, siemens.imag
    return rows


def _sources(network: EngineNetwork) -> Columns:
    rows = _empty("source", len(network.sources))
    rows["node"], rows["status"] = [each.bus for each in network.sources], 1
    base_v, volts = network.base_v[rows["node"]], np.array([each.volts for each in network.sources])
    rows["u_ref"], rows["u_ref_angle"] = np.abs(volts) / base_v, np.angle(volts)
    rows["sk"] = PHASES * base_v**2 / [each.ohm for each in network.sources]
    rows["rx_ratio"], rows["z01_ratio"] = 0.0, 1.0
    return rows


def _loads(network: EngineNetwork) -> Columns:
    rows = _empty("asym_load", sum(len(each.bus) for each in network.loads))
    rows["node"] = np.concatenate([np.zeros(0, np.int64), *(each.bus for each in network.loads)])
    rows["type"] = np.repeat(
        [TYPES[each.kind] for each in network.loads], [len(each.bus) for each in network.loads]
    )
    rows["status"], rows["p_specified"], rows["q_specified"] = 1, 0.0, 0.0
    return rows
