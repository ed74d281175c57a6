"""Shards of an area, each in a process of its own on this machine."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from gridagora.core.errors import PartError
from gridagora.run.area import AreaCase
from gridagora.run.area_tree import cut_feeders
from gridagora.run.shard import open_shard


@dataclass(frozen=True, eq=False)
class ProcessShards:
    """Shards in processes of their own, called all at once."""

    workers: tuple[BaseProcess, ...]
    lines: tuple[Connection, ...]
    feeders: tuple[int, ...]

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of every shard, each with its own arguments, and return what they return, in their order.

        Raises
        ------
        PartError
            A process that is gone.
        """
        try:
            for line, given in zip(self.lines, arguments, strict=True):
                line.send((method, given))
            return [_taken(line) for line in self.lines]
        except (EOFError, OSError):
            raise PartError(
                f"a process of the run was ended from outside while it did '{method}'; run it again"
            ) from None


@contextmanager
def open_processes(area: AreaCase, shards: int) -> Iterator[ProcessShards]:
    """Yield the shards of an area in processes, which end with it."""
    parts = cut_feeders(area.shape, shards)
    context, workers, lines = get_context("spawn"), [], []
    try:
        for part in parts:
            here, there = context.Pipe()
            worker = context.Process(target=_serve, args=(there, part), daemon=True)
            worker.start()
            there.close()
            here.send_bytes(pickle.dumps(area))
            workers.append(worker)
            lines.append(here)
        feeders = tuple(last - first for first, last in parts)
        yield ProcessShards(tuple(workers), tuple(lines), feeders)
    finally:
        for line in lines:
            line.close()
        for worker in workers:
            worker.join(5)
            worker.terminate()
            worker.join()


def _taken(line: Connection) -> Any:
    fault, found = line.recv()
    if fault is not None:
        raise fault
    return found


def _serve(line: Connection, part: tuple[int, int]) -> None:
    """Hold a shard and do what is asked until the line is closed."""
    shard = open_shard(pickle.loads(line.recv_bytes()), part)
    while True:
        try:
            method, given = line.recv()
            line.send(_answer(getattr(shard, method), given))
        except (EOFError, OSError):
            return


def _answer(do: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Exception | None, Any]:
    try:
        return None, do(*given)
    except (ValueError, ArithmeticError, LookupError, TypeError, RuntimeError) as fault:
        return fault, None
