"""No central entity: prosumers and end-users as objects of their own over a network that loses, repeats and reorders messages.

Every prosumer hears all offers and runs the same rounds by itself; whose turn it is to ask the end-users goes round with the
outer rounds, and who misses an answer asks again itself. Nothing but prices and offers is sent, and the end is the one of all
prosumers in one process.
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.kernels.stores.value import Stores, stores
from gridagora.mechanisms.retail.game import aggregate_followers, make_demand
from gridagora.mechanisms.retail.protocol import (
    Broadcast,
    Community,
    GameResult,
    ProsumerOffer,
    StoppingRule,
    answer_prices,
    iterate_rounds,
    make_community,
    make_idle_state,
    make_offers,
    publish_terms,
    run_protocol,
)

T, N, M = 6, 4, 5
PATIENCE = 2  # ticks without an answer, before a prosumer asks out of turn
RULE = StoppingRule(tolerance_share=1e-7, tolerance_per_kwh=1e-9)


class Price(NamedTuple):
    """From the prosumer whose turn it is to all end-users."""

    turn: int
    retail_per_kwh: bytes


class Taken(NamedTuple):
    """From an end-user to all prosumers."""

    turn: int
    sender: int
    taken_kw: bytes


class Offer(NamedTuple):
    """From a prosumer to all others."""

    turn: int
    sender: int
    offer_kw: bytes
    made_kw: bytes


Message = Price | Taken | Offer


class EndUser:
    """Holds its own worth and slope, answers a price."""

    def __init__(self, name: int, worth: np.ndarray, slope: np.ndarray) -> None:
        self.name, self.worth, self.slope = name, worth, slope

    def hear(self, message: Message) -> list[Message]:
        if not isinstance(message, Price):
            return []
        taken = np.linalg.solve(self.slope, self.worth - np.frombuffer(message.retail_per_kwh))
        return [Taken(message.turn, self.name, taken.tobytes())]


class Prosumer:
    """Holds its own devices and what everybody knows; keeps what it hears until its own rounds need it."""

    def __init__(self, name: int, own: Community, public, users: int) -> None:
        self.name, self.own, self.users, self.count = name, own, users, public.prosumer_count
        self.rounds, self.held, self.turn, self.outer = (
            iterate_rounds(public, RULE),
            make_idle_state(own),
            0,
            0,
        )
        self.heard: dict[tuple[type, int, int], Message] = {}
        self.offers: list[Offer] = []  # the last two: nobody can be further behind
        self.waited = 0
        self.end: GameResult | None = None
        self._ask(next(self.rounds))

    def _ask(self, asked: Broadcast | np.ndarray) -> None:
        """Do what the own rounds say: answer prices, or ask end-users if it is our turn."""
        self.asked = asked
        if isinstance(asked, Broadcast):
            self.outer += 1
            self.held = answer_prices(self.own, asked, self.held)
            told = make_offers(self.own, self.held)
            offer = Offer(
                self.turn, self.name, told.offer_kw[0].tobytes(), told.made_kw[0].tobytes()
            )
            self.offers = [*self.offers[-1:], offer]
            self.heard[Offer, self.turn, self.name] = offer
        self.waited = 0

    def speak(self) -> list[Message]:
        """Say the last offers again, and ask end-users where it is our turn or nobody's answers came."""
        ours = self.outer % self.count == self.name or self.waited > PATIENCE
        if self.end is not None or isinstance(self.asked, Broadcast) or not ours:
            return [*self.offers]
        return [*self.offers, Price(self.turn, self.asked.tobytes())]

    def hear(self, message: Message) -> list[Message]:
        if not isinstance(message, Price):
            self.heard[type(message), message.turn, message.sender] = message
        return []

    def go_on(self) -> bool:
        """Take one step if everything it needs was heard."""
        kind, many = (
            (Offer, self.count) if isinstance(self.asked, Broadcast) else (Taken, self.users)
        )
        need = [(kind, self.turn, sender) for sender in range(many)]
        if self.end is not None or not all(key in self.heard for key in need):
            self.waited += 1
            return False
        here = [self.heard.pop(key) for key in need]
        if kind is Offer:
            answer = ProsumerOffer(*(np.array([np.frombuffer(m[k]) for m in here]) for k in (2, 3)))
        else:
            answer = sum(np.frombuffer(m.taken_kw) for m in here)
        self.turn += 1
        try:
            self._ask(self.rounds.send(answer))
        except StopIteration as end:
            self.end = end.value
        return True


