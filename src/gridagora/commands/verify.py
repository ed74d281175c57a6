"""Commands that hold a result against its manifest, and against the same scenario run once more."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridagora.core.errors import InputError, Problem
from gridagora.terminal import (
    FAILED,
    Json,
    Out,
    bar,
    busy,
    load_scene,
    refuse_file,
    refuse_result,
    report_errors,
    say,
    show_json,
)

if TYPE_CHECKING:
    from gridagora.run.verify import FileState, Verification

SCENARIO = "scenario.toml"
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a result.")]


def verify(folder: Folder, json_: Json = False) -> None:
    """Say whether a result is as it was written and the files that its run read are the same; exit 1 where they are not."""
    with report_errors(json_):
        from gridagora.run import verify as verifications
        from gridagora.studies.risk.worlds import refuse_ensemble

        refuse_ensemble(folder)
        with busy("reading files"):
            found = verifications.verify_result(folder)
        if json_:
            inputs = None if found.inputs is None else dict(found.inputs)
            told = {"files": dict(found.files), "inputs": inputs, "fault": found.fault}
            show_json({"is_whole": found.is_whole, **told})
        _say_states(found)
        if not found.is_whole:
            raise typer.Exit(FAILED)


def reproduce(folder: Folder, out: Out = None, json_: Json = False) -> None:
    """Run the scenario of a result again and say where its tables differ first, bit for bit; exit 1 where they do."""
    with report_errors(json_), ExitStack() as opened:
        from gridagora.run import compare as runs
        from gridagora.run import differences
        from gridagora.run import folder as folders
        from gridagora.run.verify import verify_inputs
        from gridagora.studies.risk.worlds import refuse_ensemble

        refuse_ensemble(folder)
        if out is not None:
            refuse_file(out)
            refuse_result(f"--out {out}", out, folder, ", which is held against it")
        before = folders.load(folder)
        designs = _designs_of(before.summary, folder)
        _say_changed(verify_inputs(before.summary["manifest"]) or {})
        scene = load_scene(folder / SCENARIO, None, [])
        place = out or Path(opened.enter_context(TemporaryDirectory(prefix="gridagora-"))) / "again"
        with bar() as advance:
            runs.compare(scene, designs, out=place, progress=advance)
        now = folders.load(place)
        found = differences.compare_results(before, now)
        origin = differences.compare_origins(before.summary["manifest"], now.summary["manifest"])
        if json_:
            told = [each._asdict() for each in found]
            show_json({"is_same": not found, "differences": told, "origin": origin})
        for name, text in origin.items():
            say(f"Not as at the run before: {name}, {text}")
        for each in found:
            say(f"Differs first in {each}")
        same = f"all {len(before.tables)} tables and every metric but wall time are the same, bit for bit"
        say(f"{len(found)} tables differ." if found else f"Reproduced: {same}.")
        if out is not None:
            say(f"Result in {out}")
        if found:
            raise typer.Exit(FAILED)


def _designs_of(summary: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the designs that a result compares.

    Raises
    ------
    InputError
        A result of a study, or of tables that were made in code.
    """
    if "study" in summary:
        got = f"a result of a study, {summary['study']}"
        hint = f"Run it again: gridagora study, on {folder / SCENARIO}."
        raise InputError([Problem(str(folder), got, "a result of run or compare", hint)])
    if summary["manifest"].get("is_assembled"):
        got = "a result of tables that were made in code"
        hint = "The program that made them runs it again."
        raise InputError([Problem(str(folder), got, "a result of a scenario file", hint)])
    asked = summary["manifest"].get("designs")
    return list(asked or summary["architectures"])


def _say_changed(inputs: "Mapping[str, FileState]") -> None:
    for name, state in inputs.items():
        if state != "same":
            say(f"Not as at the run before: {name}, {state}")


def _say_states(found: "Verification") -> None:
    """Say what became of files, those that differ by name."""
    same = sum(state == "same" for state in found.files.values())
    say(f"Result: {same} of {len(found.files)} files as written.")
    for name, state in found.files.items():
        if state != "same":
            say(f"  {name}: {state}")
    if found.fault:
        say(f"  {found.fault}")
    say(
        "Not checked: report.html and results/, which are written from them; export and report do so again."
    )
    if found.inputs is None:
        say("Inputs: the run did not note what it read.")
        return
    same = sum(state == "same" for state in found.inputs.values())
    say(f"Inputs: {same} of {len(found.inputs)} files as read.")
    for name, state in found.inputs.items():
        if state != "same":
            say(f"  {name}: {state}")
