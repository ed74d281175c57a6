"""Whether a part from outside fits its seam: the methods and attributes that `core.ports` declares, checked before any run.

What is required is read from the protocols, so a seam that changes changes what is asked of a part.
"""

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping
from types import FunctionType, MappingProxyType
from typing import Any, get_type_hints

from gridagora.core import ports
from gridagora.core.device import DeviceKind
from gridagora.core.errors import FAULTS, Problem, describe_error, nearest
from gridagora.core.product import Commodity, Horizon
from gridagora.core.registry import FACTS, Entry
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing, Residual, Rulebook
from gridagora.results.metric import Metric

DIRECTIONS = ("up", "down", "-")
SOURCES = (
    "feeder.source",
    "homes.source",
    "weather.source",
    "prices.source",
    "homes.ev_source",
)  # keys that a source can name
OF_DATACLASS = "A part is `@dataclass(frozen=True)`: its fields are its scenario keys, and nothing changes them."


def problems(entry: Entry, origin: str) -> list[Problem]:
    """Return what keeps a part from being used; `origin` names its file or module in the sentences."""
    return CHECKS[entry.kind](entry, f"{entry.kind} '{entry.name}' of {origin}")


def lacking(part: Any, port: type, where: str, fields: Collection[str] = ()) -> list[Problem]:
    """Return the methods and attributes of a protocol that an object lacks, and the methods that take other parameters.

    `part` may be a class of which nothing is made yet; `fields` are then the attributes that its objects will have.
    """
    have = dict(inspect.getmembers(part))
    found = []
    for name, wanted in _required(port).items():
        if name not in have and name not in fields:
            what = f"method {name}{_parameters(wanted)}" if wanted else f"attribute '{name}'"
            found.append(
                Problem(
                    where,
                    f"no {what}",
                    _said(wanted) or f"the attribute that {port.__name__} declares",
                )
            )
        elif wanted is not None and not callable(have.get(name)):
            kind = type(have.get(name)).__name__
            found.append(
                Problem(where, f"{name} of type {kind}", f"the method {name}{_parameters(wanted)}")
            )
        elif wanted is not None and not takes(have[name], wanted):
            given = f"method {name}{_parameters(have[name])}"
            found.append(
                Problem(
                    where, given, f"{name}{_parameters(wanted)}, as a {port.__name__} is called"
                )
            )
    return found


