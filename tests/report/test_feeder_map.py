"""The map of the page: what it draws are the numbers of the tables, and it is left out where there are none."""

import base64
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest

from gridagora.report.feeder_map import LISTED, feeder_map


def spec_of(held):
    packed = re.search(r">(.*)<", held.data)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.fixture(scope="module")
def drawn(result):
    return spec_of(feeder_map(result))


def test_voltages_and_loadings_are_those_of_the_tables(result, drawn):
    assert [each["unit"] for each in drawn["measures"]] == ["pu", "pu", "pu", "%", "%"]
    for measure, table, column, factor in (
        (0, "buses", "v_min_pu", 1),
        (3, "loading", "loading_max_share", 100),
    ):
        rows = result.tables[table]
        own = factor * rows.loc[rows["architecture"] == "rtp", column].to_numpy()
        at = drawn["designs"].index("Real-time price")
        np.testing.assert_allclose(drawn["measures"][measure]["values"][at], own, atol=0.06)


def test_places_stand_once_and_branches_between_their_buses(result, drawn):
    names = drawn["buses"]["name"]
    assert len(names) == len(set(names)) == len(drawn["buses"]["x"])
    rows = result.tables["loading"].iloc[: len(drawn["branches"]["ends"])]
    told = [[names[at] for at in ends] for ends in drawn["branches"]["ends"]]
    assert told == rows[["from_bus", "to_bus"]].to_numpy().tolist()
    assert set(drawn["branches"]["rating"]) == {"200 A", "25 kVA"}


def test_full_load_is_the_middle_of_the_scale(drawn):
    assert drawn["measures"][3]["scale"] == [0, 200]


def test_words_and_tables_name_the_worst(result):
    held = feeder_map(result)
    rows = result.tables["loading"]
    top = rows.loc[rows["loading_max_share"].idxmax()]
    share = f"{100 * top['loading_max_share']:.0f}"
    assert f"to {share} %" in held.words
    assert f'<th scope="row">{top["name"]}</th>' in held.tables
    assert held.tables.count('<tr><th scope="row">') == 2 * LISTED


def test_without_loadings_voltages_are_left(result):
    bare = replace(result, tables={k: v for k, v in result.tables.items() if k != "loading"})
    held = feeder_map(bare)
    assert [each["of"] for each in spec_of(held)["measures"]] == ["buses"] * 3
    assert "Loading" not in held.words
    nowhere = result.tables["buses"].assign(x=np.nan)
    assert feeder_map(replace(result, tables=result.tables | {"buses": nowhere})) is None
