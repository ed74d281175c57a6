"""The reactive market: laws of the clearing, the same answer as a quadratic programme and as the curve algebra, and refusals."""

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.kernels.curves import curve
from gridagora.mechanisms import reactive

CAP = 0.004
T = 40


def case(seed: int, n: int = 7, t: int = T):
    """Return inverters of two sizes and losses, their capability, needs from nil to hopeless, and prices with free intervals."""
    rng = np.random.default_rng(seed)
    table = reactive.join_inverters(
        rng.integers(0, 5, n), rng.choice([2.0, 4.2, 5.0], n), rng.choice([0.01, 0.017, 0.03], n)
    )
    p_kw = table.rating_kva[:, None] * rng.choice([0.0, 0.5, 0.95, 1.0, -0.97], (n, t))
    q_max = reactive.capability(table, p_kw)
    need = q_max.sum(0) * rng.choice([0.0, 0.02, 0.3, 0.8, 1.3], t) * rng.choice([-1.0, 1.0], t)
    price = rng.choice([-0.02, 0.0, 0.03, 0.1, 0.5, 4.0], t)
    return table, q_max, need, price


def clear(need=(1.0,), q_max=((1.0,),), price=(1.0,), cap=CAP):
    """Clear one inverter with one thing changed."""
    columns = [np.asarray(column, float) for column in (q_max, price)]
    return reactive.clear(
        np.asarray(need, float), reactive.join_inverters([0], [5.0]), *columns, cap
    )


def cost_usd(table, q_kvar, price):
    return (reactive.loss_kw(table, q_kvar) * np.maximum(price, 0)).sum(0)


def programme(steep, q_max, need, cap):
    """Least of steep q^2 + cap rest over 0 <= q <= q_max, sum q + rest = need: (q, rest, dual of the sum)."""
    n = len(steep)
    hold = clarabel.DefaultSettings()
    hold.verbose, hold.max_iter = False, 400
    hold.tol_gap_abs = hold.tol_gap_rel = hold.tol_feas = 1e-14
    square = sp.diags(np.append(2 * steep, 0.0)).tocsc()
    rows = sp.vstack([sp.csr_matrix(np.ones((1, n + 1))), -sp.eye(n + 1), sp.eye(n, n + 1)]).tocsc()
    bounds = np.concatenate([[need], np.zeros(n + 1), q_max])
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(2 * n + 1)]
    found = clarabel.DefaultSolver(
        square, np.append(np.zeros(n), cap), rows, bounds, cones, hold
    ).solve()
    return np.array(found.x[:n]), found.x[n], -found.z[0]


@pytest.mark.parametrize("seed", range(6))
def test_supplied_and_unmet_is_the_need_and_nobody_gives_more_than_it_can(seed: int) -> None:
    table, q_max, need, price = case(seed)
    found = reactive.clear(need, table, q_max, price, CAP)
    np.testing.assert_allclose(found.q_kvar.sum(0) + need, found.unmet_kvar, atol=1e-12)
    assert (np.abs(found.q_kvar) <= q_max).all()
    assert (np.abs(found.price_per_kvarh) <= CAP).all()
    assert (found.q_kvar * np.sign(need) <= 0).all()
    assert (found.unmet_kvar * need >= 0).all()
    assert (np.abs(found.price_per_kvarh[found.unmet_kvar != 0]) == CAP).all()
    assert (found.unmet_kvar != 0).any()
    assert (found.unmet_kvar == 0).any()


@pytest.mark.parametrize("seed", range(6))
def test_no_inverter_loses_and_none_could_gain_more_at_the_price(seed: int) -> None:
    table, q_max, need, price = case(seed)
    found = reactive.clear(need, table, q_max, price, CAP)
    surplus = -found.price_per_kvarh * found.q_kvar - reactive.loss_kw(
        table, found.q_kvar
    ) * np.maximum(price, 0)
    assert (surplus >= -1e-15).all()
    for way in np.linspace(-1, 1, 9):
        other = way * q_max
        gain = -found.price_per_kvarh * other - reactive.loss_kw(table, other) * np.maximum(
            price, 0
        )
        assert (gain <= surplus + 1e-12).all()


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_order_of_inverters_changes_no_bit(seed: int) -> None:
    table, q_max, need, price = case(seed, n=9, t=12)
    order = np.random.default_rng(seed + 1).permutation(9)
    one = reactive.clear(need, table, q_max, price, CAP)
    other = reactive.clear(
        need, reactive.Inverters(*(column[order] for column in table)), q_max[order], price, CAP
    )
    assert (one.q_kvar[order] == other.q_kvar).all()
    for name in ("price_per_kvarh", "share", "unmet_kvar"):
        assert (getattr(one, name) == getattr(other, name)).all()


