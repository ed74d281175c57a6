"""Every key says kind, unit, default, range and meaning in words of a scenario file, and the range is what it accepts."""

import math
import re
from dataclasses import dataclass

import pytest

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import find, names
from gridagora.scenario.key_reference import (
    KeyTrial,
    field_comments,
    in_a_line,
    keys_of,
    part_keys,
    spell,
    spell_range,
    split_unit,
    table_keys,
)
from gridagora.scenario.schema import TABLES

PYTHON = re.compile(r"\b(?:None|True|False|tuple|Literal|Optional|inf|nan)\b|``")
PARTS = [(kind, name) for kind in ("market", "device") for name in names(kind)]


def lines():
    """Return every key with the table that it stands in."""
    for table in TABLES:
        yield from ((table, line) for line in table_keys(table))
    for kind, name in PARTS:
        yield from ((f"{kind} {name}", line) for line in part_keys(kind, name))


ALL = list(lines())


@pytest.mark.parametrize(("where", "line"), ALL, ids=[f"{where}.{line.key}" for where, line in ALL])
def test_a_key_says_all_of_itself(where, line):
    assert line.kind and line.default and line.span and line.meaning
    assert not [text for text in line if PYTHON.search(text)]
    assert "|" not in "".join(line)
    if line.kind in {"number", "whole number"}:
        assert line.unit and "text" not in line.span
    assert line.span != "any number", "a number without a bound is not checked"


def test_parts_with_keys_are_read():
    assert len(ALL) > 240
    assert {line.key for line in part_keys("market", "tou")} >= {"peak_ratio", "groups"}
    assert part_keys("metric", "E1") == part_keys("strategy", "home") == []
    with pytest.raises(InputError, match="Did you mean 'tou'"):
        part_keys("market", "tuo")


@pytest.mark.parametrize(
    ("table", "key", "span"),
    [
        ("scenario", "days", "1 to 366"),
        ("homes", "pv_kw", "above 0 to 100"),
        ("homes", "fit_r2_least", "1 or less"),
        ("links", "loss_share", "from 0 to below 1"),
        ("market", "interval_minutes", "`5`, `15`"),
        ("results", "keep", '`"bills"`, `"temperature"`, `"device_power"`'),
        ("homes", "file", "path of a file"),
    ],
)
def test_the_range_of_a_table_is_that_of_its_model(table, key, span):
    (line,) = [each for each in table_keys(table) if each.key == key]
    assert line.span == span


@pytest.mark.parametrize(
    ("part", "key", "span"),
    [
        ("tou", "groups", "1 to 24"),
        ("tou", "peak_end_h", "above 14 to 24"),
        ("auction", "block_kw", "0.001 or more"),
        ("peer", "network", '`"none"`, `"price"`, `"envelope"`, `"fee"`'),
        ("rtp", "strategy", '`"habit"`, `"price_taker"`'),
        ("layered", "reactive", "true or false"),
    ],
)
def test_the_range_of_a_part_is_what_it_accepts(part, key, span):
    (line,) = [each for each in part_keys("market", part) if each.key == key]
    assert line.span == span


@pytest.mark.parametrize(("kind", "name"), [pair for pair in PARTS if part_keys(*pair)])
def test_a_number_is_no_number_by_chance(kind, name):
    """A key of a part refuses what is not a number at all."""
    part = find(kind, name)
    keys = part.about.keys if kind == "device" else part
    for line in part_keys(kind, name):
        if line.kind == "number":
            with pytest.raises(InputError):
                keys(**{line.key: math.nan})


def test_keys_are_found_by_the_name_of_their_table():
    assert keys_of("tou") == keys_of("[market.tou]") == part_keys("market", "tou")
    assert keys_of("homes.battery") == part_keys("device", "battery")
    assert keys_of("homes") == table_keys("homes")
    with pytest.raises(InputError, match="Did you mean 'prices'"):
        keys_of("price")
    said = in_a_line(keys_of("homes.pv")[0])
    assert said == "share of homes with panels [share]; default 0.4; 0 to 1"


@dataclass(frozen=True)
class Odd:
    """A part of somebody else."""

    # what a kWh costs
    # in the evening [$/kWh]
    price: float = 0.5
    plain: int = 3  # a number; left out: three

    def __post_init__(self) -> None:
        """Refuse a price outside .125 to below 4."""
        if not 0.125 <= self.price < 4:
            raise InputError([Problem("odd.price", str(self.price), "a price")])


def test_comments_are_read_beside_and_above():
    assert field_comments(Odd) == {
        "price": "what a kWh costs in the evening [$/kWh]",
        "plain": "a number; left out: three",
    }


def test_a_range_is_found_by_trying():
    def take(value):
        return None if 0.125 <= value < 4 else ["a price"]

    assert spell_range(KeyTrial(take, 0.5), is_whole=False) == "from 0.125 to below 4"
    assert spell_range(KeyTrial(take, 2), is_whole=True) == "1 to 3"
    assert spell_range(KeyTrial(lambda _: None, 2), is_whole=True) == "any whole number"


def test_units_and_defaults_are_those_of_a_file():
    assert split_unit("length of the run [days]") == ("days", "length of the run")
    assert split_unit("share; 0: left out [0..1]") == ("share", "share; 0: left out")
    assert split_unit("as in `keep` of `[results]`")[0] == ""
    assert [spell(value) for value in (None, "", math.inf, True, 0.4, ("a",), "a")] == [
        "left out",
        "left out",
        "left out",
        "`true`",
        "`0.4`",
        '`["a"]`',
        '`"a"`',
    ]


def test_a_list_of_numbers_takes_what_one_of_them_takes():
    """A curve of inverters is a list, of which no number alone is tried as the list."""
    spans = {line.key: (line.kind, line.span) for line in table_keys("inverters")}
    assert spans["volt_var_pu"] == ("list of numbers", "above 0 to 2")
    lists = [line for name in TABLES for line in table_keys(name) if line.kind.startswith("list")]
    assert not [line.key for line in lists if line.span.startswith("only")]
