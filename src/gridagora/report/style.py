"""The look of every table and figure: one colour a design everywhere, safe for colour-blind readers, and calm axes."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from gridagora.core.registry import find
from gridagora.core.registry import names as names_of

# Okabe and Ito, Color universal design (2008); grey for the reference, so that colour means a departure from it.
DESIGN_COLOURS: Mapping[str, str] = {
    "flat": "#8b929c",
    "flat_optimised": "#b9a88f",
    "tou": "#e69f00",
    "critical_peak": "#8c510a",
    "demand_subscription": "#a6761d",
    "demand_charge": "#e7298a",
    "retail_tariff": "#66a61e",
    "rtp": "#d55e00",
    "central": "#0072b2",
    "layered": "#009e73",
    "peer": "#cc79a7",
    "auction": "#56b4e9",
    "retailer": "#7d68b4",
}
SPARE_COLOURS = ("#882255", "#44aa99", "#999933", "#aa4499", "#332288", "#661100")
DESIGN_LABELS: Mapping[str, str] = {
    "flat": "Flat rate",
    "flat_optimised": "Flat rate, optimised homes",
    "tou": "Time of use",
    "critical_peak": "Critical peak price",
    "demand_subscription": "Demand subscription",
    "demand_charge": "Demand charge",
    "retail_tariff": "Retail tariff",
    "rtp": "Real-time price",
    "central": "Central market",
    "layered": "Layered market",
    "peer": "Peer to peer",
    "auction": "Double auction",
    "retailer": "Prosumer retailer",
}
# Tol, Colour schemes (SRON/EPS/TN/09-002, 2021), scheme "muted"; kinds of device bring their own.
OTHER_COLOURS: Mapping[str, str] = {"other_kw": "#d5d9e0", "fixed_kw": "#b4bac4"}
OTHER_LABELS: Mapping[str, str] = {"other_kw": "Other customers", "fixed_kw": "Appliances"}
COST_LABELS: Mapping[str, str] = {  # beside those of devices, which bring their own
    "losses": "Network losses",
    "over limit": "Over the limit",
    "reactive": "Reactive energy",
}
COST_COLOURS: Mapping[str, str] = {
    "energy": "#7fa7c9",
    "losses": "#5d6b82",
    "over limit": "#7a2230",
    "left in stores": "#b4bac4",
    "reactive": "#d9bf55",
}
# What the limit of a layer adds to the price below it: one family of reds, the wider the place the darker.
LAYER_COLOURS: Mapping[str, str] = {
    "area": "#4a1520",
    "feeder": "#7a2230",
    "zone": "#cc6677",
    "transformer": "#e8a48c",
}
LAYER_LABELS: Mapping[str, str] = {
    "area": "Area",
    "feeder": "Substation",
    "zone": "Zone",
    "transformer": "Service transformer",
}
INK = "#454b57"
QUIET = "rgba(128,136,150,0.22)"
FIRM = "rgba(128,136,150,0.60)"
WHOLESALE = "#7a8290"
LIMIT = "#cf4436"
MENU_LIFT_PX = 30  # a menu stands above the legend
MENU_TOP_PX = 76  # top margin of a figure with a menu and a legend
TENFOLD = 10.0
TINY = 0.01  # a price in $/kvarh says nothing with three decimals
FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Roboto, 'Liberation Sans', Arial, sans-serif"


def below() -> dict[str, Any]:
    """Return the place of a legend under the drawing, for those with many entries."""
    return {"y": 0.0, "yanchor": "bottom", "yref": "container"}


def label(design: str) -> str:
    """Return the name of a design as a reader sees it, safe to put into HTML and into Plotly text."""
    plain = design.replace("_", " ")
    return escape(DESIGN_LABELS.get(design, plain[:1].upper() + plain[1:]))


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return one colour a design; unknown designs take spare colours in the order given."""
    spare = [name for name in names if name not in DESIGN_COLOURS]
    return {
        name: DESIGN_COLOURS.get(name) or SPARE_COLOURS[spare.index(name) % len(SPARE_COLOURS)]
        for name in names
    }


class DeviceColumn(NamedTuple):
    """A column of the table of intervals that holds the power of a kind of device or of a load, and how it is drawn."""

    column: str
    label: str
    colour: str
    is_generation: bool = False


def cost_items() -> Mapping[str, tuple[str, str]]:
    """Return label and colour of the costs that are named, those of every kind of device among them; a colour may be empty."""
    own = {
        each.name: (each.label, each.color)
        for name in names_of("device")
        for each in find("device", name).about.items
    }
    named = dict.fromkeys([*COST_LABELS, *COST_COLOURS])
    shared = {
        item: (COST_LABELS.get(item, item.capitalize()), COST_COLOURS.get(item, ""))
        for item in named
    }
    return own | shared


def cost_label(item: str) -> str:
    """Return the name of a cost as a reader sees it."""
    return cost_items().get(item, (item.capitalize(), ""))[0]


