"""What reactive power bought at meters did to the network: every design without the market, by volt-var and with it."""

from html import escape

import pandas as pd

from gridagora.report.facts import ComparisonView, designs, frame, of
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import decimals, label, number

HEADING = "Reactive power bought at meters"
SAID = (
    "The same active power of homes, without the market of reactive power and with it; and by volt-var without a market, where "
    "the scenario asks for that. The network operator pays every home the price of its meter, and buys what saves it more by the "
    "exact power flow. What is saved counts voltages and ratings beyond their limits at the prices of the scenario, what "
    "inverters lose and active power that volt-var takes the room of."
)
COLUMNS: tuple[tuple[str, str], ...] = (
    ("losses_kwh", "Losses [kWh]"),
    ("losses_usd", "Losses [$]"),
    ("v_min_pu", "Lowest voltage [pu]"),
    ("v_max_pu", "Highest voltage [pu]"),
    ("outside_h", "Outside the band [h of all homes]"),
    ("outside_pu_h", "Outside the band [pu h of all homes]"),
    ("taps_moved", "Taps of regulators moved"),
    ("steps_moved", "Steps of capacitor banks moved"),
    ("reactive_kvarh", "Reactive energy [kvarh]"),
    ("paid_usd", "Paid to homes [$]"),
    ("inverter_loss_kwh", "Lost in inverters [kWh]"),
    ("curtailed_kwh", "Given up by panels [kWh]"),
    ("saved_usd", "Saved [$]"),
)
AHEAD: tuple[tuple[str, str], ...] = (
    ("day_ahead_kvarh", "Agreed a day ahead [kvarh]"),
    ("day_ahead_usd", "Paid for that [$]"),
    ("deviation_kvarh", "Given beside it [kvarh]"),
    ("deviation_usd", "Paid for that [$]"),
)
VOLTAGE_PLACES = 4


def reactive_costs(result: ComparisonView) -> str:
    """Return the table of designs and cases in HTML; '' where no reactive power is bought at meters."""
    table = frame(result, "reactive_market", "case", "losses_usd", "outside_h", "curtailed_kwh")
    if table is None:
        return ""
    columns = (*COLUMNS, *(AHEAD if has_ahead(table) else ()))
    places = {
        name: VOLTAGE_PLACES if name.startswith("v_") else decimals(table[name].astype(float))
        for name, _ in columns
    }
    head = '<th scope="col">Design</th><th scope="col">Case</th>' + "".join(
        f'<th scope="col" class="n">{escape(text)}</th>' for _, text in columns
    )
    rows = [
        _row(name, row, places) for name in designs(result) for _, row in of(table, name).iterrows()
    ]
    shown = scroll_table(HEADING, head, "".join(rows))
    return f'<h3>{HEADING}</h3><p class="lead">{escape(SAID)}</p>{shown}'


def has_ahead(table: pd.DataFrame) -> bool:
    """Return whether a table tells what was agreed a day ahead."""
    return "day_ahead_kvarh" in table and bool(table["day_ahead_kvarh"].any())


def _row(design: str, row: pd.Series, places: dict[str, int]) -> str:
    cells = "".join(
        f'<td class="n">{number(float(row[name]), places[name])}</td>' for name in places
    )
    case = escape(str(row["case"]))
    return f'<tr><th scope="row">{label(design)}</th><td>{case}</td>{cells}</tr>'
