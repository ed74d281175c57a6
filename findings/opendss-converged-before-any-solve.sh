#!/usr/bin/env bash
# OpenDSS answers that its solution converged after CalcVoltageBases, before any load was solved.
#
# Where it meets our users: a script that ends with CalcVoltageBases is legal, and a reader that asks Solution.Converged before it
# trusts taps, voltages or powers is told yes, with zero iterations and zero power. Expected: False until Solve has been run.
# Seen with dss-python 0.15.7, backend 0.14.5. What to do: look at Solution.Iterations as well, or call Solve.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'dss-python==0.15.7' 'dss-python-backend==0.14.5'

cat > "$work/try.py" <<'PY'
from dss import DSS

SCRIPT = """
Clear
New Circuit.street basekv=12.47 pu=1.0 phases=3 bus1=source mvasc3=200 mvasc1=210
New Line.along bus1=source bus2=end phases=3 r1=0.3 x1=0.6 r0=0.6 x0=1.5 c1=0 c0=0 length=2
New Load.mill bus1=end phases=3 kv=12.47 kw=900 pf=0.95
Set VoltageBases=[12.47]
CalcVoltageBases
"""
engine = DSS.NewContext()
for line in SCRIPT.strip().splitlines():
    engine.Text.Command = line
circuit, solution = engine.ActiveCircuit, engine.ActiveCircuit.Solution


def state(when):
    found = solution.Converged, solution.Iterations, round(-circuit.TotalPower[0])
    print(f"{when}: Converged {found[0]}, iterations {found[1]}, source {found[2]} kW")
    return found


print(engine.Version.splitlines()[0])
before = state("after CalcVoltageBases")
solution.Solve()
after = state("after Solve")
print("expected before Solve: Converged False")
assert before == (True, 0, 0), "the answer before Solve has changed"
assert after[0] and after[1] > 0 and 900 <= after[2] <= 930, "the solved circuit has changed"
PY
"$work/venv/bin/python" "$work/try.py"