def test_the_price_rises_with_the_need_and_turns_with_its_sign() -> None:
    table, q_max, _, _ = case(3, t=1)
    need = np.linspace(-1.2, 1.2, 81) * q_max.sum()
    found = reactive.clear(need, table, np.repeat(q_max, 81, axis=1), np.full(81, 0.1), CAP)
    assert (np.diff(found.price_per_kvarh) >= 0).all()
    assert len(np.unique(found.price_per_kvarh)) > 60
    np.testing.assert_allclose(found.price_per_kvarh, -found.price_per_kvarh[::-1], atol=1e-15)
    np.testing.assert_allclose(found.q_kvar, -found.q_kvar[:, ::-1], atol=1e-12)


def test_no_need_no_price() -> None:
    table, q_max, _, price = case(1)
    found = reactive.clear(np.zeros(T), table, q_max, price, CAP)
    for column in (found.q_kvar, found.price_per_kvarh, found.unmet_kvar):
        assert (column == 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_equals_a_quadratic_programme(seed: int) -> None:
    table, q_max, need, price = case(seed, t=25)
    found = reactive.clear(need, table, q_max, price, CAP)
    checked = 0
    for i in np.flatnonzero((price > 0) & (need != 0))[:8]:
        unit = price[i] * float(
            (table.loss_share / table.rating_kva).mean()
        )  # money in this unit keeps the programme near one
        steep = price[i] * table.loss_share / table.rating_kva / unit
        q, rest, dual = programme(steep, q_max[:, i], abs(need[i]), CAP / unit)
        np.testing.assert_allclose(np.abs(found.q_kvar[:, i]), q, rtol=0, atol=1e-9)
        assert abs(found.unmet_kvar[i]) == pytest.approx(rest, rel=0, abs=1e-9)
        assert abs(found.price_per_kvarh[i]) == pytest.approx(dual * unit, rel=0, abs=1e-9)
        ours = cost_usd(table, found.q_kvar, price)[i] + CAP * abs(found.unmet_kvar[i])
        assert ours == pytest.approx(unit * (steep @ q**2) + CAP * rest, rel=0, abs=1e-9)
        checked += 1
    assert checked == 8


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_clearing_of_curves_on_every_interval(seed: int) -> None:
    table, q_max, need, price = case(seed)
    found = reactive.clear(need, table, q_max, price, CAP)
    far = 1e4
    elsewhere = np.array([-far, 0.0, 0.0, far]), np.array([-CAP, -CAP, CAP, CAP])
    for i in range(T):
        offers = reactive.make_offers(table, q_max[:, i], price[i])
        curve.curves(
            [(offers.p_kw[a : a + 2], offers.price_per_kwh[a : a + 2]) for a in offers.offset[:-1]]
        )  # monotone or refused
        one = curve.clear(offers, need[i], *elsewhere)
        assert found.price_per_kvarh[i] == pytest.approx(one.price_per_kwh, rel=0, abs=1e-9)
        assert found.unmet_kvar[i] == pytest.approx(
            one.q_kw, rel=0, abs=2e-8
        )  # curves add in whole micro-vars
        own = curve.power_at(offers, found.price_per_kvarh[i], found.share[i])
        np.testing.assert_allclose(own, found.q_kvar[:, i], rtol=0, atol=1e-9)


def test_two_alike_halve_it_and_a_larger_one_gives_more() -> None:
    alike = reactive.join_inverters([0, 1], [5.0, 5.0], 0.02)
    found = reactive.clear(np.array([2.0]), alike, np.full((2, 1), 2.2), np.array([0.1]), 1.0)
    assert found.q_kvar.ravel().tolist() == [-1.0, -1.0]
    assert found.price_per_kvarh[0] == pytest.approx(2 * 0.1 * 0.02 / 5.0 * 1.0, rel=1e-12)
    unlike = reactive.join_inverters([0, 1], [4.0, 2.0], 0.02)
    found = reactive.clear(np.array([1.5]), unlike, np.full((2, 1), 2.0), np.array([0.1]), 1.0)
    np.testing.assert_allclose(found.q_kvar.ravel(), [-1.0, -0.5], rtol=1e-12)


def test_free_energy_is_shared_by_capability_and_nobody_is_enough_for_nothing() -> None:
    table = reactive.join_inverters([0, 1], [5.0, 2.5])
    found = reactive.clear(
        np.array([1.5, 9.0]), table, np.array([[2.0, 2.0], [1.0, 1.0]]), np.array([-0.01, 0.0]), CAP
    )
    np.testing.assert_allclose(found.q_kvar, [[-1.0, -2.0], [-0.5, -1.0]], rtol=1e-12)
    assert found.price_per_kvarh.tolist() == [0.0, CAP]
    assert found.unmet_kvar.tolist() == [0.0, 6.0]
    nobody = reactive.join_inverters(np.zeros(0, np.int64), np.zeros(0))
    found = reactive.clear(
        np.array([1.0, 0.0, -2.0]), nobody, np.zeros((0, 3)), np.full(3, 0.1), CAP
    )
    assert found.unmet_kvar.tolist() == [1.0, 0.0, -2.0]
    assert found.price_per_kvarh.tolist() == [CAP, 0.0, -CAP]


def test_capability_is_what_rating_and_category_b_leave() -> None:
    table = reactive.join_inverters([0, 1], [5.0, 10.0])
    p_kw = np.array([[0.0, -4.0, 4.8, 5.0], [10.0, 6.0, -9.9, 0.0]])
    expected = [[2.2, 2.2, 1.4, 0.0], [0.0, 4.4, np.sqrt(100 - 9.9**2), 4.4]]
    np.testing.assert_allclose(reactive.capability(table, p_kw), expected, atol=1e-9)
    least = reactive.capability(
        table, np.array([[0.0, 0.2, 0.5, 1.0], [0.0, 0.0, 0.0, 10.0]]), full_from_share=0.2
    )
    np.testing.assert_allclose(least, [[0.0, 0.0, 1.1, 2.2], [0.0, 0.0, 0.0, 0.0]], atol=1e-12)


def test_loss_is_the_square_part_of_the_inverter_curve() -> None:
    table = reactive.join_inverters([0], [5.0])
    z = np.linspace(0.1, 1.0, 10)
    lost = z * (1 - 0.96 / 0.9637 * (-0.0162 * z - 0.0059 / z + 0.9858)) / 0.96
    assert np.polyfit(z, lost, 2)[0] == pytest.approx(reactive.LOSS_SHARE, rel=1e-9)
    assert reactive.loss_kw(table, np.array([[5.0]]))[0, 0] == pytest.approx(
        5.0 * reactive.LOSS_SHARE
    )


def test_need_knows_export_and_both_signs() -> None:
    p_kw, tan = np.array([100.0, -100.0, 100.0, -100.0, 100.0, 0.0]), np.tan(np.arccos(0.95))
    q_kvar = np.array([50.0, 50.0, -50.0, -50.0, 30.0, -7.0])
    beyond = 50 - 100 * tan
    np.testing.assert_allclose(
        reactive.need(p_kw, q_kvar, 0.95), [beyond, beyond, -beyond, -beyond, 0.0, -7.0], atol=1e-12
    )
    assert (reactive.need(p_kw, q_kvar, 1.0) == q_kvar).all()


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.1, 1.0))
@settings(max_examples=50, deadline=None)
def test_once_the_need_is_met_the_power_factor_holds(
    p: float, q: float, power_factor: float
) -> None:
    wanted = reactive.need(np.array([p]), np.array([q]), power_factor)[0]
    assert abs(wanted) <= abs(q)
    left = q - wanted
    assert abs(p) >= power_factor * np.hypot(p, left) - 1e-9