def device_columns(names: Sequence[str]) -> list[DeviceColumn]:
    """Return how columns that hold power by kind are drawn, loads first; a kind that is not registered is none of them."""
    kinds = sorted(
        (find("device", name).about for name in names_of("device")),
        key=lambda about: (about.rank, about.kind),
    )
    loads = [DeviceColumn(name, label, OTHER_COLOURS[name]) for name, label in OTHER_LABELS.items()]
    spare = iter(SPARE_COLOURS * (1 + len(kinds)))
    made = [
        DeviceColumn(
            f"{each.kind}_kw", escape(each.label), each.color or next(spare), each.is_generation
        )
        for each in kinds
    ]
    return [each for each in [*loads, *made] if each.column in names]


def translucent(colour: str, alpha: float) -> str:
    """Return a '#rrggbb' colour with an opacity in 0..1, as Plotly writes it."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def figure(height: int, **layout: Any) -> go.Figure:
    """Return an empty figure in the house style; `height` in pixels."""
    fig = go.Figure()
    fig.update_layout(
        template="none",
        height=height,
        autosize=True,
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 58, "r": 16, "t": 34, "b": 44},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "xanchor": "left",
            "font": {"size": 12},
        },
        hoverlabel={"font": {"family": FONT, "size": 12}},
        hovermode="closest",
        dragmode="zoom",
    )
    fig.update_layout(**layout)
    return fig


def calm(fig: go.Figure) -> go.Figure:
    """Give every axis of a figure the same light grid and return the figure."""
    fig.update_xaxes(
        showgrid=False,
        zeroline=False,
        showline=True,
        linecolor=QUIET,
        ticks="outside",
        ticklen=4,
        tickcolor=QUIET,
    )
    fig.update_yaxes(
        showgrid=True,
        gridcolor=QUIET,
        zeroline=True,
        zerolinecolor=FIRM,
        zerolinewidth=1,
        showline=False,
    )
    fig.update_yaxes(separatethousands=True)
    fig.update_xaxes(automargin=True, title_font_size=12, title_standoff=8)
    fig.update_yaxes(automargin=True, title_font_size=12, title_standoff=8)
    return fig


def first_shown(names: Sequence[str]) -> int:
    """Return the row of the design that a figure of one design at a time begins with: `central`, else the first."""
    return names.index("central") if "central" in names else 0


def design_buttons(
    names: Sequence[str], owner: Sequence[int], first_trace: int = 0
) -> list[dict[str, Any]]:
    """Return a button for each design, which shows its traces: `owner` is the design of each, from the first trace on."""
    traces = list(range(first_trace, first_trace + len(owner)))
    return [
        {
            "label": label(name),
            "method": "restyle",
            "args": [{"visible": [at == place for at in owner]}, traces],
        }
        for place, name in enumerate(names)
    ]


def menu(name: str, buttons: Sequence[Mapping[str, Any]], **place: Any) -> dict[str, Any]:
    """Return a drop-down of Plotly buttons in the house style, at the upper right unless placed elsewhere.

    `name` says what is chosen; the page writes it beside the menu.
    """
    return {
        "name": name,
        "buttons": list(buttons),
        "direction": "down",
        "showactive": True,
        "x": 1.0,
        "xanchor": "right",
        "y": 1.0,
        "yanchor": "bottom",
        "pad": {"b": MENU_LIFT_PX},
        "font": {"size": 12},
        "bgcolor": "rgba(128,136,150,0.10)",
        "bordercolor": "rgba(128,136,150,0.35)",
        **place,
    }


def decimals(values: Iterable[float]) -> int:
    """Return how many decimals show the largest of some values with about four digits: at most three, four below .01."""
    held = np.abs(np.array([value for value in values if np.isfinite(value)], dtype=float))
    if held.size == 0 or np.all(held == np.round(held)):
        return 0
    largest = float(held.max())
    return int(np.clip(3 - np.floor(np.log10(largest)), 0, 3 if largest >= TINY else 4))


def number(value: float, places: int, missing: str = "–") -> str:
    """Return a number with a fixed count of decimals and a true minus sign; one too small for them is '≈ 0', nan is `missing`."""
    if not np.isfinite(value):
        return missing
    if value != 0 and abs(value) < 0.5 * 10.0**-places:
        return "≈ 0"
    text = f"{abs(value):,.{places}f}"
    return f"−{text}" if value < 0 else text


def in_row(value: float, places: int) -> str:
    """Return a number of a row with the decimals of that row; nothing at all is '0'."""
    return "0" if value == 0 else number(value, places)


def change(value: float, against: float) -> str:
    """Return a relative change in words such as '−12 %', '×18' from tenfold on, or '' where it has no meaning."""
    if not (np.isfinite(value) and np.isfinite(against)) or abs(against) < 1e-9:
        return ""
    share = (value - against) / abs(against)
    if abs(share) < 0.0005:
        return "±0 %"
    if share > TENFOLD - 1 and against > 0:
        return f"×{value / against:,.0f}"
    places = 1 if abs(share) < 0.0995 else 0
    return f"{'+' if share > 0 else '−'}{abs(100 * share):,.{places}f} %"
