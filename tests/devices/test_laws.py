"""Laws of every registered device, also of those to come: balance, sign, zero step, truth, rows, price and bound.

Kinds whose devices stand in a table of their own are given to homes by `owning`.
"""

import numpy as np
import pytest

from gridagora.core.device import Beside, Blocks, DeviceRecord, Moment, Setting, Turn, Window
from gridagora.core.registry import find, names
from gridagora.devices import generator, hvac, load
from gridagora.kernels.curves.curve import Curves, power_at
from gridagora.kernels.stores.value import best_response, bid, marginal_value

DEVICES = names("device")
DT_H, HOURS = 1 / 12, 24


def owning(homes):
    """Return the homes with the further devices that are known here."""
    rows = np.arange(0, len(homes.home_id), 3)
    return homes._replace(
        owned={
            **homes.owned,
            "generator": generator.of(
                rows, np.full(len(rows), 4.0), np.linspace(0.05, 0.3, len(rows))
            ),
            "appliances": load.Load(rows, 0.5 * homes.load_kw[rows], 0.3, 0.072),
        }
    )


def setting(homes, dispatch="continuous", group=None):
    hours, n = homes.load_kw.shape[1], len(homes.home_id)
    return Setting(
        homes,
        np.arange(hours) % 24,
        DT_H,
        0.05,
        0.072,
        dispatch,
        3,
        True,
        np.zeros(n, np.int64) if group is None else group,
    )


def made(name, homes):
    group = find("device", name).of(setting(owning(homes)))
    assert group is not None and len(group.home), f"no home of the laws owns a {name}"
    return group


def beside(n, seed):
    return Beside(np.random.default_rng(seed).uniform(0, 2, n), np.zeros(n), None, True)


def asked(group, rng):
    """Orders of every size and sign, far beyond what any device can do."""
    return rng.choice([-50.0, -3.0, 0.0, 0.4, 3.0, 50.0], len(group.home))


def interval(i):
    return Moment(int(i * DT_H), 3600.0 * i * DT_H, DT_H, 1.0)


def day(group, n, orders, hours=HOURS):
    """Step a group by orders (steps, rows), or by its own switch; return its power (t, r), its record and the worst imbalance."""
    power, series, worst = [], {name: [] for name in group.about.series}, 0.0
    for i in range(round(hours / DT_H)):
        before = group.stored_kwh()
        got = group.step(None if orders is None else orders[i], interval(i), beside(n, i))
        assert got.p_kw.shape == got.stored_kwh.shape == group.home.shape
        assert set(got.series) == set(series)
        worst = max(worst, np.abs(group.stored_kwh() - before - got.stored_kwh).max(initial=0.0))
        power.append(got.p_kw.copy())
        for name, values in got.series.items():
            series[name].append(values.copy())
    home_kw = np.zeros((n, len(power)))
    np.add.at(home_kw, group.home, np.array(power).T)
    return (
        np.array(power),
        DeviceRecord(home_kw, {name: np.array(rows).T for name, rows in series.items()}, DT_H),
        worst,
    )


@pytest.fixture(params=["summer", "winter"])
def people(request, homes, winter):
    return homes if request.param == "summer" else winter


@pytest.mark.parametrize("name", DEVICES)
def test_a_kind_says_what_it_is(name, homes):
    about = find("device", name).about
    assert about.kind == name
    assert name not in {"load", "other", "fixed", "committed", "limit", "losses"}, (
        "a column of the table of intervals"
    )
    assert about.label[0].isupper()
    assert about.turn in Turn
    assert made(name, homes).about is about


@pytest.mark.parametrize("name", DEVICES)
def test_energy_balances_whatever_is_asked(name, people):
    rng, n = np.random.default_rng(1), len(people.home_id)
    for free in (True, False):
        group = made(name, people)
        orders = None if free else np.array([asked(group, rng) for _ in range(round(HOURS / DT_H))])
        assert day(group, n, orders)[2] <= 1e-9


