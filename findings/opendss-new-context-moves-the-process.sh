#!/usr/bin/env bash
# A new context of dss-python moves the whole process into the folder in which the package was first imported.
#
# Where it meets our users: a notebook or a service that changes its folder, or reads several feeders, finds relative paths of its
# own broken after the second engine was made, although no script was run; files are read from, or written to, another place.
# Expected: making an engine leaves the folder of the process, since a script alone is known to change it (Compile), unless
# AllowChangeDir is off. Guess before running: the folder stays. Seen with dss-python 0.15.7, engine 0.14.5.
# What to do: set AllowChangeDir = False before another context is made, or keep the folder around DSS.NewContext().
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'dss-python==0.15.7' 'dss-python-backend==0.14.5'
mkdir "$work/first" "$work/second"

cat > "$work/try.py" <<'PY'
import os
from pathlib import Path

from dss import DSS

print("imported in", Path.cwd().name)
os.chdir("../second")
print("moved to", Path.cwd().name)
engine = DSS.NewContext()
print("after NewContext in", Path.cwd().name)
os.chdir("../second")
engine.AllowChangeDir = False
DSS.NewContext()
print("after another, AllowChangeDir off, in", Path.cwd().name)
PY

cd "$work/first"
../venv/bin/python ../try.py | tee ../seen
cat > ../expected <<'TXT'
imported in first
moved to second
after NewContext in first
after another, AllowChangeDir off, in second
TXT
diff ../expected ../seen
echo "as found: the first new context moves the process; with AllowChangeDir off it stays"
