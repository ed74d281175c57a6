"""How a run of an area grows: processor time of each layer, bytes that cross it and homes, fitted and continued to 1e8 homes.

Run: python benchmarks/growth.py [--homes 100,1000,10000,100000] [--hours 2] [--blocks 64]. Time is that of the processor, of all
shards together, in one process after a first run that compiles; the first hour holds the search of the day ahead. A layer is
fitted as a power of homes over the last decade measured: a slope above one is what ends a larger run, and one below is not
continued, for what homes of one pattern share is worked out once. What homes do splits over shards; what is above the feeders
does not, and is the floor of any number of machines.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from gridagora.run.area import area_of
from gridagora.run.area_run import run_area
from gridagora.run.area_tree import AreaShape
from gridagora.scenario.build import load
from gridagora.studies.local_shards import open_local

SCENARIO = Path(__file__).resolve().parents[1] / "examples" / "million" / "scenario.toml"
FAR = 10**8
POINT_BYTES, PRICE_BYTES = 16, 24  # of a point of a curve; of price, share and power of a feeder
LAYERS = {
    "plan": "homes and feeders, each hour",
    "tender": "homes and transformers, each interval",
    "clear": "feeders, zones and the area, each interval",
    "deliver": "homes and transformers, each interval",
}


def resident_mib():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def measure(scene, homes, hours, blocks):
    """Return processor seconds by layer, bytes up and down in an interval, and resident bytes of the homes."""
    area = area_of(scene, AreaShape(homes), blocks=blocks, likely=7, hours=hours)
    limit = area.terms.wholesale._replace(limit_kw=2.0 * homes)
    area = area._replace(terms=area.terms._replace(wholesale=limit))
    before, began = resident_mib(), time.process_time()
    host = open_local(area, max(1, homes // 50_000))
    opened, held = time.process_time() - began, resident_mib() - before
    found = run_area(area, host, hours=hours)
    up, down = found.points * POINT_BYTES, area.shape.feeders * PRICE_BYTES
    return {"open": opened} | dict(found.cpu_s), up, down, held, area.shape


def main():
    keys = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    keys.add_argument("--homes", default="100,1000,10000,100000")
    keys.add_argument("--hours", type=int, default=2)
    keys.add_argument("--blocks", type=int, default=64)
    asked = keys.parse_args()
    counts = [int(each) for each in asked.homes.split(",")]
    scene = load(SCENARIO)
    measure(scene, min(counts), 1, asked.blocks)  # compiles
    rows = []
    for homes in counts:
        cpu_s, up, down, held, shape = measure(scene, homes, asked.hours, asked.blocks)
        rows.append(cpu_s)
        told = "  ".join(f"{name} {1e6 * value / homes:8.1f}" for name, value in cpu_s.items())
        print(
            f"{homes:>9,} homes, {shape.feeders} feeders, {shape.zones} zones, depth 5: {told} us a home; "
            f"{up / 1e6:.3f} MB up and {down / 1e6:.3f} MB down an interval above the feeders; {held:.0f} MiB",
            flush=True,
        )
    last, first = counts[-1], counts[-2]
    far = {}
    for name in rows[-1]:
        slope = np.log(rows[-1][name] / rows[-2][name]) / np.log(last / first)
        far[name] = rows[-1][name] * (FAR / last) ** max(1.0, slope)
        print(f"{name:8s} grows with homes to the {slope:.2f}; at {FAR:,} homes {far[name]:,.0f} s")
    slowest = max((name for name in far if name != "open"), key=far.get)
    print(f"most processor time at {FAR:,} homes: {slowest} ({LAYERS[slowest]})")
    print(f"not shared by shards: clear, {far['clear']:,.0f} s in {asked.hours} h of the run")


if __name__ == "__main__":
    main()
