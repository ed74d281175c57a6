"""The state in which a script leaves its circuit: its own taps, capacitors and switches, on a solution that converged."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import Problem, nearest
from gridagora.sources.opendss.engine import UNSETTLED, fault_type, number

SOLVE = "Solve"
OFF = -1  # of ControlMode
SNAPSHOT = 0
ITERATIONS, CONTROL_ITERATIONS = 1000, 1000
WATCHED = 20  # actions after which a control that has not moved is none of those that hunt
OF_INVERTERS = (
    "invcontrol",
    "expcontrol",
    "storagecontroller",
)  # they steer elements that are left out


class HeldState(NamedTuple):
    """Notes and problems of the state that is held, and whether the script switches its controls off."""

    are_off: bool
    notes: tuple[str, ...]
    problems: list[Problem]


def settle(engine: Any, taps: Mapping[str, int]) -> HeldState:
    """Stop the controls where the script's own solution left them, and solve it where the script did not or in vain."""
    circuit = engine.ActiveCircuit
    solution = circuit.Solution
    mode, notes, problems = solution.ControlMode, [], []
    done = has_converged(circuit) and (mode == OFF or bool(solution.ControlActionsDone))
    solution.Mode = SNAPSHOT
    solution.ControlMode = mode
    solution.MaxIterations = max(solution.MaxIterations, ITERATIONS)
    solution.MaxControlIterations = max(solution.MaxControlIterations, CONTROL_ITERATIONS)
    if not done:
        notes += _solve(engine)
    solution.ControlMode = OFF
    problems += _set_taps(circuit, taps)
    engine.Text.Command = SOLVE
    if not has_converged(circuit):
        hint = "Its loads may exceed what its lines can carry; look at it in OpenDSS."
        got = f"a solution that does not converge in {ITERATIONS} iterations"
        problems.append(
            Problem(f"circuit {circuit.Name}", got, "a solution of the script's own loads", hint)
        )
    held = tuple(f"{control.Name} {control.TapNumber}" for control in circuit.RegControls)
    if held:
        does = "stay, as the script switches controls off, at" if mode == OFF else "start at"
        notes.append(f"Regulators {does} their taps: {some(held, 12)}.")
    return HeldState(mode == OFF, (*notes, *_capacitors(circuit)), problems)


def has_converged(circuit: Any) -> bool:
    """Whether the last solution converged; OpenDSS says so of voltages that are no numbers, too."""
    return bool(circuit.Solution.Converged) and bool(np.isfinite(circuit.YNodeVarray).all())


def _solve(engine: Any) -> list[str]:
    """Solve with controls; where they do not settle, again without those of inverters, which are left out anyway.

    Regulators and banks that do not settle stay as they stand, and are told.
    """
    circuit = engine.ActiveCircuit
    if solve_to_rest(engine):
        return []
    steering = tuple(
        name for name in circuit.AllElementNames if name.split(".")[0].lower() in OF_INVERTERS
    )
    for name in steering:
        circuit.SetActiveElement(name)
        circuit.ActiveCktElement.Enabled = False
    left_out = f"{some(steering)} did not settle and are left out of the first solution."
    notes = [left_out] if steering else []
    if steering and solve_to_rest(engine):
        return notes
    hunting = _find_hunting(engine)
    if not hunting:
        return notes
    return [
        *notes,
        f"Controls hunt in the script's own solution, they move without end: {some(hunting)}. They start where they "
        f"stand after {CONTROL_ITERATIONS:,} actions, and hold where they hunt in an interval of a run.",
    ]


def solve_to_rest(engine: Any) -> bool:
    """Solve with the controls, and return whether they came to rest; other faults of the engine are raised.

    By its command, as the engine solves nothing more by its interface once controls did not come to rest.
    """
    try:
        engine.Text.Command = SOLVE
    except fault_type() as fault:
        if number(fault) != UNSETTLED:
            raise
        return False
    return True


def _find_hunting(engine: Any) -> tuple[str, ...]:
    """Return the controls that still move, one action after another; none where they come to rest after all."""
    circuit = engine.ActiveCircuit
    most = circuit.Solution.MaxControlIterations
    circuit.Solution.MaxControlIterations = 2
    found: dict[str, None] = {}
    before = _positions(circuit)
    for _ in range(WATCHED):
        rests = solve_to_rest(engine)
        after = _positions(circuit)
        found |= dict.fromkeys(name for name in after if after[name] != before[name])
        before = after
        if rests:
            found.clear()
            break
    circuit.Solution.MaxControlIterations = most
    return tuple(found)


def _positions(circuit: Any) -> dict[str, int]:
    """Return taps and steps on by the name of what moves them."""
    taps = {f"RegControl {one.Name}": int(one.TapNumber) for one in circuit.RegControls}
    return taps | {f"Capacitor {one.Name}": int(sum(one.States)) for one in circuit.Capacitors}


def _set_taps(circuit: Any, taps: Mapping[str, int]) -> list[Problem]:
    known = [name.lower() for name in circuit.RegControls.AllNames if name.lower() != "none"]
    problems = []
    for name, tap in taps.items():
        if name.lower() not in known:
            problems.append(
                Problem(
                    f"taps.{name}",
                    f"'{name}'",
                    "the name of a regulator control",
                    nearest(name.lower(), known),
                )
            )
            continue
        circuit.RegControls.Name = name
        circuit.Transformers.Name = circuit.RegControls.Transformer
        circuit.Transformers.Wdg = circuit.RegControls.TapWinding
        most = int(circuit.Transformers.NumTaps) // 2
        if abs(tap) > most:
            problems.append(Problem(f"taps.{name}", f"tap {tap}", f"a tap of -{most} to {most}"))
        else:
            circuit.RegControls.TapNumber = tap
    return problems


def set_controls(
    circuit: Any, taps: Mapping[str, int], banks: Mapping[str, tuple[int, int]]
) -> None:
    """Put regulators on taps and banks on their first steps, by name; those that the circuit has not are passed over.

    `taps` are steps from the middle, `banks` the steps of a bank and how many of them are on.
    """
    known = set(circuit.RegControls.AllNames)
    for name, tap in taps.items():
        if name in known:
            circuit.RegControls.Name = name
            circuit.RegControls.TapNumber = tap
    known = set(circuit.Capacitors.AllNames)
    for name, (steps, on) in banks.items():
        if name in known:
            circuit.Capacitors.Name = name
            circuit.Capacitors.States = [int(at < on) for at in range(steps)]


def _capacitors(circuit: Any) -> list[str]:
    """Say how controlled capacitors stand, and which others are not wholly on."""
    controlled = {control.Capacitor.lower() for control in circuit.CapControls}
    stand = []
    for bank in circuit.Capacitors:
        steps = [int(step) for step in bank.States]
        on = all(steps) and not any(
            circuit.ActiveCktElement.IsOpen(1, phase) for phase in range(1, 4)
        )
        if circuit.ActiveCktElement.Enabled and (bank.Name.lower() in controlled or not on):
            stand.append(
                f"{bank.Name} {'on' if on else f'{sum(steps)} of {len(steps)} steps' if any(steps) else 'off'}"
            )
    return (
        [f"Capacitors stand as the script's own solution leaves them: {some(stand, 12)}."]
        if stand
        else []
    )


def some(names: list[str] | tuple[str, ...], most: int = 6) -> str:
    """Return names as a list, cut after a few with the number of the rest."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
