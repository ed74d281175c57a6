"""Every kind of page that the program writes, made of made-up results: a new kind of page is one more entry of `PAGES`."""

import json

import pandas as pd

from gridagora.report import page, progress_page, risk_page, study_page, sweep_page
from gridagora.report.flip_figures import flips_html
from gridagora.report.progress import ProgressColumn, RunProgress
from gridagora.report.risk_view import view_of
from gridagora.report.scene_page import write_scene_page
from gridagora.scenario import build, read
from gridagora.studies.flip_map import FlipMap
from gridagora.studies.ranking import rank_designs
from gridagora.studies.risk.assess import assess
from gridagora.studies.risk.question import RiskQuestion
from tests.report.conftest import make_result
from tests.report.test_claims_page import made_claims
from tests.report.test_risk_page import made_worlds
from tests.report.test_study_page import made_study
from tests.report.test_sweep_page import MANIFEST, VALUES, table


def comparison(folder):
    """Designs on one scene, one of which failed."""
    made = make_result(homes=20, days=1)
    made.summary["architectures"]["mine"] = {"error": "a price of <none> was posted"}
    return page.write(made, folder / "report.html")


def ensemble(folder):
    """Designs over many seeds, as `compare --seeds --map` shows them."""
    manifest = {"title": "Worlds", "homes": 12, "days": 1, "seeds": 40, "designs": ["flat", "tou"]}
    found = assess(made_worlds(40), RiskQuestion(), needs_tail=False)
    text = risk_page.html(view_of(found, manifest), flips_html([flips()]))
    return page.put(text, folder / "ensemble.html")


def risk(folder):
    """The risk of designs in an ensemble of several variations."""
    place = folder / "risk"
    place.mkdir(exist_ok=True)
    made_worlds(variations=2).to_parquet(place / "worlds.parquet", index=False)
    (place / "manifest.json").write_text(json.dumps({"title": "Worlds", "days": 1}))
    risk_page.write_risk(place)
    return place / risk_page.PAGE


def sweep_over(points, folder, name):
    """Return a page of a sweep over two points."""
    rows = [(at, key, value) for at, point in enumerate(points) for key, value in point.items()]
    variations = pd.DataFrame(rows, columns=["variation", "key", "value"])
    found = rank_designs(table(folder, VALUES))
    return sweep_page.write(folder / name, found, variations, MANIFEST, ("social welfare", "$"))


def sweep_list(folder):
    """The best design over one key."""
    return sweep_over([{"homes.pv_share": "0"}, {"homes.pv_share": "1"}], folder, "list.html")


def sweep_map(folder):
    """The best design over two keys."""
    return sweep_over([{"a.x": "0", "a.y": "1"}, {"a.x": "1", "a.y": "1"}], folder, "map.html")


def study(folder):
    """What a design needs, and where value is lost."""
    return study_page.write(made_study(), folder / "study.html")


def claims(folder):
    """Which claims hold."""
    return study_page.write(made_claims(), folder / "claims.html")


def progress(folder):
    """How far a run is."""
    columns = [ProgressColumn("E1y", "gain over the flat rate", "$/home/year")]
    seen = RunProgress("Worlds <1>", ["flat", "tou", "rtp"], ["baseline", "flat", "tou"], columns)
    seen.add("flat", {"E1y": 0.0})
    seen.fail("rtp", "no price <posted>")
    seen.tell("tou", 30, 288)
    return page.put(progress_page.html(seen.document()), folder / "progress.html")


def check(folder):
    """What was understood of a scenario."""
    text = "[homes]\ncount = 6\npv_share = 0.5\n[scenario]\ndays = 1\n"
    scene = build.build(read.parse(text, "few.toml"))
    return write_scene_page(scene, {"homes": "6 <few>"}, folder / "check.html")


def flips():
    """Return a map of two by two points."""
    points = pd.DataFrame(
        [("70 %", ".1"), ("70 %", "1"), ("100 %", ".1"), ("100 %", "1")],
        columns=["limit", "price of overload [$/kWh]"],
    )
    ranking = pd.DataFrame(
        {
            "variation": [0, 1, 2, 3],
            "best": ["rtp", "flat", "flat", "flat"],
            "ties": ["", "", "rtp", "rtp, tou"],
        }
    )
    return FlipMap("limit", points, ranking, ("flat", "tou", "rtp"), "a sample")


PAGES = {
    "comparison": comparison,
    "ensemble": ensemble,
    "risk": risk,
    "sweep list": sweep_list,
    "sweep map": sweep_map,
    "study": study,
    "claims": claims,
    "progress": progress,
    "check": check,
}
