"""TOML that people write by hand: refused with the line that is none and what it takes to mend it."""

import re
import tomllib
from typing import Any

from gridagora.core.errors import InputError, Problem

BARE_POINT = re.compile(r"(?<![\w.])([-+]?)\.(?=\d)")
REMEDIES = (
    (BARE_POINT, "A number needs a digit before its point, as in 0.5."),
    (
        re.compile("[\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb]"),
        'Text stands in straight quotes, "so".',
    ),
    (
        re.compile(r"=\s*[-+]?\d+,\d+\s*(#|$)"),
        "A number has a point, as in 0.5, where it has a comma here.",
    ),
    (re.compile(r"=\s*[-+]?[\d.]+\s*%"), "A share is written as a number, 0.5 for 50 %."),
    (
        re.compile(r"^\[\s*design\b"),
        "Each design stands under a [[design]] of its own, in two brackets.",
    ),
    (
        re.compile(r"=\s*(True|False|yes|no|Yes|No|YES|NO|on|off)\s*(#|$)"),
        "Truth is written true or false, in small letters.",
    ),
    (
        re.compile(r"=\s*\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"),
        "A date is written year first, as 2024-07-15.",
    ),
    (
        re.compile(r"=\s*\d{4}-\d{2}-\d{2}"),
        "No calendar has that day; a date is written as 2024-07-15.",
    ),
    (re.compile(r"^\s*(;|//)"), "A comment begins with #."),
    (re.compile(r"^\s*\w+\s*:"), "A key and its value are parted by =, as in days = 3."),
    (
        re.compile(r"^\s*[{]"),
        "It looks like JSON; `gridagora new FILE` writes a scenario to start from.",
    ),
    (re.compile(r"^\s*\[\w+\]"), "Each table stands once, with all of its keys below it."),
)


def parse_toml(text: str, name: str, expected: str) -> dict[str, Any]:
    """Return the tables of a text; `name` is where it stands and `expected` what it should be, in words.

    Raises
    ------
    InputError
        Text that is not TOML, with the line and its remedy where it is a slip that is known.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        message, lines = str(fault), text.splitlines()
        row = message.rpartition("line ")[2].partition(",")[0]
        line = lines[int(row) - 1].strip() if row.isdigit() and int(row) <= len(lines) else ""
        hint = f"The line reads: {line}" if line else ""
        hint += "".join(f" {remedy}" for pattern, remedy in REMEDIES if pattern.search(line))
        got = f"text that is not TOML: {message}"
        raise InputError([Problem(name, got, expected, hint)]) from None
