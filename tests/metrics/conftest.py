"""Two hours of three homes by hand: every figure that a metric gives of them can be found with pencil and paper."""

import numpy as np
import pytest

from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.registry import find
from gridagora.results.metric import Reference
from gridagora.results.outcome import Compensation, Exchange, NetworkResult, Outcome
from gridagora.settlement.ledger import book, join
from gridagora.settlement.parties import run_parties

HOME_KW = np.array(
    [
        [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0],
        [0.0, -1.0, -2.0, -1.0, 0.0, 1.0, 1.0, 0.0],  # panels
        [4.0, 4.0, 0.0, 0.0, 0.0, 0.0, 8.0, 0.0],  # a car
    ]
)
OTHER_KW = 0.5  # the load is 5.5, 4.5, -0.5, 0.5, 2.5, 3.5, 11.5, 2.5
SUN_KW = np.array([0.0, 2.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0])
MADE_KW = np.array([0.0, 2.0, 2.5, 2.0, 1.0, 0.0, 0.0, 0.0])
CAR_KW = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0, 0.0])
WHOLESALE = np.array([0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, -0.1])
PERIOD = Product(Commodity.P, 0, 7200, Horizon.REAL_TIME)


def build(home_kw=HOME_KW, dt_h=0.25, other_kw=OTHER_KW, **changed) -> Outcome:
    """Return the outcome of the two hours, or of other power at the meters; what is changed stands as it is given."""
    n, t = home_kw.shape
    plain = home_kw.shape == HOME_KW.shape
    other_kw = np.broadcast_to(other_kw, t)
    pv_kw = np.zeros((n, t))
    parties = run_parties([f"home {row}" for row in range(n)])
    if plain:
        pv_kw[1] = SUN_KW
    columns = {
        "name": "by hand",
        "start_s": np.arange(t) * round(3600 * dt_h),
        "dt_h": dt_h,
        "limit_kw": 10.0,
        "over_per_kwh": 2.0,
        "delivery_per_kwh": 0.05,
        "export_credit_per_kwh": 0.02,
        "wholesale_per_kwh": WHOLESALE if t == len(WHOLESALE) else np.full(t, 0.1),
        "price_per_kwh": np.array([0.1, 0.1, 0.3, 0.3, 0.3, 0.1, 0.1, 0.1])
        if t == len(WHOLESALE)
        else np.full(t, 0.1),
        "credit_per_kwh": np.zeros(t),
        "load_kw": home_kw.sum(0) + other_kw,
        "other_kw": other_kw,
        "committed_kw": np.zeros(t),
        "award_kw": np.full((n, t), np.nan),
        "place_per_kwh": np.zeros((0, t)),
        "fixed_kw": np.zeros(t),
        "device_kw": {"pv": -MADE_KW, "ev": CAR_KW} if plain else {"pv": np.zeros(t)},
        "home_kw": home_kw,
        "available_kw": {"pv": pv_kw},
        "device_usd": {
            "wear": np.array([0.1, 0.2, 0.3]),
            "comfort": np.array([1.0, 0.0, 2.0]),
            "ev unmet": np.array([0.0, 0.0, 0.6]),
        },
        "felt": {
            "discomfort_k_h": np.array([1.0, 2.0, 6.0]),
            "hot_water_k_h": np.array([0.0, 0.5, 1.0]),
            "ev_unmet_kwh": np.array([0.0, 0.0, 0.6]),
            "hvac_starts": np.array([1.0, 2.0, 0.0]),
        },
        "measures": {
            "discomfort": np.array([1.0, 2.0, 6.0]),
            "hot-water shortfall": np.array([0.0, 0.5, 1.0]),
            "charge missing": np.array([0.0, 0.0, 0.6]),
            "starts": np.array([1.0, 2.0, 0.0]),
        },
        "series": {},
        "owned": {"pv": np.array([False, True, False]), "ev": np.array([False, False, True])},
        "left_usd": 0.25,
        "bill_usd": np.array([2.0, -0.5, 3.0]),
        "parties": parties,
        "ledger": join(
            [book(0, n, "deviation charge", 0.3, PERIOD), book(1, n, "energy", 5.0, PERIOD)]
        ),
        "surplus_uusd": 1_500_000,
        "imbalance_uusd": 0,
        "plan_gap_share": float("nan"),
        "energy_balance_kwh": 0.0,
        "exchange": Exchange(messages=24, bytes=3_000_000, rounds=16, disclosed=7, lean_bits=900),
        "network": flow() if plain else None,
        "wall_s": 1.25,
    }
    return Outcome(**columns | changed)


def flow(**changed) -> NetworkResult:
    """Return the power flow of the two hours; the third interval has none."""
    gap = np.where(np.arange(8) == 2, np.nan, 1.0)
    columns = {
        "losses_kw": 0.1 * gap * np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 1.0]),  # 1.1 in all
        "source_kw": gap * np.array([6.0, 4.0, 0.0, -3.0, 3.0, 4.0, 12.0, 3.0]),  # 35, either way
        "source_kvar": gap * np.array([0.0, 3.0, 0.0, 4.0, -4.0, 3.0, 5.0, 4.0]),  # 23, either way
        "v_min_pu": gap * np.array([0.99, 0.98, 1.0, 1.0, 0.97, 0.97, 0.94, 0.98]),
        "v_max_pu": gap * np.array([1.0, 1.01, 1.0, 1.06, 1.02, 1.0, 1.0, 1.0]),
        "home_v_pu": gap
        * np.array([[1.0, 1, 1, 1, 1, 1, 0.94, 1], [1, 1, 1, 1.06, 1, 1, 0.95, 1.05], [1] * 8]),
        "bus_v_min_pu": np.array([0.94, 1.0]),
        "bus_v_max_pu": np.array([1.06, 1.0]),
        "bus_v_at_peak_pu": np.array([0.94, 1.0]),
        "failed": 1,
        "mismatch_kva": 0.0,
    }
    return NetworkResult(**columns | changed)


def compensate(**changed) -> Compensation:
    """Return an agreed power factor that lacks reactive power in half of the intervals, of which two homes give a part."""
    columns = {
        "need_kvar": np.array([0.0, 2.0, 3.0, 0.0, 0.0, -4.0, 5.0, 0.0]),
        "given_kvar": np.array(
            [[0.0, -1, -1, 0, 0, 1, -2, 0], [0, -1, -1, 0, 0, 2, -1, 0], [0.0] * 8]
        ),
        "unmet_kvar": np.array([0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 2.0, 0.0]),
        "price_per_kvarh": np.array([0.0, 0.01, 0.02, 0.0, 0.0, -0.03, 0.04, 0.0]),
        "loss_usd": 0.125,
        "elsewhere_usd": 0.375,
    }
    return Compensation(**columns | changed)


def value(metric_id: str, outcome: Outcome, **against) -> float:
    """Return what a metric says of an outcome; `against` is what it may compare with."""
    return find("metric", metric_id).compute(
        outcome, Reference(**{"flat": None, "bound_usd": None} | against)
    )


@pytest.fixture(scope="session")
def metric_value():
    """Return the value of a metric by its identifier."""
    return value


@pytest.fixture(scope="session")
def make():
    """Return what builds an outcome by hand."""
    return build


@pytest.fixture(scope="session")
def make_flow():
    """Return what builds a power flow by hand."""
    return flow


@pytest.fixture(scope="session")
def make_reactive():
    """Return what builds the reactive side by hand."""
    return compensate
