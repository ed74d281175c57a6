"""What Ray costs a round of an area: shards of very few homes answer a price path here, in processes and as actors.

Run: python benchmarks/ray_rounds.py [--shards 2,8] [--rounds 200]. The work of a shard is next to nothing, so what a round takes
beyond that of shards in this process is transport. The median and the least of the rounds, in ms of wall time, and the
processor time of this process; on a machine that does other things as well, the least is what Ray takes.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from gridagora.run.area import area_of
from gridagora.run.area_tree import AreaShape
from gridagora.scenario.build import load
from gridagora.studies.local_shards import open_local
from gridagora.studies.process_shards import open_processes
from gridagora.studies.ray_cluster import connect
from gridagora.studies.shard_actors import open_actors

SCENARIO = Path(__file__).resolve().parents[1] / "examples" / "million" / "scenario.toml"
HOMES_A_FEEDER, FEEDERS = 2, 64


def measure(host, rounds, window_h):
    """Return the median and the least wall time of a round and the mean processor time of this process, in ms."""
    host.call("open_hour", [(0,)] * len(host.feeders))
    paths = [(np.full((count, window_h), 0.1), False) for count in host.feeders]
    host.call("answer", paths)
    took, began = [], time.process_time()
    for _ in range(rounds):
        start = time.perf_counter()
        host.call("answer", paths)
        took.append(time.perf_counter() - start)
    cpu = (time.process_time() - began) / rounds
    return 1e3 * float(np.median(took)), 1e3 * min(took), 1e3 * cpu


def main():
    keys = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    keys.add_argument("--shards", default="2,8")
    keys.add_argument("--rounds", type=int, default=200)
    asked = keys.parse_args()
    counts = [int(each) for each in asked.shards.split(",")]
    shape = AreaShape(HOMES_A_FEEDER * FEEDERS, 1, HOMES_A_FEEDER)
    area = area_of(load(SCENARIO), shape, blocks=64, likely=7, hours=1)
    window_h = area.terms.window_h
    with connect(None, max(counts), print) as cluster:
        for shards in counts:
            rows = {"here": measure(open_local(area, shards), asked.rounds, window_h)}
            with open_processes(area, shards) as host:
                rows["processes"] = measure(host, asked.rounds, window_h)
            with open_actors(cluster, area, shards) as host:
                rows["Ray"] = measure(host, asked.rounds, window_h)
            for name, (median, least, cpu) in rows.items():
                print(
                    f"{shards:3d} shards, {name:9s}: median {median:6.2f} ms a round, least {least:6.2f}, "
                    f"processor {cpu:6.2f}; beyond shards here {least - rows['here'][1]:6.2f} (least)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
