"""Prices in another unit, names in another case, damaged columns: read as meant, or refused in a sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.core.tables import Prices
from gridagora.sources import prices

START_S = int(pd.Timestamp("2024-07-15", tz=prices.ZONE).timestamp())
SHIFT = {"$/MWh": 1.0, "$/kWh": 1e-3, "ct/kWh": 0.1}


def stamps(step: str) -> pd.DatetimeIndex:
    return pd.date_range("2024-07-12", "2024-07-18", freq=step, inclusive="left")


def reports(folder: Path, scale: float = 1.0, point: str = "LZ_AEN") -> Callable[..., Prices]:
    hour, quarter = stamps("h"), stamps("15min")
    shared = {"DSTFlag": "N", "SettlementPointType": "LZ"}
    ahead = {
        "DeliveryDate": hour.strftime("%m/%d/%Y"),
        "HourEnding": hour.hour + 1,
        "SettlementPoint": point,
    }
    pd.DataFrame(ahead | {"SettlementPointPrice": scale * (20.0 + hour.hour)} | shared).to_csv(
        folder / "da.csv", index=False
    )
    real = {
        "DeliveryDate": quarter.strftime("%m/%d/%Y"),
        "DeliveryHour": quarter.hour + 1,
        "SettlementPointName": point,
    }
    real |= {
        "DeliveryInterval": quarter.minute // 15 + 1,
        "SettlementPointPrice": scale * (20.0 + quarter.hour),
    }
    pd.DataFrame(real | shared).to_csv(folder / "rt.csv", index=False)
    return lambda unit="", name="LZ_AEN", kind=None: prices.ercot_files(
        folder / "da.csv", folder / "rt.csv", START_S, 1, name, kind, unit
    )


def zone(folder: Path, scale: float = 1.0, kind: str = "csv") -> Callable[..., Prices]:
    hour = stamps("h")
    table = pd.DataFrame(
        {
            "hour_start_local": hour,
            "dam_usd_mwh": scale * (20.0 + hour.hour),
            "rtm_usd_mwh_hourly_mean": 0.0,
        }
    )
    table["rtm_usd_mwh_hourly_mean"] = table["dam_usd_mwh"]
    path = folder / f"zone.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    return lambda unit="": prices.zone(path, START_S, 1, unit)


LAYOUTS = {
    "reports": reports,
    "zone csv": zone,
    "zone parquet": lambda folder, scale: zone(folder, scale, "parquet"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("unit", SHIFT)
def test_a_unit_that_is_said_is_read_and_one_that_is_not_is_refused(
    tmp_path: Path, layout: str, unit: str
) -> None:
    read = LAYOUTS[layout](tmp_path, SHIFT[unit])
    found = read(unit)
    assert np.allclose(found.day_ahead_per_kwh[:24], (20.0 + np.arange(24)) / 1000.0)
    if unit == "$/MWh":
        assert np.array_equal(read().real_time_per_kwh, found.real_time_per_kwh)
        return
    with pytest.raises(
        InputError, match=r'expected prices in \$/MWh.*\[prices\] unit = "\$/kWh" or "ct/kWh"'
    ) as caught:
        read()
    assert len(caught.value.problems) == 2  # one for each of the two series


def test_prices_that_are_low_for_a_reason_are_read_where_the_unit_is_said(tmp_path: Path) -> None:
    assert reports(tmp_path, 0.1)("$/MWh").day_ahead_per_kwh[0] == pytest.approx(0.002)


@pytest.mark.parametrize("point", ["LZ_AEN", "lz_aen", "Lz_Aen", " LZ_AEN"])
@pytest.mark.parametrize(("name", "kind"), [("lz_aen", "lz"), ("LZ_AEN ", "LZ"), ("Lz_aen", None)])
def test_case_of_a_settlement_point_does_not_matter(
    tmp_path: Path, point: str, name: str, kind: str | None
) -> None:
    assert reports(tmp_path, 1.0, point)(name=name, kind=kind).day_ahead_per_kwh[
        0
    ] == pytest.approx(0.02)
    with pytest.raises(InputError, match="Did you mean 'LZ_AEN'"):
        reports(tmp_path, 1.0, point)(name="lz_aem")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_marks_between_columns_are_read(tmp_path: Path, mark: str) -> None:
    read = reports(tmp_path)
    for path in tmp_path.glob("*.csv"):
        path.write_text(path.read_text(encoding="utf-8").replace(",", mark), encoding="utf-8")
    assert read().day_ahead_per_kwh[0] == pytest.approx(0.02)


@pytest.mark.parametrize("column", ["hour_start_local", "dam_usd_mwh", "rtm_usd_mwh_hourly_mean"])
@pytest.mark.parametrize("value", ["abc", "15/07/2024 00:00", "1e9", "inf"])
def test_a_spoilt_cell_of_a_zone_is_told_by_row(tmp_path: Path, column: str, value: str) -> None:
    read = zone(tmp_path)
    table = pd.read_csv(tmp_path / "zone.csv", dtype=str)
    table.loc[70, column] = value
    table.to_csv(tmp_path / "zone.csv", index=False)
    with pytest.raises(InputError, match=rf"row 72, {column}: got '{value}'"):
        read()


@pytest.mark.parametrize("file", ["dam_hourly.parquet", "rtm_15min.parquet"])
@pytest.mark.parametrize("fault", ["column", "doubled", "cut"])
def test_a_spoilt_file_of_the_hub_average_is_a_sentence(
    tmp_path: Path, file: str, fault: str
) -> None:
    for name, step in (("dam_hourly.parquet", "h"), ("rtm_15min.parquet", "15min")):
        start = stamps(step).tz_localize(prices.ZONE).tz_convert("UTC")
        pd.DataFrame({"interval_start_utc": start, "price_usd_per_mwh": 25.0}).to_parquet(
            tmp_path / name
        )
    assert prices.ercot(tmp_path, START_S, 1).day_ahead_per_kwh[0] == pytest.approx(0.025)
    table, path = pd.read_parquet(tmp_path / file), tmp_path / file
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif fault == "column":
        table.rename(columns={"price_usd_per_mwh": "price"}).to_parquet(path)
    else:
        pd.concat([table, table]).to_parquet(path)
    with pytest.raises(InputError, match=r"price_usd_per_mwh|more than one row|cannot be read"):
        prices.ercot(tmp_path, START_S, 1)
