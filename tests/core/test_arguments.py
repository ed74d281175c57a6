"""What `gridagora.extend` offers: a call with an argument of another kind is a sentence that names it."""

import inspect
import pickle
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from gridagora import InputError, PartError, extend
from gridagora.core.arguments import explained, is_of, spell
from gridagora.core.tables import Col
from gridagora.kernels.curves.curve import Curves

WRONG = (3, None, "text", [], {}, object(), 2.5, True)
FUNCTIONS = [name for name in extend.__all__ if inspect.isfunction(getattr(extend, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_call_with_an_argument_of_another_kind_ends_in_python(name):
    function = getattr(extend, name)
    asked = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.default is inspect.Parameter.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    for wrong in WRONG:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                function(*[wrong] * len(asked))
            except (InputError, PartError) as fault:
                assert str(fault)  # any other error fails this test
            except ValueError as fault:
                assert str(fault).startswith(f"{name}: "), "a sentence of its own"


def test_functions_are_many():
    assert len(FUNCTIONS) > 50


def test_the_argument_is_named():
    with pytest.raises(
        InputError, match=r"power_at: curves: got an object of type list, expected a Curves"
    ):
        extend.power_at([1, 2], 0.1)
    with pytest.raises(InputError, match=r"missing a required argument: 'party'.*product, party"):
        extend.quote(1)
    with pytest.raises(InputError, match=r"stores: p_max_kw: got 'much', expected numbers"):
        extend.stores(np.zeros(1), np.ones(1), p_max_kw="much")
    with pytest.raises(ValueError, match="stores: ") as caught:
        extend.stores(np.zeros(1), np.zeros(1), p_max_kw=1.0)
    assert not isinstance(caught.value, InputError)
    with pytest.raises(InputError, match=r"make_world: "):
        extend.make_world("one", "two", "three", "four")


def test_what_works_and_what_fails_otherwise_stays():
    def half(number: float) -> float:
        if number > 10:
            raise ValueError("too much")
        return number / 2

    called = explained(half, __name__, "half")
    assert called(3) == 1.5 and called.__doc__ == half.__doc__
    with pytest.raises(ValueError, match="too much") as caught:
        called(11)
    assert not isinstance(caught.value, InputError)
    curves = Curves(np.array([0, 2]), np.array([0.0, 1.0]), np.array([1.0, 0.5]))
    assert extend.power_at(curves, 0.75) == pytest.approx(0.5)
    assert pickle.loads(pickle.dumps(extend.power_at)) is not None


@pytest.mark.parametrize(
    ("value", "hint", "is_one", "said"),
    [
        (1, float, True, "a number"),
        (True, float, False, "a number"),
        (1.5, int, False, "a whole number"),
        ("a", str, True, "text"),
        ("a", Sequence[str], False, "a Sequence"),
        (np.zeros(2), Col, True, "an array of numpy"),
        ([0.0], Col, False, "an array of numpy"),
        (None, Col | None, True, "an array of numpy or None"),
        (len, Callable[[], int], True, "a Callable"),
    ],
)
def test_kinds(value, hint, is_one, said):
    assert is_of(value, hint) is is_one
    assert spell(hint) == said
