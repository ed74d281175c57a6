"""The rounds of the retail game by themselves: how hard they pull."""

import numpy as np
import pytest

from gridagora.mechanisms.retail.clearing import GameParameters
from gridagora.mechanisms.retail.game import aggregate_followers
from gridagora.mechanisms.retail.protocol import (
    GameResult,
    StoppingRule,
    adjust_pulls,
    first_pull_per_kwh_kw,
    open_protocol,
)

T, N = 4, 3
BUY = np.array([0.1, 0.2, 0.3, 0.2])


def test_where_nobody_can_move_a_pull_ends_at_its_bound_and_comes_back_when_somebody_does() -> None:
    """Residuals would ask for half as much again in every round."""
    c, rule = (
        GameParameters(
            aggregate_followers(np.full((2, T), 0.5), np.full((2, T), 0.1)), BUY, 0.5 * BUY, N, N
        ),
        StoppingRule(),
    )
    first, nobody = first_pull_per_kwh_kw(c, rule), np.zeros((N, T))
    begun = open_protocol(c, rule, None)
    board = begun._replace(
        inside=begun.inside._replace(taken_kw=np.full(T, 10.0)), relaxed_kw=np.full(T, 5.0)
    )
    for _ in range(80):
        board = adjust_pulls(c, board, rule, nobody)
    np.testing.assert_allclose(board.pull_per_kwh_kw, rule.most_pull_ratio * first, rtol=1e-12)
    moving = adjust_pulls(c, board, rule, np.full((N, T), 5.0))
    assert (moving.pull_per_kwh_kw < board.pull_per_kwh_kw).all()


def test_a_session_that_goes_on_begins_its_pulls_anew() -> None:
    c, rule = (
        GameParameters(
            aggregate_followers(np.full((2, T), 0.5), np.full((2, T), 0.1)), BUY, 0.5 * BUY, N, N
        ),
        StoppingRule(),
    )
    first = first_pull_per_kwh_kw(c, rule)
    assert first == pytest.approx(0.3 * N * 0.05)
    none, hours = np.zeros((N, T)), np.zeros(T)
    last = GameResult(
        BUY,
        BUY,
        none,
        none,
        hours,
        np.full(T, 9 * first),
        1,
        1,
        np.zeros(0, np.int64),
        0.0,
        0.0,
        converged=True,
    )
    np.testing.assert_allclose(open_protocol(c, rule, last).pull_per_kwh_kw, first)
