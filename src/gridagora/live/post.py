"""The loop of one party's process: a datagram socket on loopback, a clock, and a line to whoever started it.

The line to the parent carries, before the session, the addresses of all parties, and after it how this one ended: the parent is a
telephone book, and hears no price and no offer in between. Datagrams may be lost; whoever needs one asks again.
"""

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import NamedTuple, Protocol

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.rng import stream
from gridagora.live.wire import ENVELOPE, MOST_BYTES, Frame, Kind, Size, packed, unpacked

HERE = "127.0.0.1"
TICK_S = 0.005
AWAKE_S = 0.05  # at most so much of a longer pause counts as time spent listening
BATCH = 64  # datagrams read before the clock is looked at
ROOM_BYTES = 1 << 20  # for datagrams that wait

Address = tuple[str, int]
Post = list[tuple[int, Frame]]


class Party(Protocol):
    """Whoever hears frames and lets time pass."""

    def begin(self) -> Post:
        """Return what is said first."""

    def hear(self, frame: Frame) -> Post:
        """Return what is said because of a frame."""

    def tick(self, awake_s: float) -> Post:
        """Return what is said because time passed."""

    def is_over(self) -> bool:
        """Return whether it has ended; it is served on, for others may still need what it heard."""


class SessionLimits(NamedTuple):
    """Of one session: its frames, the share of outgoing ones lost on purpose, by which seed, and how long it may take at most."""

    size: Size
    loss_share: float
    seed: int
    limit_s: float


@dataclass
class Tally:
    """What one party sent, by kind: datagrams, and bytes of the messages in them as `core.exchange` counts them.

    Envelopes of `wire.ENVELOPE` come on top. Then what of it was lost on purpose; what it refused, and why at last.
    """

    sent: dict[str, tuple[int, int]] = field(
        default_factory=lambda: {kind.name: (0, 0) for kind in Kind}
    )
    lost: int = 0
    refused: int = 0
    reason: str = ""


def open_socket() -> socket.socket:
    """Return a socket at a free port of this machine."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM_BYTES)
    sock.bind((HERE, 0))
    sock.setblocking(False)
    return sock


class Mail(NamedTuple):
    """A party's socket, all addresses, what it has sent so far, and the stream by which it loses frames on purpose."""

    sock: socket.socket
    book: dict[int, Address]
    tally: Tally
    loss_share: float
    rng: np.random.Generator


def send(mail: Mail, post: Post) -> None:
    """Send every frame, or lose it."""
    for to, frame in post:
        datagram = packed(frame)
        messages, size = mail.tally.sent[frame.kind.name]
        mail.tally.sent[frame.kind.name] = messages + 1, size + len(datagram) - ENVELOPE.size
        if mail.loss_share and mail.rng.random() < mail.loss_share:
            mail.tally.lost += 1
            continue
        with suppress(BlockingIOError):  # no room: one more that is lost
            mail.sock.sendto(datagram, mail.book[to])


def receive_frames(mail: Mail, size: Size) -> list[Frame]:
    """Return the frames that wait, of parties of this session that send them from their own address."""
    frames = []
    for _ in range(BATCH):
        try:
            datagram, source = mail.sock.recvfrom(MOST_BYTES)
        except BlockingIOError:
            break
        try:
            frames.append(_known(unpacked(datagram, size), source, mail.book))
        except PartError as error:
            mail.tally.refused, mail.tally.reason = mail.tally.refused + 1, str(error)
    return frames


def _known(frame: Frame, source: Address, book: dict[int, Address]) -> Frame:
    if book[frame.sender] != source:
        raise PartError(
            f"{frame.kind.name} of party {frame.sender} came from {source}: it sends from {book[frame.sender]}"
        )
    return frame


def serve(party: Party, mail: Mail, line: Connection, limits: SessionLimits) -> None:
    """Carry messages until the parent hangs up or says so, or the time is over; tell the parent once when the party has ended."""
    told, last = False, monotonic()
    until_s = last + limits.limit_s
    send(mail, party.begin())
    while monotonic() < until_s:
        if party.is_over() and not told:
            told = True
            line.send(told)
        if line in wait([mail.sock, line], TICK_S):
            break
        for frame in receive_frames(mail, limits.size):
            send(mail, party.hear(frame))
        now = monotonic()
        if now - last >= TICK_S:
            send(mail, party.tick(min(now - last, AWAKE_S)))
            last = now


def live(
    line: Connection, me: int, party: Party, limits: SessionLimits, outcome: Callable[[], object]
) -> None:
    """Run one party from its first address to its outcome; leave without a word where the parent is gone."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # who interrupts the parent ends the line, and so all parties
    with line, open_socket() as sock, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        line.send(sock.getsockname())
        if not line.poll(limits.limit_s):
            return
        mail = Mail(sock, line.recv(), Tally(), limits.loss_share, stream(limits.seed, "loss", me))
        serve(party, mail, line, limits)
        line.send((mail.tally, outcome()))
