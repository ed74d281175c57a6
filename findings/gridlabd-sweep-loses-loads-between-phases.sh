#!/usr/bin/env bash
# GridLAB-D's default solver draws nothing for a load between two phases that is stated by pair: no current, no warning.
#
# Where it meets our users: a model that states constant_power_AB and no solver runs under FBS, the forward-backward sweep, and the
# load is gone; whoever compares our flow of that model with GridLAB-D finds less power at its source. Expected: 1 MW, or an error. Guess
# before running: both solvers draw it. Seen with gridlabd 6.0.0: NR draws 1 MW, FBS draws 0 W; a current by pair is drawn by both.
# What to do: `module powerflow { solver_method NR; }`, or a load of phases ABCD with constant_power_A, which both solvers draw.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'gridlabd==6.0.0'

cat > "$work/try.py" <<'PY'
import sys

import gridlabd

solver, load = sys.argv[1:]
with open("model.glm", "w") as file:
    file.write(
        "clock { timezone CST6CDT; starttime '2017-07-10 00:00:00'; stoptime '2017-07-10 00:01:00'; }\n"
        "module powerflow { solver_method %s; };\n"
        "object meter { name head; phases ABCN; nominal_voltage 7200; bustype SWING; }\n"
        "object line_configuration { name wire; z11 0.001+0.001j; z22 0.001+0.001j; z33 0.001+0.001j; }\n"
        "object overhead_line { phases ABC; from head; to far; length 1 mile; configuration wire; }\n"
        "object load { name far; nominal_voltage 7200; %s }\n" % (solver, load)
    )
engine = gridlabd.DirectGridLabD()
engine.load("model.glm")
engine.setup_after_load()
engine.run()
said = engine.get_property("head", "measured_real_power")[1]
print(round(float(said.split()[0]) / 1e3), flush=True)
PY

cd "$work"
by_pair="phases ABCN; constant_power_AB 1e6;"
in_delta="phases ABCD; constant_power_A 1e6;"
seen=""
for solver in NR FBS; do
  for load in "$by_pair" "$in_delta"; do
    venv/bin/python try.py "$solver" "$load" > log.txt 2>&1
    kw=$(grep -xE '[0-9]+' log.txt | tail -1)
    echo "$solver, $load $kw kW, lines that name the load: $(grep -cw far log.txt || true)"
    seen="$seen $kw"
  done
done
echo "expected 1000 kW from all four"
[ "$seen" = " 1000 1000 0 1000" ] || { echo "the figures have changed:$seen"; exit 1; }
