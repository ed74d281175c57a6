#!/usr/bin/env bash
# TESP's retail market sums a bid with two points at one price backwards: the summed demand then rises with the price.
#
# Where it meets our users: a block at one price, such as an on/off unit or a battery offers, is legal in a four-point bid, and
# curve_bid_sorting promises prices falling and, at equal prices, quantities of a buyer rising. It compares each price with the
# quantity of the point before, so points at one price are never seen as equal and stay in reversed order. Expected for a bid of
# 1 kW above 0.20 $/kWh and 3 kW below: 1 kW, then 3 kW. Guess before running: points of the block the wrong way round.
# Seen with tesp-support 1.3.7. What to do: give the two points prices a thousandth of a cent apart.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'tesp-support==1.3.7' 'pulp==3.3.2'

cat > "$work/try.py" <<'PY'
import numpy as np
from tesp_support.dsot.helpers_dsot import Curve, curve_bid_sorting


def summed(bid):
    curve = Curve(1.0, 100)
    curve.curve_aggregator("Buyer", bid)
    return [round(float(np.interp(-price, -curve.prices, curve.quantities)), 2) for price in (0.25, 0.22, 0.19, 0.15)]


block = [[1.0, 0.30], [1.0, 0.20], [3.0, 0.20], [3.0, 0.05]]
apart = [[1.0, 0.30], [1.0, 0.20001], [3.0, 0.20], [3.0, 0.05]]
order = curve_bid_sorting("Buyer", np.array(block)).tolist()
seen, mended = summed(block), summed(apart)
print("sorted:", order)
print("kW at 0.25, 0.22, 0.19 and 0.15 $/kWh:", seen)
print("expected [1.0, 1.0, 3.0, 3.0]; with the points a hair apart:", mended)
assert [point[0] for point in order] == [1.0, 3.0, 1.0, 3.0], "the order of equal prices has changed"
assert seen[1] > seen[2], "the summed demand no longer rises with the price"
assert mended == [1.0, 1.0, 3.0, 3.0], "the way out no longer works"
PY
"$work/venv/bin/python" "$work/try.py"
