"""Designs of a scenario's own: `[[design]]` names a market with keys that differ, so a comparison may hold it several times."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gridagora.core.errors import Problem, nearest, shown
from gridagora.core.ports import Market
from gridagora.core.registry import find, names
from gridagora.core.rules import Pricing
from gridagora.scenario import key_checks as faults
from gridagora.scenario.key_checks import Got
from gridagora.scenario.schema import Design, HomeShares, HomesKeys

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _+-]{0,38}[A-Za-z0-9+]|[A-Za-z0-9]")
NAMING = "up to 40 letters, digits, blanks, '-', '_' or '+', a letter or digit first"
SPREAD = "start_spread_minutes"  # a key of `[market]` that a design may set for itself
PART = "participation_share"
SHARES = (PART, "by_hand_share")  # keys of `[homes]` that it may
OWN = ("name", "market", SPREAD, *SHARES)  # keys of a `[[design]]` that are not of its market
RESERVED = ("bound", "manifest")  # what tables and folders call something else


def find_designs(
    raw: Sequence[Mapping[str, Any]],
    parts: Mapping[str, Mapping[str, Any]],
    homes: HomesKeys,
    got: Got,
    problems: list[Problem],
) -> tuple[Design, ...]:
    """Return the checked designs of a scenario's own; problems are added to the list.

    `parts` are the checked keys of every `[market.NAME]`, which a design of that market starts from; `homes` has the shares of
    homes that it shares with all others where it states none.
    """
    found, seen = [], list[str]()
    for row, values in enumerate(raw):
        name, market = values.get("name"), values.get("market")
        where = got.where("design", name if isinstance(name, str) else str(row + 1))
        wrong = [*_check_name(name, seen, where), *_check_market(market, where)]
        problems += wrong
        if isinstance(name, str):
            seen.append(_folded(name))
        if wrong or not isinstance(name, str) or not isinstance(market, str):
            continue
        own = {key: value for key, value in values.items() if key not in OWN}
        before, shared = len(problems), parts.get(market, {})
        checked = faults.design_keys(name, market, own, shared, got, problems)
        spread = values.get(SPREAD)
        shares = {key: values[key] for key in SHARES if values.get(key) is not None}
        if len(problems) == before:
            made = find("market", market)(**{**shared, **checked})
            problems += _check_spread(spread, made, got.where("design", name, SPREAD))
            problems += _check_part(shares.get(PART), made, got.where("design", name, PART))
        problems += _check_shares(shares, homes, name, got)
        if len(problems) > before:
            continue
        beside = {SPREAD: spread, **shares}
        found.append(Design(name=name, market=market, keys=checked, **beside))
    return tuple(found)


def _check_shares(
    shares: Mapping[str, Any], homes: HomesKeys, name: str, got: Got
) -> list[Problem]:
    """Return what is wrong with the shares of homes that a design states for itself: no share, or more than all homes."""
    bad = faults.keys("homes", shares, Got(""))
    if bad:
        wheres = ((key, got.where("design", name, key)) for key in bad)
        return [replace(bad[key], where=where) for key, where in wheres]
    usual = homes.shares
    own = HomeShares(*(shares.get(key, usual[row]) for row, key in enumerate(SHARES)))
    return own.check(got.where("design", name, list(shares)[-1])) if shares else []


def _check_part(share: object, made: Market[Any], where: str) -> list[Problem]:
    """Return what is wrong with homes that take part in a design in which no home does anything but keep to its switches."""
    if not share or find("strategy", made.strategy).plans:
        return []
    expected = "a share only of a design whose homes plan, such as 'flat_optimised'"
    return [Problem(where, f"{share} with strategy '{made.strategy}'", expected, "Leave it out.")]


def _check_spread(spread: object, made: Market[Any], where: str) -> list[Problem]:
    """Return what is wrong with the spread of starts of a design: no such number, or homes that follow no posted price."""
    if spread is None:
        return []
    bad = faults.keys("market", {SPREAD: spread}, Got(""))
    if bad:
        return [replace(each, where=where) for each in bad.values()]
    if made.rules.pricing is Pricing.POSTED and find("strategy", made.strategy).plans:
        return []
    expected = "a spread only of a design whose homes plan against a posted price, such as 'tou'"
    return [Problem(where, f"{spread} with strategy '{made.strategy}'", expected, "Leave it out.")]


def _check_name(name: object, seen: Sequence[str], where: str) -> list[Problem]:
    """Return what is wrong with the name of a design, given those before it in small letters."""
    if name is None:
        hint = 'Write name = "..." below [[design]].'
        return [Problem(where, "no name", "the name that tables show", hint)]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return [Problem(where, shown(name), f"a name of {NAMING}")]
    if _folded(name) in names("market"):
        hint = f"The keys of '{_folded(name)}' itself stand under [market.{_folded(name)}]."
        return [Problem(where, f"'{name}', the name of a market", "a name of its own", hint)]
    if _folded(name) in RESERVED:
        return [Problem(where, f"'{name}', which results use", "another name")]
    if _folded(name) in seen:
        return [Problem(where, f"'{name}' for two designs", "names that differ")]
    return []


def _folded(name: str) -> str:
    """Return what is left of a name for who reads it in a table: letters of either size are one, and so are several blanks."""
    return " ".join(name.casefold().split())


def _check_market(market: object, where: str) -> list[Problem]:
    known = names("market")
    if market is None:
        hint = 'Write market = "..." below [[design]].'
        return [Problem(where, "no market", f"one of {', '.join(known)}", hint)]
    if not isinstance(market, str):
        return [Problem(where, shown(market), f"a market: one of {', '.join(known)}")]
    if market not in known:
        hint = nearest(market, known)
        return [Problem(where, f"an unknown market '{market}'", "the name of a market", hint)]
    return []
