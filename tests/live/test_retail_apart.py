"""Every prosumer an operating system process of its own on loopback: the same bits among them, the same end as in one process."""

import multiprocessing
import socket
import time

import numpy as np
import pytest

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import count_bytes, encode
from gridagora.live.post import (
    AWAKE_S,
    Mail,
    Post,
    SessionLimits,
    Tally,
    open_socket,
    receive_frames,
    send,
    serve,
)
from gridagora.live.retail_apart import Apart, compare_session, main, parse_arguments
from gridagora.live.retail_party import Waits
from gridagora.live.retail_process import Silence
from gridagora.live.retail_start import ProcessNetwork, run_apart
from gridagora.live.wire import ENVELOPE, Frame, Kind, Size, packed, payload
from gridagora.mechanisms.retail.messages import MESSAGES, GameOffers, RetailDemand, RetailPrices
from gridagora.mechanisms.retail.protocol import StoppingRule
from gridagora.studies.claims import draw_community, users

N, M = 3, 6
RULE = StoppingRule(tolerance_share=1e-6, tolerance_per_kwh=1e-7)
MARGIN = 1e-9


def apart(network: ProcessNetwork, silences: dict[int, Silence] | None = None) -> Apart:
    """Run a session; whatever else is claimed of it, all that ended agree to the last bit, and nothing is left behind."""
    c, members = draw_community(3, N, M), users(3, M)
    found = compare_session(c, RULE, run_apart(c, members, RULE, network, silences))
    assert found.played.converged
    assert found.same_bits
    assert max(found.retail_off_per_kwh, found.internal_off_per_kwh, found.offer_off_kw) < MARGIN
    assert not multiprocessing.active_children()
    return found


def test_processes_agree_and_find_what_one_process_finds() -> None:
    found = apart(ProcessNetwork(groups=1))
    assert found.ended == (0, 1, 2)
    assert found.dropped == found.stopped == {}
    assert found.gone == ()
    messages, size = found.sent["OFFER"]
    assert messages >= N * (N - 1) * found.played.rounds
    assert size == messages * message_bytes("iww", 24)
    assert found.sent["HEARD"][1] == 0, "an acknowledgement is envelope alone"
    assert (found.lost, found.refused) == (0, 0)


def test_a_fifth_of_all_messages_is_lost_and_one_hangs_and_comes_back() -> None:
    network = ProcessNetwork(groups=1, waits=Waits(patience_s=1.5), loss_share=0.2)
    found = apart(network, {2: Silence(4, 3.0)})
    assert found.dropped == {2: 4}
    assert found.stopped == {2: "the others did not hear me for 1.5 s, and dropped me in round 4"}
    assert found.ended == (0, 1)
    assert found.lost > 0


def test_the_one_on_duty_dies_and_the_next_takes_over() -> None:
    """Prosumer 1 is on duty in round 2 when its process is killed."""
    found = apart(ProcessNetwork(groups=1, waits=Waits(patience_s=1.5)), {1: Silence(2)})
    assert found.dropped == {1: 2}
    assert found.ended == (0, 2)
    assert found.gone == (1,)
    assert found.stopped == {}


def test_processes_leave_when_the_parent_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gridagora.live.retail_start._until_over", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_apart(draw_community(3, 1, 1), users(3, 1), RULE, ProcessNetwork(groups=1))
    assert not multiprocessing.active_children()


def test_a_process_that_cannot_begin_ends_the_session_with_a_sentence() -> None:
    members = users(3, 2)
    lopsided = members.slope + np.triu(np.full((24, 24), 0.5), 1)
    with pytest.raises(PartError, match="the process of party 1 ended before the session began"):
        run_apart(
            draw_community(3, 1, 2),
            members._replace(slope=lopsided),
            RULE,
            ProcessNetwork(groups=1),
        )
    assert not multiprocessing.active_children()


class Sleeper:
    """Sleeps once, and remembers how much of it is told to have been spent listening."""

    def __init__(self) -> None:
        self.awake_s: list[float] = []

    def begin(self) -> Post:
        return []

    def hear(self, frame: Frame) -> Post:
        raise AssertionError(frame)

    def tick(self, awake_s: float) -> Post:
        if not self.awake_s:
            time.sleep(10 * AWAKE_S)
        self.awake_s.append(awake_s)
        return []

    def is_over(self) -> bool:
        return False


def test_a_pause_does_not_count_as_time_spent_listening() -> None:
    """Else one that was stopped would wake up and take all others for dead."""
    party, size = Sleeper(), Size(1, 1, 24)
    line, other = multiprocessing.Pipe()
    with open_socket() as sock, line, other:
        serve(
            party,
            Mail(sock, {}, Tally(), 0.0, np.random.default_rng(0)),
            line,
            SessionLimits(size, 0.0, 0, 11 * AWAKE_S),
        )
    assert len(party.awake_s) > 1
    assert max(party.awake_s) <= AWAKE_S


