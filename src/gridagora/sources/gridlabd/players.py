"""Players of a GridLAB-D model: power of loads over the hours of a year, and all else that they play as it is at the start.

Meters follow hours, by date and without 29 February: a power that a player moves is such a shape. Any other property has the
value that it has when the clock of the model starts.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.errors import InputError
from gridagora.core.tables import Col
from gridagora.files.glm import GlmObject, find_beside
from gridagora.files.glm_player import EPOCH, PlayerSteps, read_player
from gridagora.sources.gridlabd.classes import CONVERTED, STATED
from gridagora.sources.gridlabd.loads import LOADS
from gridagora.sources.gridlabd.model import LEFT, Model
from gridagora.sources.gridlabd.quantities import NUMBER, read_complex

POWER = re.compile(r"(?:constant_power|power|base_power)_(a|b|c|ab|bc|ca|an|bn|cn|1|2|12)")
AMOUNT = r"(?:constant_)?(?:power|current|impedance)_{0}(?:_real|_reac)?|(?:base_power|shunt)_{0}"
NOT_NOUGHT = re.compile("[1-9]")
FORMULA = re.compile(rf"([\w:]+)\.(\w+)\s*(?:\*\s*({NUMBER}))?\s*(?:([+-])\s*({NUMBER}))?")
HALF = re.compile(r"(.+)\.(real|imag)")
ZONE = re.compile(r"([A-Z]+)[+-]?\d*(?::\d\d)?([A-Z]*)")
STARTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
HOUR_S, DAY_S, YEAR_D, LEAP_DAY = 3600.0, 86400.0, 365, 59
ALIKE = 1e-9
KEPT = "What it plays to keeps the value of the model."
BACK = "Its value counts at once in place of that one, as in GridLAB-D."
HELD = "Before and after them the first and the last value hold, as in GridLAB-D."
MEANS = "The mean of each hour is taken."
FACTOR = "The power factor of the largest power holds all the time."


class Played(NamedTuple):
    """The shapes of loads, and who follows them."""

    row: Mapping[
        tuple[str, str], int
    ]  # of the name of an object and a property the row of its shape
    share: tuple[Col, ...]  # (8760,) each by hour from 1 January, of the largest active power


class _Target(NamedTuple):
    """What a player plays to."""

    target: GlmObject
    key: str
    half: str  # "real" or "imag" where it plays half of a number
    item: str  # the property as it is written, and of what
    scale: float  # of what it plays
    offset: float


class _Play(NamedTuple):
    """One player, one property, and what is said of it."""

    player: GlmObject
    to: _Target
    steps: PlayerSteps

    @property
    def is_formula(self) -> bool:
        return "property" not in self.player.values or "parent" not in self.player.values

    def before(self) -> complex:
        """Return the number before the first line: that of the model, of a formula what it is of nought."""
        if self.is_formula:
            return complex(self.to.offset)
        return _number(self.to.target.values.get(self.to.key, ("", 0))[0])


def play(model: Model) -> tuple[Model, Played]:
    """Return the model with what players say in place of its own values, and the shapes of loads.

    A load that follows a shape states its largest active power. What cannot be played is told.
    """
    values: dict[str, dict[str, tuple[str, int]]] = {}
    row: dict[tuple[str, str], int] = {}
    shapes: dict[bytes, int] = {}
    share: list[Col] = []
    for one in _plays(model):
        target, key = one.to.target, one.to.key
        own = values.setdefault(target.name, dict(target.values))
        line = target.values[key][1] if one.is_formula else one.player.values["property"][1]
        found = _shape(model, one)
        if found is None:
            own[key] = _at_start(model, one), line
            continue
        rating, of_rating = found
        number = shapes.setdefault(of_rating.tobytes(), len(share))
        if number == len(share):
            share.append(of_rating)
        row[target.name, key] = number
        own[key] = f"{rating.real!r}{rating.imag:+.17g}j", line
    return _replaced(model, values), Played(row, tuple(share))


def _replaced(model: Model, values: Mapping[str, Mapping[str, tuple[str, int]]]) -> Model:
    """Return the model in which some objects, by their name, have other properties."""
    other = {
        id(model.by_name[name]): model.by_name[name]._replace(values=MappingProxyType(own))
        for name, own in values.items()
    }
    every = tuple(other.get(id(each), each) for each in model.glm.objects)
    by_name = {name: other.get(id(each), each) for name, each in model.by_name.items()}
    return Model(model.glm._replace(objects=every), by_name, model.gaps)


def _plays(model: Model) -> Iterator[_Play]:
    """Yield what is played; players that play nothing are told."""
    named = _named(model)
    done: set[tuple[str, str]] = set()
    for player in model.of("player"):
        targets = named.get(player.name) or _own_target(model, player)
        kept = []
        for one in targets:
            if one.target.kind not in CONVERTED | STATED:
                got, expected = f"a {one.target.kind} that it plays to", "a class that is converted"
                model.tell(player, got, expected, LEFT)
            elif (one.target.name, one.key) in done:
                got = f"{one.item}, which another one plays"
                model.tell(player, got, "one player for a property", LEFT)
            else:
                done.add((one.target.name, one.key))
                kept.append(one)
        steps = _steps(model, player) if kept else None
        if steps is not None:
            yield from (_Play(player, one, steps) for one in kept)


def _named(model: Model) -> dict[str, list[_Target]]:
    """Return the properties that are `PLAYER.value*2+1` of a player, by its name."""
    players = {each.name for each in model.of("player")}
    found: dict[str, list[_Target]] = {}
    for each in model.of(*(CONVERTED | STATED) - {"player"}) if players else ():
        for key, (value, _) in each.values.items():
            said = FORMULA.fullmatch(value)
            if said is not None and said[1] in players:
                scale = float(said[3] or 1.0)
                offset = float(f"{said[4] or '+'}{said[5] or 0}")
                item = f"{key} {value} of {each.name}"
                one = _Target(each, key, "", item, scale, offset)
                found.setdefault(said[1], []).append(one)
    return found


def _own_target(model: Model, player: GlmObject) -> list[_Target]:
    """Return the property of its parent that a player plays to; none is told."""
    name, said = model.text(player, "parent"), model.text(player, "property").lower()
    found = HALF.fullmatch(said)
    key, half = found.groups() if found else (said, "")
    target = model.by_name.get(name)
    if target is None or not key:
        got = "no property" if target is not None else f"parent '{name}'" if name else "no parent"
        model.tell(player, got, "an object of the model as its parent, and a property of it")
        return []
    return [_Target(target, key, half, f"{model.text(player, 'property')} of {name}", 1.0, 0.0)]


def _steps(model: Model, player: GlmObject) -> PlayerSteps | None:
    """Return what a player says; what cannot be read is told."""
    path = find_beside(model.glm, player, model.text(player, "file"))
    if path is None:
        got = f"file '{model.text(player, 'file')}'"
        model.tell(player, got, "a file beside the model", KEPT, "file")
        return None
    passes = 1 + max(0, int(model.real(player, "loop", "1")))
    try:
        steps = read_player(path, passes, _end_s(model), _zones(model))
    except InputError as fault:
        for each in fault.problems:
            model.tell(player, f"{each.got} in {each.where}", each.expected, KEPT, "file")
        return None
    if steps.back:
        rest = f" and in {len(steps.back) - 1} more" if len(steps.back) > 1 else ""
        got = f"a time before that of the line before in {path.name} line {steps.back[0]}{rest}"
        model.tell(player, got, "lines in the order of time", BACK, "file")
    return steps


def _zones(model: Model) -> frozenset[str]:
    """Return the marks of the zone of the model's clock, such as PST and PDT."""
    said = model.glm.clock.get("timezone", ("", 0))[0].upper()
    found = ZONE.match(said.strip("\"' "))
    return frozenset(mark for mark in (found.groups() if found else ()) if mark)


