"""The best schedule of a battery, by the value of stored energy, against two interior-point solvers."""

import numpy as np

from benchmarks import peer
from benchmarks.row import Row, cpu_seconds
from benchmarks.setting import Site, absent
from benchmarks.value import prices
from gridagora.kernels.stores.table import stores
from gridagora.kernels.stores.value import best_response

NAME, UNIT, WEAR = "solvers", "schedule", 0.01
SIZES = ((24, 400), (96, 100), (288, 30))
CONDITIONS = (
    "batteries of a home against one price of a day, a linear programme in charge, discharge and state; default tolerances of "
    "both solvers. Solving alone is timed there, setting up is not; ours counts everything. One thread"
)


def run(site: Site) -> list[Row]:
    """Return a row for each solver and number of steps."""
    rows = []
    for steps, count in SIZES:
        case = f"battery, {steps} steps"
        try:
            rows += race(site, case, steps, count)
        except peer.PeerError as fault:
            rows += [absent(NAME, case, name, UNIT, fault) for name in ("Clarabel", "PIQP")]
    return rows


def race(site: Site, case: str, steps: int, count: int) -> list[Row]:
    """Time the three on the same batteries and compare what the schedules cost."""
    peer.interpreter(site.peers, NAME)
    rng, dt_h = np.random.default_rng(1), 24 / steps
    price = prices(rng, steps)
    e_kwh, p_kw, gain = (
        rng.uniform(8, 16, count),
        rng.uniform(3, 7, count),
        rng.uniform(0.93, 0.98, count),
    )
    x0, left, leak = (
        e_kwh * rng.uniform(0.1, 0.9, count),
        rng.uniform(0.05, 0.2, count),
        0.9999**dt_h,
    )
    table = stores(
        x0,
        np.full(steps, dt_h),
        p_min_kw=-p_kw[:, None],
        p_max_kw=p_kw[:, None],
        x_max=e_kwh[:, None],
        gain_in=gain[:, None],
        gain_out=gain[:, None],
        wear_per_kwh=WEAR,
        leak=leak,
        end_x=e_kwh[:, None] * np.array([0.0, 1.0]),
        end_mu=left[:, None] * np.ones(2),
    )
    columns = zip(gain, x0, p_kw, e_kwh, left, strict=True)
    keys = ("gain", "x0", "p_kw", "e_kwh", "end_per_kwh")
    batteries = [
        {"leak": leak} | {key: float(v) for key, v in zip(keys, one, strict=True)}
        for one in columns
    ]
    work = {"price": price.tolist(), "dt_h": dt_h, "wear": WEAR, "batteries": batteries}
    mine = best_response(table, price, price).cost_usd
    pairs: dict[str, list[tuple[float, float]]] = {"clarabel": [], "piqp": []}
    told = {}
    for _ in range(site.repeats):
        ours = cpu_seconds(lambda: best_response(table, price, price), 10)
        told = peer.run(site.peers, NAME, "run_solvers.py", work)
        for name, seen in pairs.items():
            seen.append((ours, told[name]["cpu_s"]))
    rows = []
    for name, seen in pairs.items():
        costs = np.array(told[name]["cost"])
        apart = np.abs(mine - costs).max()
        accuracy = f"costs differ by at most {apart:.0e} $ of {np.abs(costs).mean():.2g}"
        accuracy += f"; it left {told[name]['unsolved']} unsolved" if told[name]["unsolved"] else ""
        title = {"clarabel": "Clarabel", "piqp": "PIQP"}[name] + f" {told[name]['version']}"
        row = Row(
            NAME,
            case,
            title,
            UNIT,
            count,
            count,
            tuple(seen),
            accuracy=accuracy,
            conditions=CONDITIONS,
        )
        rows.append(row)
    return rows
