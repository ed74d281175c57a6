"""A new scenario has every key: what stands behind a # is what the scenario is without it."""

import re

import pytest
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.commands import new as command
from gridagora.commands.new import demo_text
from gridagora.scenario import read
from gridagora.scenario.all_keys import add_all_keys
from gridagora.scenario.own_case import OwnCase, OwnFiles, write_case
from gridagora.scenario.schema import TABLES
from gridagora.scenario.unread import READERS

OF_FILES = {(each.table, key) for each in READERS for key in each.keys}
OFF = re.compile(r"^# (?=[a-z_]+ = [^ ])")


def told(text):
    """Return the keys of each table of a text, set or behind a #."""
    found, table = {}, ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[] ")
        elif key := re.match(r"(?:# )?([a-z_0-9]+) =", line):
            found.setdefault(table, []).append(key[1])
    return found


def plain(text):
    return read.parse(text).model_dump(exclude={"text", "file", "folder", "written", "outside"})


def cases(tmp_path):
    case = OwnCase("a case", "Etc/GMT+6", home_count=3)
    return (add_all_keys(demo_text()), write_case(OwnFiles(), tmp_path, case))


def test_every_key_that_is_read_stands_there_once(tmp_path):
    for text in cases(tmp_path):
        found = told(text)
        assert all(len(set(keys)) == len(keys) for keys in found.values())
        lacks = {
            (table, key)
            for table, model in TABLES.items()
            for key in model.model_fields
            if key not in found.get(table, ())
        }
        left = {each for each in lacks - OF_FILES if each[0] not in {"area", "plugins"}}
        assert left <= {("homes", "count")}
        assert "peak_ratio" in found["market.tou"]


def test_a_key_behind_a_number_sign_changes_nothing(tmp_path):
    for text in cases(tmp_path):
        bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        on = "\n".join(OFF.sub("", line) for line in text.splitlines())
        assert on.count("\n# ") < text.count("\n# ") / 2
        assert plain(bare) == plain(text)
        set_to = plain(on)
        for table, keys in plain(text).items():
            if table != "parts":
                assert set_to[table] == keys


def test_at_a_terminal_it_asks_and_asks_again(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "_require_terminal", lambda: None)
    file = tmp_path / "my_street.toml"
    (tmp_path / "old.toml").write_text("")
    answers = [tmp_path / "old.toml", file, "", tmp_path / "no.csv", *[""] * 5, "0", "5"]
    answers += ["Mars/Base", "Europe/Berlin", "soon", "2024-03-04", "2"]
    made = CliRunner().invoke(app, ["new"], input="".join(f"{each}\n" for each in answers))
    assert made.exit_code == 0, made.stderr
    for said in ("a file that exists", "no such file", "'0'", "'Mars/Base'", "'soon'"):
        assert said in made.stderr
    keys = read.load(file)
    assert (keys.homes.count, keys.scenario.timezone, keys.scenario.days) == (5, "Europe/Berlin", 2)
    assert str(keys.scenario.start) == "2024-03-04"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "at a terminal it asks"),
        (["s.toml", "--timezone", "Mars/Base"], "'Mars/Base'"),
        (["s.toml", "--start", "15.7.2024"], "a day, as 2024-07-15"),
        (["s.toml", "--loads", "l.csv", "--count", "3"], "3 beside a file that names the homes"),
        (["s.toml", "--loads", "l.csv", "--start", "2024-07-20"], "days of the files, 2024-07-15"),
        (["s.toml", "--loads", "l.csv", "--days", "3"], "3 days from 2024-07-15"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"2024-07-{15 + at // 24} {at % 24:02d}:00,1\n" for at in range(48))
    (tmp_path / "l.csv").write_text(f"time,Ada\n{rows}")
    bad = CliRunner().invoke(app, ["new", *arguments])
    assert bad.exit_code == 2
    assert said in bad.stderr
    assert not (tmp_path / "s.toml").exists()
