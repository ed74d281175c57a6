"""Scenario files: what is read, what is refused, and in which words."""

import datetime
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError, Problem
from gridagora.kernels.physics.fleet import Control
from gridagora.population.fleet import REST_MIN
from gridagora.scenario import read
from gridagora.scenario.schema import TABLES, Scenario

DEMO = files("gridagora.scenario").joinpath("demo.toml").read_text(encoding="utf-8")


def faults(text: str, *overrides: str) -> tuple[Problem, ...]:
    """Return the problems of a text that must have some."""
    with pytest.raises(InputError) as caught:
        read.parse(text, "case.toml", overrides=overrides)
    return caught.value.problems


def only(text: str, *overrides: str) -> Problem:
    """Return the one problem of a text."""
    found = faults(text, *overrides)
    assert len(found) == 1, [str(each) for each in found]
    return found[0]


def test_an_empty_file_is_the_synthetic_case() -> None:
    scenario = read.parse("")
    assert scenario.model_dump(exclude={"file", "text"}) == Scenario().model_dump(
        exclude={"file", "text"}
    )


def test_the_demo_is_read_as_written() -> None:
    scenario = read.parse(DEMO, "demo.toml")
    assert scenario.scenario.start == datetime.date(2024, 7, 15)
    assert scenario.homes.count == 40
    assert scenario.substation.limit_share_of_flat_peak == 0.85
    assert scenario.text == DEMO


def test_every_key_says_what_it_is() -> None:
    for name, model in TABLES.items():
        for key, field in model.model_fields.items():
            assert field.description, f"[{name}] {key}"


def test_overrides_replace_keys_and_are_kept_in_the_text() -> None:
    overrides = [
        "homes.pv_share=.5",
        "scenario.title=A new day",
        "market.tou.peak_ratio=4.0",
        'scenario.architectures=["flat"]',
    ]
    scenario = read.parse(DEMO, "demo.toml", overrides=overrides)
    assert scenario.homes.pv_share == 0.5
    assert scenario.scenario.title == "A new day"
    assert scenario.parts == {"tou": {"peak_ratio": 4.0}}
    again = read.parse(scenario.text, "copy.toml")
    assert again.model_dump(exclude={"file", "text"}) == scenario.model_dump(
        exclude={"file", "text"}
    )


plain = st.one_of(
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["C"])),
    st.dates(),
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.one_of(plain, st.lists(plain, max_size=3)), max_size=4
    )
)
def test_written_text_reads_back(values: dict[str, object]) -> None:
    assert tomllib.loads(read.write({"table": values, "market": {"x": values}})) == {
        "table": values,
        "market": {"x": values},
    }


def test_all_problems_come_at_once() -> None:
    text = """
        [scenario]
        days = 0
        architectures = ["flat", "centrl"]
        [homes]
        pv_shar = 0.3
        ev_share = 1.4
        [homs]
        count = 3
        [substation]
        limit_kw = 500
        limit_share_of_flat_peak = 0.85
    """
    found = faults(text)
    assert len(found) == 6
    assert all(each.where.startswith("case.toml") for each in found)


