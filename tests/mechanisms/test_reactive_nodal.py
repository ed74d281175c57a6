"""The nodal market of reactive power: the answer of a conic programme, best answers at its prices, laws of prices."""

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize_scalar

from gridagora.core.errors import PartError
from gridagora.core.reactive_model import ReactiveModel
from gridagora.mechanisms.reactive import join_inverters
from gridagora.mechanisms.reactive_nodal import clear_nodal
from gridagora.mechanisms.reactive_offers import (
    check_priority,
    lost_kw,
    make_reactive_offers,
    respond,
)

T = 6


def market(seed: int, n: int = 12, j: int = 7, k: int = 5, *, gives_way: bool = False):
    """Return offers, a model in which some rows are broken without inverters, and prices."""
    rng = np.random.default_rng(seed)
    table = join_inverters(np.arange(n), rng.choice([3.0, 5.0, 8.0], n))
    p_kw = -table.rating_kva[:, None] * rng.choice([0.0, 0.6, 0.95, 1.0], (n, T))
    meter = rng.integers(0, j, n)
    offers = make_reactive_offers(table, meter, p_kw, np.arange(n) if gives_way else None)
    base = rng.uniform(0.5, 1.0, (j, j))
    path = 0.03 * (base + base.T)
    model = ReactiveModel(
        loss_kw_per_kvar=rng.uniform(-0.01, 0.05, (T, j)),
        loss_factor=path[:3],
        value=rng.uniform(0.94, 1.06, (k, T)),
        b=-path[rng.integers(0, j, k)] * 0.02,
        low=np.full((k, T), 0.95),
        high=np.full((k, T), 1.05),
        over_usd_per_h=rng.choice([0.5, 5.0, 50.0], k),
        name=tuple(f"row {i}" for i in range(k)),
    )
    return offers, model, rng.uniform(0.05, 0.3, T), rng.uniform(0.02, 0.2, T)


def programme(offers, model, energy, losses, step):
    """Return the least cost and q of one interval, by an interior point method: offers that give no active power up."""
    n, (k, _), r = len(offers.meter), model.value.shape, len(model.loss_factor)
    j = model.b.shape[1]
    pick = sp.csc_matrix((np.ones(n), (offers.meter, np.arange(n))), shape=(j, n))
    factor, rows = model.loss_factor @ pick, model.b @ pick
    square = sp.block_diag(
        [
            2 * energy[step] * np.diag(offers.loss_share / offers.rating_kva)
            + 2 * losses[step] * factor.T @ factor,
            sp.csc_matrix((k, k)),
        ]
    ).tocsc()
    linear = np.concatenate(
        [losses[step] * (model.loss_kw_per_kvar[step] @ pick), model.over_usd_per_h]
    )
    eye = sp.eye(k)
    left = sp.bmat(
        [
            [sp.csc_matrix(rows), -eye],
            [sp.csc_matrix(-rows), -eye],
            [None, -eye],
            [sp.eye(n), None],
            [-sp.eye(n), None],
        ]
    ).tocsc()
    most = offers.most_kvar[:, step]
    right = np.concatenate(
        [
            (model.high - model.value)[:, step],
            (model.value - model.low)[:, step],
            np.zeros(k),
            most,
            most,
        ]
    )
    hold = clarabel.DefaultSettings()
    hold.verbose = False
    hold.tol_gap_abs = hold.tol_gap_rel = hold.tol_feas = 1e-12
    cone = [clarabel.NonnegativeConeT(len(right))]
    found = clarabel.DefaultSolver(square, linear, left, right, cone, hold).solve()
    assert r and str(found.status) in {"Solved", "AlmostSolved"}
    beyond = np.maximum(model.value - model.high, model.low - model.value).clip(min=0)[:, step]
    return float(model.over_usd_per_h @ beyond) - found.obj_val, np.array(found.x[:n])


@pytest.mark.parametrize("seed", range(4))
def test_it_saves_what_an_interior_point_method_saves(seed: int) -> None:
    offers, model, energy, losses = market(seed)
    found = clear_nodal(offers, model, energy, losses)
    for step in range(T):
        saved, _ = programme(offers, model, energy, losses, step)
        assert found.saved_usd_per_h[step] == pytest.approx(saved, rel=2e-5, abs=1e-8)
    assert (found.gap_usd_per_h <= 2e-5 * found.saved_usd_per_h + 1e-9).all()
    assert (found.saved_usd_per_h >= 0).all()


@pytest.mark.parametrize("gives_way", [False, True])
@pytest.mark.parametrize("seed", [3, 7])
def test_every_inverter_gives_its_best_answer_within_its_capability(
    seed: int, gives_way: bool
) -> None:
    offers, model, energy, losses = market(seed, gives_way=gives_way)
    found = clear_nodal(offers, model, energy, losses)
    assert (np.abs(found.q_kvar) <= offers.most_kvar + 1e-12).all()
    assert (np.abs(found.q_kvar) <= 0.44 * offers.rating_kva[:, None] + 1e-12).all()
    cost = energy * lost_kw(offers, found.q_kvar) + found.price_per_kvarh * found.q_kvar
    for share in np.linspace(-1, 1, 201):
        other = share * offers.most_kvar
        tried = energy * lost_kw(offers, other) + found.price_per_kvarh * other
        assert (cost <= tried + 1e-9).all()