def test_only_well_formed_frames_from_their_own_address_are_let_in() -> None:
    size = Size(2, 1, 24)
    frame = packed(Frame(Kind.HEARD, 0, 1, 0))
    with open_socket() as ours, open_socket() as theirs, open_socket() as stranger:
        mail = Mail(ours, {0: theirs.getsockname()}, Tally(), 0.0, np.random.default_rng(0))
        for sock, datagram in ((theirs, frame), (stranger, frame), (theirs, b"noise")):
            sock.setblocking(True)
            sock.sendto(datagram, ours.getsockname())
        ours.setblocking(True)
        ours.recvfrom(1, socket.MSG_PEEK)
        ours.setblocking(False)
        frames = receive_frames(mail, size)
    assert [f.kind for f in frames] == [Kind.HEARD]
    assert mail.tally.refused == 2
    assert "expected an envelope of 14 bytes" in mail.tally.reason


def every_kind(size: Size) -> list[Frame]:
    """One frame of every kind, filled with numbers of any size."""
    rng, hours = np.random.default_rng(5), (1, size.hours)
    offers = [
        GameOffers(size.product, np.array([i]), rng.normal(size=hours), rng.normal(size=hours))
        for i in range(2)
    ]
    both = GameOffers(
        size.product,
        np.arange(2),
        *(np.concatenate(rows) for rows in zip(*(o[2:] for o in offers), strict=True)),
    )
    group = np.array([size.prosumers])
    return [
        Frame(Kind.OFFER, 0, 1, 0, offers[0]),
        Frame(Kind.TABLE, 0, 1, 0, both),
        Frame(Kind.HEARD, 0, 1, 0),
        Frame(Kind.PRICE, 0, 1, 1, RetailPrices(size.product, group, rng.normal(size=hours))),
        Frame(
            Kind.TAKEN,
            size.prosumers,
            1,
            1,
            RetailDemand(size.product, group, rng.normal(size=hours), rng.normal(size=hours)),
        ),
    ]


def test_what_the_socket_carries_is_what_is_counted() -> None:
    """Byte for byte: an envelope, then `encode` of the table; bytes told are those of `count_bytes`."""
    size = Size(2, 1, 24)
    for frame in every_kind(size):
        with open_socket() as ours, open_socket() as theirs:
            mail = Mail(ours, {7: theirs.getsockname()}, Tally(), 0.0, np.random.default_rng(0))
            theirs.setblocking(True)
            send(mail, [(7, frame)])
            carried = theirs.recv(1 << 16)
        counted = [] if frame.table is None else encode(frame.table, MESSAGES[type(frame.table)])
        assert carried[ENVELOPE.size :] == b"".join(counted) == payload(frame)
        told = mail.tally.sent[frame.kind.name]
        assert (
            told
            == (1, len(carried) - ENVELOPE.size)
            == (1, 0 if frame.table is None else count_bytes(frame.table))
        )


def test_the_command_tells_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "--prosumers",
                "2",
                "--end-users",
                "4",
                "--groups",
                "1",
                "--silent",
                "0:3",
                "--patience",
                "1",
            ]
        )
        == 0
    )
    told = capsys.readouterr().out
    assert "Prosumer 0 was not heard and was dropped in round 3." in told
    assert "the same to the last bit" in told


def test_bad_arguments_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--prosumers", "0", "--loss", "2", "--silent", "1", "x:2", "--groups", "90"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 5
    assert told[0] == "--prosumers: got '0', expected a whole number from 1 to 32."
    assert "I:ROUND or I:ROUND:SECONDS" in "".join(told)


def test_arguments_become_a_session() -> None:
    asked = parse_arguments(["--silent", "1:5", "2:3:4", "--loss", "0.1"])
    assert asked.silences == {1: Silence(5), 2: Silence(3, 4.0)}
    assert asked.network.loss_share == 0.1
    assert (asked.prosumers, asked.end_users) == (5, 40)


def test_more_than_fits_into_a_datagram_is_refused_before_anything_starts() -> None:
    c, members = draw_community(0, 2, 3), users(0, 3)
    many = c._replace(made_kw=np.zeros((200, 24)))
    with pytest.raises(InputError) as caught:
        run_apart(many, members, RULE, ProcessNetwork(groups=4))
    assert [problem.where for problem in caught.value.problems] == [
        "prosumers",
        "groups of end-users",
    ]
