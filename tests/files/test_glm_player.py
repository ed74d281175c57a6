"""Files of GridLAB-D's players: what its release 6.0.0 plays of the same lines, and lines that it does not play."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.files.glm_player import EPOCH, read_player

FOREVER = 1e12
PST = frozenset({"PST", "PDT"})


@pytest.fixture
def played(tmp_path):
    def read(text, loop=0, until_s=FOREVER):
        path = tmp_path / "p.player"
        path.write_text(text, encoding="utf-8")
        found = read_player(path, 1 + loop, until_s, PST)
        start_s = (np.datetime64("2000-01-01") - np.datetime64(EPOCH)) / np.timedelta64(1, "s")
        hours = (found.second - start_s) / 3600
        return list(zip(hours.tolist(), found.text, strict=True))

    return read


@pytest.mark.parametrize(
    "text",
    [
        "2000-01-01 01:00:00,1\n2000-01-01 02:00:00,2\n",
        "# a remark\n\n2000-01-01 01:00,1\n2000-1-1 02:00:00.0 PST , 2",
        "\"2000-01-01 01:00:00 PDT\",'1'\n+60m,2 # more\n",
        "2000-01-01 01:00:00,1\n+3600s,2\n",
    ],
)
def test_every_form_of_a_time_is_read(played, text):
    assert played(text) == [(1.0, "1"), (2.0, "2")]


def test_a_further_pass_plays_the_steps_alone(played):
    """GridLAB-D 6.0.0 under `loop 1` gives 1 2 3 2 3 by the hour; without steps nothing is left to play again."""
    found = played("2000-01-01 01:00:00,1\n+1h,2\n+1h,3\n", loop=1)
    assert found == [(1.0, "1"), (2.0, "2"), (3.0, "3"), (4.0, "2"), (5.0, "3")]
    assert len(played("2000-01-01 01:00:00,1\n2000-01-02 01:00:00,2\n", loop=9)) == 2


def test_no_pass_begins_after_the_end(played):
    end_s = (np.datetime64("2000-01-02") - np.datetime64(EPOCH)) / np.timedelta64(1, "s")
    assert played("2000-01-01 00:00:00,1\n+1d,2\n", 10**9, end_s) == [(0.0, "1"), (24.0, "2")]


def test_a_time_that_goes_back_is_passed_at_once(played):
    """GridLAB-D 6.0.0 applies such a line together with the one before it, which it so never shows."""
    found = played("2000-01-01 03:00:00,1\n2000-01-01 02:00:00,2\n2000-01-01 04:00:00,3\n")
    assert found == [(3.0, "1"), (3.0, "2"), (4.0, "3")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("+1h,1\n", "line 1: got '\\+1h' in the first line"),
        ("2000-01-01 00:00:00,1\n2000-01-01T01:00:00,2\n", "line 2: got '2000-01-01T01:00:00'"),
        ("1/31/2000 01:00:00,2\n", "got '1/31/2000 01:00:00', expected a time as"),
        ("2000-02-30 01:00:00,2\n", "got '2000-02-30 01:00:00'"),
        ("2000-01-01 09:00:00 UTC,2\n", r"got zone UTC, expected the zone .* \(PDT, PST\)"),
        ("2000-01-01 00:00:00,1\n+30,2\n", r"got '\+30'"),
        ("2000-01-01 00:00:00\n", "expected a time and a value"),
        ("time,value\n2000-01-01 00:00:00,1\n", "line 1: got 'time'"),
        ("# nothing\n", "got no line"),
    ],
)
def test_lines_that_are_not_played_are_told_by_number(played, text, told):
    with pytest.raises(InputError, match=told):
        played(text)
