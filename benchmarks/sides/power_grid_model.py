"""Power flow against power-grid-model: an unbalanced three-phase feeder of lines and single-phase loads, one batch."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import peer
from benchmarks.row import Row, cpu_seconds
from benchmarks.setting import Site, absent
from gridagora.grid import flow
from gridagora.sources import opendss

NAME, UNIT, STEPS, TOLERANCE, KV, SK_VA = "power_grid_model", "flow", 500, 1e-8, 0.4, 1e8
CONDITIONS = (
    f"a radial low-voltage tree, {STEPS} steps as one batch on one thread, constant power, tolerance {TOLERANCE:.0e}; the faster "
    "of its exact methods, which are Newton-Raphson and iterative current. power-grid-model has no centre-tapped transformer, so "
    "the split-phase feeders of the other rows cannot be given to it"
)


def tree(nodes: int, seed: int) -> tuple[list[int], np.ndarray]:
    """Return the parent of every node and r1, x1, r0, x0 of the line to it [ohm]."""
    rng = np.random.default_rng(seed)
    parent = [-1, *(int(rng.integers(max(0, i - 12), i)) for i in range(1, nodes))]
    length_km = rng.uniform(0.01, 0.04, nodes) * 40 / nodes
    return parent, length_km[:, None] * np.array([0.2, 0.08, 0.8, 0.25])


def script(parent: list[int], ohm: np.ndarray) -> str:
    """Return the same feeder for our reader; the source is that of power-grid-model at r/x 0.1."""
    z = (KV * 1e3) ** 2 / SK_VA
    x = z / np.sqrt(1 + 0.1**2)
    lines = [
        "clear",
        f"new circuit.tree bus1=n0 basekv={KV} pu=1 Z1=[{0.1 * x:.12g}, {x:.12g}] Z0=[{0.1 * x:.12g}, {x:.12g}]",
    ]
    for i, above in enumerate(parent):
        if above < 0:
            continue
        r1, x1, r0, x0 = ohm[i]
        lines.append(
            f"new line.l{i} bus1=n{above} bus2=n{i} phases=3 r1={r1:.12g} x1={x1:.12g} r0={r0:.12g} x0={x0:.12g} "
            "c1=0 c0=0 length=1"
        )
        lines += [
            f"new load.m{i}_{k} bus1=n{i}.{k} phases=1 kv={KV / np.sqrt(3):.12g} kw=1 pf=.97 model=1"
            for k in (1, 2, 3)
        ]
    return "\n".join([*lines, f"set voltagebases=[{KV}]", "calcvoltagebases", "solve"]) + "\n"


def run(site: Site) -> list[Row]:
    """Return a row for each size."""
    rows = []
    for nodes in (100, 1000):
        case = f"tree of {nodes} three-phase nodes, {STEPS} steps"
        try:
            rows.append(race(site, case, nodes))
        except peer.PeerError as fault:
            rows.append(absent(NAME, case, "power-grid-model", UNIT, fault))
    return rows


def race(site: Site, case: str, nodes: int) -> Row:
    """Time both on one tree and compare the voltages of the last step."""
    peer.interpreter(site.peers, NAME)
    parent, ohm = tree(nodes, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tree.dss"
        path.write_text(script(parent, ohm))
        feeder = opendss.read(path)
    rng = np.random.default_rng(4)
    p_kw = rng.uniform(0, 120 / nodes, (STEPS, nodes - 1, 3))
    column = {name: at for at, name in enumerate(feeder.meters.name)}
    order = [column[f"m{i}_{k}"] for i in range(1, nodes) for k in (1, 2, 3)]
    ours_kw = np.empty((STEPS, len(order)))
    ours_kw[:, order] = p_kw.reshape(STEPS, -1)
    work = {"parent": parent, "ohm": ohm.tolist(), "kv": KV, "sk_va": SK_VA, "tolerance": TOLERANCE}
    work |= {"p_kw": p_kw.round(9).tolist(), "q_kvar": (0.25 * p_kw).round(9).tolist()}
    got = flow.solve(feeder, ours_kw, 0.25 * ours_kw, TOLERANCE)
    pairs, told = [], {}
    for _ in range(site.repeats):
        ours = cpu_seconds(lambda: flow.solve(feeder, ours_kw, 0.25 * ours_kw, TOLERANCE), 3)
        told = peer.run(site.peers, NAME, "run_power_grid_model.py", work)
        pairs.append((ours, told["cpu_s"]))
    rows = {name: at for at, name in enumerate(feeder.nodes.name)}
    mine = np.abs(got.v[-1])[[[rows[f"n{i}.{k}"] for k in (1, 2, 3)] for i in range(nodes)]] / (
        KV * 1e3 / np.sqrt(3)
    )
    off = np.abs(mine - np.array(told["u_pu"])).max()
    peer_name = f"power-grid-model {told['version']}, {told['method'].replace('_', ' ')}"
    accuracy = f"voltages differ by at most {off:.0e} pu; lowest {mine.min():.3f} pu"
    return Row(
        NAME,
        case,
        peer_name,
        UNIT,
        STEPS,
        STEPS,
        tuple(pairs),
        accuracy=accuracy,
        conditions=CONDITIONS,
    )
