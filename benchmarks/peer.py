"""Other programs: where they are installed, by name and pinned, and how they are run, each in a process of its own.

None of them is a dependency of the package, and none is imported by it: a peer with a viral licence stays a separate program.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

SCRIPTS = Path(__file__).parent / "peers"
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
LONGEST_S = 1800


class Peer(NamedTuple):
    """A program: what pip is asked for, and what of it is asked for without its own requirements."""

    name: str
    packages: tuple[str, ...]
    bare: tuple[str, ...] = ()


class PeerError(Exception):
    """A peer is not there or did not run; the text is a sentence."""


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        peer.name: peer
        for peer in (
            Peer("gridlabd", ("gridlabd==6.0.0",)),
            Peer("power_grid_model", ("power-grid-model==1.12.110", "numpy==2.4.6")),
            Peer("solvers", ("clarabel==0.11.1", "piqp==0.6.4", "numpy==2.4.6", "scipy")),
            Peer("pymarket", ("pymarket==0.7.6", "numpy==2.4.6", "pandas<3")),
            Peer("assume", ("assume-framework==0.6.0",)),
            Peer("tesp", ("tesp-support==1.3.7", "pulp==3.3.2")),
            Peer("ochre", ("ochre-nrel==0.9.2", "pyarrow<20")),
            Peer(
                "citylearn",
                # torch for CPUs alone where the index has such a wheel; the vision part is declared and not imported
                (
                    "torch==2.13.0",
                    "gymnasium==0.28.1",
                    "numpy<2",
                    "pandas<3",
                    "pyyaml",
                    "scikit-learn<=1.2.2",
                    "simplejson",
                    "doe_xstock",
                ),
                ("citylearn==3.0.2",),
            ),
        )
    }
)


def interpreter(folder: Path | None, name: str) -> Path:
    """Return the interpreter of a peer.

    Raises
    ------
    PeerError
        It is not installed below `folder`, with the command that installs it.
    """
    if folder is None:
        raise PeerError(
            f"name the folder of the peers, --peers FOLDER; `python -m benchmarks install FOLDER` fills it with {name}"
        )
    found = folder.absolute() / name / "bin" / "python"
    if not found.exists():
        raise PeerError(
            f"{name} is not in {folder}; `python -m benchmarks install {folder} --only {name}` installs it"
        )
    return found


def install(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Install peers, each into an environment of its own below `folder`; return what went wrong, by name."""
    faults = {}
    for name in names:
        peer, home = PEERS[name], folder.absolute() / name
        pip = [
            str(home / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        commands = [[sys.executable, "-m", "venv", str(home)], [*pip, *peer.packages]]
        if peer.bare:
            commands.append([*pip, "--no-deps", *peer.bare])
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                faults[name] = last_line(done.stderr) or f"pip ended with {done.returncode}"
                break
        else:
            (home / "installed").write_text("\n".join((*peer.packages, *peer.bare)) + "\n")
    return faults


def last_line(text: str) -> str:
    """Return the last line of a text that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def run(folder: Path | None, name: str, script: str, work: Mapping[str, Any]) -> dict[str, Any]:
    """Run a script of `benchmarks/peers` in the environment of a peer, and return what it answers.

    The script gets the work as a file of JSON and prints one line of JSON, of which `cpu_s` is what counts and `version` is that
    of the peer. Libraries below it are held to one thread.

    Raises
    ------
    PeerError
        The peer is not installed, fails or answers something else.
    """
    python = interpreter(folder, name)
    with tempfile.TemporaryDirectory() as scratch:
        asked = Path(scratch) / "work.json"
        asked.write_text(json.dumps({**work, "folder": work.get("folder", scratch)}))
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        try:
            done = subprocess.run(
                [str(python), str(SCRIPTS / script), str(asked)],
                env={**kept, **ONE_THREAD},
                cwd=scratch,  # some peers leave a log where they stand
                capture_output=True,
                text=True,
                check=False,
                timeout=LONGEST_S,
            )
        except subprocess.TimeoutExpired as fault:
            raise PeerError(f"{name} did not end within {LONGEST_S} s") from fault
    if done.returncode:
        raise PeerError(f"{name} ended with {done.returncode}: {last_line(done.stderr)[:160]}")
    try:
        answer = json.loads(last_line(done.stdout))
    except json.JSONDecodeError as fault:
        raise PeerError(f"{name} answered no JSON: {last_line(done.stdout)[:80]!r}") from fault
    return dict(answer)
