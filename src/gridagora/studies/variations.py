"""What varies between the worlds of an ensemble beside their seed: keys of the scenario, each with a few values or a range."""

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from scipy.stats import qmc

from gridagora.core.errors import InputError, Problem
from gridagora.scenario import read
from gridagora.scenario.schema import Scenario

MANY = 10_000  # variations of one call; more is a slip of the hand
LATIN = "--latin"
TAKEN = {  # keys that say which worlds and designs there are, and what sets them
    "scenario.seed": "Every world has a seed of its own; --seeds says how many there are.",
    "scenario.architectures": "Every design runs in every world; --designs names them.",
}


class Dial(NamedTuple):
    """A key of the scenario and the texts of its values; `ends` where they are a range of numbers."""

    key: str
    values: tuple[str, ...]
    ends: tuple[float, float] | None = None


def parse_dials(texts: Sequence[str], option: str) -> list[Dial]:
    """Return the keys that vary, of texts as KEY=a,b,c or KEY=low:high:count.

    Raises
    ------
    InputError
        Every text that is neither, and a key that stands twice.
    """
    problems: list[Problem] = []
    dials = [_parsed(text, option, problems) for text in texts]
    keys = [dial.key for dial in dials]
    problems += [
        Problem(f"{option} {key}", f"'{key}' more than once", "each key once")
        for key in sorted({key for key in keys if keys.count(key) > 1 and key})
    ]
    if problems:
        raise InputError(problems)
    return dials


def _parsed(text: str, option: str, problems: list[Problem]) -> Dial:
    key, _, rest = (part.strip() for part in text.partition("="))
    values = tuple(part.strip() for part in rest.split(","))
    ends = None
    if key and rest.count(":") == 2 and "," not in rest:
        ends, values = _range(rest)
    apart = {_as_number(value) for value in values}
    if not key or not rest or not all(values) or not values or len(apart) < len(values):
        expected = "KEY=a,b,c with values that differ, or KEY=low:high:count with low below high"
        problems.append(Problem(f"{option} {text}", f"'{text}'", expected))
    return Dial(key, values, ends)


def _as_number(value: str) -> str | float:
    """Return a value by which it is told from others: a number however it is written, else its text."""
    try:
        return float(value)
    except ValueError:
        return value


def _range(text: str) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Return ends and values of low:high:count; no values where it is none."""
    try:
        low, high, count = (float(part) for part in text.split(":"))
    except ValueError:
        return None, ()
    sound = math.isfinite(low) and math.isfinite(high) and low < high
    if not sound or count != int(count) or not 2 <= count <= MANY:
        return None, ()
    steps = int(count) - 1
    values = (low + (high - low) * step / steps for step in range(steps + 1))
    return (low, high), tuple(_number(value) for value in values)


def _number(value: float) -> str:
    """Return a number as a scenario writes it, without digits that rounding left."""
    near = round(value, 12)
    return str(int(near)) if near == int(near) and abs(near) < 1e15 else repr(near)


def grid(dials: Sequence[Dial]) -> tuple[tuple[str, ...], ...]:
    """Return every combination of the values, each as overrides of the scenario; one without any where nothing varies.

    Raises
    ------
    InputError
        More combinations than anybody runs.
    """
    count = math.prod(len(dial.values) for dial in dials)
    if count > MANY:
        hint = f"Take fewer values, or draw some combinations: {LATIN} N."
        raise InputError([Problem("variations", f"{count}", f"at most {MANY}", hint)])
    pairs = [[f"{dial.key}={value}" for value in dial.values] for dial in dials]
    return tuple(product(*pairs))


def latin_hypercube(dials: Sequence[Dial], count: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """Return `count` combinations spread over all dials: each value range is cut in `count` parts and each part drawn once.

    A dial with a list takes its values in turn, as evenly as their number allows; whole numbers of a range stay whole.

    Raises
    ------
    InputError
        Fewer than two combinations, or nothing to vary.

    References
    ----------
    M. D. McKay, R. J. Beckman, W. J. Conover, A comparison of three methods for selecting values of input variables in the
    analysis of output from a computer code, Technometrics 21, 1979, doi 10.1080/00401706.1979.10489755.
    """
    if not 2 <= count <= MANY or not dials:
        raise InputError([Problem(LATIN, str(count), f"2 to {MANY}, and a key to vary")])
    drawn = qmc.LatinHypercube(d=len(dials), rng=seed).random(count)
    return tuple(
        tuple(
            f"{dial.key}={_at(dial, float(share))}" for dial, share in zip(dials, row, strict=True)
        )
        for row in drawn
    )


def _at(dial: Dial, share: float) -> str:
    if dial.ends is None:
        return dial.values[min(int(share * len(dial.values)), len(dial.values) - 1)]
    low, high = dial.ends
    return _number(round(low + share * (high - low), 6))


def _read_by_none(keys: Scenario, variation: Sequence[str], option: str) -> list[Problem]:
    """Return the problem of every key of a variation that is of a market or design not compared: it would vary nothing."""
    compared = ["flat", *keys.compared]  # flat is run in every world
    known = {"design": compared, "market": [keys.market_of(name) for name in compared]}
    problems = []
    for item in variation:
        key = item.partition("=")[0]
        table, *inner = key.split(".")
        if table in known and len(inner) > 1 and inner[0] not in known[table]:
            got = f"a key of the {table} '{inner[0]}', which no design compared reads"
            expected = f"a key that changes something; compared are {', '.join(keys.compared)}"
            problems.append(Problem(f"{option} {key}", got, expected))
    return problems


def require_variations(
    path: str, overrides: Sequence[str], variations: Sequence[tuple[str, ...]], option: str
) -> None:
    """Refuse variations that the scenario does not take, by the option that asked for them.

    Raises
    ------
    InputError
        Every problem of every variation, each said once.
    """
    keys = dict.fromkeys(item.partition("=")[0] for each in variations for item in each)
    problems = {
        Problem(f"{option} {key}", "a key that no variation sets", "another key", TAKEN[key]): None
        for key in keys
        if key in TAKEN
    }
    for variation in variations:
        try:
            found = read.load(path, [*overrides, *variation])
            problems |= dict.fromkeys(_read_by_none(found, variation, option))
        except InputError as fault:
            for each in fault.problems:
                own = any(each.where == f"--set {item}" for item in variation)
                where = each.where.replace("--set", option, 1) if own else each.where
                problems[Problem(where, each.got, each.expected, each.hint)] = None
    if problems:
        raise InputError(problems)
