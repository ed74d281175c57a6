"""Record what flows in a run: power of every device, by the minute where it can change, prices, trades and awards."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from home_columns import changed, columns_of
from scorer import Given, Recorded

from gridagora.core.product import Horizon
from gridagora.core.rules import Residual
from gridagora.devices import battery, ev, hvac, water_heater
from gridagora.grid.fixed_point import open_grid
from gridagora.kernels.physics.fleet import HouseStates, Tanks
from gridagora.population import fleet
from gridagora.run import clearing as interval
from gridagora.run.compare import add_power_flow, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.state import Setup
from gridagora.scenario import build, read

PANELS = 4  # row of the fleet


class Probe:
    """Stands in for the steps of devices and for the driver of sessions, passes all on, and keeps what went by."""

    def __init__(self, patch):
        self.kept = SimpleNamespace(hvac=[], tank=[], battery=[], car=[], pv=[], driven=[])
        self.real = SimpleNamespace(
            hvac=hvac.step,
            tank=water_heater.step,
            battery=battery.step,
            car=ev.step,
            step=fleet.step_groups,
            drive=interval.drive_together,
            post=interval.post_interval,
        )
        patch.setattr(hvac, "step", self.hvac)
        patch.setattr(water_heater, "step", self.tank)
        patch.setattr(battery, "step", self.battery)
        patch.setattr(ev, "step", self.car)
        patch.setattr(fleet, "step_groups", self.step)
        patch.setattr(interval, "drive_together", self.drive)
        patch.setattr(interval, "post_interval", self.post)

    def hvac(self, table, state, now, target_kw, rule, control, minutes, group, order=None):
        """Replay each minute on a copy, so that the power of every minute is known; the copy ends where the run does."""
        copy = HouseStates(*(column.copy() for column in state))
        self.kept.hvac += [
            self.real.hvac(
                table, copy, now, target_kw, rule, control, minutes=1, group=group, order=order
            ).e_kwh
            * 60
            for _ in range(minutes)
        ]
        got = self.real.hvac(
            table, state, now, target_kw, rule, control, minutes=minutes, group=group, order=order
        )
        np.testing.assert_allclose(copy.t_air_degc, state.t_air_degc, atol=1e-9)
        return got

    def tank(self, table, state, hour, target_kw, rule, minutes):
        copy = Tanks(*(column.copy() for column in state))
        self.kept.tank += [
            self.real.tank(table, copy, hour, target_kw, rule, 1).e_kwh * 60 for _ in range(minutes)
        ]
        got = self.real.tank(table, state, hour, target_kw, rule, minutes)
        np.testing.assert_allclose(copy.t_tank_degc, state.t_tank_degc, atol=1e-9)
        return got

    def battery(self, *args, **keys):
        got = self.real.battery(*args, **keys)
        self.kept.battery.append(got.copy())
        return got

    def car(self, *args, **keys):
        got = self.real.car(*args, **keys)
        self.kept.car.append(got.copy())
        return got

    def step(self, *args, **keys):
        got = self.real.step(*args, **keys)
        self.kept.pv.append(-got.kind_kw[PANELS])
        return got

    def drive(self, *args, **keys):
        got = self.real.drive(*args, **keys)
        self.kept.driven += got  # of one run
        return got

    def post(self, *args):
        got = self.real.post(*args)
        self.kept.driven.append(SimpleNamespace(result=got, home=args[2]))
        return got


def given(study: Setup, other_kw: np.ndarray) -> Given:
    """Return the inputs of the referee, with the load of other customers by hour and meter (h, j) [kW]."""
    w = study.wholesale
    terms = (w.delivery_per_kwh, w.export_credit_per_kwh, w.limit_kw, w.over_per_kwh)
    return Given(
        columns_of(study.homes),
        w.prices,
        study.days,
        study.dt_h,
        other_kw,
        *terms,
        study.comfort_per_k2_h,
        study.reference_per_kwh,
    )


def recorded(study: Setup, kept, ran, losses_kw) -> Recorded:
    """Return what a run recorded, as the referee reads it."""
    n, t = len(study.homes.home_id), len(kept.driven)
    buy, sell, award, trades = np.empty((t, n)), np.empty((t, n)), np.full((t, n), np.nan), []
    energy = np.repeat(study.wholesale.prices.real_time_per_kwh[192:], round(0.25 / study.dt_h))[:t]
    for i, got in enumerate(kept.driven):
        result, quotes, local = got.result.transactions, got.result.posted, got.result.local
        if local is not None:  # what peers do not trade is the supplier's at wholesale
            buy[i] = energy[i] + study.wholesale.delivery_per_kwh
            sell[i] = min(energy[i] + study.wholesale.export_credit_per_kwh, buy[i, 0])
        elif result is not None:
            own = result.price_per_kwh[:, 0]
            buy[i] = sell[i] = own if len(own) == n else own[0]
        else:
            home = getattr(got, "home", np.zeros(1, np.int64))  # of every device that hears
            buy[i], sell[i] = quotes.buy_per_kwh[0, 0], quotes.sell_per_kwh[0, 0]
            buy[i, home] = quotes.buy_per_kwh[: len(home), 0]
            sell[i, home] = quotes.sell_per_kwh[: len(home), 0]
        if local is not None:
            trades += [
                (i, *row)
                for row in zip(
                    local.party,
                    local.counterparty,
                    local.p_kw[:, 0],
                    local.price_per_kwh[:, 0],
                    strict=True,
                )
            ]
    award[:] = ran.track.award_kw
    homes = study.homes
    owns = np.isin(
        np.arange(n), np.concatenate([homes.owned[kind].home for kind in ("pv", "battery", "ev")])
    )
    devices = (np.array(kept.hvac), np.array(kept.tank), np.array(kept.battery), np.array(kept.car))
    sellers = owns if ran.residual is Residual.PROSUMERS else np.zeros(n, bool)
    rows = np.array(trades, dtype=float).reshape(-1, 5)
    names = {
        Horizon.LONG_TERM: "long-term",
        Horizon.SHORT_TERM: "short-term",
        Horizon.DAY_AHEAD: "day-ahead",
    }
    positions = [
        (names[p.product.horizon], p.p_kw, p.price_per_kwh, p.wholesale_per_kwh)
        for p in ran.positions
    ]
    return Recorded(
        *devices,
        np.array(kept.pv),
        buy,
        sell,
        award,
        rows,
        positions,
        losses_kw,
        sellers,
        () if ran.capacity is None else (study.local_hour, *ran.capacity),
    )


def hurried(homes):
    """Return the homes with one car, where there is any, that needs more than its stay can give."""
    cars = homes.owned["ev"]
    need = cars.need_kwh.copy()
    need[:1] = 1.1 * 0.9 * cars.rated_kw[:1] * (cars.depart_s - cars.arrive_s)[:1] / 3600
    return changed(homes, "ev", need_kwh=need)


@pytest.fixture(scope="session")
def refereed():
    """Return a function that runs a design on a scene and gives what the product and what the referee need."""
    ready, done = {}, {}

    def run(text: str, name: str, others_kw: float = 0.0):
        if (text, others_kw) not in ready:
            scene = build.build(read.parse(text, "referee.toml"))
            if others_kw:
                hours = np.arange(len(scene.other_kw))
                others = np.zeros_like(scene.other_kw)
                others[:, 0], others[:, -1] = (
                    others_kw * (hours % 24 > 8),
                    others_kw / 4 * np.sin(hours),
                )
                scene = replace(scene, other_kw=others, homes=hurried(scene.homes))
            ready[text, others_kw] = scene, prepare(scene), open_grid(scene.feeder)
        if (text, others_kw, name) in done:
            return done[text, others_kw, name]
        scene, study, factors = ready[text, others_kw]
        market = scene.market(name)
        with pytest.MonkeyPatch.context() as patch:
            probe = Probe(patch)
            ran = simulate(market, study)
        outcome = add_power_flow(scene, factors, market, ran, evaluate(name, ran, study))
        done[text, others_kw, name] = (
            outcome,
            ran,
            given(study, scene.other_kw),
            recorded(study, probe.kept, ran, outcome.network.losses_kw),
        )
        return done[text, others_kw, name]

    return run
