"""The page beside a run: how far it is, and the first figures of every design that has ended."""

from collections.abc import Mapping
from html import escape
from string import Template
from typing import Any

from gridagora.files.json_text import json_text
from gridagora.report.page import asset, script_hash


def html(now: Mapping[str, Any]) -> str:
    """Return the page as the text of one HTML file; its script asks for `progress.json` beside it, and then for `report`.

    Parameters
    ----------
    now
        As `RunProgress.document` returns it.
    """
    script = asset("progress.js")
    state = json_text(now, None).replace("&", "\\u0026").replace("<", "\\u003c")
    return Template(asset("progress.html")).substitute(
        title=escape(now["title"]),
        said=escape(now["said"]),
        lead=escape(now["lead"]),
        css=asset("page.css"),
        script=script,
        script_hash=script_hash(script),
        state=state.replace(">", "\\u003e"),
    )
