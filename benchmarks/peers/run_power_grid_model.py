"""Unbalanced three-phase power flow of a radial feeder over many steps by power-grid-model, as one batch on one thread.

Run by the interpreter of the folder in which it is installed: run_power_grid_model.py WORK.json, prints one line of JSON.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from power_grid_model import LoadGenType, PowerGridModel, initialize_array


def main():
    """Time the batch and return the voltages of its last step."""
    work = json.loads(Path(sys.argv[1]).read_text())
    parent, ohm, n = work["parent"], work["ohm"], len(work["parent"])
    node = initialize_array("input", "node", n)
    node["id"], node["u_rated"] = np.arange(n), work["kv"] * 1e3
    line = initialize_array("input", "line", n - 1)
    line["id"] = n + np.arange(n - 1)
    line["from_node"], line["to_node"] = parent[1:], np.arange(1, n)
    line["from_status"] = line["to_status"] = 1
    for name, value in zip(("r1", "x1", "r0", "x0"), np.array(ohm[1:]).T, strict=True):
        line[name] = value
    line["c1"] = line["c0"] = line["tan1"] = line["tan0"] = 0
    line["i_n"] = 1000
    source = initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"], source["u_ref"] = 2 * n, 0, 1, 1.0
    source["sk"], source["rx_ratio"], source["z01_ratio"] = work["sk_va"], 0.1, 1.0
    load = initialize_array("input", "asym_load", n - 1)
    load["id"], load["node"] = 3 * n + np.arange(n - 1), np.arange(1, n)
    load["status"], load["type"] = 1, LoadGenType.const_power
    load["p_specified"] = load["q_specified"] = 0
    model = PowerGridModel({"node": node, "line": line, "source": source, "asym_load": load})
    steps = len(work["p_kw"])
    update = initialize_array("update", "asym_load", (steps, n - 1))
    update["id"] = load["id"]
    update["p_specified"] = 1e3 * np.array(work["p_kw"])
    update["q_specified"] = 1e3 * np.array(work["q_kvar"])
    spent = {}
    for method in ("newton_raphson", "iterative_current"):
        began = time.process_time()
        out = model.calculate_power_flow(
            symmetric=False,  # the default would make every load balanced
            calculation_method=method,
            error_tolerance=work["tolerance"],
            max_iterations=100,
            update_data={"asym_load": update},
            threading=-1,
            output_component_types={"node": ["u_pu", "u_angle"]},
        )
        spent[method] = time.process_time() - began
    print(
        json.dumps(
            {
                "version": version("power-grid-model"),
                "cpu_s": min(spent.values()),
                "method": min(spent, key=spent.get),
                "spent": spent,
                "u_pu": out["node"]["u_pu"][-1].tolist(),
            }
        )
    )


if __name__ == "__main__":
    main()