@pytest.mark.parametrize("name", DEVICES)
def test_the_meter_has_its_sign_and_power_is_within_belief(name, people):
    """What only consumes is never below zero, generation never above; no order takes a device beyond what its belief allows."""
    rng, n = np.random.default_rng(2), len(people.home_id)
    group = made(name, people)
    spec = group.believe(Window(0, 24))
    least, most = np.zeros(len(group.home)), np.full(len(group.home), np.inf)
    least[spec.rows], most[spec.rows] = spec.stores.p_min_kw.min(1), spec.stores.p_max_kw.max(1)
    power, _, _ = day(group, n, np.array([asked(group, rng) for _ in range(round(HOURS / DT_H))]))
    assert (power[:, spec.rows] >= least[spec.rows] - 1e-9).all()
    assert (power[:, spec.rows] <= most[spec.rows] + 1e-9).all()
    if group.about.is_generation:
        assert (power <= 0).all()
    assert np.abs(power).max() > 0


@pytest.mark.parametrize("name", DEVICES)
def test_power_lies_between_nothing_and_the_order(name, people):
    """No order is answered by more, nor by power of the other sign, and none by none; units that follow any power."""
    rng, n = np.random.default_rng(5), len(people.home_id)
    group = made(name, people)
    orders = np.array([asked(group, rng) for _ in range(round(HOURS / DT_H))])
    power, _, _ = day(group, n, orders)
    assert (power >= np.minimum(orders, 0.0) - 1e-9).all()
    assert (power <= np.maximum(orders, 0.0) + 1e-9).all()


SPLITS = {  # which part each of five transformers is given to
    "halves": (0, 0, 0, 1, 1),
    "interleaved": (0, 1, 0, 1, 0),
    "each": (0, 1, 2, 3, 4),
    "one and the rest": (1, 1, 0, 1, 1),
}


def mixed_orders(group, rng):
    """Orders of every size and sign, and for one row in eight none."""
    orders = np.where(
        rng.random(len(group.home)) < 0.5, rng.uniform(0, 4, len(group.home)), asked(group, rng)
    )
    orders[rng.random(len(group.home)) < 0.125] = np.nan
    return orders


def state_of(group):
    """Every column of a group's state, by name, those in tables of its own too."""
    found = {}
    for key, value in vars(group).items():
        for name, column in (value._asdict() if hasattr(value, "_asdict") else {"": value}).items():
            if isinstance(column, np.ndarray):
                found[f"{key} {name}"] = column
    return found


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("dispatch", hvac.DISPATCH)
@pytest.mark.parametrize("name", DEVICES)
def test_parts_of_whole_transformers_step_as_all_homes_do(name, dispatch, split, people, part_of):
    """Any split along service transformers is bit-equal, whatever rows have orders."""
    n, rng = len(people.home_id), np.random.default_rng(3)
    fed_by = np.array([4, 7, 4, 9, 0, 7, 4, 0, 9, 2, 2, 7])  # homes of one are no neighbours
    kind, owned = find("device", name), owning(people)
    whole = kind.of(setting(owned, dispatch, fed_by))
    steps = 60
    orders = [mixed_orders(whole, rng) for _ in range(steps)]
    told = [whole.step(orders[i], interval(i), beside(n, i)) for i in range(steps)]
    given = np.array(SPLITS[split])[np.unique(fed_by, return_inverse=True)[1]]
    for part in (np.flatnonzero(given == k) for k in range(given.max() + 1)):
        few = kind.of(setting(part_of(owned, part), dispatch, fed_by[part]))
        rows = np.flatnonzero(np.isin(whole.home, part))
        if few is None or not rows.size:
            continue
        for i in range(steps):
            all_see = beside(n, i)
            see = all_see._replace(meter_kw=all_see.meter_kw[part], short_kw=all_see.short_kw[part])
            got, one = few.step(orders[i][rows], interval(i), see), told[i]
            for mine, ours in zip(
                (got.p_kw, got.stored_kwh, *got.series.values()),
                (one.p_kw, one.stored_kwh, *one.series.values()),
                strict=True,
            ):
                assert np.array_equal(mine, ours[rows]), f"interval {i}"
        full = state_of(whole)
        for column, mine in state_of(few).items():
            if len(mine) == len(rows):
                assert np.array_equal(mine, full[column][rows]), column


