"""Transformers of two windings of a pandapower network, with its tap changers, by their symmetrical components.

References
----------
pandapower 3.5, "Transformer", pandapower.readthedocs.io: equivalent circuit "t", vector groups, and tap changers of type Ratio,
Symmetrical and Ideal or by table. The impedances of the zero sequence follow from the winding connections: J. J. Grainger,
W. D. Stevenson, Power System Analysis, McGraw-Hill 1994, chapter 11.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import NO_BUS, Phasors, Transformers, Windings
from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag, Index
from gridagora.sources.pandapower.buses import BusRows, open_ends
from gridagora.sources.pandapower.lines import join_ends
from gridagora.sources.pandapower.parts import JoinedPhases, stack_branches
from gridagora.sources.pandapower.sequences import pi_ends, turn_ratio
from gridagora.sources.pandapower.tables import Net, NetTable

KILO = 1e3
NO_FLOAT = 1e-6  # of the rating from the phases of a winding without earth, so that they have a voltage against it
STEP, IDEAL = ("Ratio", "Symmetrical"), "Ideal"
ASSUMED = "dyn"
LEAST_RATIO = 0.01
FAR = 2.0  # times the voltage of its bus: a winding of another level
BALANCED = "Voltages are right where the phases draw alike."
# what the zero sequence sees of a vector group: from the high side, from the low side, through
EARTHED = {
    "dyn": "low", "yzn": "low", "yyn": "low through core", "ynd": "high", "yny": "high through core", "ynyn": "both",
    "yy": "", "yd": "", "dy": "", "dd": "",
}  # fmt: skip


class Taps(NamedTuple):
    """Rated voltages at the present taps and the angle by which the low side lags, of k transformers."""

    high_v: Col  # (k,) line to line
    low_v: Col  # (k,)
    shift_degree: Col  # (k,) [degree]


def read_transformers(net: Net, buses: BusRows) -> JoinedPhases:
    """Return the transformers in service; one that stands open at one side keeps what it draws at the other."""
    table = net.table("trafo")
    taps = read_taps(net, table)
    positive, negative, zero = _sequences(net, table, taps)
    ends = np.stack([buses.of(table, "hv_bus"), buses.of(table, "lv_bus")], axis=1)
    _refuse_far(table, buses, ends)
    is_open = np.stack(
        [open_ends(net, "t", table, buses, key) for key in ("hv_bus", "lv_bus")], axis=1
    )
    return join_ends(table, ends, is_open, (zero, positive, negative))


def _refuse_far(table: NetTable, buses: BusRows, ends: Index) -> None:
    """Refuse windings that are rated for another level than that of their bus."""
    used = table.flag("in_service", default=True)
    for end, key in enumerate(("vn_hv_kv", "vn_lv_kv")):
        rated, bus_kv = table.real(key), np.sqrt(3) / KILO * buses.base_v[ends[:, end]]
        far = (rated > FAR * bus_kv) | (rated < bus_kv / FAR)
        for row in np.flatnonzero(far & used & (ends[:, end] != NO_BUS)).tolist():
            expected = f"about the vn_kv of its bus, {bus_kv[row]:g}"
            table.problems.append(Problem(table.label(row), f"{key} {rated[row]:g}", expected))


def read_taps(net: Net, table: NetTable) -> Taps:
    """Return the rated voltages of transformers as their tap changers stand."""
    high, low = (KILO * table.real(key, least=1e-9) for key in ("vn_hv_kv", "vn_lv_kv"))
    shift = table.real("shift_degree", 0.0)
    by_table = table.flag("tap_dependency_table", default=False)
    for number in ("", "2"):
        steps = table.real(f"tap{number}_pos", np.nan) - table.real(f"tap{number}_neutral", np.nan)
        percent = table.real(f"tap{number}_step_percent", np.nan)
        degree = np.nan_to_num(table.real(f"tap{number}_step_degree", np.nan))
        kind = _kinds(table, number)
        side = np.array(table.text(f"tap{number}_side"))
        given = np.isfinite(steps) & np.isin(side, ["hv", "lv"]) & ~by_table
        turn = np.where(side == "lv", -1.0, 1.0)
        ideal = given & (kind == IDEAL)
        by_degree = np.where(degree != 0, steps * degree, 0.0)
        by_percent = 2 * np.degrees(np.arcsin(np.clip(steps * np.nan_to_num(percent) / 200, -1, 1)))
        shift = shift + np.where(ideal, turn * np.where(degree != 0, by_degree, by_percent), 0.0)
        stepped = given & np.isin(kind, STEP)
        change = np.nan_to_num(percent * steps) / 100
        factor = 1 + change * np.exp(1j * np.radians(degree))
        for at, volts in (("hv", high), ("lv", low)):
            own = stepped & (side == at)
            volts[own] *= np.abs(factor)[own]
        shift = shift + np.where(stepped, turn * np.degrees(np.angle(factor)), 0.0)
    return _by_table(net, table, Taps(high, low, shift), by_table)


def _kinds(table: NetTable, number: str) -> np.ndarray:
    """Return the type of each tap changer, (k,); files from before version 3 say only whether it shifts the phase."""
    if f"tap{number}_changer_type" in table.columns:
        return np.array(table.text(f"tap{number}_changer_type"))
    shifts = table.flag(f"tap{number}_phase_shifter", default=False)
    return np.where(shifts, IDEAL, STEP[0])


def _by_table(net: Net, table: NetTable, taps: Taps, by_table: Flag) -> Taps:
    """Return the taps in which those whose ratio stands in a table have it from there."""
    if not by_table.any():
        return taps
    rows = _table_rows(net, table, by_table)
    held = net.table("trafo_characteristic_table")
    ratio, angle = held.real("voltage_ratio", 1.0, least=LEAST_RATIO), held.real("angle_deg", 0.0)
    sides = table.text("tap_side")
    for row, at in rows.items():
        is_high = sides[row] == "hv"
        volts = taps.high_v if is_high else taps.low_v
        volts[row] *= ratio[at]
        taps.shift_degree[row] += angle[at] if is_high else -angle[at]
    return taps


def _table_rows(net: Net, table: NetTable, by_table: Flag) -> dict[int, int]:
    """Return the row of the characteristic table for each transformer that goes by it; one without is a problem."""
    held = net.table("trafo_characteristic_table")
    pairs = zip(held.whole("id_characteristic"), held.whole("step"), strict=True)
    known = {(int(curve), int(step)): at for at, (curve, step) in enumerate(pairs)}
    curve, step = table.whole("id_characteristic_table"), table.whole("tap_pos")
    found = {}
    for row in np.flatnonzero(by_table & table.flag("in_service", default=True)):
        key = int(curve[row]), int(step[row])
        if key in known:
            found[int(row)] = known[key]
            continue
        got = f"tap {key[1]} of characteristic {key[0]}, which trafo_characteristic_table has not"
        expected = "a row of it for each tap_pos"
        table.problems.append(Problem(table.label(int(row)), got, expected))
    return found


def _impedances(net: Net, table: NetTable) -> tuple[Col, Col]:
    """Return vk and vkr as shares, (k,) each, of the present tap where they stand in a table."""
    shares = [table.real(key, least=0.0) / 100 for key in ("vk_percent", "vkr_percent")]
    by_table = table.flag("tap_dependency_table", default=False)
    if by_table.any():
        held = net.table("trafo_characteristic_table")
        rows = _table_rows(net, table, by_table)
        for share, key in zip(shares, ("vk_percent", "vkr_percent"), strict=True):
            stated = held.real(key, np.nan)
            for row, at in rows.items():
                if np.isfinite(stated[at]):
                    share[row] = stated[at] / 100
    return shares[0], shares[1]


def _sequences(net: Net, table: NetTable, taps: Taps) -> tuple[Phasors, Phasors, Phasors]:
    """Return the positive, negative and zero sequence over both sides, shape (k, 2, 2) each [S]."""
    vk, vkr = _impedances(net, table)
    used = table.flag("in_service", default=True)
    for row in np.flatnonzero(used & ~(vk > 0)):
        got = f"vk_percent {100 * vk[row]:g}"
        table.problems.append(Problem(table.label(int(row)), got, "vk_percent above 0"))
    for row in np.flatnonzero(used & (vkr > vk)):
        got = f"vkr_percent {100 * vkr[row]:g}"
        expected = f"at most vk_percent, {100 * vk[row]:g}"
        table.problems.append(Problem(table.label(int(row)), got, expected))
    parallel = table.real("parallel", 1.0, least=1e-9)
    mva = table.real("sn_mva", least=1e-12)
    base = taps.low_v**2 / (1e6 * mva) / parallel
    z = (vkr + 1j * np.sqrt(np.maximum(vk**2 - vkr**2, 0.0))) * base
    p_mw = table.real("pfe_kw", 0.0) / KILO
    q_mvar = np.sqrt(np.maximum((table.real("i0_percent", 0.0) / 100 * mva) ** 2 - p_mw**2, 0.0))
    core = (p_mw - 1j * q_mvar) / mva / base
    shares = [table.real(f"leakage_{key}_ratio_hv", 0.5) for key in ("resistance", "reactance")]
    high = shares[0] * z.real + 1j * shares[1] * z.imag
    at_low = _star(high, z - high, core)
    turn = np.exp(1j * np.radians(taps.shift_degree))
    ratio = np.asarray(taps.high_v / taps.low_v * turn, np.complex128)
    zero = _zero(net, table, taps, (z, base))
    return turn_ratio(at_low, ratio), turn_ratio(at_low, ratio.conj()), zero


def _star(high: Phasors, low: Phasors, core: Phasors) -> Phasors:
    """Return two impedances with a core at their middle over both ends, shape (k, 2, 2) [S]; `core` (k,) may be 0 [S]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = high + low + high * low * core
        found = pi_ends(1 / total, low * core / total, high * core / total)
    return found


