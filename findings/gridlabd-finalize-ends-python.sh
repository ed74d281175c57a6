#!/usr/bin/env bash
# GridLAB-D's finalize() in the same process ends Python with exit code 0: nothing after it runs, and success is reported.
#
# Where it meets our users: recorders are empty until finalize(), so whoever compares with GridLAB-D must call it; a script or a test
# that goes on afterwards is cut short and counts as passed. Expected, by its signature and by the isolated class of the same
# package: a code of the engine, then the next line. Guess before running: the process ends. Seen with gridlabd 6.0.0.
# What to do: use the isolated class GridLabD, or call finalize() last in a child process.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'gridlabd==6.0.0'

cat > "$work/model.glm" <<'GLM'
clock { timezone CST6CDT; starttime '2017-07-10 00:00:00'; stoptime '2017-07-10 01:00:00'; }
module tape;
module powerflow { solver_method NR; }
object meter { name head; phases ABCN; nominal_voltage 7200; bustype SWING; }
object recorder { parent head; property measured_power.real; interval 300; file "head.csv"; }
GLM
cat > "$work/try.py" <<'PY'
import sys

import gridlabd

engine = getattr(gridlabd, sys.argv[1])()
engine.load("model.glm")
engine.setup_after_load()
engine.run()
print("before finalize", flush=True)
code = engine.finalize()
print("after finalize", flush=True)
PY

cd "$work"
for class in GridLabD DirectGridLabD; do
  status=0
  venv/bin/python try.py "$class" > "$class.txt" 2> /dev/null || status=$?
  echo "$class: exit code $status, lines of ours: $(grep -c finalize "$class.txt")"
  [ "$status" = 0 ] || { echo "the exit code has changed"; exit 1; }
done
echo "expected two lines from both"
[ "$(grep -c finalize GridLabD.txt)" = 2 ] || { echo "the isolated class has changed"; exit 1; }
[ "$(grep -c finalize DirectGridLabD.txt)" = 1 ] || { echo "finalize() now returns"; exit 1; }