def takes(method: Callable[..., Any], wanted: Callable[..., Any]) -> bool:
    """Return whether a method can be called as the wanted one is: as many parameters by place, the others by their name."""
    places = [each for each in _own(wanted) if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    named = {
        each.name: None for each in _own(wanted) if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    try:
        given = inspect.signature(method)
        given.replace(parameters=_own(method)).bind(*places, **named)
    except TypeError:
        return False
    except ValueError:  # a compiled callable does not tell its parameters
        return True
    return True


def _required(port: type) -> Mapping[str, FunctionType | None]:
    """Return what a protocol declares, by name: a function for a method, None for an attribute."""
    found: dict[str, FunctionType | None] = dict.fromkeys(get_type_hints(port), None)
    for name, member in vars(port).items():
        plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(plain, FunctionType) and not name.startswith("_"):
            found[name] = plain
        elif isinstance(plain, property):
            found[name] = None
    return found


def _own(method: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters that a caller gives: those of a method of a class but its first."""
    return [
        each
        for each in inspect.signature(method).parameters.values()
        if each.name not in {"self", "cls"}
    ]


def _parameters(method: Callable[..., Any]) -> str:
    try:
        return f"({', '.join(each.name for each in _own(method))})"
    except ValueError:
        return "(...)"


def _said(method: FunctionType | None) -> str:
    """Return what a method is for, as its protocol says."""
    said = (inspect.getdoc(method) or "").splitlines() if method else []
    return f"one that does this: {said[0].rstrip('.')}" if said else ""


def _frozen(entry: Entry, where: str) -> list[Problem]:
    """Return what keeps a class from being a part of plain frozen values, each with a default."""
    part = entry.part
    if not inspect.isclass(part):
        return [Problem(where, f"an object of type {type(part).__name__}", "a class", OF_DATACLASS)]
    if not dataclasses.is_dataclass(part):
        return [
            Problem(where, f"{part.__name__}, no dataclass", "a frozen dataclass", OF_DATACLASS)
        ]
    found = []
    if not _is_frozen(part):
        found.append(
            Problem(
                where,
                f"{part.__name__}, whose fields can be changed",
                "a frozen dataclass",
                OF_DATACLASS,
            )
        )
    for field in dataclasses.fields(part):
        if (
            field.init
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ):
            found.append(
                Problem(
                    where, f"the key '{field.name}' without a default", "a default for every key"
                )
            )
        if field.name in FACTS:
            hint = f"Write `{field.name}: ClassVar[...]`: it says what the design is, and no scenario changes it."
            found.append(Problem(where, f"the key '{field.name}'", "a class variable", hint))
    return found


def _is_frozen(table: type) -> bool:
    return bool(vars(table)["__dataclass_params__"].frozen)


def _made(entry: Entry, port: type, where: str) -> list[Problem]:
    """Return what is wrong with a class and with what it makes from its defaults."""
    found = _frozen(entry, where)
    if found:
        return found
    try:
        get_type_hints(entry.part)
        return lacking(entry.part(), port, where)
    except FAULTS as fault:
        return [
            Problem(
                where,
                f"a class that its defaults cannot make: {describe_error(fault)}",
                "defaults that are legal values",
            )
        ]


def _market(entry: Entry, where: str) -> list[Problem]:
    found = _made(entry, ports.Market, where)
    if found:
        return found
    made = entry.part()
    if not isinstance(made.rules, Rulebook):
        expected = "a Rulebook of gridagora.extend, as a class variable"
        return [Problem(where, f"rules of type {type(made.rules).__name__}", expected)]
    found = _ruled(made.rules, where)
    if not isinstance(made.strategy, str):
        got = f"strategy of type {type(made.strategy).__name__}"
        found.append(Problem(where, got, "the name of a strategy, as text"))
    return found


def _ruled(rules: Rulebook, where: str) -> list[Problem]:
    """Return the fields of a declaration that hold something else than they declare."""
    kinds = {
        "bidder": Bidder,
        "discloses": Disclosure,
        "look_ahead": LookAhead,
        "pricing": Pricing,
        "residual": Residual,
        **dict.fromkeys(("sees_limit", "sees_flow", "is_tariff"), bool),
    }
    each = {"strategies": str, "commits": Horizon, "commodities": Commodity}
    values = rules._asdict()
    found = [
        Problem(where, f"rules.{name} = {values[name]!r}", f"a {kind.__name__}")
        for name, kind in kinds.items()
        if not isinstance(values[name], kind)
    ]
    found += [
        Problem(where, f"rules.{name} = {values[name]!r}", f"a tuple of {kind.__name__}")
        for name, kind in each.items()
        if not isinstance(values[name], tuple)
        or not all(isinstance(one, kind) for one in values[name])
    ]
    if not found and not rules.strategies:
        found.append(Problem(where, "rules.strategies without a name", "one strategy or more"))
    return found


def _strategy(entry: Entry, where: str) -> list[Problem]:
    found = _made(entry, ports.Strategy, where)
    if found:
        return found
    made = entry.part()
    if not isinstance(made.plans, bool):
        found.append(Problem(where, f"plans = {made.plans!r}", "true or false"))
    if not isinstance(made.bidder, Bidder):
        found.append(Problem(where, f"bidder = {made.bidder!r}", "a Bidder"))
    return found


def _device(entry: Entry, where: str) -> list[Problem]:
    """Return what a class of device groups lacks: a run makes its objects, so its fields need no defaults."""
    part = entry.part
    if not inspect.isclass(part) or not dataclasses.is_dataclass(part):
        return [Problem(where, "no table", "a frozen dataclass", OF_DATACLASS)]
    loose = (
        []
        if _is_frozen(part)
        else [Problem(where, f"{part.__name__}, whose fields can be changed", "a frozen dataclass")]
    )
    found = loose + lacking(
        part, ports.DeviceGroup, where, [field.name for field in dataclasses.fields(part)]
    )
    about = vars(part).get("about")
    if found or (isinstance(about, DeviceKind) and about.kind == entry.name):
        return found
    return [
        Problem(
            where,
            f"about = {about}",
            f"a DeviceKind of gridagora.extend whose kind is '{entry.name}'",
        )
    ]


def _metric(entry: Entry, where: str) -> list[Problem]:
    part = entry.part
    if not isinstance(part, Metric):
        made = f"an object of type {type(part).__name__}"
        return [
            Problem(
                where,
                made,
                "a Metric of gridagora.extend",
                "register('metric', m.id)(m) files one.",
            )
        ]
    texts = ("id", "name", "unit", "direction", "explanation", "family", "short_name")
    found = [
        Problem(where, f"{name} of type {type(vars(part)[name]).__name__}", "text")
        for name in texts
        if not isinstance(vars(part)[name], str)
    ]
    if found:
        return found
    rules = (
        (part.id != entry.name, f"the id '{part.id}'", "the name it is registered under"),
        (
            part.direction not in DIRECTIONS,
            f"the direction '{part.direction}'",
            "'up', 'down' or '-'",
        ),
        (not part.name, "no name", "the name that a reader sees"),
        (not part.unit, "no unit", "a unit, such as 'kWh' or 'share'"),
        (
            not part.explanation,
            "no explanation",
            "a sentence in `explanation` that the report shows beside the figure",
        ),
        (
            not callable(part.compute) or not takes(part.compute, _computes),
            "compute",
            "a function compute(outcome, yardstick)",
        ),
        (
            not callable(part.applies) or not takes(part.applies, _applies),
            "applies",
            "a function applies(outcome) that says true or false",
        ),
        (
            isinstance(part.order, bool)
            or not isinstance(part.order, int | float)
            or part.order != part.order,
            f"the order {part.order}",
            "a number, the place within the family",
        ),
        (not isinstance(part.in_brief, bool), f"in_brief = {part.in_brief!r}", "true or false"),
    )
    return [Problem(where, got, expected) for broken, got, expected in rules if broken]


def _computes(outcome: Any, yardstick: Any) -> None:
    """Stand for how a metric is called."""


def _applies(outcome: Any) -> None:
    """Stand for how a metric is asked whether it says something."""


def _source(entry: Entry, where: str) -> list[Problem]:
    key, sign, word = entry.name.partition("=")
    if key not in SOURCES or not sign or not word:
        hint = nearest(key, SOURCES) if key else ""
        return [
            Problem(
                where,
                f"the name '{entry.name}'",
                "TABLE.KEY=WORD, as in prices.source=my_prices",
                hint,
            )
        ]
    if not callable(entry.part) or not takes(entry.part, _asks):
        return [
            Problem(
                where,
                f"{type(entry.part).__name__} {_name(entry.part)}",
                "a function of one parameter, the request",
            )
        ]
    return []


def _asks(request: Any) -> None:
    """Stand for how a source is called."""


def _name(part: Any) -> str:
    return f"{part.__name__}{_parameters(part)}" if inspect.isfunction(part) else ""


CHECKS: Mapping[str, Callable[[Entry, str], list[Problem]]] = MappingProxyType(
    {
        "market": _market,
        "strategy": _strategy,
        "device": _device,
        "metric": _metric,
        "source": _source,
    }
)
