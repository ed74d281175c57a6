"""Clearing against pymarket, ASSUME and TESP: one uniform price for orders, and for four-point bids."""

from collections.abc import Callable

import numpy as np

from benchmarks import peer
from benchmarks.row import Row, cpu_seconds
from benchmarks.setting import Site, absent
from gridagora.kernels.curves.curve import Curves, clear, power_at, total

NAME, UNIT = "clearing", "order"
NO_SUPPLY = (np.array([0.0, 0.0]), np.array([0.0, 10.0]))  # all who sell are among the curves
CONDITIONS = (
    "orders to buy and to sell half and half, 0.5 to 3 kW at 0.05 to 0.30 $/kWh, entered beforehand; ours is the uniform price "
    "of the sum of all curves and the power of every order at it, to the microwatt. MUDA pays for truthfulness with volume, and "
    "p2p pairs at random: they are other rules, so the share of the possible welfare stands beside the ratio"
)
TESP_CONDITIONS = (
    "four-point bids of homes against a rising supply; TESP samples the sum at 100 prices, ours keeps every breakpoint. Summing "
    "and clearing are timed together, without the answer of each home, which TESP's agents read off themselves"
)
REPEATS_INSIDE = 3  # clearings in one process of the peer, of which the middle one counts


def orders(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return volumes, above zero to sell, and limit prices."""
    rng = np.random.default_rng(seed)
    volume = rng.uniform(0.5, 3, count) * np.where(np.arange(count) % 2, 1.0, -1.0)
    return volume, rng.uniform(0.05, 0.30, count)


def as_curves(volume: np.ndarray, price: np.ndarray) -> Curves:
    """Return each order as a demand curve of two points: a block at its limit."""
    p_kw = np.stack([np.where(volume > 0, -volume, 0.0), np.where(volume > 0, 0.0, -volume)], 1)
    return Curves(2 * np.arange(len(price) + 1), p_kw.ravel(), np.repeat(price, 2))


def uniform(curves: Curves) -> tuple[float, np.ndarray]:
    """Return the clearing price and what every order takes at it [kW]."""
    found = clear(curves, 0.0, *NO_SUPPLY)
    return found.price_per_kwh, power_at(curves, found.price_per_kwh, found.share)


def race(
    site: Site,
    case: str,
    title: str,
    script: str,
    work: dict,
    count: int,
    ours: Callable[[], object],
) -> tuple[Row, dict]:
    """Return the row of one peer without its accuracy, and what the peer answered."""
    name = script.removeprefix("run_").removesuffix(".py")
    ours()  # compiles
    pairs, told = [], {}
    for _ in range(site.repeats):
        mine = cpu_seconds(ours, 20)
        told = peer.run(site.peers, name, script, {**work, "repeats": REPEATS_INSIDE})
        pairs.append((mine, told["cpu_s"]))
    row = Row(
        NAME,
        case,
        f"{title} {told['version']}",
        UNIT,
        count,
        count,
        tuple(pairs),
        conditions=CONDITIONS,
    )
    return row, told


def against_pymarket(site: Site, mechanism: str, count: int) -> Row:
    """Time one mechanism of pymarket, and say how much of the possible welfare it leaves."""
    volume, price = orders(count)
    curves = as_curves(volume, price)
    bids = [[abs(v), p, bool(v < 0)] for v, p in zip(volume.tolist(), price.tolist(), strict=True)]
    work = {"bids": bids, "mechanism": mechanism}
    row, told = race(
        site,
        f"{count} orders",
        f"pymarket {mechanism}",
        "run_pymarket.py",
        work,
        count,
        lambda: uniform(curves),
    )
    taken = uniform(curves)[1]
    most = float(taken @ price)
    share, volume_share = told["welfare"] / most, told["bought"] / taken.clip(min=0).sum()
    text = f"ours trades all of the possible welfare, {mechanism} {share:.1%}; its volume is {volume_share:.1%} of ours"
    return row._replace(accuracy=text)


def against_assume(site: Site, count: int) -> Row:
    """Time ASSUME's pay-as-clear on the same book and compare price and volume."""
    volume, price = orders(count)
    curves = as_curves(volume, price)
    work = {"volume": volume.tolist(), "price": price.tolist()}
    row, told = race(
        site,
        f"{count} orders",
        "ASSUME pay-as-clear",
        "run_assume.py",
        work,
        count,
        lambda: uniform(curves),
    )
    at, taken = uniform(curves)
    bought = taken.clip(min=0).sum()
    text = f"prices differ by {abs(told['price'] - at):.0e} $/kWh, volumes by {abs(told['bought'] / bought - 1):.0e} of all"
    return row._replace(accuracy=text)


def against_tesp(site: Site, count: int) -> Row:
    """Time the sum and the clearing of four-point bids, and compare price and volume."""
    rng = np.random.default_rng(5)
    base = rng.uniform(0, 5, count)
    shift = rng.uniform(-0.02, 0.02, count)
    bids = [
        [[b, 0.30 + s], [b + 1, 0.20 + s], [b + 1, 0.15 + s], [b + 3, 0.05 + s]]
        for b, s in zip(base, shift, strict=True)
    ]
    points = np.array(bids)
    curves = Curves(4 * np.arange(count + 1), points[..., 0].ravel(), points[..., 1].ravel())
    most_kw = 8.0 * count
    supply = np.array([0.0, most_kw]), np.array([0.05, 0.5])
    work = {
        "bids": points.tolist(),
        "samples": 100,
        "most_kw": most_kw,
        "supply": [list(part) for part in supply],
    }
    row, told = race(
        site,
        f"{count} four-point bids",
        "TESP RetailMarket",
        "run_tesp.py",
        work,
        count,
        lambda: clear(curves, 0.0, *supply),
    )
    found = clear(curves, 0.0, *supply)
    exact = np.array([total(curves, level) for level in told["sampled_price"]])
    off = np.abs(exact - told["sampled_kw"]).max() / exact.max()
    text = (
        f"price {told['price']:.4f} against {found.price_per_kwh:.4f} $/kWh, volume {told['kw'] / found.q_kw - 1:+.2%}; its "
        f"sampled sum is off by up to {off:.1%}"
    )
    return row._replace(accuracy=text, conditions=TESP_CONDITIONS)


def run(site: Site) -> list[Row]:
    """Return a row for each mechanism and size."""
    cases: list[tuple[str, str, Callable[[], Row]]] = [
        ("1000 orders", "ASSUME pay-as-clear", lambda: against_assume(site, 1000)),
        ("8000 orders", "ASSUME pay-as-clear", lambda: against_assume(site, 8000)),
        ("1000 orders", "pymarket muda", lambda: against_pymarket(site, "muda", 1000)),
        ("400 orders", "pymarket p2p", lambda: against_pymarket(site, "p2p", 400)),
        ("1000 four-point bids", "TESP RetailMarket", lambda: against_tesp(site, 1000)),
    ]
    rows = []
    for case, title, work in cases:
        try:
            rows.append(work())
        except peer.PeerError as fault:
            rows.append(absent(NAME, case, title, UNIT, fault))
    return rows
