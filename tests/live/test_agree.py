"""Agreement on a round's table: whoever dies, and when, nobody ever holds another final table than somebody else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.exchange import encode
from gridagora.live.agree import (
    Agreement,
    advance,
    find_coordinator,
    order_of,
    receive_frame,
    repeat_frames,
)
from gridagora.live.wire import FINAL, FIRST_HOUR, Frame, Kind, Size
from gridagora.mechanisms.retail.messages import MESSAGES, GameOffers

N = 4
SIZE = Size(N, 1, 2)


def offer(i: int) -> GameOffers:
    return GameOffers(
        FIRST_HOUR, np.array([i]), np.full((1, 2), float(i)), np.full((1, 2), float(i))
    )


def bits(table: GameOffers) -> bytes:
    return b"".join(encode(table, MESSAGES[GameOffers]))


def opened(number: int, dropped: frozenset[int] = frozenset()) -> dict[int, Agreement]:
    order = order_of(number, SIZE, dropped)
    return {i: Agreement(SIZE, number, i, order, offers={i: offer(i)}) for i in order}


class Round:
    """One round over a network that loses and reorders; `dies` tells after how many frames sent a prosumer is gone."""

    def __init__(self, number: int, seed: int, loss: float, dies: dict[int, int]) -> None:
        self.parties, self.rng, self.loss, self.dies = (
            opened(number),
            np.random.default_rng(seed),
            loss,
            dict(dies),
        )
        self.notices = {
            i: int(self.rng.integers(0, 12)) for i in self.parties
        }  # ticks after a death
        self.dead: dict[int, int] = {}
        self.wire: list[tuple[int, Frame]] = []
        self.tick = 0

    def say(self, i: int, to: int, frame: Frame) -> None:
        if i in self.dead:
            return
        if self.dies.get(i) == 0:
            self.dead[i] = self.tick
            return
        if i in self.dies:
            self.dies[i] -= 1
        if self.rng.random() >= self.loss:
            self.wire.append((to, frame))

    def to_all(self, i: int, frames: list[Frame]) -> None:
        for frame in frames:
            for to in self.rng.permutation(self.parties[i].order).tolist():
                if to != i:
                    self.say(i, to, frame)

    def silent(self, i: int) -> set[int]:
        return {j for j, since in self.dead.items() if self.tick - since > self.notices[i]}

    def deliver(self) -> None:
        late: list[tuple[int, Frame]] = []
        while self.wire:
            to, frame = self.wire.pop(int(self.rng.integers(len(self.wire))))
            if self.rng.random() < self.loss / 2:
                late.append((to, frame))  # it may come after its sender was noticed to be dead
                continue
            if to in self.dead:
                continue
            a = self.parties[to]
            if a.final and frame.kind is Kind.OFFER:
                self.say(to, frame.sender, Frame(Kind.TABLE, to, a.number, FINAL, a.table))
                continue
            receive_frame(a, frame)
            self.to_all(to, advance(a, self.silent(to)))
        self.wire = late

    def run(self, ticks: int = 400) -> None:
        for self.tick in range(ticks):
            for i, a in self.parties.items():
                if i not in self.dead and not a.final:
                    self.to_all(i, repeat_frames(a))
                    self.to_all(i, advance(a, self.silent(i)))
            self.deliver()
            if all(a.final or i in self.dead for i, a in self.parties.items()):
                return
        pytest.fail("some that live did not agree")


@given(
    seed=st.integers(0, 2**31),
    number=st.integers(1, 9),
    loss=st.sampled_from([0.0, 0.2, 0.5]),
    dies=st.dictionaries(st.integers(0, N - 1), st.integers(0, 25), max_size=N),
)
@settings(max_examples=200, deadline=None)
def test_all_tables_that_were_ever_final_are_one(
    seed: int, number: int, loss: float, dies: dict[int, int]
) -> None:
    session = Round(number, seed, loss, dies)
    session.run()
    final = [a.table for a in session.parties.values() if a.final]
    assert len({bits(table) for table in final}) <= 1, (
        "also those who died afterwards held no other"
    )
    for table in final[:1]:
        heard = table.party.tolist()
        assert set(range(N)) - set(heard) <= set(dies), "nobody alive is dropped"
        for j, row in zip(heard, np.hstack([table.offer_kw, table.made_kw]), strict=True):
            assert (row == j).all(), "an offer is the one that its prosumer made"


def test_duty_goes_round_and_skips_who_was_dropped() -> None:
    assert [order_of(k, SIZE, set())[0] for k in range(1, 7)] == [0, 1, 2, 3, 0, 1]
    assert order_of(2, SIZE, {1, 3}) == (2, 0)


def test_a_table_heard_by_one_alone_is_passed_on_by_the_next_on_duty() -> None:
    """Prosumer 0 tells its table, without prosumer 3, to prosumer 1 only, and dies."""
    parties = opened(1)
    for j in (1, 2):
        receive_frame(parties[0], repeat_frames(parties[j])[0])
    table = next(f for f in advance(parties[0], {3}) if f.kind is Kind.TABLE)
    receive_frame(parties[1], table)
    for j in (1, 2):  # prosumer 3, alive after all, is heard by both
        receive_frame(parties[j], repeat_frames(parties[3])[0])
        receive_frame(parties[j], repeat_frames(parties[3 - j])[0])
    again = next(f for f in advance(parties[1], {0}) if f.kind is Kind.TABLE)
    assert find_coordinator(parties[1]) == 1
    assert bits(again.table) == bits(table.table), "though it had heard more offers itself"
    fresh = Agreement(SIZE, 1, 2, parties[2].order, offers=dict(parties[2].offers))
    advance(fresh, {0, 1})
    assert fresh.table.party.tolist() == [1, 2, 3], "who heard of no table gathers one"


def test_nothing_is_final_before_everybody_alive_heard_the_table() -> None:
    parties = opened(1)
    for j in (1, 2, 3):
        receive_frame(parties[0], repeat_frames(parties[j])[0])
    said = advance(parties[0], set())
    assert [f.kind for f in said] == [Kind.TABLE]
    for j in (1, 2, 3):
        assert not parties[0].final
        receive_frame(parties[j], said[0])
        answer = advance(parties[j], set())
        assert [f.kind for f in answer] == [Kind.HEARD]
        receive_frame(parties[0], answer[0])
        assert advance(parties[0], set()) == [], "nothing is said twice"
    assert parties[0].final


def test_one_that_takes_a_living_one_for_dead_raises_the_ballot_for_all() -> None:
    session = Round(1, 3, 0.3, {})
    session.silent = lambda i: {0} if i == 2 else set()
    session.run()
    assert len({bits(a.table) for a in session.parties.values()}) == 1


def test_the_last_one_left_agrees_with_itself() -> None:
    alone = opened(1)[2]
    advance(alone, {0, 1, 3})
    assert alone.final
    assert alone.table.party.tolist() == [2]
