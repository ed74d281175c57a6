"""The answers of a comparison as tables that a spreadsheet opens: CSV files, and one workbook with a sheet for each."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from gridagora.core.currency import spell_name
from gridagora.report.facts import ComparisonView, currency, designs, require_comparison
from gridagora.report.input_files import spell_inputs
from gridagora.report.table import table

WORKBOOK = "results.xlsx"
DECIMALS = 9  # money is counted in millionths, energy in thousandths of a watt hour; the rest is the rounding of sums
WIDTH_MAX, WIDTH_MIN = 60, 9  # of a column, in letters
LIST_MAX = 12  # entries of a list that are written out
OUT_OF_ASSUMPTIONS = frozenset({"tables_sha256", "files_sha256", "inputs_sha256", "command"})


def make_answers(result: ComparisonView) -> dict[str, pd.DataFrame]:
    """Return the tables by name: summary, bills, bills by group, statements, voltages, loading, transformers, hours, assumptions.

    Money is in the currency of the scenario, energy in kWh; headings say it. What a result does not hold is left out.

    Raises
    ------
    InputError
        What is no result of a comparison.
    """
    require_comparison(result, "answers")
    tables, names = result.tables, [str(name) for name in designs(result)]
    found = {"summary": table(result).reset_index().rename(columns={"metric_id": "id"})}
    if (homes := tables.get("homes")) is not None and len(homes):
        found["bills"] = _bills(homes, names)
        found["bills by group"] = _bills_by_group(homes)
        found["voltages"] = _pivot(homes, ["v_min_pu", "v_max_pu"], names)
    if (loading := tables.get("loading")) is not None and len(loading):
        found["loading"] = loading.rename(columns={"architecture": "design"})
    if (units := tables.get("transformers")) is not None and len(units):
        found["transformers"] = units.rename(columns={"architecture": "design"})
    if (ledger := tables.get("ledger")) is not None and len(ledger):
        found["statements"] = _statements(ledger)
    if (intervals := tables.get("intervals")) is not None and len(intervals):
        zone = str(result.summary.get("manifest", {}).get("timezone", "UTC"))
        found["hours"] = _hours(intervals, names, zone)
    if (places := tables.get("places")) is not None and len(places):
        found["places"] = places
    found["assumptions"] = pd.DataFrame(_assumptions(result), columns=["key", "value"])
    code = currency(result)
    return {
        name: frame.rename(columns=lambda heading: spell_name(str(heading), code))
        for name, frame in found.items()
    }


def write_answers(result: ComparisonView, folder: Path) -> Path:
    """Write every table as CSV and all of them as one workbook into a folder, and return that folder.

    Raises
    ------
    OSError
        A folder that cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {name: frame.round(DECIMALS) for name, frame in make_answers(result).items()}
    for name, frame in found.items():
        frame.to_csv(folder / f"{name.replace(' ', '_')}.csv", index=False)
    _write_workbook(found, folder / WORKBOOK)
    return folder