@pytest.mark.parametrize(
    ("text", "where", "got", "expected", "hint"),
    [
        ("[homs]", "case.toml", "[homs]", "a table", "'homes'"),
        ("days = 3", "case.toml", "'days'", "heading", "'scenario.days'"),
        ("homes = 3", "[homes]", "3", "a table", ""),
        ("[homes]\npv_shar = 0.3", "[homes] pv_shar", "unknown key", "[homes]", "'pv_share'"),
        ("[homes]\npv_share = 1.2", "[homes] pv_share", "1.2", "at most 1", ""),
        ("[homes]\nev_share = -0.1", "[homes] ev_share", "-0.1", "at least 0", ""),
        ("[homes]\npv_share = 'half'", "[homes] pv_share", "'half'", "a number", ""),
        ("[homes]\npv_share = nan", "[homes] pv_share", "nan", "finite", ""),
        ("[homes]\ncount = 2.5", "[homes] count", "2.5", "a whole number", ""),
        ("[homes]\nwater_heaters = 1", "[homes] water_heaters", "1", "true or false", ""),
        ("[homes]\nsource = 'travs'", "[homes] source", "'travs'", "'travis'", "'travis'"),
        ("[homes]\nbattery_kwh = 0", "[homes] battery_kwh", "0", "above 0", "battery_share = 0"),
        ("[homes]\nbattery_kw = 0", "[homes] battery_kw", "0", "above 0", "battery_share = 0"),
        ("[scenario]\ndays = 0", "[scenario] days", "0", "at least 1", ""),
        ("[scenario]\ndays = -3", "[scenario] days", "-3", "at least 1", ""),
        (
            "[scenario]\nstart = '2024-07-15'",
            "[scenario] start",
            "'2024-07-15'",
            "without quotes",
            "",
        ),
        ("[scenario]\narchitectures = []", "[scenario] architectures", "[]", "at least one", ""),
        (
            "[scenario]\narchitectures = ['flatt']",
            "[scenario] architectures",
            "'flatt'",
            "name of a market",
            "'flat'",
        ),
        (
            "[scenario]\narchitectures = ['flat', 'flat']",
            "[scenario] architectures",
            "more than once",
            "once",
            "",
        ),
        ("[scenario]\ntimezone = 'Texas'", "[scenario] timezone", "'Texas'", "IANA", ""),
        ("[market]\ninterval_minutes = 7", "[market] interval_minutes", "7", "5 or 15", ""),
        (
            "[market.tou]\npeak_ratoi = 3.0",
            "[market.tou] peak_ratoi",
            "unknown key",
            "'tou'",
            "'peak_ratio'",
        ),
        ("[market.tou]\npeak_ratio = 'a'", "[market.tou] peak_ratio", "'a'", "a number", ""),
        ("[market.tou]\npeak_ratio = -1.0", "market.tou", "-1", "above 0", ""),
        ("[market.tuo]\npeak_ratio = 3.0", "[market] tuo", "'tuo'", "name of a market", "'tou'"),
        ("[feeder]\nsource = 'opendss'", "[feeder] file", "nothing", "'opendss' reads", ""),
        (
            "[feeder]\nsource = 'opendss'\nfile = 'no/such.dss'",
            "[feeder] file",
            "'no/such.dss'",
            "exists",
            "Looked for",
        ),
        ("[weather]\nsource = 'epw'", "[weather] file", "nothing", "'epw' reads", ""),
        (
            "[prices]\ndelivery_per_kwh = -0.1",
            "[prices] delivery_per_kwh",
            "-0.1",
            "at least 0",
            "",
        ),
        ("[tariff]\ncredit_per_kwh = -0.1", "[tariff] credit_per_kwh", "-0.1", "at least 0", ""),
        ("[tariff]\ncredit_per_kwh = 'net'", "[tariff] credit_per_kwh", "'net'", "a number", ""),
        (
            "[tariff]\ncredit = 0.03",
            "[tariff] credit",
            "unknown key",
            "[tariff]",
            "'credit_per_kwh'",
        ),
        ("[substation]\nlimit_kw = 0", "[substation] limit_kw", "0", "above 0", ""),
        ("[comfort]\nvalue_per_k2_h = 0", "[comfort] value_per_k2_h", "0", "above 0", ""),
        (
            "[comfort]\nvalue_per_k2_h = 1e6",
            "[comfort] value_per_k2_h",
            "1000000",
            "at most 100",
            "",
        ),
        ("[homes]\npv_kw = 5000.0", "[homes] pv_kw", "5000", "at most 100", ""),
        ("[homes]\nbattery_kwh = 1e6", "[homes] battery_kwh", "1000000", "at most 1000", ""),
        ("[homes]\nbattery_kw = 5000", "[homes] battery_kw", "5000", "at most 96", ""),
        (
            "[homes]\nbattery_efficiency = 0.01",
            "[homes] battery_efficiency",
            "0.01",
            "at least 0.5",
            "",
        ),
        ("[homes]\nev_kw = 7200", "[homes] ev_kw", "7200", "at most 96", ""),
        ("[homes]\ntank_kw = 4500", "[homes] tank_kw", "4500", "at most 96", ""),
        ("[homes]\ntank_l = 1e9", "[homes] tank_l", "1000000000", "at most 2000", ""),
        (
            "[prices]\nexport_credit_per_kwh = 25",
            "[prices] export_credit_per_kwh",
            "25",
            "at most 1",
            "",
        ),
        (
            "[substation]\nover_per_kwh = 5000",
            "[substation] over_per_kwh",
            "5000",
            "at most 100",
            "",
        ),
        (
            "[weather]\nfile = 'a.epw'",
            "[weather] file",
            "source = 'synthetic' does not read",
            "'epw' or",
            "leave the file out",
        ),
        ("[feeder]\nfile = 'a.dss'", "[feeder] file", "'a.dss'", "'opendss'", "source"),
        ("[prices]\nfile = 'a.csv'", "[prices] file", "'a.csv'", "'ercot_zone'", "source"),
        ("[homes]\nfile = 'a.csv'", "[homes] file", "'a.csv'", "'profiles'", "source"),
        (
            "[homes]\nev_source = 'evwatts'",
            "[homes] ev_source",
            "'evwatts'",
            "'travis' or 'profiles'",
            "source",
        ),
        (
            "[homes]\nweather_file = 'a.epw'",
            "[homes] weather_file",
            "'a.epw'",
            "'epw'",
            "weather_source",
        ),
    ],
)
def test_one_fault_one_sentence(text: str, where: str, got: str, expected: str, hint: str) -> None:
    problem = only(text)
    assert where in problem.where
    assert got in problem.got
    assert expected in problem.expected
    assert hint in problem.hint