class Network:
    """Delivers messages in random order, loses some, repeats some, and keeps a log of all that was sent."""

    def __init__(self, parties: list[EndUser | Prosumer], loss: float, seed: int) -> None:
        self.parties, self.loss, self.rng, self.log = parties, loss, np.random.default_rng(seed), []

    def run(self, ticks: int = 5_000) -> int:
        """Let everybody say again what it said last, until all rounds have ended; return the ticks it took."""
        prosumers = [party for party in self.parties if isinstance(party, Prosumer)]
        for tick in range(ticks):
            sent = [message for party in prosumers for message in party.speak()]
            while sent:
                message = sent.pop(int(self.rng.integers(len(sent))))
                self.log.append(message)
                for party in self.rng.permutation(np.array(self.parties, dtype=object)):
                    if self.rng.random() >= self.loss:
                        sent += party.hear(message)
            moved = [party.go_on() for party in prosumers]
            if not any(moved) and all(party.end is not None for party in prosumers):
                return tick
        pytest.fail("the rounds did not end")


def drawn(seed: int = 0) -> tuple[Community, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    worth = rng.uniform(0.35, 0.45, (M, T))
    slope = np.eye(T) * rng.uniform(0.02, 0.06, (M, T))[:, None, :] + rng.uniform(
        0, 0.01, (M, 1, 1)
    )
    buy = rng.uniform(0.08, 0.18, T)
    full = rng.uniform(5, 15, (N, 1))
    packs = stores(
        full[:, 0] / 2,
        np.ones(T),
        p_min_kw=-full / 4,
        p_max_kw=full / 4,
        x_max=full,
        gain_in=0.95,
        gain_out=0.95,
        prox=0.01,
        end_mu=[[0.1, 0.1]],
    )
    made = rng.uniform(-1, 8, (N, T))
    return (
        make_community(
            aggregate_followers(worth, slope), made, (packs,), (np.arange(N),), buy, 0.6 * buy
        ),
        worth,
        slope,
    )


def row(table: Stores, i: int) -> Stores:
    return table._replace(
        **{name: getattr(table, name)[i : i + 1] for name in table._fields if name != "dt_h"}
    )


def apart(c: Community, worth: np.ndarray, slope: np.ndarray) -> list[EndUser | Prosumer]:
    """Return every party with nothing but its own data and the terms."""
    parties: list[EndUser | Prosumer] = [EndUser(j, worth[j], slope[j]) for j in range(M)]
    public, market = publish_terms(c), (c.end_users, c.buy_per_kwh, c.sell_per_kwh)
    for i in range(N):
        own = make_community(
            market[0],
            c.made_kw[i : i + 1],
            (row(c.stores[0], i),),
            (np.zeros(1, int),),
            *market[1:],
        )
        parties.append(Prosumer(i, own, public, M))
    return parties


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 0), (0.2, 1), (0.5, 2)])
def test_parties_alone_end_where_all_in_one_process_do(loss: float, seed: int) -> None:
    c, worth, slope = drawn()
    together, held = run_protocol(c, RULE)
    net = Network(apart(c, worth, slope), loss, seed)
    net.run()
    prosumers = [party for party in net.parties if isinstance(party, Prosumer)]
    assert together.converged
    for i, party in enumerate(prosumers):
        assert party.end.rounds == together.rounds
        np.testing.assert_allclose(party.end.retail_per_kwh, together.retail_per_kwh, atol=1e-9)
        np.testing.assert_allclose(party.end.internal_per_kwh, together.internal_per_kwh, atol=1e-9)
        np.testing.assert_allclose(party.held.offer_kw[0], held.offer_kw[i], atol=1e-9)
        np.testing.assert_allclose(party.held.device_kw[0][0], held.device_kw[0][i], atol=1e-9)


