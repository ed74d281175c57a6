"""Ratios against other programs, each measured side by side in one run, with accuracy beside speed.

python -m benchmarks install FOLDER [--only PEER,..]     installs the other programs, pinned, each on its own
python -m benchmarks [--peers FOLDER] [--data FOLDER] [--only NAME,..] [--repeats N] [--json FILE] [--page FILE]
"""

import argparse
import datetime
import difflib
import importlib
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.peer import PEERS, install
from benchmarks.picture import svg
from benchmarks.row import Row, table, to_json
from benchmarks.setting import Site

SIDES = (
    "gridlabd",
    "opendss",
    "opendss_controls",
    "power_grid_model",
    "solvers",
    "clearing",
    "whole_run",
    "limits",
)
ROOT = Path(__file__).parents[1]
EMPTY, WRONG = 1, 2  # exit codes: no benchmark gave a ratio, or the arguments are wrong


class UsageError(Exception):
    """An argument that cannot be meant; the text is a sentence."""


def choose(asked: str | None, known: Sequence[str], kind: str) -> list[str]:
    """Return the names of a list with commas, all of them where nothing is asked.

    Raises
    ------
    UsageError
        A name that is not known, with the nearest one.
    """
    if asked is None:
        return list(known)
    names = [name.strip() for name in asked.split(",") if name.strip()]
    faults = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            faults.append(f"--only: got '{name}', expected one of {', '.join(known)}{hint}")
    if faults or not names:
        raise UsageError(
            "\n".join(faults) or f"--only: got no name, expected a {kind} out of {', '.join(known)}"
        )
    return list(dict.fromkeys(names))


def machine() -> dict[str, str]:
    """Return when and on what the figures were measured."""
    info = Path("/proc/cpuinfo")
    models = (
        [
            line.split(":")[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        if info.exists()
        else []
    )
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "load_before": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "commit": git.stdout.strip() or "unknown",
        **{name: version(name) for name in ("numpy", "numba", "scipy")},
    }


def page(rows: Sequence[Row], about: dict[str, str]) -> str:
    """Return the measured part of the page of benchmarks, as Markdown."""
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in about.items())
    against = [row for row in rows if row.benchmark != "limits"]
    limits = [row for row in rows if row.benchmark == "limits"]
    parts = [
        f"Measured: {told}. CPU seconds of one core, both sides in turn in one run, median (least to greatest).",
        "",
    ]
    if against:
        parts += ["## Against other programs", "", table(against)]
    if limits:
        parts += ["## What bounds the kernels", "", table(limits)]
    return "\n".join(parts)


def measure(names: Sequence[str], site: Site) -> list[Row]:
    """Return the rows of some benchmarks, telling on standard error which one runs."""
    rows = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.sides.{name}").run(site)
    return rows


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; a wrong one ends the program with a sentence."""
    keys = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0]
    )
    if arguments[:1] == ["install"]:
        keys.add_argument("command", choices=["install"])
        keys.add_argument(
            "folder", type=Path, help="where every peer gets an environment of its own"
        )
        keys.add_argument("--only", metavar="PEER,..", help=", ".join(PEERS))
        return keys.parse_args(arguments)
    keys.set_defaults(command="run")
    data = os.environ.get("GRIDAGORA_DATA")
    keys.add_argument("--only", metavar="NAME,..", help=", ".join(SIDES))
    keys.add_argument("--peers", type=Path, help="folder that `install` filled")
    keys.add_argument(
        "--data", type=Path, default=Path(data) if data else None, help="folder of public data"
    )
    keys.add_argument("--repeats", type=int, default=3)
    keys.add_argument("--json", type=Path, help="write the rows as JSON")
    keys.add_argument(
        "--page", type=Path, help="write the table as Markdown, and beside it the figure as SVG"
    )
    return keys.parse_args(arguments)


def refuse(asked: argparse.Namespace) -> None:
    """Refuse a run that could not be written down, before anything is measured.

    Raises
    ------
    UsageError
        Every argument that is wrong.
    """
    faults = []
    if asked.repeats < 1:
        faults.append(f"--repeats: got {asked.repeats}, expected at least 1")
    faults += [
        f"there is no folder {file.absolute().parent} to write {file.name} into; make it first"
        for file in (asked.json, asked.page)
        if file is not None and not file.absolute().parent.is_dir()
    ]
    if asked.peers is not None and not asked.peers.is_dir():
        faults.append(
            f"--peers: there is no folder {asked.peers}; `python -m benchmarks install {asked.peers}` makes it"
        )
    if faults:
        raise UsageError("\n".join(faults))


def put_in(folder: Path, names: Sequence[str]) -> int:
    """Install peers, say of each how it went, and return the exit code."""
    faults = install(folder, names)
    for name in names:
        print(f"{name}: {faults.get(name, 'installed')}")
    return EMPTY if faults else 0


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for and return the exit code."""
    asked = parse(arguments)
    try:
        if asked.command == "install":
            return put_in(asked.folder, choose(asked.only, tuple(PEERS), "peer"))
        names = choose(asked.only, SIDES, "benchmark")
        refuse(asked)
    except UsageError as fault:
        print(fault, file=sys.stderr)
        return WRONG
    about = machine()
    rows = measure(names, Site(asked.peers, asked.data, asked.repeats))
    print(table(rows))
    if asked.json:
        asked.json.write_text(to_json(rows, about))
    if asked.page:
        figure, shown = (
            asked.page.with_suffix(".svg"),
            [row for row in rows if row.benchmark != "limits"],
        )
        figure.write_text(svg(shown, "How many times as fast as other programs"))
        asked.page.write_text(page(rows, about))
    return 0 if any(row.pairs for row in rows) else EMPTY


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