def test_both_limits_are_one_too_many() -> None:
    problem = only("[substation]\nlimit_kw = 500\nlimit_share_of_flat_peak = 0.85")
    assert "both" in problem.got
    assert "one of them" in problem.expected


@pytest.mark.parametrize(("start", "hours"), [("2024-03-09", "23"), ("2024-11-02", "25")])
def test_a_day_of_23_or_25_hours_is_refused(start: str, hours: str) -> None:
    problem = only(f"[scenario]\nstart = {start}\ntimezone = 'America/Chicago'")
    assert f"a day of {hours} hours" in problem.got
    assert "Etc/GMT+6" in problem.hint


def test_a_zone_with_summer_time_is_fine_away_from_its_changes() -> None:
    assert (
        read.parse("[scenario]\ntimezone = 'America/Chicago'").scenario.timezone
        == "America/Chicago"
    )


def test_bad_toml_is_one_problem_with_its_line() -> None:
    problem = only("[homes]\npv_share = .5\n")
    assert "line 2" in problem.got
    assert "pv_share = .5" in problem.hint
    assert "0.5" in problem.hint


@pytest.mark.parametrize(
    ("item", "hint"),
    [("days=2", "'scenario.days'"), ("homes.pv_share", ""), ("a.b.c=1", ""), ("=3", "")],
)
def test_an_override_needs_table_key_and_value(item: str, hint: str) -> None:
    problem = only("", item)
    assert problem.where == f"--set {item}"
    assert "TABLE.KEY=VALUE" in problem.expected
    assert hint in problem.hint


def test_a_bad_override_is_named_as_it_was_typed() -> None:
    assert only("", "homes.pv_share=1.5").where == "--set homes.pv_share=1.5"
    assert only("", "homes.pv_shar=0.5").where == "--set homes.pv_shar=0.5"


def test_a_file_that_is_not_there_has_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "austin.toml").write_text("")
    with pytest.raises(InputError, match=r"no such file.*austin\.toml"):
        read.load(tmp_path / "austn.toml")


def test_a_folder_and_bytes_are_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder"):
        read.load(tmp_path)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read.load(tmp_path / "x.toml")


def test_paths_start_at_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "sky.epw").write_text("")
    (tmp_path / "case.toml").write_text("[weather]\nsource = 'epw'\nfile = 'sky.epw'\n")
    assert read.load(tmp_path / "case.toml").weather.file == str((tmp_path / "sky.epw").resolve())


def test_an_absent_data_folder_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(tmp_path / "nowhere"))
    problem = only(
        "[homes]\nsource = 'travis'\n[weather]\nsource = 'travis'\n[prices]\nsource = 'ercot_hub_average'"
    )
    assert "no data folder" in problem.got
    assert "[homes] folder" in problem.where
    assert "[prices] folder" in problem.where
    assert "GRIDAGORA_DATA" in problem.hint


def test_measured_homes_live_in_measured_weather(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(data_dir))
    problem = only("[homes]\nsource = 'travis'")
    assert problem.where.endswith("[weather] source")


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("pv_share = 0,5", "a point, as in 0.5"),
        ("pv_share = 50%", "0.5 for 50 %"),
        ("source = \u201csynthetic\u201d", "straight quotes"),
        ("water_heaters = True", "small letters"),
    ],
)
def test_what_a_spreadsheet_or_an_editor_writes_is_told_with_its_remedy(
    line: str, remedy: str
) -> None:
    with pytest.raises(InputError, match=remedy):
        read.parse(f"[homes]\n{line}\n")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes(b"\xef\xbb\xbf[homes]\ncount = 6\n")
    assert read.load(path).homes.count == 6


def test_an_unknown_table_is_blamed_on_the_option_that_names_it() -> None:
    with pytest.raises(
        InputError, match=r"--set home.count=4: got an unknown table \[home\].*homes"
    ):
        read.parse("", overrides=["home.count=4"])


def test_the_rest_of_a_unit_is_one_number_in_code_and_documents():
    """The default of the key, of a run and of the kernel are the same minutes, and the decision page says them."""
    page = Path(__file__).parents[2] / "docs" / "decisions" / "0004-dispatch-ties-and-the-bound.md"
    minutes = Scenario().market.rest_minutes
    assert REST_MIN == Control().hold_min == minutes
    assert f"with a rest of {minutes} minutes (`market.rest_minutes`)" in page.read_text(
        encoding="utf-8"
    )
