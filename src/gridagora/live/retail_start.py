"""Start a retail session with every party as a process of its own, wait until all have ended, and leave nothing behind."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.kernels.stores.value import rows
from gridagora.live import end_users, retail_process
from gridagora.live.post import SessionLimits, Tally
from gridagora.live.retail_party import Seat, Waits
from gridagora.live.retail_process import ProsumerEnd, Silence
from gridagora.live.wire import ENVELOPE, MOST_BYTES, Kind, Size, most_bytes
from gridagora.mechanisms.retail.certificate import Users
from gridagora.mechanisms.retail.protocol import Community, StoppingRule, publish_terms

START_S = 60.0  # for all processes to load
LEAVE_S = 3.0  # for a process to leave, before it is ended
STRAGGLERS = 5  # times the patience: so long others are waited for once one prosumer is over


class ProcessNetwork(NamedTuple):
    """How parties are spread over processes, how long they wait, and what goes wrong on purpose.

    Every prosumer has its own process; end-users share `groups` of them, and a group answers with the sum of its members.
    `limit_s` is the longest a session may take, once all processes have loaded.
    """

    groups: int = 2
    waits: Waits = Waits()
    loss_share: float = 0.0
    seed: int = 0
    limit_s: float = 120.0


class Ended(NamedTuple):
    """What is left when all have ended: tallies by party, outcomes by prosumer (of those that could tell), how long it took."""

    tally: dict[int, Tally]
    outcome: dict[int, ProsumerEnd]
    loading_s: float  # until every process knew all addresses
    session_s: float


@dataclass
class Child:
    """One process and the line to it."""

    process: SpawnProcess
    line: Connection


def isolate_prosumer(c: Community, i: int) -> Community:
    """Return the community of prosumer i alone: its own PV, load and devices, and nothing of the others."""
    own = [at == i for at in c.home]
    devices = tuple(rows(table, mine) for table, mine in zip(c.stores, own, strict=True))
    owner = tuple(np.zeros(int(mine.sum()), np.int64) for mine in own)
    return c._replace(made_kw=c.made_kw[i : i + 1].copy(), stores=devices, home=owner)


def run_apart(
    c: Community,
    users: Users,
    rule: StoppingRule,
    network: ProcessNetwork,
    silences: Mapping[int, Silence] | None = None,
) -> Ended:
    """Run a session with every prosumer in its own process.

    Raises
    ------
    InputError
        More prosumers than fit into one datagram, or more groups than end-users.
    PartError
        A process that did not load.
    """
    size = Size(len(c.made_kw), network.groups, len(c.buy_per_kwh))
    _check(size, len(users.worth_per_kwh))
    limits = SessionLimits(size, network.loss_share, network.seed, network.limit_s + START_S)
    parts = np.array_split(np.arange(len(users.worth_per_kwh)), network.groups)
    began = time.monotonic()
    with _children() as start:
        for i in range(size.prosumers):
            seat = Seat(i, isolate_prosumer(c, i), publish_terms(c), rule, size, network.waits)
            start(retail_process.run, (seat, limits, (silences or {}).get(i)))
        for g, part in enumerate(parts):
            start(
                end_users.run,
                (size.prosumers + g, users.worth_per_kwh[part], users.slope[part], limits),
            )
        children = start.children
        _introduce(children)
        loaded = time.monotonic()
        _until_over(
            children[: size.prosumers], network.limit_s, STRAGGLERS * network.waits.patience_s
        )
        over = time.monotonic()
        found = _farewells(children)
    tally = {k: told[0] for k, told in enumerate(found) if told is not None}
    outcome = {
        i: told[1]
        for i, told in enumerate(found[: size.prosumers])
        if told is not None and isinstance(told[1], ProsumerEnd)
    }
    return Ended(tally, outcome, loaded - began, over - loaded)


def _check(size: Size, count: int) -> None:
    problems = []
    if ENVELOPE.size + most_bytes(Kind.TABLE, size) > MOST_BYTES:
        most = (MOST_BYTES - ENVELOPE.size) // most_bytes(Kind.OFFER, size)
        problems.append(
            Problem(
                "prosumers",
                str(size.prosumers),
                f"at most {most}, whose offers fit into one datagram",
            )
        )
    if not 1 <= size.groups <= count:
        problems.append(
            Problem(
                "groups of end-users",
                str(size.groups),
                f"1 to {count}, one end-user in each at least",
            )
        )
    if problems:
        raise InputError(problems)


class Starter:
    """Starts processes and remembers them."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def __call__(self, target: Callable[..., None], args: tuple[object, ...]) -> None:
        """Start a process whose first argument is its line to us."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, *args), daemon=True)
        process.start()
        theirs.close()
        self.children.append(Child(process, ours))


@contextmanager
def _children() -> Iterator[Starter]:
    """Give a starter; whatever happens, every process it started is gone afterwards."""
    starter = Starter()
    try:
        yield starter
    finally:
        for child in starter.children:
            child.line.close()  # whoever listens leaves
        until = time.monotonic() + LEAVE_S
        for child in starter.children:
            child.process.join(max(0.0, until - time.monotonic()))
            if child.process.is_alive():
                child.process.kill()
                child.process.join()
            child.process.close()


def _introduce(children: list[Child]) -> None:
    """Hear every address and tell them all to all."""
    until, book = time.monotonic() + START_S, {}
    for k, child in enumerate(children):
        try:
            if not child.line.poll(max(0.0, until - time.monotonic())):
                raise PartError(f"the process of party {k} did not load within {START_S:.0f} s")
            book[k] = child.line.recv()
        except EOFError:
            raise PartError(f"the process of party {k} ended before the session began") from None
    for child in children:
        with suppress(BrokenPipeError):
            child.line.send(book)


def _until_over(prosumers: list[Child], limit_s: float, straggler_s: float) -> None:
    """Wait until every prosumer has told that it is over, or its process has ended; once one is over, only `straggler_s` more."""
    until, lines = time.monotonic() + limit_s, [child.line for child in prosumers]
    while lines and (left_s := until - time.monotonic()) > 0:
        ready = wait(lines, left_s)
        for line in (line for line in lines if line in ready):
            with suppress(EOFError, ConnectionResetError):
                line.recv()
                until = min(until, time.monotonic() + straggler_s)
        lines = [line for line in lines if line not in ready]


def _farewells(children: list[Child]) -> list[tuple[Tally, object] | None]:
    """Tell all parties to end, and return what each tells at last; nothing where its process is gone or hangs."""
    for child in children:
        with suppress(BrokenPipeError):
            child.line.send(None)
    until = time.monotonic() + LEAVE_S
    return [_last_word(child.line, until) for child in children]


def _last_word(line: Connection, until: float) -> tuple[Tally, object] | None:
    with suppress(EOFError, ConnectionResetError):
        while line.poll(max(0.0, until - time.monotonic())):
            told = line.recv()
            if isinstance(
                told, tuple
            ):  # not that it is over, which was told too late to be waited for
                return told[0], told[1]
    return None