def test_an_answer_that_gives_up_active_power_is_the_least_of_a_line_search() -> None:
    table = join_inverters([0], [5.0])
    offers = make_reactive_offers(table, np.array([0]), np.array([[-4.8]]), np.array([0]))
    assert offers.free_kvar[0, 0] == pytest.approx(1.4)
    for price in (-0.09, -0.03, -0.004, 0.02, 0.05, 0.3):

        def cost(q: float, price: float = price) -> float:
            return float((0.1 * lost_kw(offers, np.array([[q]])))[0, 0] + price * q)

        answer = respond(offers, np.array([[price]]), np.array([0.1]))[0, 0]
        best = minimize_scalar(cost, bounds=(-2.2, 2.2), method="bounded", options={"xatol": 1e-12})
        assert cost(answer) <= best.fun + 1e-12
        assert abs(answer) <= 2.2 + 1e-12
    assert abs(answer) == pytest.approx(2.2)
    assert lost_kw(offers, np.array([[2.2]]))[0, 0] == pytest.approx(
        0.0162 / 0.9637 / 5 * 2.2**2 + 4.8 - np.sqrt(25 - 2.2**2)
    )


def test_a_row_that_stays_beyond_its_limit_has_its_whole_price() -> None:
    offers, model, energy, losses = market(1)
    far = model._replace(high=np.full_like(model.high, 0.9), low=np.full_like(model.low, 0.8))
    found = clear_nodal(offers, far, energy, losses)
    drawn = np.zeros((model.b.shape[1], T))
    np.add.at(drawn, offers.meter, found.q_kvar)
    assert (far.value + far.b @ drawn > far.high).all()
    np.testing.assert_allclose(
        found.dual_usd_per_h, np.broadcast_to(far.over_usd_per_h[:, None], far.value.shape)
    )


@pytest.mark.parametrize("seed", range(4))
def test_rows_with_one_limit_are_proven_as_those_with_two(seed: int) -> None:
    offers, model, energy, losses = market(seed)
    open_below = model._replace(low=np.full_like(model.low, -np.inf))
    found = clear_nodal(offers, open_below, energy, losses)
    assert (found.gap_usd_per_h <= 2e-5 * found.saved_usd_per_h + 1e-7).all()
    assert (found.dual_usd_per_h >= 0).all()
    assert (found.dual_usd_per_h <= model.over_usd_per_h[:, None]).all()
    assert found.dual_usd_per_h.any()


def test_priority_of_reactive_power_never_saves_less() -> None:
    firm, ready = (
        clear_nodal(*market(3, gives_way=gives_way)).saved_usd_per_h for gives_way in (False, True)
    )
    assert (ready >= firm - 1e-9 - 2e-5 * firm).all()
    assert ready.sum() > firm.sum()


def test_wide_limits_and_no_losses_of_lines_give_a_price_of_nil() -> None:
    offers, model, energy, losses = market(1)
    wide = model._replace(
        loss_kw_per_kvar=np.zeros_like(model.loss_kw_per_kvar),
        loss_factor=np.zeros_like(model.loss_factor),
        low=np.full_like(model.low, -np.inf),
        high=np.full_like(model.high, np.inf),
    )
    found = clear_nodal(offers, wide, energy, losses)
    assert not found.q_kvar.any() and not found.price_per_kvarh.any()
    assert not found.saved_usd_per_h.any()


def test_rows_that_nothing_breaks_have_no_price_and_change_nothing() -> None:
    offers, model, energy, losses = market(2)
    wide = model._replace(low=model.low - 1, high=model.high + 1)
    none = model._replace(
        **{name: getattr(model, name)[:0] for name in ("value", "b", "low", "high")},
        over_usd_per_h=np.zeros(0),
        name=(),
    )
    with_rows, without = (clear_nodal(offers, one, energy, losses) for one in (wide, none))
    assert np.array_equal(with_rows.q_kvar, without.q_kvar)
    assert not with_rows.dual_usd_per_h.any() and not with_rows.limit_per_kvarh.any()


def test_homes_are_paid_less_than_the_network_saves_and_more_than_it_costs_them() -> None:
    offers, model, energy, losses = market(5)
    found = clear_nodal(offers, model, energy, losses)
    paid = -(found.price_per_kvarh * found.q_kvar).sum(0)
    own = energy * lost_kw(offers, found.q_kvar).sum(0)
    assert (paid >= own - 1e-12).all()
    assert (paid <= found.saved_usd_per_h + own + found.gap_usd_per_h + 1e-12).all()


def test_the_price_is_the_derivative_of_what_the_network_costs() -> None:
    offers, model, energy, losses = market(4)
    meter, step, more = int(offers.meter[0]), 2, 1e-4

    def cost(shift: float) -> float:
        """Return what the interval costs where the meter draws `shift` kvar more."""
        drawn = np.zeros(model.b.shape[1])
        drawn[meter] = shift
        moved = model._replace(
            value=model.value + (model.b @ drawn)[:, None],
            loss_kw_per_kvar=model.loss_kw_per_kvar
            + 2 * model.loss_factor @ drawn @ model.loss_factor,
        )
        beyond = np.maximum(moved.value - model.high, model.low - moved.value).clip(min=0)
        alone = losses * (
            model.loss_kw_per_kvar @ drawn + np.square(model.loss_factor @ drawn).sum()
        )
        saved = clear_nodal(offers, moved, energy, losses).saved_usd_per_h
        return float((alone + model.over_usd_per_h @ beyond - saved)[step])

    slope = (cost(more) - cost(-more)) / (2 * more)
    price = clear_nodal(offers, model, energy, losses).price_per_kvarh[0, step]
    assert slope == pytest.approx(price, rel=1e-2, abs=1e-5)


def test_free_energy_leaves_no_answer_open() -> None:
    offers, model, energy, losses = market(6)
    found = clear_nodal(offers, model, -energy, 0 * losses)
    assert np.isfinite(found.q_kvar).all() and np.isfinite(found.price_per_kvarh).all()


def test_a_priority_that_is_none_is_refused() -> None:
    check_priority("reactive")
    with pytest.raises(PartError, match="got 'watts', expected 'active' or 'reactive'"):
        check_priority("watts")
