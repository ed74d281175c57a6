"""What a page carries packed is what was drawn, to the digits that an eye sees."""

import base64
import json
import zlib

import numpy as np
import plotly.graph_objects as go
import pytest

from gridagora.report.embed import FINE, payload, rounded


def unpack(element):
    return json.loads(zlib.decompress(base64.b64decode(element.split(">", 1)[1].split("<", 1)[0])))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 4e5])
def test_series_keep_five_digits_of_their_span(scale):
    values = scale * np.random.default_rng(3).normal(size=400)
    fig = go.Figure(go.Scatter(y=values.astype(np.float32), x=1e6 + values))
    drawn = unpack(payload("any", fig))["data"][0]
    least = np.ptp(values) * 10.0 ** (1 - FINE)
    np.testing.assert_allclose(drawn["y"], values, rtol=0, atol=least)
    np.testing.assert_allclose(drawn["x"], 1e6 + values, rtol=0, atol=least)


def test_what_is_no_series_is_kept():
    spec = {"a": [0.123456789, 1], "b": "text", "c": [True] * 9, "d": [[1, 2], ["x", None]]}
    assert rounded(spec) == spec


def test_gaps_are_null_and_whole_numbers_short():
    told = rounded([1.0, float("nan"), 3.0, float("inf"), None, 6.0, 7.0, 8.0, 9.5])
    assert told == [1, None, 3, None, None, 6, 7, 8, 9.5]
    assert isinstance(told[0], int)


def test_markup_in_a_name_cannot_end_the_element():
    element = payload("any", go.Figure(go.Scatter(name="</script><img>")))
    assert element.count("<") == 2
    assert unpack(element)["data"][0]["name"] == "</script><img>"
