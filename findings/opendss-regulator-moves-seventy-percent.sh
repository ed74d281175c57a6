#!/usr/bin/env bash
# A regulator of OpenDSS far out of its band moves 70 % of the taps it has computed, and ends at the edge of the band.
#
# Where it meets our users: taps of a day are compared between engines, or worked out by hand from band centre, turns ratio and step.
# Expected in control mode STATIC, with MaxTapChange at its default of 16: as many taps as bring the voltage to the centre of the
# band. Seen: round(off / step) taps are computed, 70 % of them cut to whole ones are made, the circuit is solved and the control
# asked again; so it stops at the first tap that lies in the band, seen from where it came. Coming from above and from below ends on
# different taps at the same load. Seen with dss-python 0.15.7, backend 0.14.5. What to do: replay the same rule, or compare
# voltages with the band and not taps with taps.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'dss-python==0.15.7' 'dss-python-backend==0.14.5'

cat > "$work/try.py" <<'PY'
import re

from dss import DSS

SCRIPT = """
Clear
New Circuit.street basekv=12.47 pu={pu} phases=3 bus1=source mvasc3=200000 mvasc1=210000
New Transformer.reg phases=1 windings=2 buses=[source.1 far.1] kvs=[7.2 7.2] kvas=[5000 5000] xhl=0.01 %loadloss=0.001
New RegControl.reg transformer=reg winding=2 vreg=123 band=3 ptratio=60 EventLog=yes
New Load.house bus1=far.1 phases=1 kv=7.2 kw=10
Set VoltageBases=[12.47]
CalcVoltageBases
Set ControlMode=STATIC
Transformer.reg.wdg=2 tap={tap}
Solve
"""


def settle(pu, tap):
    """Return the moves of the regulator from a tap, and the tap it ends on."""
    engine = DSS.NewContext()
    for line in SCRIPT.format(pu=pu, tap=1 + 0.00625 * tap).strip().splitlines():
        engine.Text.Command = line
    events = " ".join(engine.ActiveCircuit.Solution.EventLog)
    moves = [int(found) for found in re.findall(r"CHANGED (-?\d+) TAP", events.upper())]
    engine.ActiveCircuit.RegControls.First
    return moves, engine.ActiveCircuit.RegControls.TapNumber


print(DSS.Version.splitlines()[0])
(up, up_tap), (down, down_tap) = settle(0.95, 0), settle(0.95, 16)
exact = (123 * 60 / (0.95 * 7200) - 1) / 0.00625
needed = round((123 - 0.95 * 120) / 120 / 0.00625)
print(f"from tap 0: {needed} taps to the centre of the band; moves {up}, ends on {up_tap}")
print(f"from tap 16: moves {down}, ends on {down_tap}")
print(f"expected from both: one move, to the tap nearest {exact:.1f}, where the voltage is 123 V")
assert needed == 12 and up[0] == int(0.7 * needed), "the rule has changed"
assert len(up) > 1 and (up_tap, down_tap) == (12, 14), "the regulator now ends elsewhere"
PY
"$work/venv/bin/python" "$work/try.py"