def _start_s(model: Model) -> float | None:
    """Return when the clock of the model starts, from the start of 1970 [s]."""
    said = model.glm.clock.get("starttime", ("", 0))[0].strip("\"' ")
    plain = re.sub(r"\s*[A-Za-z]+$", "", said)
    for form in STARTS:
        try:
            return (datetime.strptime(plain, form) - EPOCH).total_seconds()
        except ValueError:
            continue
    return None


def _end_s(model: Model) -> float:
    """Return when no player needs a further pass: two years after the start of the run; all passes where it is not known."""
    start_s = _start_s(model)
    return np.inf if start_s is None else start_s + 2 * YEAR_D * DAY_S


def _at_start(model: Model, one: _Play) -> str:
    """Return the value of a property at the start of the run, which is told."""
    start_s = _start_s(model)
    at = 0
    if start_s is not None:
        at = int(np.searchsorted(one.steps.second, start_s, side="right")) - 1
    said = one.steps.text[at] if at >= 0 else model.text(one.to.target, one.to.key)
    if one.is_formula:
        of = one.to.scale * _number(one.steps.text[at]) if at >= 0 else 0j
        said = _spell(of + one.to.offset)
    elif one.to.half and at >= 0:
        said = _whole(said, one.to.half, one.before())
    what = f"{said} as at the start of the run" if said else "no value"
    expected = "power of a load that no other part of it stands beside, as numbers without unit"
    model.tell(one.player, one.to.item, expected, f"It has {what}.", "property")
    return said


