"""What the page says of the limits that designs posted to homes."""

from dataclasses import replace

import pandas as pd

from gridagora.report.limit_words import home_limits
from gridagora.report.page import html
from gridagora.run.limit_table import COLUMNS

NAN = float("nan")
ROWS = [
    ("flat", "h1", 24.0, 6.0, 2.0, 0.0, 0.0, NAN, NAN, 0.0, 1.25),
    ("flat", "h2", 12.0, 3.0, 0.0, 9.0, 12.0, 4.0, 4.0, 0.0, 0.0),
]


def with_limits(result, rows):
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return replace(result, tables=result.tables | {"home_limits": table})


def test_means_are_over_hours_with_a_limit(result):
    told = home_limits(with_limits(result, ROWS))
    assert "import 5.0 kW in the mean, 0.0 at least, none in 25% of hours" in told
    assert (
        "export 4.0 kW in the mean, 4.0 at least, none in 0% of hours; 1.2 kWh went beyond" in told
    )
    assert "home_limits" in html(with_limits(result, ROWS))


def test_designs_without_limits_say_nothing(result):
    plain = {name: table for name, table in result.tables.items() if name != "home_limits"}
    assert home_limits(replace(result, tables=plain)) == ""
    assert home_limits(with_limits(result, [])) == ""
