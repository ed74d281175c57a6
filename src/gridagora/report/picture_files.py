"""The figures of a page as files for a memo or a slide: SVG and PNG, drawn by the page in a browser of this machine."""

import base64
import json
import os
from pathlib import Path

from gridagora.core.errors import PartError
from gridagora.report.browser_pipe import open_tab

WIDE_PX, HIGH_PX = 1300, 1000
# pictures of all figures in turn, once every one is drawn
PICTURES = """new Promise((done, fail) => {
  const found = {};
  const text = blob => new Promise(tell => {
    const reader = new FileReader();
    reader.onload = () => tell(reader.result.split(",")[1]);
    reader.readAsDataURL(blob);
  });
  async function all(plots) {
    for (const node of plots) {
      const svg = await slides.compose(node);
      found[node.id.replace("figure-", "")] = [svg, await text(await slides.painted(svg))];
    }
    done(JSON.stringify(found));
  }
  (function look() {
    const plots = [...document.querySelectorAll(".plot")];
    if (document.readyState === "complete" && plots.every(node => node.mapOf || node._fullLayout)) {
      all(plots).catch(fail);
    } else { setTimeout(look, 50); }
  })();
})"""


def write_pictures(
    page: str | os.PathLike[str], folder: str | os.PathLike[str]
) -> tuple[Path, ...]:
    """Write every figure of a page as SVG and as PNG, 1600 by 900 pixels, into a folder, and return the files.

    Raises
    ------
    InputError
        No browser on this machine that draws.
    PartError
        The browser ended, does not answer, or could not draw.
    OSError
        The folder cannot be written to.
    """
    with open_tab(WIDE_PX, HIGH_PX) as tab:
        tab.ask("Page.navigate", url=Path(page).resolve().as_uri())
        told = tab.ask("Runtime.evaluate", expression=PICTURES, awaitPromise=True)
    if "value" not in told["result"]:
        raise PartError(f"the browser drew no figures: {told['result'].get('description', '')}")
    place, made = Path(folder), []
    place.mkdir(parents=True, exist_ok=True)
    for name, (svg, png) in json.loads(told["result"]["value"]).items():
        for kind, content in (("svg", svg.encode()), ("png", base64.b64decode(png))):
            made.append(place / f"{name}.{kind}")
            made[-1].write_bytes(content)
    return tuple(made)
