"""What no feeder carries: base loads beyond the service of a home or its transformer, and voltages that collapse under them.

Base load is what homes draw without devices that can move, and that of other customers. A scene that is strained still runs: a
warning, since a unit may be mistaken.
"""

import numpy as np

from gridagora.core.tables import Col
from gridagora.grid.flow import solve
from gridagora.grid.layers import layers
from gridagora.population.customers import SERVICE_KW
from gridagora.scenario.build import Scene

OVERLOAD = 2.0  # of its rating a transformer carries in an emergency (IEEE C57.91, short time)
COLLAPSED_PU = 0.5
NAMES = 3


def lines(scene: Scene) -> dict[str, str]:
    """Return a warning for each subject that is strained at the base load, in words; none where all is well."""
    hours = 24 * scene.scenario.scenario.days
    home_kw = scene.homes.load_kw[:, :hours]
    base_kw = scene.other_kw[:hours].T.copy()
    np.add.at(base_kw, scene.home_meter, home_kw)
    said = {
        "services": _services(scene, home_kw),
        "transformers": _transformers(scene, base_kw),
        "voltages": _voltages(scene, base_kw),
    }
    return {f"warning {subject}": text for subject, text in said.items() if text}


def _services(scene: Scene, home_kw: Col) -> str:
    peak = home_kw.max(1)
    over = np.flatnonzero(peak > SERVICE_KW)
    names = ", ".join(f"{scene.homes.home_id[row]} {peak[row]:,.0f} kW" for row in over[:NAMES])
    return (
        f"{over.size} homes draw more than {SERVICE_KW:g} kW before any device that can move, all that 200 A at 240 V "
        f"carry: {names}. Is a load in W read as kW?"
        if over.size
        else ""
    )


def _transformers(scene: Scene, base_kw: Col) -> str:
    found = layers(scene.feeder)
    load_kw = np.zeros((len(found.tree.name), base_kw.shape[1]))
    np.add.at(load_kw, found.meter_place, base_kw)
    peak = np.abs(load_kw).max(1)
    over = np.flatnonzero(peak > OVERLOAD * np.nan_to_num(found.rating_kva, nan=np.inf))
    names = ", ".join(
        f"{found.tree.name[row]} {peak[row]:,.0f} kW of {found.rating_kva[row]:g} kVA"
        for row in over[:NAMES]
    )
    return (
        f"{over.size} transformers carry over {OVERLOAD:g} times their rating at the base load: {names}"
        if over.size
        else ""
    )


def _voltages(scene: Scene, base_kw: Col) -> str:
    hour = int(np.abs(base_kw.sum(0)).argmax())
    p_kw = base_kw[:, hour][None]
    at = f"at the base load of hour {hour}, {p_kw.sum():,.0f} kW"
    flow = solve(scene.feeder, p_kw, np.zeros_like(p_kw))
    if not flow.converged.all():
        return f"the power flow has no solution {at}: more than the feeder can carry"
    f, v = scene.feeder, np.append(flow.v[0], 0.0)
    still = np.append(f.nodes.v_no_load, 0.0)
    across = np.abs(v[f.loads.from_node] - v[f.loads.to_node]) / np.abs(
        still[f.loads.from_node] - still[f.loads.to_node]
    )
    low = int(across.argmin())
    if across[low] >= COLLAPSED_PU:
        return ""
    return (
        f"{at}, meter {f.loads.name[low]} has {across[low]:.2f} of its voltage without load; "
        f"below {COLLAPSED_PU:g} no appliance runs, and the figures mean little"
    )
