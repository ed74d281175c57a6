"""One page that holds a whole comparison: table, figures, certificates and origin, without a network."""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

import plotly.graph_objects as go

from gridagora.core.currency import spell_money
from gridagora.files.path import require_path
from gridagora.report.ageing_words import transformer_ageing
from gridagora.report.balance_words import current_balance, phase_balance
from gridagora.report.control_figures import control_table
from gridagora.report.embed import library, packed_library, payload
from gridagora.report.envelope_figures import distance_table, time_table
from gridagora.report.facts import (
    ComparisonView,
    baseline,
    currency,
    designs,
    notes,
    require_comparison,
    title,
    zone,
)
from gridagora.report.feeder_map import MAP, MAP_PX, FeederMap, feeder_map
from gridagora.report.figures import DRAWINGS
from gridagora.report.findings import (
    Digest,
    answer,
    digests,
    effects,
    question,
    source_line,
    span,
)
from gridagora.report.fragments import cards, certificates, faults, metric_table, origin
from gridagora.report.group_figures import group_table
from gridagora.report.guides import guide
from gridagora.report.limit_words import home_limits
from gridagora.report.loading_figures import loading_table
from gridagora.report.network_costs import network_costs
from gridagora.report.nodal_figures import nodal_table
from gridagora.report.number_table import number_table
from gridagora.report.panel import absent_panel, frame_of, panel
from gridagora.report.reactive_costs import reactive_costs
from gridagora.report.terms import explained


class Panel(NamedTuple):
    """One figure on the page: where it stands, its heading, its width, and what to say when there is nothing to draw.

    One that says nothing then is left out.
    """

    section: str
    name: str
    heading: str
    wide: bool
    needs: str


CARDS_ACROSS = 5
AS_IT_IS = frozenset({"title", "script_hashes", "css", "origin", "data", "library", "script"})
SIDE_BY_SIDE = 8  # designs that a figure of half the width has room for
SECTIONS = {
    "value": "Value and cost",
    "load": "Load and price",
    "bills": "Bills",
    "comfort": "Comfort",
    "network": "Voltage and feeder",
    "information": "Information",
}
PANELS = (
    Panel(
        "value",
        "captured_value",
        "How much of the attainable value each design captures",
        False,
        "No welfare bound was computed in this run.",
    ),
    Panel(
        "value",
        "costs",
        "What the service costs, item by item",
        False,
        "The run left no cost breakdown.",
    ),
    Panel(
        "load",
        "load",
        "Load and price through the run",
        True,
        "The run left no intervals with load.",
    ),
    Panel("load", "average_day", "The average day", False, "The run left no intervals with load."),
    Panel(
        "load",
        "devices",
        "What the load is made of",
        False,
        "The run left no load by kind of device.",
    ),
    Panel(
        "load",
        "places",
        "Prices by layer",
        True,
        "Nodal, zonal and area prices are one and the same in this run: no zone or transformer has a limit, so none has a price "
        "of its own ([layers] in the scenario sets limits).",
    ),
    Panel("bills", "bills", "Bills of the homes", False, "The run left no bills of homes."),
    Panel(
        "bills",
        "bill_change",
        "Who pays less, who pays more",
        False,
        "Needs the bills of the reference and of at least one other design.",
    ),
    Panel(
        "bills",
        "group_change",
        "Which homes win, which lose",
        True,
        "Needs the bills of the reference and of at least one other design.",
    ),
    Panel(
        "comfort",
        "comfort",
        "Discomfort of the homes",
        False,
        "This run holds no indoor temperature.",
    ),
    Panel(
        "comfort",
        "temperature",
        "Departure from the wished temperature",
        False,
        "No indoor temperature was measured in this run.",
    ),
    Panel(
        "network",
        "voltage",
        "Voltage at the homes",
        True,
        "No power flow was solved in this run, so there is no voltage to show.",
    ),
    Panel("network", "voltage_over_time", "Voltage over time", True, ""),
    Panel("network", "voltage_over_distance", "Voltage over distance", True, ""),
    Panel(
        "network",
        "feeder",
        "The feeder",
        True,
        "No power flow was solved in this run, or nothing is known of how buses are joined.",
    ),
    Panel("network", "loading_over_time", "Loading over time", True, ""),
    Panel("network", "nodal_prices", "Prices along the feeder", True, ""),
    Panel("network", "losses", "What losses cost, and who pays", False, ""),
    Panel("network", "control_counts", "Movements of regulators and capacitor banks", False, ""),
    Panel("network", "controls", "Positions of regulators and capacitor banks", True, ""),
    Panel(
        "information",
        "information",
        "What crosses between homes and market",
        True,
        "The run counted no messages.",
    ),
)


# what stands before the figures of a section
LEADS: Mapping[str, tuple[Callable[[ComparisonView], str], ...]] = {
    "network": (
        network_costs,
        reactive_costs,
        phase_balance,
        current_balance,
        transformer_ageing,
        home_limits,
    )
}
# tables that stand folded under their figures
NUMBERS: Mapping[str, Callable[[ComparisonView], str]] = {
    "group_change": group_table,
    "voltage_over_time": time_table,
    "voltage_over_distance": distance_table,
    "loading_over_time": loading_table,
    "nodal_prices": nodal_table,
    "controls": control_table,
}


def write(result: ComparisonView, path: str | os.PathLike[str]) -> Path:
    """Write the report of a comparison as one self-contained HTML file and return its path.

    The same result gives the same bytes. A half-written file is never left under the name asked for.

    Raises
    ------
    InputError
        What is no result of a comparison, or no path.
    OSError
        The folder cannot be made or written to.
    """
    require_comparison(result, "report")
    require_path(path, "report", "the path of the file to write")
    return put(html(result), path)


