"""The retail session without a central entity: every prosumer a process of its own, compared with all of them in one process.

python -m gridagora.live.retail_apart --prosumers 5 --end-users 40 --silent 1:5 --loss 0.1
"""

import argparse
import math
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.live.retail_process import Silence
from gridagora.live.retail_start import Ended, ProcessNetwork, run_apart
from gridagora.live.wire import ENVELOPE, Kind
from gridagora.mechanisms.retail.protocol import Community, GameResult, StoppingRule, run_protocol
from gridagora.studies.claims import draw_community, users

MOST_PROSUMERS = 32  # processes of a demonstration on one machine
MOST_LOSS = 0.5


class Apart(NamedTuple):
    """How a session of processes ended, and how far from the same session in one process.

    `dropped` and `stopped` are by prosumer: from which round on it was not heard, and why it stopped by itself; `gone` are those
    whose process ended without a word, or hangs. `sent` is datagrams, and bytes of the messages in them, by kind. The last three
    are largest differences.
    """

    played: GameResult
    same_bits: bool  # of all prosumers that ended
    ended: tuple[int, ...]
    dropped: dict[int, int]
    stopped: dict[int, str]
    gone: tuple[int, ...]
    sent: dict[str, tuple[int, int]]
    lost: int
    refused: int
    loading_s: float
    session_s: float
    retail_off_per_kwh: float
    internal_off_per_kwh: float
    offer_off_kw: float


def compare_session(c: Community, rule: StoppingRule, left: Ended) -> Apart:
    """Return how a session ended, next to `run_protocol` in one process with the same prosumers silent from the same rounds on.

    Raises
    ------
    PartError
        No prosumer ended.
    """
    found = {i: outcome.played for i, outcome in left.outcome.items() if outcome.played is not None}
    stopped = {i: outcome.stopped for i, outcome in left.outcome.items() if outcome.stopped}
    if not found:
        reasons = (
            "; ".join(f"prosumer {i}: {reason}" for i, reason in stopped.items())
            or "every process is gone or hangs"
        )
        raise PartError(f"no prosumer came to an end: {reasons}")
    first = min(found)
    played, dropped = found[first], left.outcome[first].dropped
    together, _ = run_protocol(c, rule, quiet=dropped)
    tallies = left.tally.values()
    return Apart(
        played,
        len({_bits(one) for one in found.values()}) == 1
        and all(left.outcome[i].dropped == dropped for i in found),
        tuple(found),
        dropped,
        stopped,
        tuple(i for i in range(len(c.made_kw)) if i not in left.outcome),
        {
            kind.name: (
                sum(t.sent[kind.name][0] for t in tallies),
                sum(t.sent[kind.name][1] for t in tallies),
            )
            for kind in Kind
        },
        sum(t.lost for t in tallies),
        sum(t.refused for t in tallies),
        left.loading_s,
        left.session_s,
        float(np.abs(played.retail_per_kwh - together.retail_per_kwh).max()),
        float(np.abs(played.internal_per_kwh - together.internal_per_kwh).max()),
        float(np.abs(played.offer_kw - together.offer_kw).max()),
    )


def _bits(played: GameResult) -> bytes:
    return b"".join(np.asarray(part).tobytes() for part in played)


def describe_session(apart: Apart, groups: int) -> str:
    """Return a session in sentences."""
    p = apart.played
    lines = [
        f"Prosumers: {len(p.offer_kw)}, each its own process. End-users: in {groups} processes, each tells the sum of its own.",
        f"They {'agreed' if p.converged else 'did not agree'} after {p.rounds} rounds of offers and {p.inner_rounds} prices.",
        f"Loading took {apart.loading_s:.1f} s, the session {apart.session_s:.1f} s.",
        *(
            f"Prosumer {i} was not heard and was dropped in round {number}."
            for i, number in sorted(apart.dropped.items())
        ),
        *(f"Prosumer {i} stopped: {reason}." for i, reason in sorted(apart.stopped.items())),
        *(
            f"Nothing was heard of prosumer {i} at the end: its process is gone, or hangs."
            for i in apart.gone
        ),
        f"Ended: {len(apart.ended)}, which found {'the same to the last bit' if apart.same_bits else 'DIFFERENT results'}.",
        "Farthest from the same session in one process: "
        f"retail price {apart.retail_off_per_kwh:.1e} $/kWh, internal price {apart.internal_off_per_kwh:.1e} $/kWh, "
        f"offers {apart.offer_off_kw:.1e} kW.",
        f"Datagrams sent, and bytes of the messages in their envelopes of {ENVELOPE.size} bytes "
        "(of processes that are gone, none is counted):",
        *(
            f"  {kind:<6} {messages:>7} of {size:>10} bytes in all"
            for kind, (messages, size) in apart.sent.items()
        ),
        f"{apart.lost} of them were lost on purpose, {apart.refused} were refused.",
    ]
    return "\n".join(lines) + "\n"


