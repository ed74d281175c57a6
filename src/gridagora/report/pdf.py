"""A report as a PDF file: a browser of this machine prints the page on A4 or Letter, numbered and tagged."""

import base64
import json
import os
from html import escape
from pathlib import Path

from gridagora.core.errors import PartError
from gridagora.report.browser_pipe import open_tab
from gridagora.report.paper import Paper

PX_A_MM = 96 / 25.4
MARGIN_MM = 13.0
SCREEN_PX = 1400  # high: what is drawn when it comes in sight is drawn
SCALE = 0.72  # of type on paper: 16 px become 8.6 pt, and two figures stand side by side
DRAWN = """new Promise(done => (function look() {
  const open = document.readyState !== "complete" || document.querySelector(".plot:empty");
  if (open) { setTimeout(look, 50); } else { requestAnimationFrame(() => setTimeout(done, 100)); }
})())"""
LAY_OUT = "rule => document.head.appendChild(document.createElement('style')).append(rule)"
FOOTER = (
    '<div style="width:100%;padding:0 {margin}mm;font:7px sans-serif;color:#5d6573;display:flex;justify-content:space-between">'
    '<span>{title}</span><span><span class="pageNumber"></span> of <span class="totalPages"></span></span></div>'
)


def print_pdf(
    page: str | os.PathLike[str], path: str | os.PathLike[str], paper: Paper = Paper.A4
) -> Path:
    """Print a page of a report to a PDF file and return its path.

    Raises
    ------
    InputError
        No browser on this machine that prints.
    PartError
        The browser ended, or does not answer.
    OSError
        The file cannot be written.
    """
    target, (width_mm, height_mm) = Path(path), paper.size_mm
    inner_mm = width_mm - 2 * MARGIN_MM
    with open_tab(round(inner_mm * PX_A_MM / SCALE), SCREEN_PX) as tab:
        tab.ask("Page.navigate", url=Path(page).resolve().as_uri())
        tab.ask("Runtime.evaluate", expression=DRAWN, awaitPromise=True)
        title = tab.ask("Runtime.evaluate", expression="document.title")["result"]["value"]
        rule = f"@page{{size:{width_mm}mm {height_mm}mm;margin:{MARGIN_MM}mm}}"
        tab.ask("Runtime.evaluate", expression=f"({LAY_OUT})({json.dumps(rule)})")
        printed = tab.ask(
            "Page.printToPDF",
            preferCSSPageSize=True,
            scale=SCALE,
            printBackground=True,
            displayHeaderFooter=True,
            headerTemplate="<span></span>",
            footerTemplate=FOOTER.format(margin=MARGIN_MM, title=escape(title)),
            generateTaggedPDF=True,
            generateDocumentOutline=True,
        )
    content = base64.b64decode(printed["data"])
    if not content.startswith(b"%PDF"):
        raise PartError("the browser printed no PDF")
    draft = target.with_name(target.name + ".part")
    draft.write_bytes(content)
    draft.replace(target)
    return target
