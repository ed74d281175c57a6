"""The directory of a run: who trades and is paid, each with an identifier that lasts and a role; rows are an index of the run."""

from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.tables import Index


class Role(Enum):
    """What a party is in settlement; the value is its identifier where there is one of the role."""

    HOME = "home"
    OPERATOR = "operator"  # buys at the substation, sells to homes, keeps the accounts of pools
    WHOLESALE = "wholesale"
    WIRES = "wires"  # paid for delivery, buys losses
    OTHER_CUSTOMERS = "other customers"  # the meters that are no homes, as one


SINGLE = tuple(role for role in Role if role is not Role.HOME)


class Parties(NamedTuple):
    """Identifiers and roles, in the order of the rows by which a ledger names them."""

    id: tuple[str, ...]
    role: tuple[Role, ...]


def run_parties(home_id: Sequence[str]) -> Parties:
    """Return the parties of a run: its homes, and one of every other role.

    Raises
    ------
    InputError
        A home that is named as another party is, or two homes of one name: a bill could not be told from another.
    """
    names = [*map(str, home_id), *(role.value for role in SINGLE)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        expected = (
            f"names that differ, none of them {', '.join(repr(role.value) for role in SINGLE)}"
        )
        raise InputError(
            [Problem("homes", f"'{name}' for two parties", expected) for name in twice]
        )
    return Parties(tuple(names), (Role.HOME,) * len(home_id) + SINGLE)


def rows_of(parties: Parties, role: Role) -> Index:
    """Return the k rows of a role, shape (k,)."""
    return np.flatnonzero([each is role for each in parties.role])


def row_of(parties: Parties, role: Role) -> int:
    """Return the row of the one party of a role.

    Raises
    ------
    PartError
        None or several.
    """
    found = rows_of(parties, role)
    if len(found) != 1:
        raise PartError(f"parties: {len(found)} of role '{role.value}', expected one")
    return int(found[0])
