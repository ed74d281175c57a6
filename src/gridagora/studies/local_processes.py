"""Cases on processes of this machine: results as they come, and no process left behind."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

from gridagora.core.errors import PartError

Job = TypeVar("Job")
Found = TypeVar("Found")


@dataclass(frozen=True)
class LocalProcesses:
    """So many processes; with one, or for one case, everything runs in this process."""

    count: int

    def run(
        self, do: Callable[..., Found], jobs: Sequence[Job], *first: Any
    ) -> Iterator[tuple[Job, Found]]:
        """Yield every job and what `do(*first, job)` returned, in the order in which they finish.

        Raises
        ------
        PartError
            A process was ended from outside; what is yielded until then stands.
        """
        if self.count < 2 or len(jobs) < 2:
            yield from ((job, do(*first, job)) for job in jobs)
            return
        workers, before = min(self.count, len(jobs)), set(active_children())
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _leave_with_parent)
        try:
            with _deaf_to_keyboard():
                futures = {pool.submit(do, *first, job): job for job in jobs}
            for future in as_completed(futures):
                yield futures.pop(future), future.result()  # what is taken is not held
        except BrokenProcessPool:
            raise PartError(
                "a process of the study was ended from outside; what it finished is kept, run it again"
            ) from None
        except KeyboardInterrupt:
            for process in set(active_children()) - before:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_keyboard() -> Iterator[None]:
    """Let processes that start meanwhile ignore a stop from the keyboard, which their parent answers for all of them."""
    if current_thread() is not main_thread():  # only there handlers can be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave_with_parent() -> None:
    """End this process when its parent is gone: one that is killed cannot tell its workers."""
    Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
