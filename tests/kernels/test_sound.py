"""The compiled check of a table of stores finds what the rules say in words, wherever it stands."""

import numpy as np
import pytest

from gridagora.kernels.stores.sound import is_sound
from gridagora.kernels.stores.table import COLUMNS, FIELDS, READ1, READ2, compile_entry, stores

N, H = 3, 4
GOOD = {
    "p_min_kw": 0.0,
    "p_max_kw": 5.0,
    "x_max": 10.0,
    "gain_in": 0.9,
    "k_c": 0.1,
    "c_x": 1.0,
    "c_p": 0.2,
}
WRONG = {
    "leak": 0.0,
    "p_max_kw": -1.0,
    "x_max": -1.0,
    "gain_in": 0.0,
    "gain_out": -0.5,
    "wear_per_kwh": -1.0,
    "k_x": -1.0,
    "dead": -1.0,
    "k_c": -1.0,
    "c_x": -1.0,
    "c_p": -0.2,
    "p_min_kw": -1.0,
    "prox": -1.0,
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (N - 1, H - 1)])
def test_one_wrong_number_is_found_by_field_row_and_step(
    field: str, place: tuple[int, int]
) -> None:
    values = np.full((N, H), GOOD.get(field, 1.0 if field in {"leak", "gain_out"} else 0.0))
    stores(np.zeros(N), np.ones(H), **{**GOOD, field: values.copy()})
    for wrong in (np.nan, np.inf, WRONG.get(field, -np.inf)):
        values[place] = wrong
        with pytest.raises(ValueError, match=f"row {place[0]}, step {place[1]}"):
            stores(np.zeros(N), np.ones(H), **{**GOOD, field: values.copy()})


@pytest.mark.parametrize("spread", ["number", "rows", "steps"])
@pytest.mark.parametrize("field", WRONG)
def test_a_number_shared_by_rows_or_steps_is_checked(field: str, spread: str) -> None:
    shape = {"number": (), "rows": (N, 1), "steps": (H,)}[spread]
    values = np.full(shape, WRONG[field])
    with pytest.raises(ValueError, match="stores: row"):
        stores(np.zeros(N), np.ones(H), **{**GOOD, field: values})


@pytest.mark.parametrize(
    "ends",
    [
        {"end_x": (1.0, 0.0)},
        {"end_mu": (0.0, 1.0)},
        {"end_mu": (np.nan, np.nan)},
        {"end_x": np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])},
    ],
)
def test_end_values_are_checked(ends: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="stores: row"):
        stores(np.zeros(N), np.ones(H), **ends)


def test_a_round_trip_that_gains_is_found() -> None:
    both = {"p_min_kw": -1.0, "p_max_kw": 1.0, "gain_in": 1.0}
    stores(np.zeros(N), np.ones(H), **both, gain_out=1.0)
    with pytest.raises(ValueError, match="round trip"):
        stores(np.zeros(N), np.ones(H), **both, gain_out=1.01)


def test_a_table_without_rows_is_sound() -> None:
    empty = stores(np.zeros(0), np.ones(H), **GOOD)
    check = compile_entry(is_sound, COLUMNS, READ1, READ2, READ2)
    assert check(tuple(empty[2:21]), empty.x0, empty.end_x, empty.end_mu)
