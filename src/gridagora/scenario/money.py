"""What the currency of a scenario means for its keys: which prices are in dollars, which defaults are, and how it is said."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from gridagora.core.currency import USD, spell_money
from gridagora.core.errors import Problem
from gridagora.core.registry import find
from gridagora.scenario.key_checks import Got
from gridagora.scenario.schema import PricesKeys, Scenario, ScenarioKeys
from gridagora.scenario.table_model import Table

IN_DOLLARS = ("ercot_hub_average", "ercot_zone", "ercot_hb_south_2016", "ercot_files")
NO_COST = re.compile(r"^(tolerance|probe|learning)_")  # of an algorithm
MONEY_KEY = re.compile(r"_per_(kwh|kw|kw_month|kw_year|kva|k2_h|kvarh)$|_usd$")
TABLES_READ = ("prices", "comfort")  # of which every key of money is read in every run


def check_currency(case: ScenarioKeys, prices: PricesKeys, got: Got) -> list[Problem]:
    """Return the problem of prices that are in dollars in a scenario of another currency."""
    if case.currency == USD or prices.source not in IN_DOLLARS:
        return []
    hint = 'Give prices of your own: source = "table" with a file of time and price.'
    where = got.where("prices", "source")
    expected = f"prices in {case.currency}, the currency of [scenario]; nothing is converted"
    return [Problem(where, f"'{prices.source}', which is in dollars", expected, hint)]


def spell_drawn(source: str, currency: str) -> tuple[str, ...]:
    """Return that drawn prices are those of Texas in another currency, in words; nothing in dollars and of other sources."""
    if currency == USD or source != "synthetic":
        return ()
    return (f"drawn as in Texas, 1 USD of it taken as 1 {currency}",)


def currency_lines(keys: Scenario) -> dict[str, str]:
    """Return what is said of a currency other than the dollar: which defaults in dollars are taken one to one."""
    currency = keys.scenario.currency
    if currency == USD:
        return {}
    kept = [f"{name} = {value:g}" for name, value in _left_at_default(keys)]
    told = f"{currency}; nothing is converted"
    if kept:
        told += f", and these defaults, stated in USD, are taken one to one: {', '.join(kept)}"
    return {"currency": told}


def in_currency(lines: dict[str, str], keys: Scenario) -> dict[str, str]:
    """Return lines about a scenario with their money in its currency; what the user wrote stays."""
    currency, own = keys.scenario.currency, {"title", "note"}
    return {
        name: text if name in own else spell_money(text, currency) for name, text in lines.items()
    }


def _left_at_default(keys: Scenario) -> Iterator[tuple[str, float]]:
    """Yield the keys of money that a run reads and nobody wrote, with their defaults."""
    tables: dict[str, Table] = {name: getattr(keys, name) for name in TABLES_READ}
    if keys.reactive.power_factor is not None:
        tables["reactive"] = keys.reactive
    priced = keys.substation.over_per_kwh, keys.substation.transformer_per_kva
    if keys.substation.is_limited and not any(each is not None for each in priced):
        tables["substation"] = keys.substation
    for name, table in tables.items():
        written = table.model_fields_set
        yield from (
            (f"{name}.{key}", value)
            for key, value in vars(table).items()
            if key not in written and _is_money(key, value)
        )
    for design in keys.compared:
        given = keys.keys_of(design)
        for each in fields(find("market", keys.market_of(design))):
            if each.name not in given and _is_money(each.name, each.default):
                yield f"market.{design}.{each.name}", float(str(each.default))


def _is_money(key: str, value: Any) -> bool:
    if NO_COST.search(key) or not MONEY_KEY.search(key):
        return False
    return isinstance(value, int | float) and 0 < value < 1e6
