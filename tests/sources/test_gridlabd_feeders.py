"""Public feeders in GridLAB-D's own language: the voltages that its regression tests assert, within 0.1 %.

Taps and switches of capacitors are those on which GridLAB-D 6.0.0 settles, since its own controls act before the assertion.
"""

import re

import numpy as np
import pytest

from gridagora.files.glm import read_glm
from gridagora.grid.flow import solve
from gridagora.sources.gridlabd import describe_classes, read
from gridagora.sources.gridlabd.buses import read_buses
from gridagora.sources.gridlabd.model import index
from gridagora.sources.gridlabd.quantities import read_complex

AUTOTEST = "feeders/taxonomy/gridlabd_autotest/test_{}_NR.glm"
MIDDLE_ON = "switchA OPEN; switchB CLOSED; switchC OPEN;"
ALL_OFF = "switchA OPEN; switchB OPEN; switchC OPEN;"
STATES = {  # taps of the one regulator, and switches of the banks in their order
    "R5-12.47-1": ((0, 0, 0), [MIDDLE_ON] * 3),
    "R5-12.47-2": ((6, 6, 6), [MIDDLE_ON]),
    "R5-12.47-5": ((6, 6, 6), [ALL_OFF, MIDDLE_ON, ALL_OFF]),
}
IEEE = "published/ieee_gridlabd_reference/glm/test_IEEE_{}_NR.glm"
PHASES = {"a": 1, "b": 2, "c": 3, "1": 1, "2": 2}


def frozen(text, taps, switches):
    """The text of a model whose controls are manual, at a state."""
    left = iter(switches)
    text = re.sub(r"control\s+VOLT\s*;", lambda _: f"control MANUAL; {next(left)}", text)
    text = re.sub(r"Control\s+OUTPUT_VOLTAGE\s*;", "Control MANUAL;", text)
    for letter, tap in zip("ABC", taps, strict=True):
        text = re.sub(rf"tap_pos_{letter}\s+0\s*;", f"tap_pos_{letter} {tap};", text)
    return text


@pytest.fixture(scope="module", params=STATES)
def settled(request, data_dir, tmp_path_factory):
    """A feeder at its rated loads, with its voltages."""
    source = data_dir / AUTOTEST.format(request.param)
    path = tmp_path_factory.mktemp("glm") / source.name
    path.write_text(frozen(source.read_text(encoding="latin-1"), *STATES[request.param]))
    feeder = read(path)
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    return path, feeder, solve(feeder, feeder.meters.p_kw[None], q_kvar[None])


def asserted(path, feeder, flow):
    """How far each asserted voltage is off, as a share of it."""
    glm = read_glm(path)
    buses = read_buses(index(glm))
    row = {name: at for at, name in enumerate(feeder.nodes.name)}
    off = []
    for each in glm.objects:
        if each.kind != "complex_assert" or not each.values["target"][0].startswith("voltage"):
            continue
        phase = each.values["target"][0][-1].lower()
        node = f"{buses.of[each.values['parent'][0]]}.{PHASES[phase]}"
        said = read_complex(each.values["value"][0], "V")
        if abs(said) < 1:  # a phase that its bus has not
            assert node not in row
            continue
        ours = flow.v[0, row[node]] * (-1 if phase == "2" else 1)
        off.append(abs(ours - said) / abs(said))
    return off


def test_asserted_voltages_are_met_within_a_thousandth(settled):
    off = asserted(*settled)
    assert len(off) >= 30
    assert max(off) < 1e-3


@pytest.mark.parametrize(("number", "count"), [("13", 32), ("34", 3)])
def test_feeders_of_the_ieee_with_loads_of_every_kind_are_met_too(data_dir, number, count):
    """Taps as stated, currents and impedances at their voltage, capacitance of lines."""
    path = data_dir / IEEE.format(number)
    feeder = read(path)
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    off = asserted(path, feeder, solve(feeder, feeder.meters.p_kw[None], q_kvar[None]))
    assert len(off) == count
    assert max(off) < 1e-3


def test_what_is_assumed_is_little_and_told(settled):
    _, feeder, _ = settled
    (note,) = feeder.notes  # loads behind transformers state the voltage before them
    assert "nominal_voltage" in note and "277 V is taken" in note
    assert feeder.meters.is_home.sum() > 60


def test_a_check_tells_what_became_of_each_class(settled):
    path, _, _ = settled
    lines = describe_classes(path)
    assert lines["class triplex_load"].endswith("converted")
    assert lines["class recorder"].endswith("left out: they only measure")
    assert lines["class line_spacing"].endswith("for those that name them")
    assert "beside objects" not in lines
