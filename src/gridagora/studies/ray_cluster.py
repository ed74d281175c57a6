"""Cases as tasks of a Ray cluster: one that is started on this machine and ends with the program, or one at an address.

The extra `cluster` installs Ray. A worker or a node that is lost costs the cases it was at, which run again elsewhere.

References
----------
P. Moritz et al., Ray: A distributed framework for emerging AI applications, OSDI 2018, doi 10.48550/arXiv.1712.05889.
"""

import logging
import os
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from gridagora.core.errors import InputError, PartError
from gridagora.studies.ray_checks import no_cluster, refuse_others, refuse_unreachable
from gridagora.studies.ray_module import exceptions, ray

Job = TypeVar("Job")
Found = TypeVar("Found")

TRIES = 3  # of a case whose worker is lost, before it is the case that ends its worker
FLYING_A_CPU = 4  # tasks handed to the cluster at a time, so that it is never without work
LOADED = (
    "gridagora.studies.worlds",
    "gridagora.scenario.build",
)  # seconds of import in a new worker
QUIET = {  # what Ray reads when it starts: it reports to nobody and takes over no output
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_gcs_rpc_server_connect_timeout_s": "3",
}
LOST = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.OutOfMemoryError,
    exceptions.ObjectLostError,
)


@dataclass(frozen=True)
class RayCluster:
    """A cluster that this program is connected to; `tell` hears of every worker that is lost."""

    cpus: int
    tell: Callable[[str], None]

    def run(
        self, do: Callable[..., Found], jobs: Sequence[Job], *first: Any
    ) -> Iterator[tuple[Job, Found]]:
        """Yield every job and what `do(*first, job)` returned, in the order in which they finish.

        Raises
        ------
        PartError
            A case that ended its worker time and again.
        """
        task = ray.remote(num_cpus=1, max_retries=0)(_do_case)
        shared = ray.put(pickle.dumps((do, first)))
        left, lost = deque(range(len(jobs))), Counter[int]()
        flying: dict[Any, int] = {}
        try:
            while left or flying:
                while left and len(flying) < FLYING_A_CPU * self.cpus:
                    row = left.popleft()
                    flying[task.remote(shared, pickle.dumps(jobs[row]))] = row
                done = ray.wait(list(flying), num_returns=1)[0][0]
                row = flying.pop(done)
                try:
                    found = pickle.loads(ray.get(done))
                except LOST as fault:
                    lost[row] += 1
                    self._tell_of_loss(lost[row], fault)
                    left.append(row)
                    continue
                except exceptions.RayTaskError as fault:
                    raise fault.cause from None
                yield jobs[row], found
        finally:
            for each in flying:
                ray.cancel(each, force=True)

    def _tell_of_loss(self, times: int, fault: Exception) -> None:
        kind = type(fault).__name__
        if times >= TRIES:
            raise PartError(
                f"a case of the study ended its worker {times} times ({kind}); what is finished is kept"
            )
        nodes = sum(bool(node["Alive"]) for node in ray.nodes())
        self.tell(
            f"A worker was lost ({kind}); its case runs again, and the study goes on with {nodes} "
            f"node{'s' if nodes != 1 else ''}."
        )


def _do_case(shared: bytes, job: bytes) -> bytes:
    """Run a case in a worker; bytes in and out, for arrays that Ray hands over itself cannot be written."""
    do, first = pickle.loads(shared)
    return pickle.dumps(do(*first, pickle.loads(job)))


@contextmanager
def connect(
    address: str | None = None, cpus: int | None = None, tell: Callable[[str], None] | None = None
) -> Iterator[RayCluster]:
    """Yield a cluster whose every node runs the program that runs here, and leave it at the end.

    Parameters
    ----------
    address
        HOST:PORT of the head of a cluster that this machine is a node of; left out, a cluster is started here.
    cpus
        Cores of a cluster that is started here, two where left out; the most of one at an address, all where left out.
    tell
        Told, in a sentence, of every worker that is lost.

    Raises
    ------
    InputError
        No cluster at the address, or nodes that run another program, all of them at once.
    """
    if address is not None:
        refuse_unreachable(address)
    _start(address, cpus)
    try:
        refuse_others(address or "local")
        whole = int(ray.cluster_resources().get("CPU", 1))
        found = RayCluster(max(1, min(whole, cpus or whole)), tell or _silent)
        _load_workers(found.cpus)
        yield found
    finally:
        ray.shutdown()


def _start(address: str | None, cpus: int | None) -> None:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray").setLevel(logging.ERROR)
    shared = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        ray.init(address="local", num_cpus=cpus or 2, include_dashboard=False, **shared)
        return
    try:
        ray.init(address=address, **shared)
    except (ConnectionError, RuntimeError, ValueError, exceptions.RayError) as fault:
        reason = str(fault).strip().splitlines()[0] if str(fault).strip() else type(fault).__name__
        raise InputError([no_cluster(address, reason)]) from None


def _load_workers(count: int) -> None:
    """Let so many workers import what cases need while the program that asks still reads its scenario; nobody waits for it."""
    task = ray.remote(num_cpus=1, max_retries=0)(_load)
    for _ in range(count):
        task.remote()


def _load() -> None:
    for name in LOADED:
        import_module(name)


def _silent(text: str) -> None:
    """Tell nobody."""
    del text
