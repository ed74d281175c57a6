"""How a function becomes a metric, where it stands in the table, and the share of a gain that a design captures."""

import math
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import pytest

from gridagora.core import registry
from gridagora.core.errors import InputError
from gridagora.results import metric as results
from gridagora.results.metric import (
    FAMILIES,
    OTHER,
    Metric,
    Reference,
    captured_share,
    metric,
    place_in_table,
)


def nothing(outcome, against):
    return 0.0


def part(**changed):
    return Metric(
        **{"id": "X1", "name": "an example", "unit": "kW", "direction": "down", "compute": nothing}
        | changed
    )


def test_what_a_plugin_leaves_out():
    plain = part()
    assert (plain.explanation, plain.family, plain.order, plain.short_name, plain.in_brief) == (
        "",
        OTHER,
        math.inf,
        "",
        True,
    )
    assert plain.applies(None) is True
    assert OTHER not in FAMILIES


def test_a_metric_is_never_changed():
    with pytest.raises(FrozenInstanceError):
        part().unit = "MW"


def test_a_reference_may_know_nothing_of_a_run_without_the_limit():
    assert Reference(None, None) == (None, None, None, None, None)


def test_the_decorator_files_a_metric_and_leaves_the_function():
    def applies(outcome):
        return False

    try:
        filed = metric(
            "X1",
            "an example",
            "kW",
            "up",
            explanation="Why.",
            family="Power",
            order=3.5,
            short_name="short",
            in_brief=False,
            applies=applies,
        )(nothing)
        assert filed is nothing
        found = registry.find("metric", "X1")
        assert found == Metric(
            "X1", "an example", "kW", "up", nothing, "Why.", "Power", 3.5, "short", False, applies
        )
        (entry,) = registry.registered(__name__)
        assert (entry.kind, entry.name) == ("metric", "X1")
    finally:
        registry.forget(__name__)
    with pytest.raises(InputError):
        registry.find("metric", "X1")


def test_families_stand_in_their_order_and_new_ones_after_them_by_name():
    parts = [
        part(id="a", family="Zoo", order=1.0),
        part(id="b", family="Ants", order=9.0),
        part(id="c", family=FAMILIES[-1], order=99.0),
        part(id="d", family=FAMILIES[0], order=2.0),
        part(id="e", family=FAMILIES[0], order=1.5),
        part(id="f", family=FAMILIES[0], order=2.0),
        part(id="g", family=OTHER),
    ]
    assert [each.id for each in sorted(parts, key=place_in_table)] == list("edfcbga")
    assert place_in_table(parts[3]) == (0, FAMILIES[0], 2.0, "d")
    assert place_in_table(parts[0]) == (len(FAMILIES), "Zoo", 1.0, "a")


@pytest.mark.parametrize(
    ("counted", "expected"), [({"starts": 0}, True), ({"lateness": 1}, False), ({}, False)]
)
def test_a_metric_of_a_measure_applies_where_devices_count_towards_it(counted, expected):
    assert results.measures("starts")(SimpleNamespace(measures=counted)) is expected


@pytest.fixture
def worth(monkeypatch):
    """Let an outcome be a number: its welfare before losses [$]."""
    monkeypatch.setattr(results, "welfare_before_losses_usd", lambda outcome: outcome)


@pytest.mark.parametrize(
    ("design", "flat", "bound", "expected"),
    [
        (-10.0, -10.0, -5.0, 0.0),
        (-5.0, -10.0, -5.0, 1.0),
        (-6.0, -10.0, -5.0, 0.8),
        (-12.5, -10.0, -5.0, -0.5),
        (3.0, -1.0, 4.0, 0.8),
        (-5.0, -5.0, -5.0, math.nan),
        (-5.0, -4.0, -5.0, math.nan),  # a bound below flat
        (-1.0, -1.0, -1.0 + 5e-13, math.nan),  # a gain that rounding makes
        (-1.0 + 2e-12, -1.0, -1.0 + 4e-12, 0.5),
        (0.0, 0.0, 0.0, math.nan),
    ],
)
@pytest.mark.usefixtures("worth")
def test_the_captured_share(design, flat, bound, expected):
    assert captured_share(design, flat, bound) == pytest.approx(expected, rel=1e-3, nan_ok=True)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.usefixtures("worth")
def test_the_captured_share_knows_no_currency(scale):
    assert captured_share(-6.0 * scale, -10.0 * scale, -5.0 * scale) == pytest.approx(0.8)
