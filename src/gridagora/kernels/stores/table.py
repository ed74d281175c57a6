"""Tables of one-state stores (battery, car, tank, house by its slow mode), of their marginal values and of their bids.

Theory 1.2.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.stores.sound import is_sound

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Stores(NamedTuple):
    """n one-state stores over h steps; built by `stores`. x is kWh, or kelvin of stored heat or cold.

    x' = leak x + inflow + gain_in p dt (p >= 0) or + p dt / gain_out (p < 0), with p in [p_min_kw, p_max_kw] and x' in
    [x_min, x_max]. A step costs dt times: the meter's price of load_kw + p, wear_per_kwh |p|, prox/2 (p - p_ref_kw)^2,
    k_x/2 max(0, |x' - x_set| - dead)^2, and k_c/2 (c_x x + c_p p + c_0)^2 with x the state at the start of the step.
    Every field has shape (n, h), mostly a view without memory, but x0 (n,), dt_h (h,) [h], and end_x, end_mu (n, J): the
    slope of the value of the last state as a polyline, constant beyond its ends.

    A leak below zero turns the sense of the state: a house that stores warmth in the step stored coolth in the one before, of
    which its x is still counted at the start. Bounds, x_set and the end value count x' in the sense of their own step.
    """

    x0: Floats
    dt_h: Floats
    leak: Floats
    inflow: Floats
    p_min_kw: Floats
    p_max_kw: Floats
    x_min: Floats
    x_max: Floats
    gain_in: Floats
    gain_out: Floats
    wear_per_kwh: Floats
    k_x: Floats
    x_set: Floats
    dead: Floats
    k_c: Floats
    c_x: Floats
    c_p: Floats
    c_0: Floats
    load_kw: Floats
    prox: Floats
    p_ref_kw: Floats
    end_x: Floats
    end_mu: Floats


class Response(NamedTuple):
    """Best schedules: p_kw (n, h), x (n, h+1), and per row (n,) cost, lower bound, V_0'(x0), slack used, hulled steps."""

    p_kw: Floats
    x: Floats
    cost_usd: Floats
    bound_usd: Floats
    slope: Floats
    missing: Floats
    hulled: Ints


class MarginalValue(NamedTuple):
    """V_t'(x) at the start of steps t = 0..keep of n rows; polyline r*(keep+1)+t is x[offset[.]:offset[.+1]], mu likewise."""

    offset: Ints
    x: Floats
    mu: Floats
    keep: int


FIELDS = Stores._fields[2:21]
_DEFAULTS = {
    name: np.float64(1.0 if name in {"leak", "gain_in", "gain_out"} else 0.0) for name in FIELDS
}
_RULES: tuple[tuple[str, str, Callable[[dict[str, Floats]], NDArray[np.bool_]]], ...] = (
    (
        "leak",
        "above zero, or below it where the sense of the state turns",
        lambda f: f["leak"] == 0,
    ),
    ("p_min_kw", "at most p_max_kw", lambda f: f["p_min_kw"] > f["p_max_kw"]),
    ("x_min", "at most x_max", lambda f: f["x_min"] > f["x_max"]),
    ("gain_in", "above zero", lambda f: f["gain_in"] <= 0),
    ("gain_out", "above zero", lambda f: f["gain_out"] <= 0),
    (
        "gain_out",
        "1/gain_out at least gain_in where power has both signs: a round trip cannot gain",
        lambda f: (
            (f["gain_in"] * f["gain_out"] > 1 + 1e-12) & (f["p_min_kw"] < 0) & (f["p_max_kw"] > 0)
        ),
    ),
    ("wear_per_kwh", "zero or more", lambda f: f["wear_per_kwh"] < 0),
    ("k_x", "zero or more", lambda f: f["k_x"] < 0),
    ("dead", "zero or more", lambda f: f["dead"] < 0),
    ("k_c", "zero or more", lambda f: f["k_c"] < 0),
    (
        "c_x",
        "zero or of the sign of leak where k_c > 0",
        lambda f: (f["c_x"] * f["leak"] < 0) & (f["k_c"] > 0),
    ),
    ("c_p", "zero or more where k_c > 0", lambda f: (f["c_p"] < 0) & (f["k_c"] > 0)),
    (
        "p_min_kw",
        "zero or more where comfort feels power (k_c > 0)",
        lambda f: (f["p_min_kw"] < 0) & (f["k_c"] * f["c_p"] > 0),
    ),
    ("prox", "zero or more", lambda f: f["prox"] < 0),
)


def stores(
    x0: ArrayLike,
    dt_h: ArrayLike,
    *,
    end_x: ArrayLike = (0.0, 1.0),
    end_mu: ArrayLike = (0.0, 0.0),
    **fields: ArrayLike,
) -> Stores:
    """Return a checked table; each field is a scalar or broadcasts to (n, h), end_x and end_mu to (n, J).

    Left out, leak and the gains are 1 and all else 0.

    Raises
    ------
    ValueError
        An unknown field, or one that cannot be: field, row and step are named.
    """
    start, dt = (
        np.ascontiguousarray(x0, dtype=np.float64),
        np.ascontiguousarray(dt_h, dtype=np.float64),
    )
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise ValueError(f"stores: unknown field {sorted(unknown)[0]}, valid: {', '.join(FIELDS)}")
    if start.ndim != 1 or dt.ndim != 1 or not np.all(dt > 0):
        raise ValueError(
            "stores: x0 must have shape (n,) and dt_h shape (h,) with every step longer than zero"
        )
    shape = (len(start), len(dt))
    table = {name: _spread(name, fields.get(name, _DEFAULTS[name]), shape) for name in FIELDS}
    points = max(np.shape(np.atleast_1d(end))[-1] for end in (end_x, end_mu))
    ends = [
        _spread(name, value, (shape[0], points))
        for name, value in (("end_x", end_x), ("end_mu", end_mu))
    ]
    check = compile_entry(is_sound, COLUMNS, READ1, READ2, READ2)
    if not check(tuple(table.values()), start, *ends):
        _refuse_first(table, start, *ends)
    return Stores(start, dt, **table, end_x=ends[0], end_mu=ends[1])


def _spread(name: str, value: ArrayLike, shape: tuple[int, int]) -> Floats:
    """Return a column of a table as a view (n, h) that takes no memory for what all rows or all steps share."""
    column = np.asarray(value, dtype=np.float64)
    if column.shape == shape and 1 not in shape:
        return column
    strides = _strides(column, shape)
    if strides is not None:
        return np.ndarray(shape, np.float64, column, 0, strides)
    try:
        return np.broadcast_to(column, shape)
    except ValueError:
        raise ValueError(
            f"stores: {name} has shape {np.shape(value)}, which does not broadcast to {shape}"
        ) from None


def _strides(column: Floats, shape: tuple[int, int]) -> tuple[int, int] | None:
    """Return the strides of a scalar, or of one number a row or a step, spread to (n, h); None of anything else."""
    if column.ndim == 0:
        return 0, 0
    if column.shape == shape[1:] and column.flags.c_contiguous and shape[1] > 1:
        return 0, column.itemsize
    if column.shape == (shape[0], 1) and column.flags.c_contiguous:
        return (0 if shape[0] == 1 else column.itemsize), 0
    return None


def _refuse_first(table: dict[str, Floats], start: Floats, end_x: Floats, end_mu: Floats) -> None:
    """Refuse the first number of a table that cannot be, by field, row and step."""
    for name, values in (*table.items(), ("x0", start), ("end_x", end_x), ("end_mu", end_mu)):
        _refuse(name, "a finite number", ~np.isfinite(values), values)
    for name, rule, broken in _RULES:
        _refuse(name, rule, broken(table), table[name])
    _refuse("end_x", "rising along the row", np.diff(end_x, axis=1) < 0, end_x)
    _refuse("end_mu", "falling along the row", np.diff(end_mu, axis=1) > 0, end_mu)


def _refuse(name: str, rule: str, broken: NDArray[np.bool_], values: Floats) -> None:
    if broken.any():
        place = np.argwhere(broken)[0]
        step = f", step {place[1]}" if len(place) > 1 else ""
        raise ValueError(
            f"stores: row {place[0]}{step}: {name} is {values[tuple(place)]}, expected {rule}"
        )


def join_rows(tables: Sequence[Stores]) -> Stores:
    """Return the rows of several tables over the same steps; a column that holds for all steps stays one number a row.

    End values of fewer points than the longest are filled up with their last point, which changes nothing.
    """
    points = max(table.end_x.shape[1] for table in tables)

    def joined(name: str) -> Floats:
        columns = [getattr(table, name) for table in tables]
        if name == "x0":
            return np.concatenate(columns)
        if name in {"end_x", "end_mu"}:
            return np.concatenate(
                [np.pad(each, ((0, 0), (0, points - each.shape[1])), "edge") for each in columns]
            )
        if all(each.strides[1] == 0 for each in columns):
            first = np.concatenate([each[:, :1] for each in columns])
            return np.broadcast_to(first, (len(first), columns[0].shape[1]))
        return np.concatenate(columns)

    dt_h = tables[0].dt_h
    return Stores(*(dt_h if name == "dt_h" else joined(name) for name in Stores._fields))


READ2 = types.Array(types.float64, 2, "A", readonly=True)
READ1 = types.Array(types.float64, 1, "A", readonly=True)
INDEX = types.Array(types.int64, 1, "A", readonly=True)
COLUMNS = types.UniTuple(READ2, len(FIELDS))


def compile_entry(entry: Any, *signature: Any) -> Any:
    """Compile an entry for one signature of any-layout arrays at its first use, then close it to others."""
    if not entry.overloads:
        entry.compile(tuple(signature))
        entry.disable_compile()
    return entry


def broadcast_prices(
    buy: ArrayLike, sell: ArrayLike, row: ArrayLike | None, n: int, h: int
) -> tuple[Floats, Floats, Ints]:
    """Return both prices with shape (R, h) and the price row of every store.

    Raises
    ------
    ValueError
        Prices or rows that do not fit, that are no numbers, or that buy for less than they sell.
    """
    dear = np.atleast_2d(np.asarray(buy, np.float64))
    cheap = dear if sell is buy else np.atleast_2d(np.asarray(sell, np.float64))
    both = (dear, cheap) if dear.shape == cheap.shape else np.broadcast_arrays(dear, cheap)
    count, steps = both[0].shape
    if steps != h:
        raise ValueError(f"prices have {steps} steps, expected {h}")
    if row is None:
        if count not in (1, n):
            raise ValueError(
                f"prices have {count} rows for {n} stores: say by `row` which row each store sees"
            )
        row = np.arange(n) if count == n else np.zeros(n, np.int64)
    index = np.ascontiguousarray(row, np.int64)
    if index.shape != (n,) or (n and (index.min() < 0 or index.max() >= count)):
        raise ValueError(f"row must have shape ({n},) and values in 0..{count - 1}")
    for name, price in (("buy", both[0]), ("sell", both[1]))[: 1 if cheap is dear else 2]:
        if not np.isfinite(price).all():
            raise ValueError(
                f"{name} price, row and step {tuple(np.argwhere(~np.isfinite(price))[0])}: not a finite number"
            )
    if cheap is not dear and np.any(both[1] > both[0]):
        raise ValueError(
            f"sell price exceeds buy price in row and step {tuple(np.argwhere(both[1] > both[0])[0])}"
        )
    return both[0], both[1], index


ALONE = 96  # so few rows are done before threads have started
ALONE_STEPS = 12_000  # so few steps of rows cost less than the threads that would share them


def run_blocks(
    n: int,
    work: Callable[[int, int], Any],
    threads: int,
    block: int = 256,
    alone: int = ALONE,
) -> list[Any]:
    """Run work(start, stop) over blocks of rows on `threads` threads, fewer rows than `alone` on one; results in row order."""
    block = min(block, max(1, -(-n // max(1, threads))))
    cuts = [(i, min(i + block, n)) for i in range(0, n, block)]
    if threads <= 1 or len(cuts) <= 1 or n < alone:
        return [work(*cut) for cut in cuts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda span: work(*span), cuts))
