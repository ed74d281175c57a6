"""Many cases at once: on processes of this machine, or on any other executor, such as a Ray cluster.

Results do not depend on where a case runs: every case is given the same bytes, and returns its result as bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from gridagora.studies.local_processes import LocalProcesses

Job = TypeVar("Job")
Found = TypeVar("Found")


class Executor(Protocol):
    """Where cases run."""

    @property
    def cpus(self) -> int:
        """Cases that run at the same time."""
        ...

    def run(
        self, do: Callable[..., Found], jobs: Sequence[Job], *first: Any
    ) -> Iterator[tuple[Job, Found]]:
        """Yield every job and what `do(*first, job)` returned, in the order in which they finish."""
        ...


Workers = int | Executor  # processes of this machine by their number, or an executor


def width_of(workers: Workers) -> int:
    """Return how many cases run at the same time."""
    return workers if isinstance(workers, int) else workers.cpus


def map_cases(
    do: Callable[..., Found], jobs: Sequence[Job], workers: Workers, *first: Any
) -> Iterator[tuple[Job, Found]]:
    """Yield every job and what `do(*first, job)` returned, in the order in which they finish.

    Parameters
    ----------
    do
        A function of a module, so that other processes can import it.
    jobs
        What it is called with, one case each.
    workers
        Number of processes of this machine, or an executor such as `studies.ray_cluster.RayCluster`.
    first
        What every case is given beside its job.

    Raises
    ------
    PartError
        A process was ended from outside; what is yielded until then stands.
    """
    executor = LocalProcesses(workers) if isinstance(workers, int) else workers
    yield from executor.run(do, jobs, *first)
