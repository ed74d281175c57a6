"""Memory of a large comparison: peak resident size of ten thousand homes for a day under `rtp`, report written.

Run: python benchmarks/memory.py [--homes 10000] [--against FOLDER], where FOLDER is a checkout of another commit, whose figure is
measured beside it in the same run. Asked: at most a quarter of commit 5248359. Each build first runs a few homes, so that no
compiler is counted; a floor is printed as well: the same with forty homes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
CHILD = """
import resource, sys
from pathlib import Path
import gridagora
demo = Path(gridagora.__file__).parent / "scenario" / "demo.toml"
keys = [f"homes.count={sys.argv[1]}", "scenario.days=1", 'scenario.architectures=["rtp"]']
result = gridagora.compare(gridagora.load(demo, overrides=keys), out=sys.argv[2])
result.report(Path(sys.argv[2]) / "report.html")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_mib(checkout, homes):
    """Return the peak resident size of one comparison [MiB] and its time [s]."""
    source = {"PYTHONPATH": str(checkout / "src")}
    if "NUMBA_CACHE_DIR" in os.environ:
        source["NUMBA_CACHE_DIR"] = f"{os.environ['NUMBA_CACHE_DIR']}-{checkout.name}"
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(homes), f"{folder}/out"],
            env=os.environ | source,
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout.split()[-1]), time.perf_counter() - began


def main():
    keys = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    keys.add_argument("--homes", type=int, default=10_000)
    keys.add_argument("--against", type=Path)
    asked = keys.parse_args()
    builds = [HERE, *([asked.against.resolve()] if asked.against else [])]
    found = []
    for checkout in builds:
        peak_mib(checkout, 40)  # compiles
        floor, _ = peak_mib(checkout, 40)
        peak, seconds = peak_mib(checkout, asked.homes)
        found.append(peak)
        print(
            f"{checkout}: {asked.homes} homes {peak:.0f} MiB in {seconds:.0f} s, 40 homes {floor:.0f} MiB"
        )
    if len(found) > 1:
        print(f"ratio {found[0] / found[1]:.3f}")


if __name__ == "__main__":
    main()