@pytest.mark.parametrize("name", DEVICES)
def test_cheaper_energy_never_means_less_of_it(name, people):
    """The curve of an interval falls with price, and so does the energy of a day planned against a price of all its hours."""
    group = made(name, people)
    for hour in (11, 18):
        offered = group.tender(
            Moment(hour, hour * 3600.0, DT_H, DT_H), group.believe(Window(hour, 24, 0.1)).rows
        )
        if isinstance(offered, Curves):
            power = np.array([power_at(offered, price) for price in np.linspace(-0.5, 3.0, 71)])
            assert (np.diff(power, axis=0) <= 1e-9).all()
    believed = group.believe(Window(18, 24, 0.1))
    values = marginal_value(believed.stores, np.full(24, 0.1)) if group.about.is_valued else None
    offered = group.tender(Moment(18, 18 * 3600.0, DT_H, DT_H), believed.rows)
    curve = offered if isinstance(offered, Curves) else bid(offered, values, DT_H)
    assert len(curve.offset) == len(believed.rows) + 1
    power = np.array([power_at(curve, price) for price in np.linspace(-0.5, 3.0, 71)])
    assert (np.diff(power, axis=0) <= 1e-9).all()
    days = [
        best_response(believed.stores, np.full(24, price), np.full(24, price)).p_kw.sum(1)
        for price in (0.02, 0.1, 0.5, 2.0)
    ]
    assert (np.diff(days, axis=0) <= 1e-6).all()


@pytest.mark.parametrize("name", DEVICES)
def test_the_answer_of_the_bound_is_proved_and_no_run_beats_it(name, people):
    """No orders earn more at a price than the bound says: what homes feel, what energy costs, less what is left in stores."""
    n, price = len(people.home_id), 0.08 + 0.3 * (np.arange(96) % 96 > 70)
    for seed, orders in enumerate(("free", "nothing", "random", "answer")):
        group = made(name, people)
        blocks = Blocks(4, np.repeat(np.arange(HOURS), 4), 15, 0.1)
        part = group.bound(blocks)
        answer = part.answer(price, 1)
        assert (answer.own_usd + answer.p_kw @ price / 4 >= answer.bound_usd - 1e-9).all()
        steps = round(HOURS / DT_H)
        rng = np.random.default_rng(seed)
        given = {
            "free": None,
            "nothing": np.zeros((steps, len(group.home))),
            "random": np.array([asked(group, rng) for _ in range(steps)]),
            "answer": group.orders_kw(answer.p_kw, steps, DT_H).T,
        }[orders]
        power, record, _ = day(group, n, given)
        felt = group.feel(record)
        cost = sum(float(usd.sum()) for usd in felt.device_usd.values())
        cost += float((power.sum(1) * np.repeat(price, 3)).sum() * DT_H) - 0.1 * float(
            felt.left_kwh.sum()
        )
        assert cost >= float(answer.bound_usd.sum()) - 1e-6, orders


@pytest.mark.parametrize("name", DEVICES)
def test_a_row_without_an_order_does_as_all_do_without_orders(name, people):
    """nan leaves a row to its own switch, whatever its neighbours are told; an order from outside is its own."""
    n, dispatch = len(people.home_id), "account"
    free, mixed = (find("device", name).of(setting(owning(people), dispatch)) for _ in range(2))
    orders = np.full(len(free.home), np.nan)
    orders[0] = 0.4
    outside = np.isfinite(orders)
    for i in range(24):
        usual = free.step(None, interval(i), beside(n, i))
        got = mixed.step(orders, interval(i), beside(n, i)._replace(outside=outside))
        assert np.array_equal(got.p_kw[1:], usual.p_kw[1:])
        assert np.array_equal(mixed.stored_kwh()[1:], free.stored_kwh()[1:])


@pytest.mark.parametrize("name", DEVICES)
def test_what_a_home_reads_off_its_devices_is_finite_and_named_with_its_unit(name, people):
    group = made(name, people)
    read = group.observe(interval(5))
    for key, column in read.items():
        assert key.rsplit("_", 1)[-1] in {"degc", "kw", "kwh", "h", "share"}, key
        assert column.shape == group.home.shape
        assert np.isfinite(column).all()
        assert not any(
            np.shares_memory(column, kept)
            for kept in vars(group).values()
            if isinstance(kept, np.ndarray)
        )
