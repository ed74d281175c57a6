"""Components that nothing can be are told by name, those of sound feeders are not."""

import numpy as np
import pytest

from gridagora.core.components import stack_blocks
from gridagora.core.errors import InputError
from gridagora.grid.impossible import find_impossible, given_shares
from gridagora.scenario.feeder_file import read_feeder_file
from gridagora.sources import synthetic_feeder

SCRIPT = """Clear
New Circuit.c basekv=12.47 bus1=src
New Linecode.lc nphases=3 r1=0.3 x1=0.6 r0=0.9 x0=1.8 units=mi
New Line.l1 bus1=src bus2=n length=2 units=mi linecode=lc
New Transformer.tx phases=3 windings=2 buses=[n m] conns=[delta wye] kvs=[12.47 0.48] kvas=[500 500] xhl=5
New Capacitor.k bus1=n kvar=300 kv=12.47
New Load.big phases=3 bus1=m kv=0.48 kw=100 pf=0.95 {}
Set voltagebases=[12.47 0.48]
Calcvoltagebases
Solve
"""
PLAIN = SCRIPT.format("")
ZIP = SCRIPT.format("model=8 zipv=[0.5 0.5 0.5 0.3 0.3 0.4 0.5]")
CASES = {
    "a length": (PLAIN.replace("length=2", "length=-2"), "Line l1: got a length of -3,219 m"),
    "a resistance": (PLAIN.replace("r1=0.3", "r1=-0.3"), "Line l1: got an impedance that gives active power"),
    "a rating": (PLAIN.replace("kvas=[500 500]", "kvas=[-500 -500]"), "Transformer tx: got a rating of -500 kVA"),
    "a reactance": (PLAIN.replace("xhl=5", "xhl=-5"), "Transformer tx: got a reactance of -5.0% of its rating"),
    "losses": (PLAIN.replace("xhl=5", "xhl=5 %rs=[-0.5 -0.5]"), "Transformer tx: got an impedance that gives"),
    "a bank": (PLAIN.replace("kvar=300", "kvar=-300"), "Capacitor k: got -300 kvar"),
    "parts": (ZIP, "Load big: got parts that add up to 1.5 of its active and 1 of its reactive power"),
    "a band": (SCRIPT.format("vminpu=1.2 vmaxpu=0.9"), "Load big: got vminpu 1.2 above vmaxpu 0.9"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_nothing_can_be_is_told_by_name_and_refused_strictly(tmp_path, case):
    text, told = CASES[case]
    path = tmp_path / "it.dss"
    path.write_text(text)
    notes = [note for note in read_feeder_file(path).notes if "expected" in note]
    assert [note for note in notes if note.startswith(told)] == notes and notes
    with pytest.raises(InputError, match=told.partition(":")[0]):
        read_feeder_file(path, strict=True)


def test_sound_components_are_not_told(tmp_path):
    path = tmp_path / "it.dss"
    path.write_text(PLAIN)
    assert not find_impossible(read_feeder_file(path))
    assert not find_impossible(synthetic_feeder.make(3, 12))


def test_the_power_that_a_block_gives_is_that_of_its_worst_voltages():
    """A resistance of -1 ohm between two nodes gives most at opposite voltages: its admittance has the values 0 and -2 S."""
    between = np.array([[1, -1], [-1, 1]], complex)
    ends = np.array([0, 1]), np.array([0, 1])
    blocks = stack_blocks([(*ends, each * between) for each in (1.0, -1.0, 1j, 2 - 9j)])
    assert given_shares(blocks) == pytest.approx([0, 2, 0, 0], abs=1e-12)
