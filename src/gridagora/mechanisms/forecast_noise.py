"""What noise in the outlook costs where the homes themselves form the price: curves up and price down, or a price broadcast.

Homes with a battery (quadratic wear) and an elastic load share one linear supply over T hours. With bids each hour clears on
exact curves that are read from V' of the rest of the horizon at the forecast price; with a broadcast every home acts on the
forecast alone. With the central prices as forecast, bids reproduce the central optimum: the conditions of an hour are those of
the central problem. The optimum is found here by Newton's method on the prices, the excess demand being piecewise linear.

References
----------
M. D. Ilic, L. Xie, J.-Y. Joo, Efficient coordination of wind power and price-responsive demand, IEEE Trans. Power Syst. 26
(2011), doi 10.1109/TPWRS.2011.2138171: look-ahead inside, static clearing outside.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from gridagora.core.place import Level, places
from gridagora.core.tables import Col
from gridagora.kernels.curves.curve import Curves, clear, total
from gridagora.kernels.stores.value import Stores, best_response, bid, marginal_value, stores
from gridagora.mechanisms.layers import descend, lift_space, published

REACH_KW = 1e4  # no supply or load of a case comes near
Answer = Callable[[int, Col], tuple[Col, Col]]


class NoiseCase(NamedTuple):
    """N homes over T hours; worth of a load x is value x - bend/2 x^2, supply costs base g + rise/2 g^2, wear costs wear p^2."""

    fixed_kw: Col  # (N, T)
    value_per_kwh: Col  # (N, T)
    bend: Col  # (N,) [$/kWh per kW]
    battery: Stores  # (N,) over T
    supply_per_kwh: Col  # (T,)
    supply_rise: float  # [$/kWh per kW]


class NoiseResult(NamedTuple):
    """What came out: welfare [$], price of each hour (T,) [$/kWh], state of every battery (N, T + 1) [kWh]."""

    welfare_usd: float
    price_per_kwh: Col
    state: Col


def draw_case(rng: np.random.Generator, homes: int = 8, hours: int = 12) -> NoiseCase:
    """Return a random case: batteries of 4 to 8 kWh that end half full, loads worth .2 to .4 $/kWh, a supply of .03 $/kWh/kW."""
    fixed = rng.uniform(0.5, 1.5, (homes, hours))
    size = rng.uniform(4, 8, homes)
    value, bend = rng.uniform(0.2, 0.4, (homes, hours)), rng.uniform(0.05, 0.15, homes)
    supply = 0.05 + 0.05 * np.sin(2 * np.pi * np.arange(hours) / hours)
    least = np.zeros((homes, hours))
    least[:, -1] = size / 2
    power = size[:, None] / 3
    battery = stores(
        size / 2,
        np.ones(hours),
        p_min_kw=-power,
        p_max_kw=power,
        x_min=least,
        x_max=size[:, None],
        gain_in=0.95,
        gain_out=0.95,
        prox=2 * 0.01,  # wear .01 p^2
    )
    return NoiseCase(fixed, value, bend, battery, supply, 0.03)


def select_steps(table: Stores, start: int, stop: int | None = None) -> Stores:
    """Return the steps start..stop-1 of a table of stores."""
    fields = {name: getattr(table, name)[:, start:stop] for name in Stores._fields[2:21]}
    return table._replace(dt_h=table.dt_h[start:stop], **fields)


def load_kw(c: NoiseCase, start: int, price_per_kwh: Col) -> Col:
    """Return the elastic load (N, h) [kW] of the hours from `start` at their prices (h,) [$/kWh]."""
    stop = start + len(price_per_kwh)
    return np.maximum((c.value_per_kwh[:, start:stop] - price_per_kwh) / c.bend[:, None], 0.0)


def find_optimum(c: NoiseCase, rounds_max: int = 100, tolerance_kw: float = 1e-10) -> NoiseResult:
    """Return the central optimum: the prices at which all homes together take what the supply offers at them.

    Raises
    ------
    RuntimeError
        The excess does not vanish.
    """
    hours = len(c.supply_per_kwh)
    price, step = c.supply_per_kwh + 0.15, 1e-6

    def excess(at_price: Col) -> tuple[Col, Col]:
        """Excess demand (k, T) and dual value (k,) at k price vectors at once."""
        k, n = len(at_price), len(c.bend)
        row = np.repeat(np.arange(k), n)
        many = Stores(*(np.tile(x, (k, 1) if x.ndim == 2 else k) for x in c.battery))._replace(
            dt_h=c.battery.dt_h
        )
        reply = best_response(many, at_price, at_price, row)
        x = np.stack([load_kw(c, 0, p) for p in at_price])
        g = (at_price - c.supply_per_kwh) / c.supply_rise
        over = reply.p_kw.reshape(k, n, hours).sum(1) + x.sum(1) + c.fixed_kw.sum(0) - g
        worth = (c.value_per_kwh * x - 0.5 * c.bend[:, None] * x**2 - at_price[:, None] * x).sum(
            (1, 2)
        )
        dual = (
            -reply.cost_usd.reshape(k, n).sum(1)
            + worth
            - at_price @ c.fixed_kw.sum(0)
            + 0.5 * c.supply_rise * (g**2).sum(1)
        )
        return over, dual

    over, dual = (each[0] for each in excess(price[None]))
    for _ in range(rounds_max):
        if np.abs(over).max() <= tolerance_kw:
            break
        bumped, _ = excess(price + step * np.eye(hours))
        move = -np.linalg.solve((bumped - over).T / step, over)
        shares = 0.5 ** np.arange(12)
        tries, values = excess(price + shares[:, None] * move)
        best = int(np.argmin(values))  # the dual is convex in the prices
        if np.abs(tries[0]).max() < np.abs(over).max():
            best = 0
        price, over, dual = price + shares[best] * move, tries[best], values[best]
    else:
        raise RuntimeError(
            f"optimum: the market is still {np.abs(over).max():.2g} kW out of balance after {rounds_max} rounds"
        )
    reply = best_response(c.battery, price, price)
    return NoiseResult(float(dual), price, reply.x)


def simulate_bids(
    c: NoiseCase, forecast: Callable[[int], Col], prices: Col | None = None
) -> NoiseResult:
    """Clear hour by hour on the homes' own curves.

    `forecast(t)` gives the price of the hours after t as all homes believe it. With `prices` (K,) [$/kWh], rising, it knows each
    bid only there and takes straight lines between; homes then answer the price with their own curve.
    """
    n = len(c.bend)
    tree = places(
        [*(f"home {i}" for i in range(n)), "feeder"],
        [Level.HOME] * n + [Level.FEEDER],
        [n] * n + [-1],
    )
    place = np.concatenate([np.arange(n), np.arange(n)])

    def answer(t: int, x: Col) -> tuple[Col, Col]:
        lifted = lift_space(
            _make_bids(c, t, x, forecast(t)), place, tree, base_kw=np.append(c.fixed_kw[:, t], 0.0)
        )
        whole, (base, rise) = published(lifted), (c.supply_per_kwh[t], c.supply_rise)
        if prices is None:
            supply = (
                np.array([-REACH_KW, REACH_KW]),
                np.array([base - REACH_KW * rise, base + REACH_KW * rise]),
            )
            price, share, _ = clear(whole, 0.0, *supply)
        else:
            over = np.array([total(whole, p) - (p - base) / rise for p in prices])
            price, share = float(np.interp(0.0, -over, prices)), 0.0
        return descend(lifted, price, share).p_kw[:n], np.array([price])

    return _simulate(c, len(c.supply_per_kwh), answer)


def _make_bids(c: NoiseCase, t: int, x: Col, ahead: Col) -> Curves:
    """Curves of all batteries, then of all elastic loads."""
    values = marginal_value(
        select_steps(c.battery, t), np.concatenate([[0.0], ahead]), keep=1
    )  # V' at the end of this hour: its own price is moot
    offer = bid(select_steps(c.battery, t, t + 1)._replace(x0=x), values, t0=1)
    value, n = c.value_per_kwh[:, t], len(x)
    return Curves(
        np.concatenate([offer.offset, offer.offset[-1] + 2 * np.arange(1, n + 1)]),
        np.concatenate([offer.p_kw, np.tile([0.0, REACH_KW], n)]),
        np.concatenate(
            [offer.price_per_kwh, np.stack([value, value - c.bend * REACH_KW], axis=1).ravel()]
        ),
    )


def simulate_broadcast(c: NoiseCase, forecast: Callable[[int], Col]) -> NoiseResult:
    """Let every home act on a price vector for this hour and all later ones, `forecast(t)`; nobody asks about other prices."""

    def answer(t: int, x: Col) -> tuple[Col, Col]:
        price = forecast(t)
        reply = best_response(select_steps(c.battery, t)._replace(x0=x), price, price)
        return reply.p_kw[:, 0], price[:1]

    return _simulate(c, len(c.supply_per_kwh), answer)


def _simulate(c: NoiseCase, hours: int, answer: Answer) -> NoiseResult:
    """Play the hours and count the welfare."""
    path, prices, welfare = [c.battery.x0], [], 0.0
    wear = 0.5 * c.battery.prox
    for t in range(hours):
        p, price = answer(t, path[-1])
        x = load_kw(c, t, price)[:, 0]
        g = float(p.sum() + x.sum() + c.fixed_kw[:, t].sum())
        welfare += float(
            np.sum(c.value_per_kwh[:, t] * x - 0.5 * c.bend * x**2 - wear[:, t] * p**2)
        )
        welfare -= c.supply_per_kwh[t] * g + 0.5 * c.supply_rise * g**2
        gain_in, gain_out = c.battery.gain_in[:, t], c.battery.gain_out[:, t]
        path.append(path[-1] + np.where(p >= 0.0, gain_in * p, p / gain_out))
        prices.append(price[0])
    return NoiseResult(welfare, np.array(prices), np.stack(path, axis=1))


class Lost(NamedTuple):
    """Welfare lost against the optimum at a noise [$/kWh]: with bids and with a broadcast price [$], mean over the seeds."""

    noise_per_kwh: float
    bids_usd: float
    broadcast_usd: float


def measure_noise_loss(
    c: NoiseCase, best: NoiseResult, noise_per_kwh: float, seeds: tuple[int, ...] = (100, 101)
) -> Lost:
    """Return what the noise of the outlook costs: independent for each hour and each hour ahead, the same for both ways."""
    hours, lost = len(best.price_per_kwh), np.zeros(2)
    for seed in seeds:
        believed = best.price_per_kwh + noise_per_kwh * np.random.default_rng(seed).normal(
            0, 1, (hours, hours)
        )
        bids = simulate_bids(c, partial(_row, believed, 1))
        broadcast = simulate_broadcast(c, partial(_row, believed, 0))
        lost += best.welfare_usd - np.array([bids.welfare_usd, broadcast.welfare_usd])
    return Lost(noise_per_kwh, *(lost / len(seeds)))


def _row(believed: Col, skip: int, t: int) -> Col:
    return believed[t, t + skip :]


def measure_sampling_loss(c: NoiseCase, best: NoiseResult, count: int) -> float:
    """Return what is lost [$] where the market knows bids at `count` common prices only, .1 $/kWh beyond those of the optimum."""
    price = best.price_per_kwh
    known = np.linspace(max(float(price.min()) - 0.1, 0.0), float(price.max()) + 0.1, count)
    return best.welfare_usd - simulate_bids(c, lambda t: price[t + 1 :], known).welfare_usd
