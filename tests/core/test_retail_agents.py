"""Prosumers at their seats: who knows what, what is proved of a game, and what is said where a condition does not hold."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.kernels.stores.value import stores
from gridagora.mechanisms.retail.agents import (
    GameCertificate,
    GamePlayers,
    certify_game,
    list_warnings,
    tried_usd,
)
from gridagora.mechanisms.retail.clearing import GameParameters
from gridagora.mechanisms.retail.game import aggregate_followers, taken_kw
from gridagora.mechanisms.retail.protocol import Broadcast, StoppingRule, iterate_rounds

T = 6
LEADS = np.array([True, False, True, False])
BUY = np.array([0.1, 0.12, 0.2, 0.25, 0.15, 0.1])


def seats() -> GamePlayers:
    """Two prosumers with a battery each, two end-users with an elastic load each."""
    pack = {
        "x0": np.array([2.0, 4.0]),
        "dt_h": np.ones(T),
        "p_min_kw": -2.0,
        "p_max_kw": 2.0,
        "x_max": 8.0,
        "prox": 0.01,
    }
    tank = {
        "x0": np.zeros(2),
        "dt_h": np.ones(T),
        "p_max_kw": 5.0,
        "k_x": 0.02,
        "x_set": 3.0,
        "leak": 0.8,
        "x_max": 9.0,
    }
    net = np.array([[-3.0], [1.0], [-2.0], [1.0]]) + np.zeros((4, T))
    return GamePlayers(
        net, (stores(**pack), stores(**tank)), (np.array([0, 2]), np.array([1, 3])), LEADS
    )


def end_users():
    return aggregate_followers(np.full((2, T), 0.5), np.full((2, T), 0.1))


def played(at: GamePlayers, tariff: float = np.inf):
    terms = GameParameters(end_users(), BUY, 0.5 * BUY, 2, 8, 1.0, tariff)
    assert at.hear(terms) is None
    rounds = iterate_rounds(terms, StoppingRule())
    asked = next(rounds)
    while True:
        answer = (
            at.hear(asked) if isinstance(asked, Broadcast) else taken_kw(terms.end_users, asked)
        )
        try:
            asked = rounds.send(answer)
        except StopIteration as end:
            return end.value


def prices(end) -> np.ndarray:
    return np.where(LEADS[:, None], end.internal_per_kwh, end.retail_per_kwh)


def planned(end) -> np.ndarray:
    """What homes plan where end-users take as they were identified."""
    p_kw = np.zeros((4, T))
    p_kw[~LEADS] = taken_kw(end_users(), end.retail_per_kwh) / 2
    return p_kw


def test_only_prosumers_play_and_nobody_of_them_gains_alone() -> None:
    at = seats()
    end = played(at)
    assert end.converged
    assert at.community.made_kw.tolist() == (-at.net_kw[LEADS]).tolist()
    assert [len(table.x0) for table in at.community.stores] == [2, 0]
    assert at.community.home[0].tolist() == [0, 1]
    game = certify_game(at, prices(end), planned(end))
    assert 0 <= game.gain_share < 1e-6
    assert 0 <= game.follower_gain_usd < 1e-9
    assert game.unmet_share < 1e-6
    assert (game.hours, game.tariff_hours, game.loss_hours) == (T, 0, 0)


def test_a_game_that_was_not_played_proves_nothing() -> None:
    at = seats()
    assert at.hear(Broadcast(*(np.zeros(T),) * 5)) is None
    assert certify_game(at, np.zeros((4, T)), np.zeros((4, T))) is None


def test_hours_at_the_outside_tariff_and_below_the_internal_price_are_counted_and_said() -> None:
    at = seats()
    end = played(at, 0.11)
    game = certify_game(at, prices(end), planned(end))
    assert game.gain_share < 1e-6
    assert game.tariff_hours == (end.retail_per_kwh >= 0.11).sum() > 0
    assert game.loss_hours == (end.internal_per_kwh > 0.11 + 1e-6).sum() > 0
    said = list_warnings((game._replace(tried_share=0.0),) * 2)
    assert f"in {2 * game.tariff_hours} of {2 * T} hours" in said[0]
    assert f"in {2 * game.loss_hours} of these hours" in said[1]
    assert len(said) == 2


def test_a_schedule_or_prices_that_are_no_equilibrium_show_in_the_proof() -> None:
    at = seats()
    end = played(at)
    at.held = at.held._replace(device_kw=(0.5 * at.held.device_kw[0], at.held.device_kw[1]))
    assert certify_game(at, prices(end), planned(end)).gain_share > 1e-3


@pytest.mark.parametrize(("unmet", "said"), [(0.04, ()), (0.12, ("up to 12%",))])
def test_end_users_who_plan_otherwise_than_identified_are_named(
    unmet: float, said: tuple[str, ...]
) -> None:
    found = list_warnings((GameCertificate(0.0, 0.0, 0.0, T, 0, 0, 0, unmet, 0.0),))
    assert len(found) == len(said)
    assert all(text in line for text, line in zip(said, found, strict=True))
    assert list_warnings(()) == ()


def test_rounds_that_were_spent_and_hours_that_are_left_are_named() -> None:
    spent, left = list_warnings(
        (
            GameCertificate(0.0, 0.0, 0.02, T, 0, 0, 0, 0.0, 0.0),
            GameCertificate(0.0, 0.0, 0.0, T, 0, 0, 2, 0.0, 0.0),
        )
    )
    assert "up to 2.0% of its profit" in spent
    assert "game_rounds" in spent
    assert f"in 2 of {2 * T} hours" in left


def test_a_price_move_that_pays_on_the_devices_themselves_is_found_and_named() -> None:
    """End-users who take 8 kW at any price, though identified as elastic: a cent more pays on all that others do not sell."""
    plain = seats()
    at = replace(
        plain,
        net_kw=np.where(LEADS[:, None], plain.net_kw, 4.0),
        told=plain.told[:1],
        home=plain.home[:1],
    )
    end = played(at)
    rest = 8.0 - at.held.offer_kw[1].sum() / T
    found = tried_usd(at, at.community, end.internal_per_kwh, end.retail_per_kwh)
    assert found == pytest.approx(0.01 * T * rest, rel=1e-9)
    assert (
        "up to 2.0% of its profit"
        in list_warnings((GameCertificate(0.0, 0.0, 0.0, T, 0, 0, 0, 0.0, 0.02),))[0]
    )
    capped = tried_usd(
        at,
        at.community._replace(tariff_per_kwh=end.retail_per_kwh),
        end.internal_per_kwh,
        end.retail_per_kwh,
    )
    assert capped == 0.0