def test_what_a_scenario_gets_wrong_is_said_at_once() -> None:
    assert reactive.check(0.95, CAP) == []
    assert [problem.where for problem in reactive.check(0.0, -1.0)] == [
        "power factor",
        "cap of the reactive price",
    ]
    assert len(reactive.check(np.nan, np.nan)) == 2


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (
            lambda: reactive.join_inverters([3, 8], [5.0, 0.0]),
            "inverter 1 of home 8: rating 0 kVA, expected a number above 0",
        ),
        (
            lambda: reactive.join_inverters([3], [5.0], np.nan),
            "inverter 0 of home 3: loss share nan",
        ),
        (
            lambda: reactive.capability(
                reactive.join_inverters([8], [5.0]), np.array([[1.0, -6.0]])
            ),
            "home 8, interval 1: -6 kW through 5 kVA",
        ),
        (
            lambda: reactive.capability(reactive.join_inverters([8], [5.0]), np.array([[np.nan]])),
            "active power, inverter 0, interval 0: got nan",
        ),
        (
            lambda: reactive.need(np.array([1.0, np.inf]), np.zeros(2), 0.9),
            "active power at the boundary, interval 1: got inf",
        ),
        (lambda: reactive.need(np.zeros(1), np.zeros(1), 1.2), "power factor 1.2"),
        (lambda: clear(need=np.array([np.nan])), "reactive need, interval 0: got nan"),
        (lambda: clear(price=np.zeros(2)), r"energy price: got shape \(2,\)"),
        (lambda: clear(q_max=np.full((1, 1), -1.0)), "capabilities of at least 0"),
        (lambda: clear(cap=0.0), "cap above 0"),
    ],
)
def test_what_is_no_column_is_refused_with_a_sentence(build, sentence: str) -> None:
    with pytest.raises(PartError, match=sentence):
        build()


@pytest.mark.parametrize("price", [0.0, 0.1])
def test_inverters_that_can_give_nothing_leave_all_unmet_at_the_price_of_elsewhere(price) -> None:
    """Also where energy is free, of which any share of nothing is nothing."""
    found = clear(need=(2.0,), q_max=((0.0,),), price=(price,))
    assert found.q_kvar.tolist() == [[0.0]]
    assert found.unmet_kvar.tolist() == [2.0]
    assert found.price_per_kvarh.tolist() == [CAP]
    assert clear(need=(-2.0,), q_max=((0.0,),), price=(price,)).unmet_kvar.tolist() == [-2.0]
