"""A results folder that was written once: the same scene gives the same tables, to the last digits that machines share.

What a library or a processor rounds decides nothing (`tests/laws/test_last_digit.py`): integers are the same everywhere.

Renew it where a change of results is meant, and say in the commit why they moved:

    python -m gridagora compare tests/golden/scene.toml --out tests/golden/expected
    cd tests/golden/expected && rm -r report.html finished
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.run.compare import compare
from gridagora.scenario.build import load

HERE = Path(__file__).parent
KEPT = HERE / "expected"
TABLES = sorted(path.stem for path in (KEPT / "tables").glob("*.parquet"))
NEAR = 1e-9  # of a figure: compilers and libraries of linear algebra differ in the last digits
# of what follows from the power flow, which ends where no voltage moves by more than 1e-8 of its nominal: by a last digit
# it may be a round earlier; quantities of losses and of reactive power in the ledger are sums of it
FLOW_NEAR = 1e-7
FLOW = {
    "intervals": {
        "losses_kw",
        "current_unbalance_share",
        "reactive_need_kvar",
        "reactive_homes_kvar",
        "reactive_unmet_kvar",
    },
    "ledger": {"quantity_kwh"},
}
TIMES = {"I3"}  # wall time


@pytest.fixture(scope="module")
def again():
    return compare(load(HERE / "scene.toml"))


def test_the_golden_folder_is_there():
    assert {"intervals", "homes", "ledger", "costs"} <= set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_as_it_was_written(again, name):
    kept, now = pd.read_parquet(KEPT / "tables" / f"{name}.parquet"), again.tables[name]
    assert set(kept.columns) <= set(now.columns)
    assert len(kept) == len(now)
    for column in kept.columns:
        old, new = kept[column].to_numpy(), now[column].to_numpy()
        if np.issubdtype(old.dtype, np.floating):
            near = FLOW_NEAR if column in FLOW.get(name, ()) else NEAR
            np.testing.assert_allclose(new, old, rtol=near, atol=near, err_msg=f"{name}.{column}")
        else:
            assert (old == new).all(), f"{name}.{column}"


def test_metrics_and_certificates_are_as_they_were(again):
    kept = json.loads((KEPT / "summary.json").read_text(encoding="utf-8"))["architectures"]
    assert set(kept) == set(again.summary["architectures"])
    for design, entry in kept.items():
        now = again.summary["architectures"][design]
        for metric_id, metric in entry["metrics"].items():
            if metric_id not in TIMES and metric["value"] is not None:
                value = now["metrics"][metric_id]["value"]
                assert value == pytest.approx(metric["value"], rel=1e-8, abs=1e-8), (
                    design,
                    metric_id,
                )
        assert now["warnings"] == entry["warnings"], design
