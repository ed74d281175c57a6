"""Laws of limits: rows are sums up the tree, what is beyond costs convexly, and a row that nobody can break changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.core.exchange import tender
from gridagora.core.limits import (
    Coefficients,
    LimitKind,
    bounds_of,
    broken_kwh,
    check_limits,
    keep_reserve,
    limit_places,
    limit_substation,
    load_of,
    soft_cost_usd,
    stack,
    steps_of,
)
from gridagora.core.place import Level, lift_kw, places
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.registry import find
from gridagora.core.session import (
    REACH_KW,
    MessageCount,
    Opening,
    SupplyOffer,
    Topology,
    drive,
    supply_curve,
)
from gridagora.kernels.curves.curve import Curves

H = 3


def drawn(seed: int):
    """Return a tree of zones and transformers, homes at any of them, their power, and what others draw, in whole watts."""
    rng = np.random.default_rng(seed)
    zones, transformers, n = (
        int(rng.integers(1, 4)),
        int(rng.integers(1, 7)),
        int(rng.integers(1, 30)),
    )
    levels = [Level.TRANSFORMER] * transformers + [Level.ZONE] * zones + [Level.FEEDER]
    top = transformers + zones
    tree = places(
        [f"p{i}" for i in range(top + 1)],
        levels,
        [*(transformers + rng.integers(0, zones, transformers)), *[top] * zones, -1],
    )
    place = rng.integers(0, top + 1, n)
    high = np.where(rng.random(top + 1) < 0.7, rng.uniform(0.1, 50.0, top + 1), np.inf)
    return (
        tree,
        place,
        high,
        rng.integers(-9000, 9000, (n, H)) / 1e3,
        rng.integers(-9, 9, (top + 1, H)).astype(float),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_rows_are_the_sums_up_the_tree_exactly(seed):
    tree, place, high, p_kw, base = drawn(seed)
    inner = limit_places(tree, place, high, base, 1.0)
    limits = stack([limit_substation(len(place), base[-1], 20.0, 2.0), inner])
    lifted, at = lift_kw(tree, place, p_kw), np.flatnonzero((tree.parent >= 0) & np.isfinite(high))
    assert np.array_equal(load_of(inner, p_kw), lifted[at] + base[at])
    assert np.array_equal(load_of(limits, p_kw, np.ones_like(p_kw))[0], lifted[-1] + base[-1])
    assert limits.kind.tolist() == [
        LimitKind.SUBSTATION,
        *(LimitKind.ZONE if tree.level[i] == Level.ZONE else LimitKind.TRANSFORMER for i in at),
    ]
    bounds = bounds_of(limits, tree)
    assert np.array_equal(bounds.high_kw[at], np.repeat(high[at, None], H, 1))
    assert np.array_equal(bounds.low_kw, -bounds.high_kw)
    assert (bounds.high_kw[-1] == 20.0).all()
    assert np.array_equal(bounds.base_kw[-1], base[-1])
    order = np.random.default_rng(seed).permutation(len(place))
    assert np.array_equal(
        load_of(limit_places(tree, place[order], high, base, 1.0), p_kw[order]),
        load_of(inner, p_kw),
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_what_is_beyond_costs_convexly_and_nothing_within(seed, share):
    tree, place, high, p_kw, base = drawn(seed)
    limits = limit_places(tree, place, high, base, 0.7)
    one, other = load_of(limits, p_kw), load_of(limits, p_kw[::-1])
    between = soft_cost_usd(limits, share * one + (1 - share) * other, 0.25)
    assert (
        between
        <= share * soft_cost_usd(limits, one, 0.25)
        + (1 - share) * soft_cost_usd(limits, other, 0.25)
        + 1e-9
    ).all()
    assert not broken_kwh(limits, np.clip(one, limits.low, limits.high), 0.25).any()
    assert np.allclose(broken_kwh(limits, limits.high + 4.0, 0.25), 4.0 * 0.25 * H)
    assert np.allclose(broken_kwh(limits, limits.low - 4.0, 0.25), 4.0 * 0.25 * H)


@pytest.mark.parametrize("name", ["central", "layered"])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_row_that_nobody_can_break_changes_nothing(name, direction):
    """Homes that can move 8 kW in all, below a zone of 9 kW, a transformer of 100 kW and a substation of 9 kW."""
    tree = places(
        ["t", "zone", "feeder"], [Level.TRANSFORMER, Level.ZONE, Level.FEEDER], [1, 2, -1]
    )
    site, product = (
        Topology(tree, np.zeros(2, np.int64)),
        Product(Commodity.P, 0, 900, Horizon.REAL_TIME, 0),
    )
    supply = SupplyOffer(np.array([0.2]), np.array([0.1]), np.zeros(1))
    curve = Curves(
        np.array([0, 2, 4]),
        np.array([-4.0, 4.0, -4.0, 4.0]),
        np.full(4, 1.0 if direction > 0 else 0.01),
    )
    open_to = limit_substation(2, supply.base_kw, np.inf, 1.0)
    wide = stack(
        [
            limit_substation(2, supply.base_kw, 9.0, 1.0),
            limit_places(tree, site.place, np.array([100.0, 9.0, np.inf]), np.zeros((3, 1)), 1.0),
        ]
    )
    tight = wide._replace(low=np.full_like(wide.low, -3.0), high=np.full_like(wide.high, 3.0))
    found = []
    for limits in (None, open_to, wide, tight):
        opening = Opening(product, np.arange(2), supply, site, limits=limits)
        session = find("market", name)(reserve_share=0.0).clear(opening, None)
        found.append(
            drive(
                session, lambda _: tender(product, np.arange(2), curve), MessageCount()
            ).result.transactions
        )
    for one in found[1:3]:
        assert np.array_equal(one.p_kw, found[0].p_kw)
        assert np.array_equal(one.price_per_kwh, found[0].price_per_kwh)
    assert direction * found[0].p_kw.sum() == pytest.approx(8.0)
    assert direction * found[3].p_kw.sum() == pytest.approx(3.0)


def test_a_substation_may_import_more_than_it_exports():
    supply = SupplyOffer(np.array([0.2]), np.array([0.1]), np.zeros(1))
    both = limit_substation(1, supply.base_kw, 8.0, 1.0)
    power, price = supply_curve(supply, both._replace(low=np.array([[-2.0]])))
    assert power.tolist() == [-REACH_KW, -2.0, -2.0, 0.0, 0.0, 8.0, 8.0, REACH_KW]
    assert price.tolist() == pytest.approx([-0.9, -0.9, 0.1, 0.1, 0.2, 0.2, 1.2, 1.2])
    power, price = supply_curve(supply, both._replace(low=np.array([[-np.inf]])))
    assert power.tolist() == [-REACH_KW, 0.0, 0.0, 8.0, 8.0, REACH_KW]
    assert price.tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2, 1.2, 1.2])


def test_steps_and_reserve():
    limits = limit_substation(2, np.arange(5.0), 10.0, 1.0)
    cut = keep_reserve(steps_of(limits, 1, 2), 0.03)
    assert cut.c.tolist() == [[1.0, 2.0]]
    assert cut.high.tolist() == [[9.7, 9.7]]
    assert cut.low.tolist() == [[-9.7, -9.7]]


def test_reactive_power_counts_where_a_row_says_so():
    row = limit_substation(2, np.zeros(1), 10.0, 1.0)._replace(
        b=Coefficients(np.array([0, 1]), np.array([1]), np.array([0.5]))
    )
    check_limits(row, 2)
    assert load_of(row, np.array([[1.0], [2.0]]), np.array([[8.0], [4.0]]))[0, 0] == 5.0


def test_every_fault_is_told_at_once_by_the_name_of_the_row():
    good = limit_substation(2, np.zeros(2), 10.0, 1.0)
    bad = stack(
        [
            good,
            good._replace(
                name=("zone 1",), low=np.array([[0.0, 11.0]]), over_per_kwh=np.array([np.inf])
            ),
        ]
    )
    bad = bad._replace(
        a=Coefficients(bad.a.start, bad.a.party + 1, bad.a.value * np.nan),
        c=np.array([[0.0, np.nan], [0.0, 0.0]]),
    )
    with pytest.raises(PartError) as told:
        check_limits(bad, 2)
    text = str(told.value)
    for said in (
        "limit 'substation': a names parties 1 to 2, expected 0 to 1",
        "c holds a value that is no number",
        "limit 'zone 1': got low 11 and high 10 in step 1",
        "a price of inf $/kWh",
        "a holds a value that is no number",
    ):
        assert said in text
    with pytest.raises(PartError, match=r"low has shape \(1, 1\), expected \(1, 2\)"):
        check_limits(good._replace(low=np.zeros((1, 1))), 2)


def test_limits_by_place_are_those_of_their_rows_and_nothing_elsewhere():
    """A zone of 4 kW that others load with 1, below a substation of 9 kW with 2; a transformer without a limit."""
    tree = places(["t", "z", "feeder"], [Level.TRANSFORMER, Level.ZONE, Level.FEEDER], [1, 2, -1])
    place, base = np.zeros(2, np.int64), np.array([[7.0], [1.0], [2.0]])
    rows = stack(
        [
            limit_substation(2, base[2], 9.0, 0.5),
            limit_places(tree, place, np.array([np.inf, 4.0, np.inf]), base, 0.25),
        ]
    )
    found = bounds_of(rows, tree)
    assert found.high_kw[:, 0].tolist() == [np.inf, 4.0, 9.0]
    assert found.low_kw[:, 0].tolist() == [-np.inf, -4.0, -9.0]
    assert found.base_kw[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert found.over_per_kwh.tolist() == [0.0, 0.25, 0.5]
    assert rows.name == ("substation", "z")
    assert rows.kind.tolist() == [LimitKind.SUBSTATION, LimitKind.ZONE]
    assert load_of(rows, np.array([[1.5], [2.0]]))[:, 0].tolist() == [5.5, 4.5]
