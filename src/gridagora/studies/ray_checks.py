"""What is refused before any case starts on a Ray cluster: an address without one, and nodes that run another program."""

import socket
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from platform import python_version

from gridagora.core.errors import InputError, Problem
from gridagora.studies.ray_module import NodeAffinitySchedulingStrategy, ray

REACH_S = 3.0  # to open a connection to the head of a cluster
SETTINGS = 4
HTTP2_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])
PROBE_S = 60.0  # for every node to say what it runs: a worker process starts in seconds


def refuse_unreachable(address: str) -> None:
    """Refuse an address at which nothing answers as a cluster does: by gRPC, which opens as HTTP/2 (RFC 9113, section 3.4).

    Raises
    ------
    InputError
        An address of another form, or one that opens no connection within seconds.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16 or "/" in host:
        hint = (
            "It is what 'ray start --head' says it listens on; this machine must be a node of it."
        )
        raise InputError(
            [Problem("--address", f"'{address}'", "HOST:PORT, as 10.0.0.1:6379", hint)]
        )
    try:
        with socket.create_connection((host, int(port)), REACH_S) as line:
            line.settimeout(REACH_S)
            line.sendall(HTTP2_OPENING)
            heard = line.recv(9)
    except OSError as fault:
        raise InputError([no_cluster(address, str(fault.strerror or fault))]) from None
    if len(heard) < 9 or heard[3] != SETTINGS:
        raise InputError([no_cluster(address, "what answers there is none")])


def no_cluster(address: str, reason: str) -> Problem:
    """Return the problem of an address without a cluster."""
    return Problem(
        f"--address {address}",
        f"no cluster ({reason})",
        "a Ray cluster that this machine is a node of",
        "Start one with 'ray start --head', or leave --address out; where it asks for a token, set RAY_AUTH_MODE=token.",
    )


def refuse_others(where: str) -> None:
    """Refuse nodes of the cluster at `where` that run another program than this one, before any case starts.

    Raises
    ------
    InputError
        Every such node, and each that does not answer.
    """
    tell_program = _program_of_worker()
    here = tell_program()
    ask = ray.remote(num_cpus=0, max_retries=1)(tell_program)
    asked = {}
    for node in (each for each in ray.nodes() if each["Alive"]):
        stay = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        asked[ask.options(scheduling_strategy=stay).remote()] = node["NodeManagerAddress"]
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_S)
    problems = []
    for answer, node in asked.items():
        there = ray.get(answer) if answer in answered else f"no answer within {PROBE_S:.0f} s"
        if there != here:
            hint = "Install the same versions on every node."
            problems.append(Problem(f"Ray cluster {where}: node {node}", there, here, hint))
    if problems:
        raise InputError(problems)


def _program_of_worker() -> Callable[[], str]:
    """Return a function that tells what a worker computes with; it travels whole, for a node may have no gridagora to load."""

    def tell_program() -> str:
        spec = find_spec("gridagora")
        if spec is None or spec.origin is None:
            return "no gridagora"
        digest = sha256()
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            digest.update(path.read_bytes())
        beside = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
        return f"gridagora of source {digest.hexdigest()[:12]}, python {python_version()}, {beside}"

    return tell_program
