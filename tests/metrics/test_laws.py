"""Laws of every metric: units, sizes, orders and what is not said. A new metric inherits those that name none."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from gridagora.core.registry import find, names
from gridagora.results.control_moves import CAPACITOR, REGULATOR, ControlMoves
from gridagora.results.metric import FAMILIES, Reference, place_in_table
from gridagora.results.outcome import Outcome, welfare_before_losses_usd
from gridagora.results.supply_quality import VoltageUnbalance
from gridagora.settlement.transformer_life import LoadedTransformer

PARTS = {name: find("metric", name) for name in names("metric")}
EVERY = pytest.mark.parametrize("metric_id", sorted(PARTS))
DELIVERY = {"D1", "D1i", "D1s", "D1si", "D1t", "D1ti"}
FLOW = {"P3", "P3s", "P4", "P4f", "P4w", "V1", "V1h", "V4", "V5", "V6", "V6c", "V7", "P8", "P8h"}
REACTIVE = {"P4h", "P4p", "P4x"}
AGAINST = {"E1m", "E1o", "E1s", "E1y", "E2", "E2u", "P1r"}
TOTALS = {"E1", "E3", "E4", "E6m", "E7", "E8", "C2e", "I1", "I1b"}  # they grow with the feeder
TOTALS |= {"P3", "P4", "P4h", "P4x", "P5", "P7", "V4", "V5"}


class Scene(NamedTuple):
    """An outcome and what it is held against."""

    outcome: Outcome
    against: Reference


@pytest.fixture(scope="module")
def whole(make, make_reactive):
    """Return a scene of which every metric says something."""
    award_kw = make().home_kw - np.linspace(-1, 1, 24).reshape(3, 8)
    award_kw[2, :4] = math.nan
    outcome = make(award_kw=award_kw, reactive=make_reactive(), imbalance_uusd=2)
    moves = ControlMoves(
        ("reg", "bank"), (REGULATOR, CAPACITOR), np.array([0, 1, 0]), np.array([1, 2, 5]),
        np.array([2, 1, 4]), np.array([4, 0, 3]), 0,
    )  # fmt: skip
    balance = VoltageUnbalance(np.array([1]), np.array([0.012]), np.array([0.03]))
    net = outcome.network._replace(
        nominal_pu=np.full(3, 230 / 240),
        controls=moves,
        unbalance=balance,
        head_a=np.linspace(20, 41, 24).reshape(8, 3),
    )
    outcome = outcome._replace(
        network=net, transformer=LoadedTransformer(10.0, np.linspace(20.0, 34.0, 8))
    )
    flat = make(left_usd=-9.0, load_kw=1.5 * outcome.load_kw)
    top = welfare_before_losses_usd(outcome) + 3.0
    free = outcome._replace(limit_kw=math.inf)
    automated = flat._replace(name="flat_optimised", left_usd=-7.0)
    flat = flat._replace(name="flat")
    return Scene(outcome, Reference(flat, top, free, top + 2.0, automated))


def value(metric_id, scene):
    return PARTS[metric_id].compute(*scene)


def changed(scene, change):
    """Return the scene with both outcomes changed, and the flat one likewise."""
    against = scene.against
    flat, free, own = map(change, (against.flat, against.unlimited, against.automated))
    held = against._replace(flat=flat, unlimited=free, automated=own)
    return Scene(change(scene.outcome), held)


def rerated(transformer, times):
    """Return a transformer of another size, None where there is none."""
    return transformer and transformer._replace(rated_kw=times * transformer.rated_kw)


def scaled(outcome, power=1.0, money=1.0):
    """Return the outcome in other units: powers times one factor, amounts times another."""
    price = money / power
    columns = {
        name: getattr(outcome, name) * power
        for name in ("load_kw", "other_kw", "home_kw", "award_kw", "limit_kw")
    }
    for name in (
        "over_per_kwh",
        "delivery_per_kwh",
        "export_credit_per_kwh",
        "wholesale_per_kwh",
        "price_per_kwh",
        "credit_per_kwh",
    ):
        columns[name] = getattr(outcome, name) * price
    columns["transformer"] = rerated(outcome.transformer, power)
    columns |= {name: getattr(outcome, name) * money for name in ("left_usd", "bill_usd")}
    columns |= {
        name: round(getattr(outcome, name) * money) for name in ("surplus_uusd", "imbalance_uusd")
    }
    columns["device_kw"] = {kind: column * power for kind, column in outcome.device_kw.items()}
    columns["device_usd"] = {item: column * money for item, column in outcome.device_usd.items()}
    columns["available_kw"] = {kind: one * power for kind, one in outcome.available_kw.items()}
    columns["felt"] = dict(outcome.felt) | {"ev_unmet_kwh": outcome.felt["ev_unmet_kwh"] * power}
    missing = {"charge missing": outcome.measures["charge missing"] * power}
    columns["measures"] = dict(outcome.measures) | missing
    columns["ledger"] = outcome.ledger._replace(
        amount_uusd=np.rint(outcome.ledger.amount_uusd * money).astype(np.int64)
    )
    net = outcome.network
    columns["network"] = net._replace(
        **{name: getattr(net, name) * power for name in ("losses_kw", "source_kw", "source_kvar")}
    )
    if (side := outcome.reactive) is not None:
        moved = {
            name: getattr(side, name) * power for name in ("need_kvar", "given_kvar", "unmet_kvar")
        }
        paid = {name: getattr(side, name) * money for name in ("loss_usd", "elsewhere_usd")}
        columns["reactive"] = side._replace(
            **moved, **paid, price_per_kvarh=side.price_per_kvarh * price
        )
    return outcome._replace(**columns)


def factor(unit, power, money):
    """Return by what a figure of a unit changes, as the unit itself says."""
    above, _, below = unit.partition("/")
    of = {"$": money, "kW": power, "kWh": power, "MWh": power, "kvarh": power}
    return of.get(above, 1.0) / of.get(below, 1.0)


@EVERY
@pytest.mark.parametrize(("power", "money"), [(2.0, 1.0), (1.0, 4.0), (8.0, 0.5)])
def test_a_figure_changes_with_units_of_power_and_money_as_its_own_unit_says(
    whole, metric_id, power, money
):
    def other(outcome):
        return scaled(outcome, power, money)

    again = changed(whole, other)
    bounds = {
        name: getattr(whole.against, name) * money for name in ("bound_usd", "unlimited_bound_usd")
    }
    again = again._replace(against=again.against._replace(**bounds))
    expected = factor(PARTS[metric_id].unit, power, money) * value(metric_id, whole)
    assert value(metric_id, again) == pytest.approx(expected, rel=1e-9)


@EVERY
def test_a_whole_scene_has_every_figure(whole, metric_id):
    got = value(metric_id, whole)
    assert isinstance(got, float)
    assert math.isfinite(got)


@EVERY
def test_a_metric_leaves_the_outcome_as_it_is(whole, metric_id):
    """Every array is closed for writing, and the same figure comes twice."""

    def frozen(outcome):
        def close(column):
            if isinstance(column, np.ndarray):
                column = column.copy()
                column.setflags(write=False)
            if isinstance(column, dict):
                return {key: close(each) for key, each in column.items()}
            return type(column)(*map(close, column)) if hasattr(column, "_fields") else column

        return close(outcome)

    shut = changed(whole, frozen)
    assert value(metric_id, shut) == value(metric_id, shut) == value(metric_id, whole)


def halved(outcome):
    """Return the same two hours told in intervals of half the length."""
    t = len(outcome.start_s)

    def twice(column):
        return (
            np.repeat(column, 2, axis=-1)
            if isinstance(column, np.ndarray) and column.shape and column.shape[-1] == t
            else column
        )

    columns = {
        name: twice(getattr(outcome, name))
        for name in outcome._fields
        if name not in ("felt", "measures", "device_usd", "owned")
    }
    columns["start_s"] = outcome.start_s[0] + np.arange(2 * t) * round(1800 * outcome.dt_h)
    for name in ("device_kw", "available_kw"):
        columns[name] = {kind: twice(one) for kind, one in getattr(outcome, name).items()}
    columns["network"] = type(outcome.network)(*map(twice, outcome.network))
    if outcome.reactive is not None:
        columns["reactive"] = type(outcome.reactive)(*map(twice, outcome.reactive))
    if outcome.transformer is not None:
        columns["transformer"] = type(outcome.transformer)(*map(twice, outcome.transformer))
    columns["exchange"] = outcome.exchange._replace(rounds=2 * outcome.exchange.rounds)
    columns["dt_h"] = outcome.dt_h / 2
    return outcome._replace(**columns)


@pytest.mark.parametrize("metric_id", sorted(set(PARTS) - {"E10"}))
def test_intervals_told_in_two_halves_change_no_figure(whole, metric_id):
    """Price volatility is left out: it is of the step from an interval to the next, and a half follows its other half."""
    assert value(metric_id, changed(whole, halved)) == pytest.approx(
        value(metric_id, whole), rel=1e-12, abs=1e-15
    )


def turned(outcome, order):
    """Return the outcome with its homes in another order."""
    n = len(outcome.bill_usd)
    columns = {name: getattr(outcome, name)[order] for name in ("home_kw", "award_kw", "bill_usd")}
    for name in ("available_kw", "device_usd", "felt", "measures", "owned"):
        columns[name] = {key: column[order] for key, column in getattr(outcome, name).items()}
    back = np.concatenate([np.argsort(order), np.arange(n, len(outcome.parties.id))])
    book = outcome.ledger
    columns["ledger"] = book._replace(payer=back[book.payer], payee=back[book.payee])
    columns["network"] = outcome.network._replace(home_v_pu=outcome.network.home_v_pu[order])
    if outcome.reactive is not None:
        columns["reactive"] = outcome.reactive._replace(
            given_kvar=outcome.reactive.given_kvar[order]
        )
    return outcome._replace(**columns)


@EVERY
@pytest.mark.parametrize("order", [[2, 0, 1], [1, 0, 2]])
def test_the_order_of_homes_changes_no_figure(whole, metric_id, order):
    again = changed(whole, lambda outcome: turned(outcome, np.array(order)))
    assert value(metric_id, again) == pytest.approx(value(metric_id, whole), rel=1e-12)


def doubled(outcome):
    """Return twice as many homes of the same kind on twice the feeder."""
    of_homes = ("home_kw", "award_kw", "bill_usd")
    columns = {name: np.concatenate([getattr(outcome, name)] * 2) for name in of_homes}
    columns |= {
        name: 2 * getattr(outcome, name)
        for name in ("load_kw", "other_kw", "limit_kw", "left_usd", "surplus_uusd")
    }
    columns["transformer"] = rerated(outcome.transformer, 2)
    columns["imbalance_uusd"] = 2 * outcome.imbalance_uusd
    columns["device_kw"] = {kind: 2 * column for kind, column in outcome.device_kw.items()}
    for name in ("available_kw", "device_usd", "felt", "measures", "owned"):
        columns[name] = {
            key: np.concatenate([column] * 2) for key, column in getattr(outcome, name).items()
        }
    columns["ledger"] = type(outcome.ledger)(
        *(np.concatenate([column] * 2) for column in outcome.ledger)
    )
    net = outcome.network
    flows = {name: 2 * getattr(net, name) for name in ("losses_kw", "source_kw", "source_kvar")}
    columns["network"] = net._replace(**flows, home_v_pu=np.concatenate([net.home_v_pu] * 2))
    if net.nominal_pu is not None:
        twice = np.concatenate([net.nominal_pu] * 2)
        columns["network"] = columns["network"]._replace(nominal_pu=twice)
    columns["exchange"] = outcome.exchange._replace(
        messages=2 * outcome.exchange.messages, bytes=2 * outcome.exchange.bytes
    )
    if (side := outcome.reactive) is not None:
        moved = {
            name: 2 * getattr(side, name)
            for name in ("need_kvar", "unmet_kvar", "loss_usd", "elsewhere_usd")
        }
        columns["reactive"] = side._replace(
            **moved, given_kvar=np.concatenate([side.given_kvar] * 2)
        )
    return outcome._replace(**columns)


POWERS = {"P1", "P1e", "P2r"}


@EVERY
def test_twice_the_feeder_doubles_totals_and_leaves_the_rest(whole, metric_id):
    """Totals and powers of the feeder double; means over homes, shares, prices and voltages stay."""
    again = changed(whole, doubled)
    bounds = {
        name: 2 * getattr(whole.against, name) for name in ("bound_usd", "unlimited_bound_usd")
    }
    again = again._replace(against=again.against._replace(**bounds))
    times = 2.0 if metric_id in TOTALS | POWERS else 1.0
    assert value(metric_id, again) == pytest.approx(times * value(metric_id, whole), rel=1e-12)


@pytest.mark.parametrize(
    ("left_out", "silent"),
    [
        ({"network": None}, FLOW),
        ({"reactive": None}, REACTIVE),
        ({"transformer": None}, {"P5a"}),
        ({"award_kw": np.full((3, 8), math.nan)}, DELIVERY),
        ({}, set()),
    ],
)
def test_what_a_run_has_not_is_not_said_and_nothing_else_is_lost(whole, left_out, silent):
    less = whole._replace(outcome=whole.outcome._replace(**left_out))
    assert {name for name in PARTS if math.isnan(value(name, less))} == silent


def test_without_anything_to_compare_with_only_comparisons_are_not_said(whole):
    alone = whole._replace(against=Reference(None, None))
    assert {name for name in PARTS if math.isnan(value(name, alone))} == AGAINST


def test_only_metrics_of_the_reactive_market_may_say_nothing_in_a_whole_comparison(whole, make):
    silent = {name for name in PARTS if not PARTS[name].applies(make())}
    assert silent == REACTIVE | {
        "P8",
        "P8h",
        "V5",
        "V6",
        "V6c",
        "V7",
    }  # of another band, of controls, of three phases
    assert [name for name in PARTS if not PARTS[name].applies(whole.outcome)] == ["V4"]


# What everybody calls worse, by metric: the figure must move against its direction.
WORSE = {
    "E1": {"left_usd": -5.0},
    "E2": {"left_usd": -5.0},
    "E3": {"wholesale_per_kwh": np.full(8, 0.4)},
    "E1y": {"left_usd": -5.0},
    "E1m": {"left_usd": -5.0},
    "E5b": {"bill_usd": np.full(3, 4.0)},
    "E8": {"imbalance_uusd": 5},
    "E10": {"price_per_kwh": np.tile([0.0, 1.0], 4)},
    "P1": {"load_kw": np.array([20.0, 0, 0, 0, 0, 0, 0, 0])},
    "P1r": {"load_kw": np.array([20.0, 0, 0, 0, 0, 0, 0, 0])},
    "P1e": {"load_kw": np.array([20.0, -8, 0, 0, 0, 0, 0, 0])},
    "P2": {"load_kw": np.array([20.0, 0, 0, 0, 0, 0, 0, 0])},
    "P2r": {"load_kw": np.array([20.0, 0, 0, 0, 0, 0, 0, 0])},
    "P5": {"limit_kw": 2.0},
    "P5a": {"transformer": LoadedTransformer(1.0, np.full(8, 30.0))},
    "P7": {"device_kw": {"pv": np.zeros(8), "ev": np.zeros(8)}},
    "C1": {"measures": {"discomfort": np.full(3, 9.0)}},
    "C1v": {"device_usd": {"comfort": np.full(3, 9.0)}},
    "C2": {"measures": {"hot-water shortfall": np.full(3, 9.0)}},
    "C2e": {"measures": {"charge missing": np.full(3, 9.0)}},
    "C3": {"measures": {"starts": np.full(3, 9.0)}},
    "I3": {"wall_s": 60.0},
}


@pytest.mark.parametrize("metric_id", sorted(WORSE))
def test_what_is_worse_moves_against_the_direction(whole, metric_id):
    worse = whole._replace(outcome=whole.outcome._replace(**WORSE[metric_id]))
    moved = value(metric_id, worse) - value(metric_id, whole)
    assert moved * {"up": -1, "down": 1}[PARTS[metric_id].direction] > 0


# Identifier, unit and direction of every metric, in the order of the table: what other programs read.
TABLE = """
E1y $/home/year up, E1m $/home/year up, E1s $/home/year -, E1o $/kWh -,
E1 $ up, E2 share up, E2u share up, E3 $ down, E4 MWh -, E5 $/home -, E5b $/home down, E5p $/kWh -,
E6 $/home -, E6m $ -, E7 kWh -, E8 $ down, E10 $/kWh down,
P1 kW down, P1e kW down, P1r share up, P2 share up, P2r kW/h down, P3 kWh down, P3s share down,
P4 kvarh down, P4f share up, P4w share up, P4h kvarh -, P4p $/kvarh -, P4x kvarh down,
P5 kWh down, P5a h/h down, P6 share up, P7 kWh down, P8 share down, P8h share down,
V1 pu up, V1h pu down, V4 h down, V5 homes down, V6 taps down, V6c steps down, V7 share down,
C1 K_h/home down, C1v $/home down, C2 K_h/home down, C2e kWh down, C3 1/day down,
D1 kW down, D1i kW down, D1s share down, D1si share down, D1t share down, D1ti share down,
D1u $/home down,
I1 count down, I1b MB down, I1r count down, I2 count down,
I2b bit/home/day down, I3 s down
"""


def test_the_table_of_metrics():
    parts = sorted((PARTS[name] for name in PARTS), key=place_in_table)
    told = [f"{part.id} {part.unit.replace(' ', '_')} {part.direction}" for part in parts]
    assert told == [" ".join(row.split()) for row in TABLE.replace("\n", " ").split(",")]


def test_the_terminal_leaves_out_what_another_figure_says_already():
    assert {name for name in PARTS if not PARTS[name].in_brief} == {
        "D1",
        "D1i",
        "D1si",
        "D1ti",
        "P3s",
        "P4f",
        "P5a",
        "P8",
        "P8h",
        "V7",
    }


@EVERY
def test_every_metric_says_what_it_is(metric_id):
    part = PARTS[metric_id]
    assert part.family in FAMILIES
    assert part.explanation.endswith(".")
    assert part.name and part.name[0] != " "
    assert len(part.explanation) > 15
    twins = [
        other
        for other in PARTS
        if PARTS[other].order == part.order and PARTS[other].family == part.family
    ]
    assert twins == [metric_id], "two metrics of a family want one place in the table"
