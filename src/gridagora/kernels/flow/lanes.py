"""Numbers of eight time steps that a processor adds, multiplies and compares at once.

A row of an array of shape (m, LANES) is read into one such number, and written back. A loop over the steps, written out, is
unrolled by the compiler but not turned into vector instructions. Products are added by fused multiplication, which rounds once,
so a processor with that instruction and one without it give the same bits.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}


class LanesType(types.Type):  # type: ignore[misc]
    """Type of a number of `LANES` time steps inside of compiled functions."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes{LANES}")


_LANES = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _place(context: Any, builder: Any, kind: Any, array: Any, row: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    first = builder.mul(row, ir.Constant(ir.IntType(64), LANES))
    return builder.bitcast(builder.gep(data, [first]), _VECTOR.as_pointer())


def _spread(builder: Any, number: Any) -> Any:
    blank, word = ir.Constant(_VECTOR, ir.Undefined), ir.IntType(32)
    one = builder.insert_element(blank, number, ir.Constant(word, 0))
    return builder.shuffle_vector(one, blank, ir.Constant(ir.VectorType(word, LANES), [0] * LANES))


def _call(builder: Any, name: str, values: list[Any]) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(values))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64")
    return builder.call(function, values)


@intrinsic
def load_lanes(_typing: Any, array: Any, row: Any) -> tuple[Any, Any]:
    """Return a row of an array of shape (m, LANES)."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        return builder.load(place, align=8)

    return _LANES(array, types.int64), emit


@intrinsic
def store_lanes(_typing: Any, array: Any, row: Any, value: Any) -> tuple[Any, Any]:
    """Write a row of an array of shape (m, LANES)."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        builder.store(values[2], place, align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, _LANES), emit


@intrinsic
def spread(_typing: Any, number: Any) -> tuple[Any, Any]:
    """Return a number that is the same in every step."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _spread(builder, values[0])

    return _LANES(types.float64), emit


@intrinsic
def add_product(_typing: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Return x + a b, rounded once."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, "fma", [values[1], values[2], values[0]])

    return _LANES(_LANES, _LANES, _LANES), emit


@intrinsic
def take_product(_typing: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Return x - a b, rounded once."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, "fma", [builder.fneg(values[1]), values[2], values[0]])

    return _LANES(_LANES, _LANES, _LANES), emit


@intrinsic
def larger(_typing: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return x where y is at most x, else y: a nan in y wins."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<=", values[1], values[0]), *values)

    return _LANES(_LANES, _LANES), emit


@intrinsic
def root(_typing: Any, x: Any) -> tuple[Any, Any]:
    """Return the square root."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, "sqrt", list(values))

    return _LANES(_LANES), emit


@intrinsic
def lane_of(_typing: Any, x: Any, b: Any) -> tuple[Any, Any]:
    """Return the number of one step."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.extract_element(*values)

    return types.float64(_LANES, types.int64), emit


@intrinsic
def with_lane(_typing: Any, x: Any, b: Any, value: Any) -> tuple[Any, Any]:
    """Return x with another number in one step."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.insert_element(values[0], values[2], values[1])

    return _LANES(_LANES, types.int64, types.float64), emit


@intrinsic
def is_within(_typing: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Whether every step is above `low` and at most `high`; a nan is not."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        low, high = _spread(builder, values[1]), _spread(builder, values[2])
        above = builder.fcmp_ordered(">", values[0], low)
        inside = builder.and_(above, builder.fcmp_ordered("<=", values[0], high))
        bits = ir.IntType(LANES)
        every = ir.Constant(bits, (1 << LANES) - 1)
        return builder.icmp_unsigned("==", builder.bitcast(inside, bits), every)

    return types.boolean(_LANES, types.float64, types.float64), emit


def _combine(name: str) -> None:
    """Let an operator take numbers of steps, and plain numbers beside them."""

    @intrinsic
    def both(_typing: Any, x: Any, y: Any) -> tuple[Any, Any]:
        def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return getattr(builder, _ARITHMETIC[name])(*values)

        return _LANES(_LANES, _LANES), emit

    @overload(getattr(operator, name), strict=False)
    def combined(x: Any, y: Any) -> Callable[[Any, Any], Any] | None:
        if isinstance(x, LanesType) and isinstance(y, LanesType):
            return lambda x, y: both(x, y)  # noqa: PLW0108 - an overload is a plain function
        if isinstance(x, LanesType) and isinstance(y, types.Float):
            return lambda x, y: both(x, spread(y))
        if isinstance(x, types.Float) and isinstance(y, LanesType):
            return lambda x, y: both(spread(x), y)
        return None


for _name in _ARITHMETIC:
    _combine(_name)
