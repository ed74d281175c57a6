"""The answers of a comparison as CSV and workbook: what they hold, that they add up, and what a result lacks is left out."""

import pandas as pd
import pytest
from openpyxl import load_workbook

import gridagora
from gridagora.core.errors import InputError
from gridagora.report.answers import make_answers, write_answers


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    (folder / "m.csv").write_text("home,class,pv_kw\na,house,4\nb,flat,\nc,flat,\n")
    (folder / "s.toml").write_text(
        '[scenario]\ndays = 1\ntitle = "=1+1"\n[homes]\ntable = "m.csv"\nev_share = 0\nbattery_share = 0\n'
    )
    return gridagora.compare(gridagora.load(folder / "s.toml"), ["flat", "rtp"])


def test_a_workbook_and_csv_hold_the_same_tables(result, tmp_path):
    folder = result.export(tmp_path / "out")
    found = make_answers(result)
    book = load_workbook(folder / "results.xlsx")
    assert book.sheetnames == list(found)
    for name, frame in found.items():
        read = pd.read_csv(folder / f"{name.replace(' ', '_')}.csv")
        assert list(read.columns) == list(frame.columns)
        assert len(read) == len(frame) == book[name].max_row - 1


def test_bills_are_those_of_the_result_by_home_and_by_group(result):
    found = make_answers(result)
    bills, homes = found["bills"], result.tables["homes"]
    by_home = homes[homes.architecture == "rtp"].set_index("home_id").bill_usd
    assert list(bills["bill_usd rtp"]) == list(by_home[bills.home_id])
    assert list(bills["class"]) == ["house", "flat", "flat"]
    groups = found["bills by group"].set_index(["by", "group", "design"])
    flats = groups.loc[("class", "flat", "rtp")]
    assert flats.homes == 2
    assert flats.bill_usd == pytest.approx(by_home[["b", "c"]].mean())
    assert groups.loc[("owns", "pv", "rtp")].homes == 1


def test_statements_add_up_to_nothing_and_to_every_bill(result):
    rows = make_answers(result)["statements"]
    assert rows.groupby("design").paid_usd.sum().abs().max() < 1e-6
    bill = rows[(rows.design == "rtp") & (rows.party == "a")].paid_usd.sum()
    homes = result.tables["homes"].set_index(["architecture", "home_id"])
    assert bill == pytest.approx(homes.bill_usd[("rtp", "a")], abs=1e-6)


def test_hours_are_local_means(result):
    hours = make_answers(result)["hours"]
    assert len(hours) == 24
    assert hours["hour (Etc/GMT+6)"][0] == "2024-07-15 00:00"
    intervals = result.tables["intervals"]
    assert hours["load_kw flat"].mean() == pytest.approx(
        intervals[intervals.architecture == "flat"].load_kw.mean()
    )


def test_assumptions_tell_the_manifest_and_every_key(result, tmp_path):
    rows = make_answers(result)["assumptions"].set_index("key").value
    assert rows["seed"] == "1"
    assert rows["scenario file: homes.table"] == "m.csv"
    assert "limit_source" in rows
    write_answers(result, tmp_path)
    cells = load_workbook(tmp_path / "results.xlsx")["assumptions"].values
    assert dict(list(cells)[1:])["scenario file: scenario.title"] == "'=1+1"


def test_what_a_result_lacks_is_left_out():
    bare = gridagora.Result({"architectures": {}, "metrics": {}, "manifest": {}}, {}, "")
    assert list(make_answers(bare)) == ["summary", "assumptions"]
    with pytest.raises(InputError, match="answers"):
        make_answers(3)
