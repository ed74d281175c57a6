"""Prosumers and groups of end-users over a network in memory and in made-up time: crashes in mid-sentence, hangs, loss, delay."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.live.end_users import EndUsers
from gridagora.live.post import AWAKE_S, Post
from gridagora.live.retail_apart import compare_session
from gridagora.live.retail_party import Prosumer, Seat, Waits
from gridagora.live.retail_process import ProsumerEnd
from gridagora.live.retail_start import Ended, isolate_prosumer
from gridagora.live.wire import FINAL, FIRST_HOUR, Frame, Kind, Size
from gridagora.mechanisms.retail.certificate import Users
from gridagora.mechanisms.retail.game import aggregate_followers
from gridagora.mechanisms.retail.messages import GameOffers, RetailDemand, RetailPrices
from gridagora.mechanisms.retail.protocol import (
    Community,
    GameResult,
    StoppingRule,
    publish_terms,
    run_protocol,
)
from gridagora.studies.claims import draw_community, users

N, GROUPS, TICK_S = 4, 2, 0.005
WAITS = Waits(patience_s=0.5)
SIZE = Size(N, GROUPS, 24)
RULE = StoppingRule(tolerance_share=1e-5, tolerance_per_kwh=1e-6)
MARGIN = 1e-9


@cache
def small() -> tuple[Community, Users]:
    return draw_community(0, N, 6), users(0, 6)


def bits(played: GameResult) -> bytes:
    return b"".join(np.asarray(part).tobytes() for part in played)


class Network:
    """All parties; `dies` tells after how many frames one is gone, `hangs` in which round for how long one hears nothing."""

    def __init__(
        self,
        seed: int = 0,
        loss: float = 0.0,
        dies: dict[int, int] | None = None,
        waits: Waits = WAITS,
    ) -> None:
        c, members = small()
        self.rng, self.loss, self.dies = np.random.default_rng(seed), loss, dict(dies or {})
        self.hangs: dict[int, tuple[int, float]] = {}
        self.asleep_until: dict[int, float] = {}
        self.prosumers = {
            i: Prosumer(
                Seat(i, isolate_prosumer(c, i), publish_terms(c), RULE, SIZE, waits),
                lambda k, i=i: self.at_round(i, k),
            )
            for i in range(N)
        }
        parts = np.array_split(np.arange(6), GROUPS)
        self.parties: dict[int, Prosumer | EndUsers] = dict(self.prosumers)
        for g, part in enumerate(parts):
            self.parties[N + g] = EndUsers(
                N + g, members.worth_per_kwh[part], members.slope[part], SIZE
            )
        self.dead: set[int] = set()
        self.now_s = 0.0
        self.cut_s = (
            np.inf,
            np.inf,
        )  # from when to when the first half of prosumers does not hear the other
        self.wire: list[tuple[float, int, Frame]] = []
        self.log: list[Frame] = []

    def at_round(self, i: int, number: int) -> None:
        since, for_s = self.hangs.get(i, (0, 0.0))
        if number == since:
            self.asleep_until[i] = self.now_s + for_s

    def send(self, sender: int, post: Post) -> None:
        for to, frame in post:
            if self.dies.get(sender) == 0:
                self.dead.add(sender)  # in the middle of telling the others
                return
            if sender in self.dies:
                self.dies[sender] -= 1
            self.log.append(frame)
            if self.rng.random() >= self.loss and not self.is_cut(sender, to):
                # who hangs has computed its offer, and says it when it wakes
                start = max(self.now_s, self.asleep_until.get(sender, 0.0))
                self.wire.append((start + self.rng.uniform(0, 4 * TICK_S), to, frame))

    def is_cut(self, sender: int, to: int) -> bool:
        apart = max(sender, to) < N and (sender < N // 2) != (to < N // 2)
        return apart and self.cut_s[0] <= self.now_s < self.cut_s[1]

    def is_awake(self, k: int) -> bool:
        return k not in self.dead and self.now_s >= self.asleep_until.get(k, 0.0)

    def step(self) -> None:
        self.now_s += TICK_S
        due = sorted(
            (item for item in self.wire if item[0] <= self.now_s and self.is_awake(item[1])),
            key=lambda item: item[0],
        )
        taken = {id(item) for item in due}
        self.wire = [
            item for item in self.wire if id(item) not in taken and item[1] not in self.dead
        ]
        for _, to, frame in due:
            if to not in self.dead:
                self.send(to, self.parties[to].hear(frame))
        for k, party in self.parties.items():
            if self.is_awake(k):
                woke = self.asleep_until.pop(k, None) is not None
                self.send(k, party.tick(AWAKE_S if woke else TICK_S))

    def run(self, limit_s: float = 60.0) -> "Network":
        for k, party in self.parties.items():
            self.send(k, party.begin())
        while self.now_s < limit_s:
            self.step()
            if all(i in self.dead or party.is_over() for i, party in self.prosumers.items()):
                return self
        pytest.fail("the session did not end")

    def ended(self) -> dict[int, Prosumer]:
        return {
            i: party
            for i, party in self.prosumers.items()
            if i not in self.dead and party.end is not None
        }


def check(net: Network) -> dict[int, int]:
    """Return who was dropped when: the same for all, who found what one process finds, and the same bits."""
    ended = list(net.ended().values())
    assert len({bits(party.end) for party in ended}) == 1
    assert all(party.dropped == ended[0].dropped for party in ended)
    together, held = run_protocol(small()[0], RULE, quiet=ended[0].dropped)
    assert together.converged
    assert ended[0].end.rounds == together.rounds
    for name in ("retail_per_kwh", "internal_per_kwh", "offer_kw", "made_kw", "wholesale_kw"):
        np.testing.assert_allclose(
            getattr(ended[0].end, name), getattr(together, name), atol=MARGIN
        )
    for party in ended:
        np.testing.assert_allclose(
            party.held.device_kw[0][0], held.device_kw[0][party.seat.me], atol=MARGIN
        )
    return ended[0].dropped


@pytest.mark.parametrize("loss", [0.0, 0.2, 0.5])
def test_parties_find_what_one_process_finds(loss: float) -> None:
    net = Network(1, loss).run()
    assert check(net) == {}
    assert len(net.ended()) == N


@given(
    seed=st.integers(0, 2**31),
    loss=st.sampled_from([0.0, 0.1, 0.3]),
    dies=st.dictionaries(st.integers(0, N - 1), st.integers(0, 60), min_size=1, max_size=N - 1),
)
@settings(max_examples=15, deadline=None)
def test_whoever_dies_in_mid_sentence_the_others_agree(
    seed: int, loss: float, dies: dict[int, int]
) -> None:
    net = Network(seed, loss, dies).run()
    assert set(check(net)) <= net.dead, "nobody alive is dropped"
    assert set(net.ended()) == set(range(N)) - net.dead


def test_duty_passes_on_when_the_first_dies_after_telling_one_other() -> None:
    """In round 1 prosumer 0 is on duty: it says its offer to three, and its table to one."""
    net = Network(2, dies={0: N - 1 + 1}).run()
    assert net.dead == {0}
    assert check(net) == {0: 2}, "its offer stood in the table that was passed on"


def test_on_a_sound_network_nothing_is_said_twice_and_the_turn_to_ask_goes_round() -> None:
    net = Network(3, waits=WAITS._replace(ask_s=0.1, again_s=10.0)).run()
    played = net.ended()[0].end
    count = {kind: sum(frame.kind is kind for frame in net.log) for kind in Kind}
    assert count == {
        Kind.OFFER: played.rounds * N * (N - 1),
        Kind.TABLE: played.rounds * (N - 1),
        Kind.HEARD: played.rounds * (N - 1) ** 2,
        Kind.PRICE: played.inner_rounds * GROUPS,
        Kind.TAKEN: played.inner_rounds * GROUPS * N,
    }
    assert all(
        frame.sender == (frame.round - 1) % N
        for frame in net.log
        if frame.kind in {Kind.PRICE, Kind.TABLE}
    )


def test_one_that_comes_back_after_it_was_dropped_notices_and_stops() -> None:
    net = Network(4)
    net.hangs[2] = (3, 1.0)
    net.run()
    assert check(net) == {2: 3}
    assert 2 not in net.ended()
    assert (
        net.prosumers[2].stopped
        == "the others did not hear me for 0.5 s, and dropped me in round 3"
    )


def test_one_that_hangs_for_less_than_the_patience_stays() -> None:
    net = Network(4)
    net.hangs[2] = (3, 0.4)
    net.run()
    assert check(net) == {}
    assert len(net.ended()) == N


@pytest.mark.parametrize("seed", range(6))
def test_a_network_that_splits_never_leads_to_two_results(seed: int) -> None:
    """Two halves drop each other; end-users hear both, and answer one price a turn."""
    net = Network(seed, 0.1)
    net.cut_s = (0.2, 2.0)
    net.run()
    assert len({bits(party.end) for party in net.ended().values()}) <= 1
    rest = [party.stopped for i, party in net.prosumers.items() if i not in net.ended()]
    assert len(rest) >= N // 2
    assert all(
        "another price than mine" in why or "dropped me" in why or "another table" in why
        for why in rest
    )


def test_silent_end_users_end_the_session_with_a_sentence() -> None:
    net = Network(5)
    net.dead.add(N + 1)
    net.run()
    assert not net.ended()
    assert all(
        party.stopped.startswith("end-users of group 1 did not answer turn 1 for")
        for party in net.prosumers.values()
    )


def test_another_table_that_is_final_stops_a_prosumer() -> None:
    net = Network(6)
    for k, one in net.parties.items():
        net.send(k, one.begin())
    party = net.prosumers[0]
    while 1 not in party.tables:
        net.step()
    party.hear(Frame(Kind.TABLE, 1, 1, FINAL, party.tables[1]))
    assert not party.stopped
    other = party.tables[1]._replace(offer_kw=party.tables[1].offer_kw + 1.0)
    party.hear(Frame(Kind.TABLE, 1, 1, FINAL, other))
    assert "prosumer 1 agreed on another table in round 1" in party.stopped


def test_an_offer_that_is_not_a_number_stops_its_own_prosumer() -> None:
    net = Network(6)
    party = net.prosumers[3]
    party.seat = party.seat._replace(own=party.seat.own._replace(made_kw=np.full((1, 24), np.nan)))
    with pytest.raises(PartError, match="round 1: the own offer is not a number"):
        party.begin()


def test_an_answer_to_another_price_stops_a_prosumer() -> None:
    net = Network(7)
    for k, one in net.parties.items():
        net.send(k, one.begin())
    while not net.prosumers[0]._is_asking():
        net.step()
    party = net.prosumers[0]
    ones = np.ones((1, 24))
    for group in range(N, N + GROUPS):
        party.hear(
            Frame(
                Kind.TAKEN,
                group,
                1,
                party.turn,
                RetailDemand(FIRST_HOUR, np.array([group]), ones, ones),
            )
        )
    assert "another price than mine in turn 1" in party.stopped


def test_messages_hold_prices_and_offers_of_the_right_size() -> None:
    net = Network(8, 0.1).run()
    held = {
        frame.kind: None if frame.table is None else (type(frame.table), len(frame.table.party))
        for frame in net.log
    }
    assert held == {
        Kind.OFFER: (GameOffers, 1),
        Kind.TABLE: (GameOffers, N),
        Kind.HEARD: None,
        Kind.PRICE: (RetailPrices, 1),
        Kind.TAKEN: (RetailDemand, 1),
    }
    assert all(
        column.shape[1] == 24
        for frame in net.log
        if frame.table is not None
        for column in frame.table[2:]
    )


def test_a_prosumer_starts_with_nothing_of_the_others() -> None:
    c, _ = small()
    own = isolate_prosumer(c, 2)
    assert own.made_kw.base is None
    assert own.made_kw.tolist() == [c.made_kw[2].tolist()]
    for name in own.stores[0]._fields:
        part = getattr(own.stores[0], name)
        if name != "dt_h":
            assert len(part) == 1, name
            np.testing.assert_array_equal(part[0], getattr(c.stores[0], name)[2])


def test_groups_take_together_what_all_end_users_take() -> None:
    _, members = small()
    price = np.full(24, 0.2)
    frame = Frame(Kind.PRICE, 0, 1, 1, RetailPrices(FIRST_HOUR, np.array([N]), price[None]))
    whole = EndUsers(N, *members, SIZE).hear(frame)[0][1].table.taken_kw[0]
    parts = [
        EndUsers(N, members.worth_per_kwh[at], members.slope[at], SIZE)
        .hear(frame)[0][1]
        .table.taken_kw[0]
        for at in (slice(0, 2), slice(2, 6))
    ]
    np.testing.assert_allclose(sum(parts), whole, atol=1e-12)
    demand = aggregate_followers(*members)
    np.testing.assert_allclose(whole, demand.response @ (demand.choke_per_kwh - price), atol=1e-12)


def test_a_group_answers_all_at_first_and_later_only_who_asks_again() -> None:
    group = EndUsers(N, *small()[1], SIZE)
    table = RetailPrices(FIRST_HOUR, np.array([N]), np.full((1, 24), 0.2))
    frame = Frame(Kind.PRICE, 1, 1, 1, table)
    assert [to for to, _ in group.hear(frame)] == list(range(N))
    assert [to for to, _ in group.hear(frame._replace(sender=3))] == [3]
    other = group.hear(
        frame._replace(sender=2, table=table._replace(price_per_kwh=table.price_per_kwh + 1.0))
    )
    assert other[0][1].table.price_per_kwh.tolist() == table.price_per_kwh.tolist(), (
        "one price a turn"
    )
    assert group.hear(Frame(Kind.HEARD, 1, 1, 1)) == []


def test_a_session_that_nobody_ended_is_an_error_with_every_reason() -> None:
    left = Ended({}, {1: ProsumerEnd(None, "end-users are gone", {})}, 1.0, 1.0)
    with pytest.raises(
        PartError, match="no prosumer came to an end: prosumer 1: end-users are gone"
    ):
        compare_session(small()[0], RULE, left)
