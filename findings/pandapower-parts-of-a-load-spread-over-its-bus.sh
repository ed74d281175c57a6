#!/usr/bin/env bash
# In pandapower the parts of constant impedance and current of a load apply to all power at its bus, static generators included.
#
# Where it meets our users: a feeder whose loads depend on voltage has panels or batteries at the same buses; its voltages and the
# power at its head are compared between engines. Expected at 0.9 pu: a load of 1 MW, all constant impedance, draws 0.81 MW; a static
# generator of 0.5 MW beside it feeds in 0.5 MW, so the line carries 0.31 MW. Seen: the line carries 0.405 MW, as if the generator
# were of constant impedance too, while `res_load`, `res_sgen` and their sum in `res_bus` are as expected: the sum of the results
# at a bus is not what its lines carry. The parts are the plain mean over the loads of a bus, whatever their size: 1 MW of impedance
# beside 3 MW of constant power draws 3.62 MW for 3.81. Seen with pandapower 3.5.6, `runpp`. That a load out of service changes
# the mean was reported in github.com/e2nIEE/pandapower/issues/1504, which is closed. What to do: one bus for each kind of load, joined
# by a short line.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --quiet --disable-pip-version-check 'pandapower==3.5.6'

cat > "$work/try.py" <<'PY'
import warnings

import pandapower as pp

warnings.simplefilter("ignore")


def carry(load_mw, generator_mw, plain_mw=0.0):
    """Return what the line carries to a bus at 0.9 pu, and what its results add up to [MW]."""
    net = pp.create_empty_network()
    head, end = pp.create_bus(net, 20.0), pp.create_bus(net, 20.0)
    pp.create_ext_grid(net, head, vm_pu=0.9)
    pp.create_line_from_parameters(net, head, end, 0.001, 0.3, 0.3, 0.0, 1.0)
    pp.create_load(net, end, p_mw=load_mw, const_z_p_percent=100.0)
    if plain_mw:
        pp.create_load(net, end, p_mw=plain_mw)
    if generator_mw:
        pp.create_sgen(net, end, p_mw=generator_mw)
    pp.runpp(net, numba=False)
    return net.res_line.p_from_mw.iloc[0], net.res_bus.p_mw.iloc[end]


print(f"pandapower {pp.__version__}")
cases = {
    "1 MW of impedance": ((1.0, 0.0), 0.81, 0.81),
    "1 MW of impedance, generator of 0.5 MW": ((1.0, 0.5), 0.31, 0.405),
    "1 MW of impedance, generator of 1 MW": ((1.0, 1.0), -0.19, 0.0),
    "1 MW of impedance, 3 MW of constant power": ((1.0, 0.0, 3.0), 3.81, 3.62),
}
for name, (case, expected, seen) in cases.items():
    line_mw, bus_mw = carry(*case)
    print(f"{name}: expected {expected:.3f} MW on the line, seen {line_mw:.3f}; res_bus says {bus_mw:.3f}")
    assert abs(line_mw - seen) < 1e-3, "the flow has changed"
PY
"$work/venv/bin/python" "$work/try.py"
