"""The waterfall: its bars sum to the attainable gain, and each is the difference it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.studies.waterfall import LIMIT, REST, STEPS, Runs, loss_rows, study_losses

USD = st.floats(-1e4, 1e4)


@given(
    USD, st.tuples(USD, USD, USD, USD), st.floats(1.0, 1e4), st.one_of(st.just(np.nan), USD), USD
)
def test_bars_sum_to_the_attainable_gain(flat, steps, gain, free, free_bound):
    table = loss_rows(
        Runs(flat, steps, flat + gain, free, free_bound if np.isfinite(free) else np.nan)
    )
    assert table.change_usd.sum() == pytest.approx(gain, abs=1e-8)
    assert table.share.sum() == pytest.approx(1, abs=1e-8)


def test_bars_in_closed_form():
    table = (
        loss_rows(Runs(-100.0, (-60.0, -55.0, -50.0, -30.0), -20.0, -16.0, -12.0))
        .set_index("cause")
        .change_usd
    )
    expected = {
        "captured": 40,
        "price forecast": 5,
        "unknown draws": 5,
        "on/off units": 20,
        LIMIT: 6,
        REST: 4,
    }
    assert table.to_dict() == pytest.approx(expected)


def test_without_a_limit_there_is_no_bar_of_it():
    assert list(loss_rows(Runs(0.0, (1.0, 2.0, 3.0, 4.0), 5.0, np.nan, np.nan)).cause) == [
        *STEPS,
        REST,
    ]


def test_of_a_scene(scene, tmp_path):
    result = study_losses(scene, "rtp", tmp_path)
    table = result.tables["losses"]
    assert list(table.cause) == [*STEPS, LIMIT, REST]
    assert table.change_usd.sum() == pytest.approx(
        result.summary["manifest"]["bound_usd"] - _flat(tmp_path), abs=1e-9
    )
    assert table.set_index("cause").change_usd[REST] > 0
    assert study_losses(scene, "rtp", tmp_path).summary["losses"] == result.summary["losses"]


def _flat(folder):
    import json

    rows = [json.loads(path.read_text()) for path in (folder / "points").glob("flat-*.json")]
    return rows[0]["row"]["welfare_usd"]


@pytest.mark.parametrize("design", ["flat", "bound", "layerd"])
def test_a_design_that_no_forecast_reaches_is_refused(scene, design):
    with pytest.raises(InputError):
        study_losses(scene, design)