def test_every_prosumer_ends_with_the_same_bits_and_the_turn_goes_round() -> None:
    c, worth, slope = drawn(3)
    net = Network(apart(c, worth, slope), 0.3, 5)
    net.run()
    prosumers = [party for party in net.parties if isinstance(party, Prosumer)]
    first = prosumers[0].end
    for party in prosumers[1:]:
        assert np.array_equal(party.end.retail_per_kwh, first.retail_per_kwh)
        assert np.array_equal(party.end.offer_kw, first.offer_kw)
    quiet = Network(apart(c, worth, slope), 0.0, 5)
    quiet.run()
    asking = [message.turn for message in quiet.log if isinstance(message, Price)]
    assert len(asking) == len(set(asking)) == first.inner_rounds, (
        "each inner round is asked by exactly one prosumer"
    )


def test_messages_hold_prices_and_offers_and_nothing_else() -> None:
    """Every offer is two rows of hours, every price one, whatever stands behind; users never see offers."""
    c, worth, slope = drawn()
    net = Network(apart(c, worth, slope), 0.1, 7)
    net.run()
    assert {type(message) for message in net.log} == {Price, Taken, Offer}
    for message in net.log:
        sizes = {
            name: len(value) // 8
            for name, value in message._asdict().items()
            if isinstance(value, bytes)
        }
        expected = {
            Price: {"retail_per_kwh": T},
            Taken: {"taken_kw": T},
            Offer: {"offer_kw": T, "made_kw": T},
        }[type(message)]
        assert sizes == expected


@given(shift=st.floats(-50, 50), roomier=st.floats(0, 100), i=st.integers(0, N - 1))
@settings(max_examples=10, deadline=None)
def test_what_does_not_change_an_answer_cannot_be_read_off_a_message(
    shift: float, roomier: float, i: int
) -> None:
    """State of charge, size and reserve of a battery move while no bound binds: no price and no offer of a session moves."""
    c, *_ = drawn(1)
    pack = c.stores[0]
    p_kw = np.full((N, 1), 0.5)
    free = pack._replace(
        x_min=np.full((N, T), -100.0),
        x_max=np.full((N, T), 100.0),
        p_min_kw=-p_kw + np.zeros((N, T)),
    )
    free = free._replace(
        p_max_kw=p_kw + np.zeros((N, T)),
        end_x=np.tile([-1e3, 1e3], (N, 1)),
        end_mu=np.full((N, 2), 0.1),
    )
    x0, low, high = (getattr(free, name).copy() for name in ("x0", "x_min", "x_max"))
    x0[i], low[i], high[i] = x0[i] + shift, low[i] + shift - roomier, high[i] + shift + roomier
    other = free._replace(x0=x0, x_min=low, x_max=high)
    logs = [offers(c._replace(stores=(table,))) for table in (free, other)]
    assert len(logs[0]) == len(logs[1])
    for a, b in zip(*logs, strict=True):
        np.testing.assert_allclose(a.offer_kw, b.offer_kw, atol=1e-7)
        np.testing.assert_allclose(a.made_kw, b.made_kw, atol=1e-7)


def offers(c: Community) -> list[ProsumerOffer]:
    """Return everything that prosumers say in a session."""
    rounds, held, log = iterate_rounds(publish_terms(c), RULE), make_idle_state(c), []
    asked = next(rounds)
    while True:
        if isinstance(asked, Broadcast):
            held = answer_prices(c, asked, held)
            log.append(make_offers(c, held))
            answer = log[-1]
        else:
            answer = c.end_users.response @ (c.end_users.choke_per_kwh - asked)
        try:
            asked = rounds.send(answer)
        except StopIteration:
            return log


def test_two_kinds_of_devices_that_make_the_same_say_the_same() -> None:
    """A battery that is full and idle, and no battery: the same messages to the last bit."""
    c, *_ = drawn(2)
    c = c._replace(
        end_users=make_demand(c.end_users.choke_per_kwh, np.diag(np.diag(c.end_users.response)))
    )
    still = c.stores[0]._replace(p_min_kw=np.zeros((N, T)), p_max_kw=np.zeros((N, T)))
    none = [
        offers(c._replace(stores=devices, home=owner))
        for devices, owner in (((still,), c.home), ((), ()))
    ]
    for a, b in zip(*none, strict=False):
        assert a.made_kw.tobytes() == b.made_kw.tobytes()
