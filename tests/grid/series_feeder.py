"""Feeders of four line regulators in series with banks beside them and panels at all buses, drawn from a seed.

A stage is a three-phase unit, three single-phase units or an open delta; settings, delays, line drop, reverse modes, limits of
taps and the figure that switches each bank are drawn.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

STAGES, PHASES = 4, (1, 2, 3)
LINE = "phases=3 r1=.3 x1=.6 r0=.6 x0=1.8 c1=3 c0=2 units=km"
SHARES = (0.45, 0.35, 0.2)  # of kinds of stages
TAPS = ("", "", "", " maxtap=1.0375 mintap=.975 numtaps=10", " maxtap=1.05 mintap=.95 numtaps=16")
MODELS = (1, 1, 2, 3, 5)  # of loads
JUMPS = 3  # a model whose power jumps at the edges of a band, where a flow may have two solutions
WIDE = " vminpu=.1 vmaxpu=9 vlowpu=.01"
LINE_V, PHASE_V = 105, 60  # turns of voltage transformers of 12.47 and of 7.2 kV
HOURS = 24.0
Dice = np.random.Generator


class Series(NamedTuple):
    """A script, and what each of l loads draws of its rating over a day, shape (t, l): active and reactive [1]."""

    script: str
    p: Any
    q: Any


def make(seed: int, steps: int) -> Series:
    """Return a feeder and its day of equal steps."""
    dice = np.random.default_rng(seed)
    lines = [
        "Clear",
        f"New Circuit.t basekv=12.47 pu={dice.uniform(1, 1.04):.3f} bus1=src mvasc3=200 mvasc1=210",
        f"New Line.l0 bus1=src bus2=n0 length=1 {LINE}",
    ]
    for at in range(STAGES):
        lines += dice.choice([_together, _each_phase, _open_delta], p=SHARES)(dice, at)
        length = dice.uniform(0.5, 3)
        lines.append(f"New Line.l{at + 1} bus1=m{at} bus2=n{at + 1} length={length:.2f} {LINE}")
    loads = [line for at in range(1, STAGES + 1) for line in _loads(dice, at)]
    banks = [_bank(dice, at) for at in range(dice.integers(0, 4))]
    lines += loads + [bank for bank, _ in banks] + [control for _, control in banks]
    lines += ["Set VoltageBases=[12.47]", "CalcVoltageBases", "Set MaxControlIter=200", "Solve"]
    return Series("\n".join(lines) + "\n", *_day(dice, steps, len(loads)))


def _together(dice: Dice, at: int) -> list[str]:
    phase = dice.choice(["1", "2", "3", "max", "min"])
    far = f" bus=n{at + 1}.{dice.choice(PHASES)} remoteptratio={PHASE_V} ptphase=1"
    seen = far if dice.random() < 0.15 else f" ptphase={phase}"
    side = " tapwinding=1" if dice.random() < 0.1 else ""
    unit = f"phases=3 xhl=1 kvas=[5000 5000] buses=[n{at} m{at}] kvs=[12.47 12.47] %loadloss=.1"
    return [
        f"New Transformer.r{at} {unit}{dice.choice(TAPS)}",
        f"New RegControl.c{at} transformer=r{at} {_settings(dice, PHASE_V)}{_reverse(dice)}{seen}{side}",
    ]


def _each_phase(dice: Dice, at: int) -> list[str]:
    unit = "phases=1 xhl=.5 kvas=[2000 2000] kvs=[7.2 7.2] %loadloss=.05"
    lines = []
    for phase in PHASES:
        name, buses = f"{at}{phase}", f"buses=[n{at}.{phase} m{at}.{phase}]"
        lines += [
            f"New Transformer.r{name} {unit} {buses}{dice.choice(TAPS)}",
            f"New RegControl.c{name} transformer=r{name} {_settings(dice, PHASE_V)}{_reverse(dice)}",
        ]
    return lines


def _open_delta(dice: Dice, at: int) -> list[str]:
    unit = "phases=1 xhl=.5 kvas=[2000 2000] conns=[delta delta] kvs=[12.47 12.47]"
    lines = [f"New Line.j{at} bus1=n{at}.2 bus2=m{at}.2 phases=1 switch=yes"]
    for phase in (1, 3):
        name, buses = f"{at}{phase}", f"buses=[n{at}.{phase}.2 m{at}.{phase}.2]"
        lines += [
            f"New Transformer.r{name} {unit} {buses}",
            f"New RegControl.c{name} transformer=r{name} {_settings(dice, LINE_V)}",
        ]
    return lines


def _settings(dice: Dice, ratio: int) -> str:
    parts = [
        f"winding=2 ptratio={ratio} vreg={dice.uniform(118, 124):.2f} band={dice.choice([1.5, 2, 2.5, 3])}",
        f"delay={dice.choice([15, 30, 30, 45, 60])}",
    ]
    if dice.random() < 0.7:
        drop = f"r={dice.uniform(0, 5):.2f} x={dice.uniform(0, 6):.2f}"
        by_size = f"ldc_z={dice.uniform(1, 5):.2f}"
        parts.append(f"ctprim={dice.choice([100, 200, 300, 700])}")
        parts.append(by_size if dice.random() < 0.2 else drop)
    parts += [f"tapdelay={dice.choice([0, 2, 5])}"] if dice.random() < 0.3 else []
    parts += [f"maxtapchange={dice.choice([1, 2, 4])}"] if dice.random() < 0.3 else []
    parts += [f"vlimit={dice.uniform(121, 126):.2f}"] if dice.random() < 0.2 else []
    parts += ["inversetime=yes"] if dice.random() < 0.15 else []
    return " ".join(parts)


def _reverse(dice: Dice) -> str:
    other = (
        f" revvreg={dice.uniform(117, 122):.2f} revband={dice.choice([2, 3])} revthreshold={dice.choice([20, 50, 100])}"
        f" revdelay={dice.choice([5, 30, 60])} revr={dice.uniform(0, 3):.2f} revx={dice.uniform(0, 3):.2f}"
    )
    to_neutral = f" reversible=yes revneutral=yes revthreshold={dice.choice([20, 100])} tapdelay=3"
    modes = ["", "", f" reversible=yes{other}", to_neutral, f" cogen=yes{other}"]
    return str(dice.choice(modes))


def _loads(dice: Dice, at: int) -> list[str]:
    lines = []
    for phase in PHASES:
        power = f"kw={dice.uniform(50, 250):.1f} kvar={dice.uniform(10, 100):.1f}"
        band, model = dice.choice(["", WIDE]), dice.choice(MODELS)
        band = WIDE if model == JUMPS else band
        lines.append(
            f"New Load.p{at}{phase} bus1=n{at}.{phase} phases=1 kv=7.2 {power} model={model}{band}"
        )
    if dice.random() < 0.5:
        power = f"kw={dice.uniform(50, 250):.1f} kvar={dice.uniform(10, 100):.1f}"
        lines.append(f"New Load.d{at} bus1=n{at} phases=3 conn=delta kv=12.47 {power}")
    return lines


def _bank(dice: Dice, at: int) -> tuple[str, str]:
    """Return a bank and its control."""
    bus, conn = f"n{dice.integers(1, STAGES + 1)}", dice.choice(["wye", "wye", "delta"])
    steps = "kvar=[100 150 200] numsteps=3 states=[1 0 0]"
    size = steps if conn == "wye" and dice.random() < 0.4 else f"kvar={dice.choice([150, 300])}"
    bank = f"New Capacitor.k{at} bus1={bus} phases=3 kv=12.47 conn={conn} {size}"
    kind, phase = dice.choice(list(_SWITCHES)), dice.choice(["avg", "max", "min", "1", "2", "3"])
    ratio = LINE_V if conn == "delta" and phase in ("1", "2", "3") else PHASE_V
    seen = f"ptratio={ratio} ptphase={phase}"
    control = (
        f"New CapControl.q{at} capacitor=k{at} element=Line.l{dice.integers(1, STAGES + 1)} terminal={dice.choice([1, 2])} "
        f"type={kind} {_SWITCHES[kind](dice)} ctratio=1 ctphase={phase} {seen} delay={dice.choice([15, 30, 60])} "
        f"delayoff={dice.choice([15, 45])} deadtime={dice.choice([0, 300, 900])}"
    )
    if kind != "voltage" and dice.random() < 0.3:
        low, high = dice.uniform(114, 118), dice.uniform(123, 127)
        control += f" voltoverride=yes vmin={low:.1f} vmax={high:.1f}"
    return bank, control


def _set(on: float, off: float) -> str:
    return f"onsetting={on:.3f} offsetting={off:.3f}"


_SWITCHES = {
    "kvar": lambda dice: _set(dice.uniform(100, 400), -dice.uniform(100, 500)),
    "current": lambda dice: _set(dice.uniform(40, 60), dice.uniform(15, 30)),
    "voltage": lambda dice: _set(dice.uniform(117, 120.5), dice.uniform(123.5, 125)),
    "time": lambda dice: _set(dice.uniform(0, 23), dice.uniform(0, 23)),
    "powerfactor": lambda dice: _set(dice.uniform(0.9, 0.97), -dice.uniform(0.8, 0.97)),
}


def _day(dice: Dice, steps: int, loads: int) -> Sequence[Any]:
    """Return a day with an evening peak; panels under passing clouds give up to 3 times what their home is rated for."""
    hour = np.arange(steps) * HOURS / steps
    drawn = (
        0.45 + 0.3 * np.exp(-(((hour - 19) / 2.5) ** 2)) + 0.15 * np.exp(-(((hour - 8) / 2) ** 2))
    )
    sun = np.where(np.abs(hour - 12.5) < 7, np.cos((hour - 12.5) / 7 * np.pi / 2), 0.0)
    clear = 1 - 0.7 * (dice.random(steps) < 0.25) * dice.random(steps)
    panels = dice.choice([1.2, 2.2, 3.0]) * dice.random(loads)
    noise = 0.08 * dice.standard_normal((2, steps, loads))
    p = drawn[:, None] * dice.uniform(0.6, 1.6, loads) + noise[0] - (sun * clear)[:, None] * panels
    return p, 0.6 * drawn[:, None] + noise[1]
