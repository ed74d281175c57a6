"""A tariff of one's own: what its rows mean, and what is refused with the row and key where it stands."""

import re
from pathlib import Path

import pytest

from gridagora.core.errors import InputError
from gridagora.core.retail_tariff import describe_tariff
from gridagora.files.retail_tariff_file import read_tariff

TOP = Path(__file__).parents[2]
OWN = """
name = "Summer peaks"
source = "made up"
export_per_kwh = 0.04
fixed_per_month = 12.0
minimum_per_day = 0.5

[[energy]]
name = "summer peak"
months = "jun-sep"
days = "weekdays"
hours = "16-21"
per_kwh = [0.30, 0.35]
blocks_kwh = [400]

[[energy]]
name = "rest"
per_kwh = [0.10, 0.14]
blocks_kwh = [400]

[[demand]]
name = "evening"
months = [12, 1, 2]
hours = ["17-20", "22-1"]
per_kw_month = 8.0
"""


@pytest.fixture
def read(tmp_path):
    def of(text, name="own.toml"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return read_tariff(file)

    return of


def test_the_first_row_that_fits_an_hour_applies(read):
    found = read(OWN)
    assert found.weekday[6] == (0,) * 0 + (1,) * 16 + (0,) * 5 + (1,) * 3
    assert found.weekday[4] == found.weekend[6] == (1,) * 24
    assert [rate.per_kwh for rate in found.energy] == [(0.30, 0.35), (0.10, 0.14)]
    assert {rate.upto_kwh for rate in found.energy} == {(400.0,)}
    assert {rate.export_per_kwh for rate in found.energy} == {0.04}
    assert (found.fixed, found.minimum) == ((12.0, 0.0), (0.0, 0.5))
    (demand,) = found.demand
    held = [hour for hour in range(24) if demand.weekend[0][hour]]
    assert held == [0, 17, 18, 19, 22, 23]
    assert not any(demand.weekday[5])
    said = describe_tariff(found)[0]
    assert said.startswith("Summer peaks: 0.1 to 0.35 $/kWh in 2 periods, 2 blocks a month")


def test_a_byte_order_mark_and_spans_round_the_year_are_read(read):
    row = '[[energy]]\nmonths = "nov-feb"\nhours = "22:00-6:00"\nper_kwh = 0.1\n'
    found = read(f"\ufeff{row}[[energy]]\nper_kwh = 0.2\n")
    assert [month for month in range(12) if found.weekday[month][23] == 0] == [0, 1, 10, 11]
    assert found.weekday[0][:7] == (0, 0, 0, 0, 0, 0, 1)
    assert found.export == ""


WRONG = [
    ("per_kwh = 0.1", "no [[energy]]"),
    ("[[energy]]\nper_kwh = 12.5", "12.5 per kWh, expected 0 to 10. Money is per kWh"),
    ("[[energy]]\nper_kwh = -0.1", "energy '1': got -0.1 per kWh"),
    ("[[energy]]\nper_kwh = 0.0", "a tariff that never charges"),
    ("[[energy]]\nper_kwh = [0.1, 0.2]", "2 rates and 0 ends of blocks"),
    ("[[energy]]\nper_kwh = [0.1, 0.2, 0.3]\nblocks_kwh = [500, 300]", "500, 300 kWh"),
    ("[[energy]]\nper_kwh = 0.1\nmonths = '1-11'", "no rate on weekdays of month 12 at 0:00"),
    ("[[energy]]\nper_kwh = 0.1\ndays = 'weekdays'", "no rate on weekends of month 1"),
    ("[[energy]]\nper_kwh = 0.1\nmonths = [13]", "energy '1' months: got an object of type list"),
    ("[[energy]]\nper_kwh = 0.1\nhours = '17-17'", "hours: got '17-17'"),
    ("[[energy]]\nper_kwh = 0.1\nhours = '5-25'", "hours: got '5-25'"),
    ("[[energy]]\nper_kwh = 0.1\ndays = 'sunday'", "days: got 'sunday', expected one of all"),
    ("[[energy]]\nper_kwh = 0.1\nexport_per_kwh = 0.2", "0.2 per kWh for export, expected 0 to"),
    ("[[energy]]\nper_kwh = '0,1'", "per_kwh: got '0,1', expected a number"),
    ("[[energy]]\nper_kwh = nan", "per_kwh: got nan"),
    ("[[energy]]\nname = 'peak'", "energy 'peak': got no per_kwh"),
    ("[[energy]]\nprice = 0.1\nper_kwh = 0.1", "an unknown key 'price'"),
    ("[energy]\nper_kwh = 0.1", "rows [[energy]]"),
    ("export = 'free'\n[[energy]]\nper_kwh = 0.1", "export: got 'free'"),
    ("export = 'none'\nexport_per_kwh = 0.1\n[[energy]]\nper_kwh = 0.1", "export and export_per"),
    ("fixed_per_month = -3\n[[energy]]\nper_kwh = 0.1", "fixed charge: got -3 a month"),
    ("[[energy]]\nper_kwh = 0.1\n[[demand]]\nname = 'all'", "demand 'all': got no per_kw_month"),
    ("[[energy]]\nper_kwh = 0.1\n[[demand]]\nper_kw_month = 2000", "2000 per kW and month"),
    (
        "[[energy]]\nper_kwh = 0.1\n[[demand]]\nper_kw_month = 2\nwindow_minutes = 7",
        "a mean over 7 minutes",
    ),
    (
        "[[energy]]\nhours = '1-5'\nper_kwh = [0.1, 0.2]\nblocks_kwh = [3]\n"
        "[[energy]]\nper_kwh = [0.1, 0.2]\nblocks_kwh = [4]",
        "end at different kWh in month 1",
    ),
    (
        "[[energy]]\nhours = '1-5'\nper_kwh = 0.1\nexport_per_kwh = 0.05\n[[energy]]\nper_kwh = 0.1",
        "export_per_kwh in '1' and not in '2'",
    ),
    ("[[energy]]\nper_kwh = []\n[[energy]]\nper_kwh = 0.1", "energy '1': got no per_kwh"),
    ("[[energy]]\nper_kwh = inf", "per_kwh: got inf, expected a number"),
    (
        "[[energy]]\nper_kwh = 0.1\n[[demand]]\nper_kw_month = 2\nwindow_minutes = 20.5",
        "a mean over 20.5 minutes",
    ),
    ("[[energy]\nper_kwh = 0.1", "text that is not TOML"),
    ("[[energy]]\nper_kwh = .1", "The line reads: per_kwh = .1 A number needs a digit"),
    ("[[energy]]\nper_kwh = 0.1\n[[energy]]\nhours = '17-20'\nper_kwh = 0.5", "got row 2, whose"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_no_tariff_is_refused_with_its_row_and_key(read, text, said):
    with pytest.raises(InputError) as caught:
        read(text)
    assert said in str(caught.value)
    assert "own.toml" in str(caught.value)


def test_all_faults_are_told_at_once(read):
    with pytest.raises(InputError) as caught:
        read("export = 'free'\n[[energy]]\nper_kwh = true\nhours = 'night'\n")
    assert len(caught.value.problems) >= 3


def test_a_dear_rate_is_said(read):
    assert any(
        "is it in cents?" in line for line in describe_tariff(read("[[energy]]\nper_kwh = 3"))
    )


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match="a file that exists"):
        read_tariff(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"a tariff as \.toml"):
        read_tariff(tmp_path / "tariff.pdf")


@pytest.mark.parametrize("place", ["street", "community"])
def test_the_tariffs_of_the_examples_are_read(place):
    found = read_tariff(TOP / "examples" / place / "tariff.toml")
    assert found.export
    assert found.currency == ("EUR" if place == "street" else "")


def test_the_table_of_the_page_is_read_as_it_stands(read):
    page = (TOP / "docs" / "how-to" / "own-tariff.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    found = read(table)
    assert [rate.name for rate in found.energy] == ["winter evening", "rest"]
    street = describe_tariff(read_tariff(TOP / "examples" / "street" / "tariff.toml"))[0]
    said = " ".join(re.findall(r"^tariff of retail_tariff(.*?)^```", page, re.M | re.S)[0].split())
    assert said == street.replace("$", "€")
