"""The picture of a scene before it is run: curves, map, homes, and where each part comes from."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

import gridagora
from gridagora.cli import app
from gridagora.report.scene_page import write_scene_page
from gridagora.report.scene_sketch import sketch_feeder, sketch_scene
from gridagora.report.scene_view import kind_of_homes, map_of, series_of, sources_of
from gridagora.scenario.describe import scene_lines

CASE = """
[scenario]
title = "A street <&>"
days = 2
[homes]
count = 6
pv_share = 0.5
ev_share = 0.5
ev_daily_share = 1.0
battery_share = 0.34
"""
VOID = {"meta", "path", "rect", "circle", "br"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    file = tmp_path_factory.mktemp("scene") / "s.toml"
    file.write_text(CASE)
    return gridagora.load(file)


class Balance(HTMLParser):
    """Elements that are open, ids and headings of a page."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.headings = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_series_are_those_of_the_scene(scene):
    found = {each.label: each for each in series_of(scene)}
    assert {each.values.shape for each in found.values()} == {(48,)}
    assert found["appliances of homes"].values == pytest.approx(scene.homes.load_kw[:, :48].sum(0))
    assert found["price of the day ahead"].values[0] == scene.prices.day_ahead_per_kwh[48]
    assert (found["outdoor temperature"].values == scene.weather.t_out_degc[:48]).all()
    table, middle_s = scene.homes.owned["ev"], 3600 * np.arange(48) + 1800
    here = (table.arrive_s[:, None] <= middle_s) & (table.depart_s[:, None] > middle_s)
    assert (found["electric vehicles plugged in"].values == here.sum(0)).all()
    assert here.any()


def test_homes_are_told_apart_by_class_or_by_what_they_own(scene):
    kinds = kind_of_homes(scene)
    owned = {kind: set(scene.homes.owned[kind].home.tolist()) for kind in ("pv", "ev", "battery")}
    for row, kind in enumerate(kinds):
        many = sum(row in rows for rows in owned.values())
        assert kind == ("none of these" if not many else "several of these") or many == 1
        assert (kind == "solar") == (many == 1 and row in owned["pv"])


def test_a_tree_is_drawn_where_there_are_no_coordinates(scene):
    bare = scene.feeder
    at = map_of(bare)
    if at.is_map:
        nowhere = np.full(len(bare.buses.name), np.nan)
        at = map_of(bare.__class__(**{**vars(bare), "buses": bare.buses._replace(x_m=nowhere)}))
    assert not at.is_map
    assert (np.abs(at.x[at.from_bus] - at.x[at.to_bus]) == 1).all()
    assert len({*zip(at.x.tolist(), at.y.tolist(), strict=True)}) == len(at.x)


def test_a_sketch_is_text_of_the_terminal(scene):
    lines = sketch_scene(scene)
    assert lines[0].split() == ["Mon", "15", "Tue", "16"]
    assert "▁" in lines[1]
    assert "█" in lines[1]
    plain = sketch_scene(scene, plain=True)
    assert all(line.isascii() for line in plain)
    assert any("homes" in line for line in sketch_feeder(scene.feeder, plain=True))
    assert max(map(len, lines)) < 130


def test_a_page_holds_all_of_it_and_asks_for_nothing(scene, tmp_path):
    path = write_scene_page(scene, scene_lines(scene), tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    page = Balance()
    page.feed(text)
    assert not page.open
    assert len(set(page.ids)) == len(page.ids)
    assert page.headings[0] == 1
    assert all(
        later - before <= 1 for before, later in zip(page.headings, page.headings[1:], strict=False)
    )
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    assert "A street &lt;&amp;&gt;" in text
    assert text.count("<circle") == 6
    assert all(f'<th scope="row">{home}</th>' in text for home in scene.homes.home_id)
    assert text.count('role="img"') == len(series_of(scene)) + 1


def test_what_is_drawn_is_said_to_be_drawn(scene):
    assert {part: where for part, _, where in sources_of(scene)}["weather"] == (
        "drawn by the seed 1, as in Austin, Texas"
    )


def test_cars_that_never_plug_in_are_said_to(tmp_path):
    (tmp_path / "s.toml").write_text(CASE.replace("ev_daily_share = 1.0", "ev_daily_share = 0.0"))
    told = gridagora.check(tmp_path / "s.toml")["equipment"]
    assert "none with electric vehicles that plug in" in told


def test_check_draws_and_writes_a_page(tmp_path):
    file, html = tmp_path / "s.toml", tmp_path / "page.html"
    file.write_text(CASE)
    run = CliRunner()
    made = run.invoke(app, ["check", str(file), "--html", str(html)])
    assert made.exit_code == 0, made.stderr
    assert "outdoor temperature [degC]" in made.stdout
    assert html.stat().st_size < 200_000
    told = json.loads(run.invoke(app, ["check", str(file), "--json"]).stdout)
    assert list(told) == ["understood"]


@pytest.mark.parametrize(
    ("html", "said"),
    [(".", "a folder"), ("nowhere/page.html", "no folder"), ("s.toml", "the file to check")],
)
def test_a_page_that_cannot_be_written_is_refused(tmp_path, html, said):
    file = tmp_path / "s.toml"
    file.write_text(CASE)
    bad = CliRunner().invoke(app, ["check", str(file), "--html", str(tmp_path / html)])
    assert bad.exit_code == 2
    assert said in bad.stderr
    assert file.read_text() == CASE