def _zero(net: Net, table: NetTable, taps: Taps, impedance: tuple[Phasors, Col]) -> Phasors:
    """Return the zero sequence over both sides, shape (k, 2, 2) [S]: what the vector group lets through."""
    z, base = impedance
    group = [text.lower().strip("0123456789") for text in table.text("vector_group")]
    names = table.names()
    _tell_zero(net, table, group)
    for row, text in enumerate(group):
        if text and text not in EARTHED:
            got = f"transformer {names[row]}: vector group {table.text('vector_group')[row]}"
            net.tell([got], "not one whose zero sequence is known", "It is taken as Dyn.")
    kind = [EARTHED.get(text or ASSUMED, EARTHED[ASSUMED]) for text in group]
    vk0, vkr0 = (table.real(f"{key}_percent", 0.0) / 100 for key in ("vk0", "vkr0"))
    own = (vkr0 + 1j * np.sqrt(np.maximum(vk0**2 - vkr0**2, 0.0))) * base
    z0 = np.where(vk0 > 0, own, z)
    rx = table.real("mag0_rx", 0.0)
    size = table.real("mag0_percent", np.nan) / 100 * np.abs(z0)
    known = size > 0
    magnetising = np.where(known, size, 1.0) * (rx + 1j) / np.sqrt(rx**2 + 1)
    core = np.asarray(np.where(known, 1 / magnetising, 0.0), np.complex128)
    neutral = 3 * (table.real("rn_ohm", 0.0) + 1j * table.real("xn_ohm", 0.0))
    ratio = np.asarray(taps.high_v / taps.low_v, np.complex128)
    of_high = np.array(["high" in each for each in kind], np.bool_)
    total = np.asarray(z0 + np.where(of_high, neutral / np.abs(ratio) ** 2, neutral), np.complex128)
    high = table.real("si0_hv_partial", 0.5) * total
    star = turn_ratio(_star(high, total - high, core), ratio)
    rated = 1e6 * table.real("sn_mva", 0.0) * table.real("parallel", 1.0)
    floor = NO_FLOAT * np.stack([rated / taps.high_v**2, rated / taps.low_v**2], axis=1)
    found = np.zeros_like(star)
    for row, each in enumerate(kind):
        found[row] = _earthed(star[row], floor[row], each)
    return found


