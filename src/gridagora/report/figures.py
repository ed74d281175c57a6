"""The figures of a comparison, by name, as Plotly objects that show in a notebook."""

from collections.abc import Callable, Mapping

import plotly.graph_objects as go

from gridagora.core.by_name import ByName
from gridagora.report.control_figures import control_counts, controls
from gridagora.report.envelope_figures import voltage_over_distance, voltage_over_time
from gridagora.report.facts import ComparisonView, require_comparison
from gridagora.report.group_figures import group_change
from gridagora.report.home_figures import bill_change, bills, comfort, feeder, voltage
from gridagora.report.loading_figures import loading_over_time
from gridagora.report.loss_figures import losses
from gridagora.report.nodal_figures import nodal_prices
from gridagora.report.place_figures import places
from gridagora.report.time_figures import average_day, devices, load, temperature
from gridagora.report.value_figures import captured_value, costs, information

DRAWINGS: Mapping[str, Callable[[ComparisonView], go.Figure | None]] = {
    "captured_value": captured_value,
    "costs": costs,
    "load": load,
    "average_day": average_day,
    "devices": devices,
    "places": places,
    "bills": bills,
    "bill_change": bill_change,
    "group_change": group_change,
    "comfort": comfort,
    "temperature": temperature,
    "voltage": voltage,
    "voltage_over_time": voltage_over_time,
    "voltage_over_distance": voltage_over_distance,
    "feeder": feeder,
    "loading_over_time": loading_over_time,
    "nodal_prices": nodal_prices,
    "losses": losses,
    "controls": controls,
    "control_counts": control_counts,
    "information": information,
}


def figures(result: ComparisonView) -> ByName[go.Figure]:
    """Return every figure that the result has numbers for; a figure whose table is absent is left out.

    Names: captured_value, costs, load, average_day, devices, places, bills, bill_change, group_change, comfort, temperature,
    voltage, voltage_over_time, voltage_over_distance, feeder, loading_over_time, nodal_prices, losses, controls,
    control_counts, information.

    Raises
    ------
    InputError
        What is no result of a comparison.
    """
    require_comparison(result, "figures")
    drawn = {name: draw(result) for name, draw in DRAWINGS.items()}
    made = {name: fig for name, fig in drawn.items() if fig is not None}
    return ByName(made, "figures", "a figure of this result")