def _spell(number: complex) -> str:
    return f"{number.real!r}{number.imag:+.17g}j" if number.imag else f"{number.real!r}"


def _whole(said: str, half: str, own: complex) -> str:
    """Return a complex number of which one half is played."""
    value = _number(said).real
    real, imag = (value, own.imag) if half == "real" else (own.real, value)
    return f"{real!r}{imag:+.17g}j"


def _number(said: str) -> complex:
    return read_complex(said, "VA") or 0j


def _shape(model: Model, one: _Play) -> tuple[complex, Col] | None:
    """Return the rating of a load that follows a player [VA], and its power by hour over that; None: no table holds it."""
    numbers = _numbers(one)
    if numbers is None:
        return None
    power: NDArray[np.complex128] = np.append(one.before(), numbers)
    start_s = _start_s(model)
    first_s = one.steps.second[0] if start_s is None else start_s
    edges = _hours(int(np.datetime64(int(first_s), "s").astype("datetime64[Y]").astype(int)))
    second = np.append(-np.inf, one.steps.second)
    lasts = (np.append(one.steps.second, np.inf) > edges[0, 0]) & (second < edges[-1, -1])
    rating = complex(power[lasts][np.abs(power[lasts].real).argmax()])
    if rating.real == 0:
        return None
    share = _mean(second, power.real, edges) / rating.real
    _tell_shape(model, one, power, edges)
    return rating, share


def _numbers(one: _Play) -> NDArray[np.complex128] | None:
    """Return what a player says as powers; None where it plays no power, or one that another part stands beside."""
    to = one.to
    found = POWER.fullmatch(to.key)
    if found is None or to.target.kind not in LOADS:
        return None
    part = re.compile(AMOUNT.format(found[1]))
    others = (key for key in to.target.values if key != to.key and part.fullmatch(key))
    if any(NOT_NOUGHT.search(to.target.values[key][0]) for key in others):
        return None
    read = {text: read_complex(text, "1") for text in dict.fromkeys(one.steps.text)}
    if None in read.values():
        return None
    value = to.scale * np.array([read[text] for text in one.steps.text], np.complex128) + to.offset
    own = one.before()
    if to.half == "real":
        return np.asarray(value.real + 1j * own.imag, np.complex128)
    return np.asarray(own.real + 1j * value.real, np.complex128) if to.half else value


def _hours(year: int) -> Col:
    """Return when hours of a year, 0 for 1970, start, and when each day ends, (365, 25), from the start of 1970 [s]."""
    first = np.datetime64(year, "Y").astype("datetime64[D]")
    days = np.arange(first, first + YEAR_D + 1)
    is_leap = np.datetime64(year + 1, "Y").astype("datetime64[D]") - first > np.timedelta64(
        YEAR_D, "D"
    )
    kept = np.delete(days, LEAP_DAY if is_leap else YEAR_D)
    day_s = kept.astype("datetime64[s]").astype(np.float64)
    return np.asarray(day_s[:, None] + HOUR_S * np.arange(25))


def _mean(second: Col, value: Col, edges: Col) -> Col:
    """Return the mean of steps in each hour, shape (8760,): the steps last from `second` (n,) to the next [s]."""
    start = np.minimum(edges[0, 0], second[1]) - 1.0
    knot = np.append(np.maximum(second, start), np.maximum(edges[-1, -1], second[-1]) + 1.0)
    area = np.append(0.0, np.cumsum(value * np.diff(knot)))
    kept = np.append(np.diff(knot) > 0, True)  # of lines at one time the last one holds
    at = np.interp(edges.ravel(), knot[kept], area[kept]).reshape(edges.shape)
    return np.asarray(np.diff(at, axis=1).ravel() / HOUR_S)


def _tell_shape(model: Model, one: _Play, power: NDArray[np.complex128], edges: Col) -> None:
    """Tell what a shape of hours does not hold of a player."""
    second, item = one.steps.second, one.to.item
    ends = [str(np.datetime64(int(at), "s")).replace("T", " ") for at in second[[0, -1]]]
    if second[0] > edges[0, 0] or second[-1] < edges[-1, -1] - DAY_S:
        got = f"{item} from {ends[0]} to {ends[1]}"
        model.tell(one.player, got, "values of a year", HELD, "file")
    if (second[(second > edges[0, 0]) & (second < edges[-1, -1])] % HOUR_S).any():
        model.tell(one.player, f"{item} that moves within an hour", "values by the hour", MEANS, "file")  # fmt: skip
    draws = power[power != 0]
    if (np.abs((draws * np.conj(draws[0])).imag) > ALIKE * np.abs(draws) * abs(draws[0])).any():
        model.tell(one.player, f"{item} at several power factors", "one power factor", FACTOR, "file")  # fmt: skip