class Wanted(NamedTuple):
    """A demonstration as asked for on the command line."""

    prosumers: int
    end_users: int
    network: ProcessNetwork
    silences: dict[int, Silence]


def parse_arguments(argv: Sequence[str] | None) -> Wanted:
    """Return what the arguments ask for.

    Raises
    ------
    InputError
        Every argument that cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gridagora.live.retail_apart", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--prosumers", default="5", help=f"1 to {MOST_PROSUMERS}")
    parser.add_argument("--end-users", default="40")
    parser.add_argument("--groups", default="2", help="processes that end-users share")
    parser.add_argument("--seed", default="0")
    parser.add_argument(
        "--silent",
        default=[],
        nargs="+",
        action="extend",
        metavar="I:ROUND[:SECONDS]",
        help="ends, or hangs",
    )
    parser.add_argument("--loss", default="0", help=f"share of messages lost, 0 to {MOST_LOSS}")
    parser.add_argument(
        "--patience", default="2", help="seconds of silence after which a prosumer is dropped"
    )
    got, problems = parser.parse_args(argv), list[Problem]()
    prosumers = int(
        _number(problems, "--prosumers", got.prosumers, (1, MOST_PROSUMERS), whole=True)
    )
    end_users = int(_number(problems, "--end-users", got.end_users, (1, 1000), whole=True))
    groups = int(_number(problems, "--groups", got.groups, (1, max(1, end_users)), whole=True))
    seed = int(_number(problems, "--seed", got.seed, (0, 2**32), whole=True))
    loss_share = _number(problems, "--loss", got.loss, (0, MOST_LOSS))
    patience_s = _number(problems, "--patience", got.patience, (0.5, 60))
    silences = dict(_silence(problems, text, prosumers) for text in got.silent)
    if problems:
        raise InputError(problems)
    waits = ProcessNetwork().waits._replace(patience_s=patience_s)
    return Wanted(prosumers, end_users, ProcessNetwork(groups, waits, loss_share, seed), silences)


def _number(
    problems: list[Problem],
    where: str,
    text: str,
    ends: tuple[float, float],
    *,
    whole: bool = False,
) -> float:
    kind = "a whole number" if whole else "a number"
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        value = math.nan
    if ends[0] <= value <= ends[1]:
        return value
    problems.append(Problem(where, repr(text), f"{kind} from {ends[0]:g} to {ends[1]:g}"))
    return ends[0]


def _silence(problems: list[Problem], text: str, prosumers: int) -> tuple[int, Silence]:
    parts = text.split(":")
    if len(parts) not in (2, 3):
        problems.append(
            Problem(
                "--silent",
                repr(text),
                "I:ROUND or I:ROUND:SECONDS",
                "For example 1:5, or 1:5:3 to hang for 3 s.",
            )
        )
        return 0, Silence(1)
    who = _number(problems, f"--silent {text}, prosumer", parts[0], (0, prosumers - 1), whole=True)
    number = _number(problems, f"--silent {text}, round", parts[1], (1, 500), whole=True)
    for_s = (
        _number(problems, f"--silent {text}, seconds", parts[2], (0, 60))
        if len(parts) == 3
        else math.inf
    )
    return int(who), Silence(int(number), for_s)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a demonstration and print its account; 2 where arguments are wrong, 1 where no end was found."""
    try:
        asked = parse_arguments(argv)
        c, rule = (
            draw_community(asked.network.seed, asked.prosumers, asked.end_users),
            StoppingRule(),
        )
        left = run_apart(
            c, users(asked.network.seed, asked.end_users), rule, asked.network, asked.silences
        )
        apart = compare_session(c, rule, left)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except PartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(describe_session(apart, asked.network.groups))
    return 0 if apart.played.converged and apart.same_bits else 1


if __name__ == "__main__":
    sys.exit(main())