def _earthed(star: Phasors, floor: Col, kind: str) -> Phasors:
    """Return the zero sequence of one transformer over both sides, (2, 2) [S].

    A delta on the other side is a short circuit to the zero sequence, a star without earth is open.
    """
    if kind == "both":
        return star
    found = np.diag(floor).astype(np.complex128)
    if kind:
        own = 0 if kind.startswith("high") else 1
        other = 1 - own
        through_core = star[own, other] * star[other, own] / star[other, other]
        found[own, own] = star[own, own] - (through_core if "core" in kind else 0.0)
    return found


def _tell_zero(net: Net, table: NetTable, group: list[str]) -> None:
    used, names = table.flag("in_service", default=True), table.names()
    lacking = [f"transformer {names[row]}" for row in np.flatnonzero(used) if not group[row]]
    net.tell(
        lacking,
        "no vector_group",
        f"It is taken as Dyn with the impedance of the positive sequence. {BALANCED}",
    )
    partial = ~(table.real("vk0_percent", 0.0) > 0) & used
    short = [f"transformer {names[row]}" for row in np.flatnonzero(partial) if group[row]]
    net.tell(short, "no vk0_percent", f"That of the positive sequence is taken. {BALANCED}")


def transformer_columns(net: Net, units: JoinedPhases, place: Index) -> Transformers:
    """Return transformers as columns; `place` (g,) is the row of each bus among those that are fed."""
    table, rows = net.table("trafo"), units.row
    names = table.names()
    kva = (KILO * table.real("sn_mva", np.nan) * table.real("parallel", 1.0))[rows]
    vk, vkr = (table.real(key, np.nan)[rows] / 100 for key in ("vk_percent", "vkr_percent"))
    taps = read_taps(net, table)
    rated = [KILO * table.real(key, np.nan) for key in ("vn_hv_kv", "vn_lv_kv")]
    tap = np.stack([(at / of)[rows] for at, of in zip(taps[:2], rated, strict=True)], axis=1)
    step = np.nan_to_num(table.real("tap_step_percent", 0.0)[rows]) / 100
    ends = [table.real(key, np.nan)[rows] for key in ("tap_min", "tap_max", "tap_neutral")]
    side = np.array([table.text("tap_side")[row] for row in rows])
    known = np.isfinite(ends[0] + ends[1] + ends[2])
    is_tapped = np.stack([(side == "hv") & known, (side == "lv") & known], axis=1)
    least, most = (1 + step * np.nan_to_num(ends[at] - ends[2]) for at in (0, 1))
    steps = np.where(is_tapped, np.nan_to_num(ends[1] - ends[0])[:, None], 1).astype(np.int64)
    group = np.array(table.text("vector_group"), object)[rows]
    letters = [(text.upper()[:1] == "D", "D" in text.upper()[1:]) for text in group]
    mva = table.real("sn_mva", np.nan)[rows]
    core = table.real("pfe_kw", 0.0)[rows] / KILO / mva
    magnetising = np.sqrt(np.maximum((table.real("i0_percent", 0.0)[rows] / 100) ** 2 - core**2, 0))
    x = np.full((len(rows), 3), np.nan)
    x[:, 0] = np.sqrt(np.maximum(vk**2 - vkr**2, 0.0))
    buses = np.where(units.ends == NO_BUS, NO_BUS, place[units.ends])
    windings = Windings(
        transformer=np.repeat(np.arange(len(rows)), 2),
        bus=buses.ravel(),
        kv=np.stack([each[rows] / KILO for each in rated], axis=1).ravel(),
        kva=np.repeat(kva, 2),
        is_delta=np.array(letters, np.bool_).reshape(-1, 2).ravel(),
        r_share=np.repeat(vkr / 2, 2),
        tap=tap.ravel(),
        tap_min=np.where(is_tapped, np.minimum(least, most)[:, None], tap).ravel(),
        tap_max=np.where(is_tapped, np.maximum(least, most)[:, None], tap).ravel(),
        tap_steps=np.maximum(steps, 1).ravel(),
    )
    return Transformers(
        name=tuple(names[row] for row in rows),
        phases=np.full(len(rows), 3),
        kva=kva,
        x_share=x,
        core_share=core,
        magnetising_share=magnetising,
        windings=windings,
        blocks=stack_branches(units, place),
    )