def _bills(homes: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return a row a home: its class, what it owns, and its bill under each design, printed and with the budget balanced."""
    first = homes[homes["architecture"] == names[0]]
    kept = ["home_id", *(name for name in ("class", "bus", *_owned(homes)) if name in homes)]
    wide = _pivot(homes, ["bill_usd", "balanced_bill_usd", "energy_kwh", "export_kwh"], names)
    return first[kept].merge(wide, on="home_id")


def _owned(homes: pd.DataFrame) -> list[str]:
    """Return the columns that say whether a home owns a kind of device."""
    return [str(name) for name in homes.columns if homes[name].dtype == bool]


def _pivot(homes: pd.DataFrame, columns: list[str], names: list[str]) -> pd.DataFrame:
    """Return a row a home in the order of the result, and a column for each design and each of some columns."""
    order = homes[homes["architecture"] == names[0]]["home_id"]
    found: dict[str, Any] = {"home_id": order.to_numpy()}
    for column in columns:
        by_home = homes.pivot(index="home_id", columns="architecture", values=column)
        found |= {f"{column} {name}": by_home[name].reindex(order).to_numpy() for name in names}
    return pd.DataFrame(found)


def _bills_by_group(homes: pd.DataFrame) -> pd.DataFrame:
    """Return means over homes of one class, and of those that own the same, by design."""
    owned = homes[_owned(homes)]
    having = owned.apply(lambda row: " + ".join(owned.columns[row]) or "nothing of these", axis=1)
    groups = {"owns": having} | ({"class": homes["class"]} if "class" in homes else {})
    values = ["bill_usd", "balanced_bill_usd", "energy_kwh", "comfort_usd", "discomfort_k_h"]
    parts = []
    for by, group in groups.items():
        rows = homes.assign(group=group)
        means = rows.groupby(["group", "architecture"], sort=False)
        held = means[[name for name in values if name in homes]].mean()
        parts.append(held.assign(homes=means.size()).reset_index().assign(by=by))
    found = pd.concat(parts).rename(columns={"architecture": "design"})
    return found[["by", "group", "design", "homes", *[name for name in values if name in found]]]


def _statements(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return what every party paid and was paid by item over the run, a row each; a payment is above zero."""
    keys = ["architecture", "item", "horizon", "commodity"]
    sides = []
    for party, sign in (("payer", 1.0), ("payee", -1.0)):
        sums = ledger.groupby([*keys, party], sort=False)[["quantity_kwh", "amount_uusd"]].sum()
        side = sums.reset_index().rename(columns={party: "party"})
        sides.append(side.assign(paid_usd=sign * side["amount_uusd"] / 1e6))
    found = pd.concat(sides).rename(columns={"architecture": "design"})
    return found[["design", "party", "item", "horizon", "commodity", "quantity_kwh", "paid_usd"]]


def _hours(intervals: pd.DataFrame, names: list[str], zone: str) -> pd.DataFrame:
    """Return hourly means by design: load, price that homes saw, and the wholesale price."""
    hour = intervals["start_s"] // 3600 * 3600
    means = intervals.groupby([hour.rename("hour_s"), "architecture"])
    load, price = (means[name].mean().unstack() for name in ("load_kw", "price_per_kwh"))
    wholesale = means["wholesale_per_kwh"].mean().unstack()[names[0]]
    local = pd.to_datetime(load.index.to_numpy(), unit="s", utc=True).tz_convert(zone)
    found = {f"hour ({zone})": local.strftime("%Y-%m-%d %H:%M").to_numpy()}
    found |= {"wholesale_per_kwh": wholesale.to_numpy()}
    found |= {f"load_kw {name}": load[name].to_numpy() for name in names}
    return pd.DataFrame(found | {f"price_per_kwh {name}": price[name].to_numpy() for name in names})


def _assumptions(result: ComparisonView) -> Iterator[tuple[str, str]]:
    """Yield what the run took for granted: its manifest, and every key of its scenario as it was written."""
    manifest = result.summary.get("manifest", {})
    told = manifest | {"inputs": spell_inputs(manifest.get("inputs", ()))}
    yield from _flat({key: told[key] for key in told if key not in OUT_OF_ASSUMPTIONS}, "")
    yield from _flat(tomllib.loads(result.scenario_text), "scenario file: ")


def _flat(values: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif isinstance(value, list):
            shown = ", ".join(str(each) for each in value[:LIST_MAX])
            yield f"{before}{key}", shown + (", ..." if len(value) > LIST_MAX else "")
        else:
            yield f"{before}{key}", str(value)


def _write_workbook(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    from openpyxl import Workbook  # noqa: PLC0415 (200 ms)
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.styles import Font  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook(write_only=True)
    for name, frame in tables.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "B2"
        for at, column in enumerate(frame.columns, 1):
            texts = [str(column), *(str(cell) for cell in frame[column].head(20))]
            width = min(max(map(len, texts)) + 2, WIDTH_MAX)
            sheet.column_dimensions[get_column_letter(at)].width = max(width, WIDTH_MIN)
        heading = [WriteOnlyCell(sheet, str(column)) for column in frame.columns]
        for cell in heading:
            cell.font = Font(bold=True)
        sheet.append(heading)
        plain = frame.astype(object).where(frame.notna(), None)
        for row in plain.itertuples(index=False):
            sheet.append([_cell(value) for value in row])
    book.save(path)


def _cell(value: Any) -> Any:
    """Return a value as a cell of a workbook holds it; text that begins as a formula does stays text."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        return str(value)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
        return f"'{value}"
    return value
