"""Scripts drawn by a seed: voltages are those of OpenDSS, and what differs from the script is in a note."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.feeder import Feeder
from gridagora.grid import flow
from gridagora.scenario import validate as sound
from gridagora.sources import opendss

FAR_PU = 1e-6
COLLAPSED_PU = 0.5  # the default vlowpu: below it a load is an impedance, which holds a phase that nothing else feeds
WITHOUT_SHARE = 0.15  # most of the scripts that may have no solution
LEFT_OUT = ("pvsystem", "storage", "generator", "indmach012", "vccs")
LINECODES = (
    "New Linecode.c3 nphases=3 r1=0.3 x1=0.6 r0=0.7 x0=1.9 c1=10 c0=4 units=km\n"
    "New Linecode.m3 nphases=3 units=mi rmatrix=(.45|.15 .46|.15 .15 .46) xmatrix=(1.07|.5 1.04|.38 .42 1.06) "
    "cmatrix=(15|-5 15|-3 -4 14)\n"
    "New WireData.w diam=.72 gmrac=.0244 rac=.306 runits=mi radunits=in gmrunits=ft\n"
    "New LineGeometry.g nconds=4 nphases=3 reduce=y cond=1 wire=w x=-1.2 h=10 units=m cond=2 wire=w x=0 h=10 units=m "
    "cond=3 wire=w x=1.2 h=10 units=m cond=4 wire=w x=0 h=8 units=m\n"
)


def script(seed: int) -> tuple[str, dict[str, str], list[str]]:
    """Return a master script, the files it redirects to, and words that a note must hold."""
    dice = random.Random(seed)
    words: list[str] = []
    base = f"New Circuit.t{seed} basekv=12.47 pu={dice.choice((1.0, 1.02, 1.04))} bus1=src mvasc3=300 mvasc1=320\n"
    parts = ["Clear\n", base, LINECODES, lines(dice)]
    if dice.random() < 0.2:
        parts.append(
            "Set LoadMult=0.7\n"
        )  # in the middle: loads defined before and after take it alike, and the last one holds
        words.append("LoadMult")
    low = [transformer(dice, at) for at in range(dice.randint(1, 4))]
    parts += [text for text, _ in low]
    if dice.random() < 0.5:
        parts.append(regulator(dice))
        words.append("at their taps: rc")
    parts.append(extras(dice, words))
    loads = [
        load(dice, at, dice.choice([*low, ("", ("mv", "b", 7.2))])[1], words)
        for at in range(dice.randint(2, 9))
    ]
    files, lead = folders(dice, loads)
    parts.append(lead)
    if dice.random() < 0.3:
        parts.append("New Load.copy like=l0 bus1=b.1.2.3 phases=3 conn=wye kv=12.47 kw=21\n")
    parts.append(switches(dice, words))
    parts.append(opened(dice, words))
    if dice.random() < 0.3:
        parts.append(f"Set LoadMult={dice.choice((0.5, 0.8))}\n")
        words.append("LoadMult")
    parts.append("Set VoltageBases=[12.47 4.16 0.48 0.4 0.208]\nCalcVoltageBases\n")
    if dice.random() < 0.4:
        parts.append("Set ControlMode=OFF\n")
    parts.append(dice.choice(("Solve\n", "", "Solve\nShow Voltages LN Nodes\nExport Voltages\n")))
    if dice.random() < 0.25:
        parts.append("Open Load.l0 1\n")  # after the script's own solution, as an operator would
        words.append("Open in the script, so without load: l0")
    if dice.random() < 0.15:
        parts.append(f"Open Line.l3 {dice.randint(1, 2)} {dice.randint(1, 3)}\n")
    return "".join(parts), files, words


def lines(dice: random.Random) -> str:
    kinds = (
        "linecode=c3 length={0} units=km",
        "linecode=m3 length={0} units=km",
        "geometry=g length={1} units=ft",
        "r1=.2 x1=.4 r0=.6 x0=1.2 c1=0 c0=0 length={0}",
        "linecode=c3 length={1} units=ft",
    )
    text = ""
    for name, start, end in (("l1", "src", "a"), ("l2", "a", "b"), ("l3", "a", "c")):
        kind = dice.choice(kinds).format(
            round(dice.uniform(0.1, 2), 3), round(dice.uniform(300, 3000), 1)
        )
        text += f"New Line.{name} bus1={start} bus2={end} phases=3 {kind}\n"
    return text


def transformer(dice: random.Random, at: int) -> tuple[str, tuple[str, str, float]]:
    """Return a transformer and the kind, name and phase voltage [kV] of its low side."""
    bus, low = dice.choice("abc"), f"s{at}"
    kva = dice.choice((75, 150, 300))
    kind = dice.choice(("dy", "yy", "yd", "dd", "leg", "single", "open"))
    if kind == "leg":
        phase = dice.randint(1, 3)
        return (
            f"New Transformer.t{at} phases=1 windings=3 buses=[{bus}.{phase} {low}.1.0 {low}.0.2] kvs=[7.2 .12 .12] "
            f"kvas=[{kva} {kva} {kva}] %rs=[.6 1.2 1.2] xhl=2.04 xht=2.04 xlt=1.36\n",
            ("leg", low, 0.12),
        )
    if kind == "single":
        ends = f"{bus}.{dice.choice(('1.2', '2.3', '3.1'))}"
        return (
            f"New Transformer.t{at} phases=1 buses=[{ends} {low}.1.0] kvs=[12.47 .24] kvas=[{kva} {kva}] xhl=2 %loadloss=1.2 "
            f"%noloadloss={dice.choice((0, 0.3))}\n",
            ("single", low, 0.24),
        )
    if kind == "open":
        one = f"New Transformer.t{at}a phases=1 buses=[{bus}.1.2 {low}.1.2] kvs=[12.47 .48] kvas=[{kva} {kva}] xhl=2\n"
        earth = f"New Reactor.e{at} bus1={low}.1 bus2={low}.0 phases=1 R=1 X=.1\n"
        return (
            one
            + f"New Transformer.t{at}b phases=1 buses=[{bus}.2.3 {low}.2.3] kvs=[12.47 .48] kvas=[{kva} {kva}] xhl=2\n"
            + earth,
            ("delta", low, 0.48),
        )
    conns = {"dy": "delta wye", "yy": "wye wye", "yd": "wye delta", "dd": "delta delta"}[kind]
    text = f"New Transformer.t{at} phases=3 buses=[{bus} {low}] conns=[{conns}] kvs=[12.47 .48] kvas=[{kva} {kva}] xhl=4\n"
    afloat = kind in {"yd", "dd"}
    if kind == "dd":
        text += f"New Reactor.e{at} bus1={low}.2 bus2={low}.0 phases=1 R=1 X=.1\n"  # one corner to earth
    return text, ("delta" if afloat else "wye", low, 0.48 if afloat else 0.277)


def regulator(dice: random.Random) -> str:
    text = "New Transformer.reg phases=3 xhl=1 kvas=[5000 5000] buses=[a r] kvs=[12.47 12.47] %loadloss=.1\n"
    text += f"Transformer.reg.wdg=2\nTransformer.reg.tap={dice.choice((1.0, 1.0125, 1.05))}\n"
    text += f"New RegControl.rc transformer=reg winding=2 vreg={dice.choice((119, 122, 124))} band=2 ptratio=60\n"
    return text + "New Load.behind bus1=r phases=3 kv=12.47 kw=150 pf=.95\n"


def extras(dice: random.Random, words: list[str]) -> str:
    text = ""
    if dice.random() < 0.4:
        text += f"New Capacitor.cap bus1=b phases=3 kv=12.47 kvar={dice.choice((150, 300))}"
        text += f" conn={dice.choice(('wye', 'delta'))}\n"
        if dice.random() < 0.5:
            text += "New CapControl.cc capacitor=cap element=Line.l1 type=kvar onsetting=100 offsetting=-500\n"
            words.append("Capacitors stand")
    if dice.random() < 0.3:
        states = dice.choice(((1, 0, 1), (1, 1, 0), (0, 0, 0), (1, 1, 1)))
        text += f"New Capacitor.bank bus1=c phases=3 kv=12.47 kvar=[90 60 30] numsteps=3 states=[{' '.join(map(str, states))}]\n"
        on = f"{sum(states)} of 3 steps" if any(states) else "off"
        words += [] if all(states) else [f"bank {on}"]
    if dice.random() < 0.3:
        text += "New Reactor.shunt bus1=c phases=3 kv=12.47 kvar=60\n"
    if dice.random() < 0.3:
        text += "New Reactor.series bus1=b bus2=d phases=3 R=.1 X=.5\nNew Load.at_d bus1=d phases=3 kv=12.47 kw=30\n"
    kind = dice.choice(
        ("", "", "PVSystem.x bus1=b kv=12.47 kva=50 pmpp=50", "Generator.x bus1=b kv=12.47 kw=40")
    )
    kind = kind or dice.choice(
        ("", "IndMach012.x bus1=b kv=12.47 kw=60 kva=80", "Storage.x bus1=b kv=12.47 kwrated=20")
    )
    if kind:
        text += f"New {kind}\n"
        words.append(kind.split(maxsplit=1)[0])
    return text


def load(dice: random.Random, at: int, where: tuple[str, str, float], words: list[str]) -> str:
    kind, bus, kv = where
    phase, other = dice.choice((("1", "2"), ("2", "3"), ("3", "1")))
    line_kv = round(kv * 3**0.5, 4)
    ends = {
        "leg": (f"{bus}.1 phases=1 kv=.12", f"{bus}.0.2 phases=1 kv=.12", f"{bus}.1.2 phases=1 kv=.24",
            f"{bus}.1.2 phases=2 kv=.208", f"{bus}.0.1 phases=1 kv=.12"),
        "single": (f"{bus}.1 phases=1 kv=.24", f"{bus}.0.1 phases=1 kv=.24"),
        "delta": (
            f"{bus} phases=3 conn=delta kv=.48", f"{bus}.{phase}.{other} phases=1 conn=delta kv=.48",
            f"{bus}.{phase}.{other} phases=1 kv=.48", f"{bus}.3.1.2 phases=3 conn=delta kv=.48",
        ),
        "wye": (
            f"{bus} phases=3 kv={line_kv}", f"{bus}.{phase} phases=1 kv={kv}", f"{bus}.{phase}.{other} phases=1 kv={line_kv}",
            f"{bus}.{phase}.{other} phases=2 kv={line_kv}", f"{bus} phases=3 conn=delta kv={line_kv}",
            f"{bus}.0.{phase} phases=1 kv={kv}",
        ),
        "mv": (
            f"{bus} phases=3 kv=12.47", f"{bus}.{phase} phases=1 kv=7.2", f"{bus} phases=3 conn=delta kv=12.47",
            f"{bus}.1.2.3 phases=2 conn=delta kv=12.47",
        ),
    }[kind]  # fmt: skip
    model = dice.choice((1, 1, 1, 2, 3, 4, 5, 6, 7, 8))
    zip_v = " zipv=[.3 .3 .4 .3 .3 .4 .5]" if model == 8 else ""
    if model != 1:
        words.append("Loads follow the models of the script")
    kw = round(dice.uniform(0.5, 6), 3) * (-0.2 if dice.random() < 0.1 else 1)
    if kw < 0:
        words.append(f"l{at}")
    power = dice.choice(("pf=.95", "pf=-.97", f"kvar={round(abs(kw) / 4, 3)}"))
    status = " status=fixed" if dice.random() < 0.15 else ""
    band = dice.choice(("", "", "", "", " vminpu=1.2 vmaxpu=1.3", " vminpu=.3 vmaxpu=.6 vlowpu=.2"))
    words += ["outside their vminpu to vmaxpu"] if band else []
    own = f"l{at}"
    named = dice.choice(
        (own, own, own, f'"Load.{own} of house {at}"', f"'Load.{own}.{at}'", f"(Load.{own} no. 7)")
    )
    named = f"Load.{own}" if named == own or at == 0 else named
    return (
        f"New {named} bus1={dice.choice(ends)} kw={kw} {power} model={model}{zip_v}{status}{band}\n"
    )


def folders(dice: random.Random, loads: list[str]) -> tuple[dict[str, str], str]:
    """Return the files that hold the loads, and the lines of the master script that lead to them."""
    way = dice.choice(("none", "none", "one", "nested", "back"))
    half = len(loads) // 2
    first, rest = "".join(loads[:half]), "".join(loads[half:])
    if way == "one":
        return {"sub folder/loads.dss": first + rest}, 'Redirect "sub folder/loads.dss"\n'
    if way == "nested":  # a file is looked for from the folder of the script that names it
        inner = {"my files/v1.2/b.dss": rest, "my files/a.dss": f'{first}redirect "v1.2/b.dss"\n'}
        return inner, "Redirect 'my files/a.dss'\n"
    if way == "back":
        inner = {"x/y/a.dss": f"{first}Redirect ../../z/b.dss ! beside\n", "z/b.dss": rest}
        return inner, "redirect (x/y/a.dss)\n"
    return {}, first + rest


def opened(dice: random.Random, words: list[str]) -> str:
    """Return what stands open while the script solves."""
    text = ""
    if dice.random() < 0.15:
        text += "Open Load.l0 1\n"
        words.append("Open in the script, so without load: l0")
    if dice.random() < 0.3:
        line, end, phase = dice.choice(("l2", "l3")), dice.randint(1, 2), dice.randint(1, 3)
        text += f"Open Line.{line} {end} {phase}\n"
    return text


def switches(dice: random.Random, words: list[str]) -> str:
    text = "New Line.sw bus1=c bus2=e phases=3 switch=y\nNew Load.at_e bus1=e phases=3 kv=12.47 kw=12\n"
    what = dice.choice(("", "", "Open Line.sw 1\n", "Line.sw.enabled=no\n"))
    words += ["without voltage are left out"] if what else []
    return text + what


def referee(path: Path, feeder: Feeder) -> Any:
    """OpenDSS as the script leaves it, controls stopped, without what injects.

    Loads on a dead section or opened are switched off: without voltage there is nothing to compare. Those that lost a phase
    are loads of one phase each on what is left.
    """
    from dss import DSS

    rows = dict(zip(*np.unique(feeder.loads.name, return_counts=True), strict=True))
    drawing = {name for name, kw in zip(feeder.meters.name, feeder.meters.p_kw, strict=True) if kw}

    engine = DSS.NewContext()
    engine.AllowChangeDir = False
    engine.Text.Command = f'Set DataPath="{path.parent}"'  # where it writes what a script exports
    plain = path.with_suffix(
        ".plain.dss"
    )  # OpenDSS solves an open load from memory that it never set
    plain.write_text(path.read_text().replace("Open Load.l0 1\n", "Load.l0.enabled=no\n"))
    engine.Text.Command = f'Redirect "{plain}"'
    circuit = engine.ActiveCircuit
    solution = circuit.Solution
    for name in circuit.AllElementNames:
        kind, own = name.lower().split(".", 1)
        if kind == "load" and own not in drawing:
            circuit.SetActiveElement(name)
            circuit.ActiveCktElement.Enabled = False
    if not solution.Iterations or not solution.Converged:
        solution.MaxIterations, solution.MaxControlIterations = 1000, 1000
        solution.Solve()
    assert solution.Converged
    solution.ControlMode = -1
    cut = [
        element.Name
        for element in circuit.Loads
        if rows.get(element.Name, 0) not in {0, element.Phases}
    ]
    for at in (at for at, name in enumerate(feeder.loads.name) if name in cut):
        for command in one_phase(feeder, at):
            engine.Text.Command = command
    for name in circuit.AllElementNames:
        if name.split(".")[0].lower() in LEFT_OUT:
            circuit.SetActiveElement(name)
            circuit.ActiveCktElement.Enabled = False
    settings = (
        "Set Tolerance=1e-10",
        "Set MaxIterations=1000",
        "Solve",
    )
    for command in settings:
        engine.Text.Command = command
    return circuit


def one_phase(feeder: Feeder, at: int) -> tuple[str, str]:
    """Return commands that put a load row in the place of its load, at any LoadMult."""
    bus, start = feeder.nodes.name[feeder.loads.from_node[at]].split(".")
    end = (
        feeder.nodes.name[feeder.loads.to_node[at]].split(".")[1]
        if feeder.loads.to_node[at] >= 0
        else "0"
    )
    kv = feeder.loads.dependence.base_v[at] / 1e3
    power = f"kw={feeder.loads.p_kw[at]:.12g} kvar={feeder.loads.q_kvar[at]:.12g} status=exempt"
    return (
        f'Edit "Load.{feeder.loads.name[at]}" enabled=no',
        f'New Load.row{at} like="{feeder.loads.name[at]}" enabled=yes bus1={bus}.{start}.{end} conn=wye phases=1 kv={kv} {power}',
    )


def far_pu(feeder: Feeder, circuit: Any) -> float:
    """Largest difference of any node voltage, as phasors, at the rated loads; nan where neither finds a solution.

    Behind an open conductor two loads in series may have none; OpenDSS then lets one collapse to an impedance.
    """
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    ours = flow.solve(feeder, feeder.meters.p_kw[None], q_kvar[None], 1e-9)
    theirs = dict(
        zip(
            (n.lower() for n in circuit.YNodeOrder),
            np.array(circuit.YNodeVarray).view(complex),
            strict=True,
        )
    )
    v = np.array([*(theirs[node] for node in feeder.nodes.name), 0.0])
    across_pu = (
        np.abs(v[feeder.loads.from_node] - v[feeder.loads.to_node])
        / feeder.nodes.base_v[feeder.loads.from_node]
    )
    if not ours.converged.all():
        assert not circuit.Solution.Converged or across_pu.min() < COLLAPSED_PU
        assert "does not converge" in str(sound.feeder(feeder, "drawn"))
        return float("nan")
    assert circuit.Solution.Converged
    far = np.abs(ours.v[0] - v[:-1]) / feeder.nodes.base_v
    # a node that only the capacitance of an open line feeds is no better known than its small share of the matrix
    return float(far[np.abs(feeder.nodes.v_no_load) > opendss.DEAD_PU * feeder.nodes.base_v].max())


def held(folder: Path, seed: int) -> float:
    text, files, words = script(seed)
    for name, inner in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(inner)
    path = folder / "Master.dss"
    path.write_text(text)
    before = sorted(folder.rglob("*"))
    try:
        feeder = opendss.read(path)
    except InputError as refused:
        assert "does not converge" in str(refused)
        return float("nan")
    assert sorted(folder.rglob("*")) == before, seed
    told = " ".join(feeder.notes)
    assert not [word for word in words if word not in told], (seed, words, told)
    return far_pu(feeder, referee(path, feeder))


@pytest.mark.parametrize("seed", range(40))
def test_a_drawn_script_is_read_as_opendss_reads_it(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    far = held(tmp_path, seed)
    assert np.isnan(far) or far < FAR_PU


@pytest.mark.long
def test_five_hundred_drawn_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    far = {}
    for seed in range(1000, 1550):
        (tmp_path / str(seed)).mkdir()
        far[seed] = held(tmp_path / str(seed), seed)
    without = [seed for seed, pu in far.items() if np.isnan(pu)]
    assert len(without) <= WITHOUT_SHARE * len(far), without
    assert np.nanmax(list(far.values())) < FAR_PU, far
