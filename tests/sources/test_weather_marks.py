"""Weather files with other marks between columns, doubled columns or a dead thermometer: one sentence each."""

from pathlib import Path

import pytest

from gridagora.core.errors import InputError
from gridagora.sources import weather

READ = {"epw": weather.epw, "tmy3": weather.tmy3, "nsrdb": weather.nsrdb}
NAMES = {
    "tmy3": "Date (MM/DD/YYYY),Time (HH:MM),GHI (W/m^2),DNI (W/m^2),DHI (W/m^2),Dry-bulb (C),Wspd (m/s)",
    "nsrdb": "Year,Month,Day,Hour,Minute,GHI,DNI,DHI,Temperature,Wind Speed",
}
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def year(kind: str, t_degc: float | None = None) -> str:
    """Return a year at the equator and Greenwich: twelve equal hours of light a day, air that follows them."""
    hours = [
        (month, day, hour)
        for month, many in enumerate(DAYS, 1)
        for day in range(1, many + 1)
        for hour in range(24)
    ]
    body = []
    for month, day, hour in hours:
        light = 100 if 7 <= hour <= 16 else 0
        air = 20 + light / 20 if t_degc is None else t_degc
        figures = f"{light},0,{light}"
        body.append(
            {
                "epw": f"2018,{month},{day},{hour + 1},0,?,{air},9,50,99999,0,0,300,{figures},0,0,0,0,180,3",
                "tmy3": f"{month:02d}/{day:02d}/2018,{hour + 1:02d}:00,{figures},{air},3",
                "nsrdb": f"2018,{month},{day},{hour},30,{figures},{air},3",
            }[kind]
        )
    head = {
        "epw": ["LOCATION,Made,-,XXX,made,0,0.0,0.0,0,10", *["X"] * 7],
        "tmy3": ["1,MADE,XX,0,0.0,0.0,10", NAMES["tmy3"]],
        "nsrdb": ["Source,Latitude,Longitude,Time Zone", "NSRDB,0.0,0.0,0", NAMES["nsrdb"]],
    }[kind]
    return "\n".join([*head, *body]) + "\n"


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_marks_are_one_sentence(tmp_path: Path, kind: str, mark: str, name: str) -> None:
    path = tmp_path / "sky.csv"
    path.write_text(year(kind), encoding="utf-8")
    assert READ[kind](path).weather.t_out_degc.max() == 25.0
    path.write_text(year(kind).replace(".", ",").replace(",", mark), encoding="utf-8")
    with pytest.raises(InputError, match=f"line 1: got columns parted by {name}") as caught:
        READ[kind](path)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("t_degc", [0.0, 21.0])
def test_air_of_one_temperature_all_year_is_refused(
    tmp_path: Path, kind: str, t_degc: float
) -> None:
    path = tmp_path / "sky.csv"
    path.write_text(year(kind, t_degc), encoding="utf-8")
    with pytest.raises(InputError, match=r"air that stays within 0\.0 K all year") as caught:
        READ[kind](path)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [("tmy3", "DHI (W/m^2)", "DNI (W/m^2)"), ("nsrdb", "GHI", "Temperature")],
)
def test_a_column_that_stands_twice_is_refused(
    tmp_path: Path, kind: str, before: str, after: str
) -> None:
    path = tmp_path / "sky.csv"
    path.write_text(year(kind).replace(before, after), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        READ[kind](path)
    assert f"two columns '{after}'" in str(caught.value)
