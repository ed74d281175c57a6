"""The process of one prosumer: it alone holds its PV, load and devices, and tells at the end what everybody may know."""

import math
import os
import signal
import time
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

from gridagora.live.post import SessionLimits, live
from gridagora.live.retail_party import Prosumer, Seat
from gridagora.mechanisms.retail.protocol import (
    Broadcast,
    GameResult,
    answer_prices,
    iterate_rounds,
    make_idle_state,
)


class Silence(NamedTuple):
    """A fault put in on purpose: before its offer of a round a process ends without a word, or hangs for a while."""

    round: int
    for_s: float = math.inf


class ProsumerEnd(NamedTuple):
    """How one prosumer ended: what its replica found, or why it stopped; and whom it dropped in which round."""

    played: GameResult | None
    stopped: str
    dropped: dict[int, int]


def run(
    line: Connection, seat: Seat, limits: SessionLimits, silence: Silence | None = None
) -> None:
    """Be the process of a prosumer."""
    asked = next(iterate_rounds(seat.terms, seat.rule))
    if isinstance(asked, Broadcast):
        answer_prices(
            seat.own, asked, make_idle_state(seat.own)
        )  # loads what is compiled, before others begin to wait
    party = Prosumer(seat, None if silence is None else partial(_fall_silent, silence))
    live(line, seat.me, party, limits, lambda: ProsumerEnd(party.end, party.stopped, party.dropped))


def _fall_silent(silence: Silence, number: int) -> None:
    if number != silence.round:
        return
    if math.isinf(silence.for_s):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(silence.for_s)
