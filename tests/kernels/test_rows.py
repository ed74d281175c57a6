"""Rows of stores: tables one after another answer as each of them, and blocks of rows do not change what is done."""

from threading import get_ident

import numpy as np
import pytest

from gridagora.kernels.stores.table import ALONE, Stores, join_rows, run_blocks
from gridagora.kernels.stores.value import best_response, marginal_value, rows, stores

H = 6
PRICE = np.array([0.05, 0.30, 0.10, 0.02, 0.40, 0.20])


def batteries(n: int, size: float = 10.0) -> Stores:
    start = np.linspace(0.1, 0.9, n) * size
    return stores(
        start,
        np.ones(H),
        p_min_kw=-4.0,
        p_max_kw=4.0,
        x_max=size,
        gain_in=0.95,
        gain_out=0.95,
        wear_per_kwh=0.005,
        end_x=(0.0, 5.0, 10.0),
        end_mu=(0.25, 0.15, 0.05),
    )


def tanks(n: int) -> Stores:
    inflow = -np.linspace(0.2, 0.8, n)[:, None] * np.array([0.0, 1.0, 0.5, 0.0, 2.0, 1.0])
    return stores(np.full(n, 3.0), np.ones(H), leak=0.98, inflow=inflow, p_max_kw=4.5, x_max=8.0)


def test_joined_tables_answer_as_each_of_them_does():
    parts = [batteries(3), tanks(4), batteries(2, 6.0)]
    whole = best_response(join_rows(parts), PRICE, PRICE)
    each = [best_response(part, PRICE, PRICE) for part in parts]
    for name in ("p_kw", "x", "cost_usd", "bound_usd", "slope", "missing", "hulled"):
        alone = np.concatenate([getattr(found, name) for found in each])
        assert np.array_equal(getattr(whole, name), alone), name


def test_joined_tables_have_the_values_of_each():
    parts = [batteries(3), tanks(4)]
    whole = marginal_value(join_rows(parts), PRICE, keep=2)
    each = [marginal_value(part, PRICE, keep=2) for part in parts]
    assert np.array_equal(whole.x, np.concatenate([found.x for found in each]))
    assert np.array_equal(whole.mu, np.concatenate([found.mu for found in each]))
    lengths = np.concatenate([np.diff(found.offset) for found in each])
    assert np.array_equal(np.diff(whole.offset), lengths)


def test_rows_are_in_the_order_of_the_tables():
    whole = join_rows([batteries(2), tanks(3)])
    assert whole.x0.tolist() == [1.0, 9.0, 3.0, 3.0, 3.0]
    assert whole.x_max[:, 0].tolist() == [10.0, 10.0, 8.0, 8.0, 8.0]


def test_a_shorter_end_value_is_filled_with_its_last_point():
    whole = join_rows([batteries(1), tanks(1)])
    assert whole.end_x.tolist() == [[0.0, 5.0, 10.0], [0.0, 1.0, 1.0]]
    assert whole.end_mu.tolist() == [[0.25, 0.15, 0.05], [0.0, 0.0, 0.0]]


def test_a_column_that_holds_for_all_steps_stays_one_number_a_row():
    whole = join_rows([batteries(2), tanks(3)])
    assert whole.p_max_kw.strides[1] == 0
    assert whole.p_max_kw.shape == (5, H)
    assert whole.inflow.strides[1] != 0, "that of the tanks varies"


def test_one_table_joined_is_itself():
    part = tanks(3)
    whole = join_rows([part])
    for name in Stores._fields:
        assert np.array_equal(getattr(whole, name), getattr(part, name)), name


@pytest.mark.parametrize("chosen", [np.array([2, 0]), np.array([False, True, True])])
def test_chosen_rows_of_a_joined_table_answer_alike(chosen):
    part = batteries(3)
    whole = best_response(join_rows([part, tanks(1)]), PRICE, PRICE)
    some = best_response(rows(part, chosen), PRICE, PRICE)
    assert np.array_equal(some.p_kw, whole.p_kw[:3][chosen])
    assert np.array_equal(some.cost_usd, whole.cost_usd[:3][chosen])


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 7, ALONE, 300])
def test_every_row_is_done_once_and_in_order(n, threads):
    spans = run_blocks(n, lambda a, b: (a, b), threads, block=64)
    assert [row for a, b in spans for row in range(a, b)] == list(range(n))
    assert all(b - a <= 64 for a, b in spans)


def test_few_rows_are_done_where_they_are_asked_for():
    here = run_blocks(ALONE - 1, lambda *_: get_ident(), 2)
    assert set(here) == {get_ident()}
    away = run_blocks(ALONE - 1, lambda *_: get_ident(), 2, alone=1)
    assert get_ident() not in away


def test_a_fault_of_a_block_is_not_lost():
    def refuse(first: int, _: int) -> None:
        if first:
            raise ValueError("second block")

    with pytest.raises(ValueError, match="second block"):
        run_blocks(200, refuse, 2, block=100)