def put(text: str, path: str | os.PathLike[str]) -> Path:
    """Write one page and return its path; a half-written file is never left under the name asked for."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + ".part")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(target)
    return target


def html(result: ComparisonView) -> str:
    """Return the report of a comparison as the text of one HTML page."""
    drawn = _draw(result)
    script = scripts("map.js")
    lead, body = certificates(result)
    extent = " · ".join(
        part
        for part in (
            span(result),
            f"times in {_zone_words(zone(result)[1])}",
            f"reference: {baseline(result)}",
        )
        if part
    )
    code = currency(result)
    return fill(
        "page.html",
        code,
        title=escape(title(result)),
        source=escape(source_line(result)),
        script_hashes=" ".join(script_hash(text) for text in (library(), script)),
        css=asset("page.css"),
        nav=_nav(),
        question=escape(question(result)),
        answer=explained(unbroken(escape(answer(result)))),
        effects=explained(unbroken(escape(effects(result)))),
        extent=escape(extent if designs(result) else "no design was run"),
        faults=faults(result),
        cards=cards(result),
        across=_across(len(designs(result))),
        metrics=metric_table(result),
        sections="\n".join(
            _section(result, key, heading, drawn) for key, heading in SECTIONS.items()
        ),
        certificates_lead=escape(lead),
        certificates=body,
        origin=origin(result, notes(result)),
        data=_data(result, drawn),
        library=packed_library(),
        script=script,
    )


class Drawn(NamedTuple):
    """What is drawn on a page, and the figures in words that captions take, each made once."""

    figures: Mapping[str, go.Figure]
    map: FeederMap | None
    held: dict[str, Digest]


def _draw(result: ComparisonView) -> Drawn:
    """Return what the page shows; the map takes the place of the figure of that name, which draws voltages alone."""
    found = feeder_map(result)
    made = {
        name: fig
        for name, draw in DRAWINGS.items()
        if (name != MAP or found is None) and (fig := draw(result)) is not None
    }
    return Drawn(made, found, digests(result))


def _data(result: ComparisonView, drawn: Drawn) -> str:
    """Return what the script draws of: figures of the plotting library, and the map, which it draws itself."""
    code = currency(result)
    rest = [payload(name, fig, code) for name, fig in drawn.figures.items()]
    return "\n".join([*rest, *([] if drawn.map is None else [drawn.map.data])])


def fill(template: str, currency: str, **parts: object) -> str:
    """Return a page of its parts with their money in a currency; what the user wrote, and programs, stay as they are."""
    told = {
        name: text if name in AS_IT_IS else spell_money(str(text), currency)
        for name, text in parts.items()
    }
    return Template(asset(template)).substitute(told)


def _zone_words(name: str) -> str:
    """Return 'UTC−6' for 'Etc/GMT+6', whose sign is turned round; other names as they are."""
    sign = {"+": "−", "-": "+"}
    return f"UTC{sign[name[7]]}{name[8:]}" if name[:7] == "Etc/GMT" and name[7:8] in sign else name


def unbroken(text: str) -> str:
    """Return text whose per cent signs and kilowatts stay with their numbers at the end of a line."""
    return text.replace(" %", "\u00a0%").replace(" kW", "\u00a0kW")


def _across(count: int) -> int:
    """Return how many cards stand in a row: all up to five, then rows that are as full as the first."""
    return -(-count // -(-count // CARDS_ACROSS)) if count else 1


def asset(name: str) -> str:
    """Return the text of a file of this room."""
    return (files("gridagora.report") / name).read_text(encoding="utf-8")


def scripts(*more: str) -> str:
    """Return the script of a page: what saves and draws figures, and further files of this room before it."""
    return "".join(asset(name) for name in (*more, "slide.js", "multiples.js", "page.js"))


def script_hash(script: str) -> str:
    """Return the source expression that lets a browser run exactly this script (CSP level 3)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _nav() -> str:
    links = {"metrics": "Metrics", **SECTIONS, "certificates": "Certificates", "origin": "Origin"}
    return "".join(f'<a href="#{key}">{escape(text)}</a>' for key, text in links.items())


def _section(result: ComparisonView, key: str, heading: str, drawn: Drawn) -> str:
    panels = "".join(
        _panel(result, each, drawn)
        for each in PANELS
        if each.section == key
        and (
            each.name != "places" or "places" in result.tables
        )  # else no design of the run has layers
    )
    before = "".join(lead(result) for lead in LEADS.get(key, ()))
    return f'<section id="{key}"><h2>{escape(heading)}</h2>{before}<div class="grid">{panels}</div></section>'


def _panel(result: ComparisonView, shown: Panel, drawn: Drawn) -> str:
    wide = shown.wide or len(designs(result)) > SIDE_BY_SIDE
    if shown.name == MAP and drawn.map is not None:
        caption = unbroken(escape(guide(result, MAP, drawn.held)))
        held = drawn.map
        return frame_of(
            MAP, shown.heading, caption, held.words, MAP_PX, wide=True, numbers=held.tables
        )
    fig = drawn.figures.get(shown.name)
    if fig is None and not shown.needs:
        return ""
    if fig is None:
        return absent_panel(shown.heading, shown.needs, wide=wide)
    caption = unbroken(escape(guide(result, shown.name, drawn.held)))
    own = NUMBERS.get(shown.name)
    numbers = number_table(shown.heading, fig) if own is None else own(result)
    return panel(shown.name, shown.heading, caption, fig, wide=wide, numbers=numbers)
