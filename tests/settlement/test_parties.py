"""The directory of a run: homes first, one of every other role, each by a name that stands for one."""

import numpy as np
import pytest

from gridagora.core.errors import InputError, PartError
from gridagora.settlement.parties import Parties, Role, row_of, rows_of, run_parties

NAMES = ["operator", "wholesale", "wires", "other customers"]


def test_homes_come_first_and_every_other_role_has_one_party():
    parties = run_parties(["north", "south", "west"])
    assert parties.id == ("north", "south", "west", *NAMES)
    assert parties.role == (Role.HOME,) * 3 + (
        Role.OPERATOR,
        Role.WHOLESALE,
        Role.WIRES,
        Role.OTHER_CUSTOMERS,
    )
    assert rows_of(parties, Role.HOME).tolist() == [0, 1, 2]
    for place, role in enumerate(parties.role[3:]):
        assert rows_of(parties, role).tolist() == [3 + place]
        assert row_of(parties, role) == 3 + place
        assert isinstance(row_of(parties, role), int)


def test_a_run_may_have_no_homes():
    parties = run_parties([])
    assert parties.id == tuple(NAMES)
    assert rows_of(parties, Role.HOME).tolist() == []
    with pytest.raises(PartError, match=r"^parties: 0 of role 'home', expected one$"):
        row_of(parties, Role.HOME)


def test_names_are_kept_as_text():
    assert run_parties([7, "08"]).id[:2] == ("7", "08")
    with pytest.raises(InputError):
        run_parties([7, "7"])


@pytest.mark.parametrize("name", NAMES)
def test_a_home_named_as_another_party_is_refused(name):
    with pytest.raises(InputError) as fault:
        run_parties(["a", name])
    (problem,) = fault.value.problems
    assert problem.got == f"'{name}' for two parties"
    assert (
        problem.expected
        == "names that differ, none of them 'operator', 'wholesale', 'wires', 'other customers'"
    )


def test_each_doubled_name_is_told_once():
    with pytest.raises(InputError) as fault:
        run_parties(["a", "a", "a", "b", "b", "c"])
    assert [problem.got for problem in fault.value.problems] == [
        "'a' for two parties",
        "'b' for two parties",
    ]
    assert {problem.where for problem in fault.value.problems} == {"homes"}


@pytest.mark.parametrize(("roles", "found"), [((), 0), ((Role.WIRES, Role.WIRES), 2)])
def test_the_one_party_of_a_role_must_be_one(roles, found):
    parties = Parties(tuple(map(str, range(len(roles)))), roles)
    with pytest.raises(PartError, match=f"^parties: {found} of role 'wires', expected one$"):
        row_of(parties, Role.WIRES)
    assert np.array_equal(rows_of(parties, Role.WIRES), np.arange(found))
