"""How long a user waits: help, a check, the demo with kernels compiled anew and again, of two installations in turn.

python benchmarks/start.py OURS THEIRS [--repeats N] [--scenario FILE] [--only NAME,..]

OURS and THEIRS are programs, as .venv/bin/gridagora. CPU seconds of all processes of a command; a ratio above 1 is in our favour.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ASKED = {"cold demo": 2.5, "warm demo": 5.0}


class Case(NamedTuple):
    """A command of both programs; a cold one finds no compiled kernel."""

    name: str
    words: tuple[str, ...]
    is_cold: bool = False


def cpu_seconds(program: str, words: tuple[str, ...], kernels: Path) -> float:
    """Return the CPU seconds of one command whose compiled kernels are kept in a folder."""

    def used_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = used_s()
    subprocess.run(
        [program, *words],
        env=os.environ | {"NUMBA_CACHE_DIR": str(kernels)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return used_s() - before


def compare(case: Case, programs: tuple[str, str], folder: Path, repeats: int) -> str:
    """Return one line of the table: medians, and the ratios of repeats taken in turn."""
    pairs = []
    for repeat in range(repeats):
        taken = []
        for side, program in enumerate(programs):
            kept = folder / f"kernels-{side}-{repeat if case.is_cold else 0}"
            words = tuple(word.format(out=folder / f"out-{side}") for word in case.words)
            if not case.is_cold and repeat == 0:
                cpu_seconds(program, words, kept)
            taken.append(cpu_seconds(program, words, kept))
        pairs.append(taken)
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = sorted(their_s / our_s for our_s, their_s in pairs)
    middle = statistics.median(ratios)
    asked = f"{ASKED[case.name]:.1f}" if case.name in ASKED else ""
    span = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    return f"{case.name:12} {ours:9.2f} {theirs:9.2f} {middle:7.2f}  ({span}) {asked:>6}"


def main() -> None:
    """Print the table of the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ours")
    parser.add_argument("theirs")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scenario", type=Path)
    parser.add_argument("--only")
    given = parser.parse_args()
    demo = ("demo", "--out", "{out}")
    cases = [Case("help", ("--help",)), Case("cold demo", demo, is_cold=True)]
    cases.append(Case("warm demo", demo))
    if given.scenario is not None:
        cases.append(Case("check", ("check", str(given.scenario))))
    wanted = given.only.split(",") if given.only else [case.name for case in cases]
    unknown = set(wanted) - {case.name for case in cases}
    if unknown:
        sys.exit(f"--only: got {', '.join(sorted(unknown))}, expected some of the cases")
    print(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print(f"{'':12} {'ours [s]':>9} {'theirs':>9} {'ratio':>7}  least to greatest, asked")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            if case.name in wanted:
                programs = (given.ours, given.theirs)
                print(compare(case, programs, Path(folder), given.repeats), flush=True)


if __name__ == "__main__":
    main()
