"""The same battery schedules by two interior-point solvers, Clarabel and PIQP; setting up is not counted, solving is.

Run by the interpreter of the folder in which both are installed: run_solvers.py WORK.json, prints one line of JSON.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import clarabel
import numpy as np
import piqp
import scipy.sparse as sp


def programme(battery, price, dt_h, wear):
    """Return P, c, A, b, lower and upper bounds over charge, discharge and state, each of h steps."""
    h = len(price)
    one, gain = sp.identity(h), battery["gain"]
    leak = battery["leak"]
    dynamics = sp.diags([np.ones(h), np.full(h - 1, -leak)], [0, -1])
    a = sp.hstack([-dt_h * gain * one, dt_h / gain * one, dynamics], format="csc")
    b = np.zeros(h)
    b[0] = leak * battery["x0"]
    c = np.concatenate([dt_h * (price + wear), dt_h * (wear - price), np.zeros(h)])
    c[-1] = -battery["end_per_kwh"]
    most = np.concatenate([np.full(2 * h, battery["p_kw"]), np.full(h, battery["e_kwh"])])
    return sp.csc_matrix((3 * h, 3 * h)), c, a, b, np.zeros(3 * h), most


def with_clarabel(p, c, a, b, low, high):
    """Return a solver ready to solve; the quadratic part is the whole upper triangle, here nil."""
    n = len(c)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    rows = sp.vstack([a, -sp.identity(n), sp.identity(n)], format="csc")
    cones = [clarabel.ZeroConeT(len(b)), clarabel.NonnegativeConeT(2 * n)]
    return clarabel.DefaultSolver(p, c, rows, np.concatenate([b, -low, high]), cones, settings)


def with_piqp(p, c, a, b, low, high):
    """Return a solver ready to solve; its arguments have changed places between versions, so they are named."""
    solver = piqp.SparseSolver()
    solver.setup(P=p, c=c, A=a, b=b, x_l=low, x_u=high)
    return solver


def main():
    """Solve every battery with both and say what it cost."""
    work = json.loads(Path(sys.argv[1]).read_text())
    price = np.array(work["price"])
    programmes = [programme(one, price, work["dt_h"], work["wear"]) for one in work["batteries"]]
    found = {}
    solvers = [with_clarabel(*one) for one in programmes]
    began = time.process_time()
    answers = [solver.solve() for solver in solvers]
    found["clarabel"] = {
        "cpu_s": time.process_time() - began,
        "cost": [answer.obj_val for answer in answers],
    }
    found["clarabel"]["unsolved"] = sum(str(answer.status) != "Solved" for answer in answers)
    solvers = [with_piqp(*one) for one in programmes]
    began = time.process_time()
    states = [solver.solve() for solver in solvers]
    spent = time.process_time() - began
    costs = [
        float(one[1] @ solver.result.x) for one, solver in zip(programmes, solvers, strict=True)
    ]
    unsolved = sum(state != piqp.PIQP_SOLVED for state in states)
    found["piqp"] = {"cpu_s": spent, "cost": costs, "unsolved": unsolved}
    for name, told in found.items():
        told["version"] = version(name)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
