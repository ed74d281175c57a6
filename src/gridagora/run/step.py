"""One design on one scene, interval by interval, so that a controller of one's own can play a home or all of them.

    run = gridagora.Run(scene, "layered")
    while not run.is_over:
        step = run.step(power_kw={"battery": {0: 2.0}})
    outcome = run.finish()

Without orders a run is that of `gridagora.compare` to the last bit: both go through `run.simulate.advance`.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import NamedTuple, NoReturn

import numpy as np

from gridagora.core.agents import refuse
from gridagora.core.device import DeviceRecord, Window, total_by_home
from gridagora.core.errors import InputError, Problem, require
from gridagora.core.records import MemoryRecorder
from gridagora.core.rules import Pricing
from gridagora.core.session import Clearing, MessageCount, drive
from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome
from gridagora.run.compare import add_power_flow, prepare, study_of
from gridagora.run.evaluate import add_up, evaluate
from gridagora.run.home_series import AIR
from gridagora.run.opening import hour_product, interval_product, open_clear, open_plan
from gridagora.run.orders import NO_BIDS, NOTHING, Bids, Orders, Powers, check, reach
from gridagora.run.realtime import moment_of
from gridagora.run.record import power_of
from gridagora.run.settle import traded_kw
from gridagora.run.simulate import advance, finish_runs, look_ahead
from gridagora.run.state import DAY_H, HOUR_S, RunState, Setup, start_run, wiring_of
from gridagora.run.unsound import check_generator, posted_quotes
from gridagora.scenario.build import Scene


class Observation(NamedTuple):
    """What one home knows at the start of an interval, and nothing that it could not know.

    `price_per_kwh` is the price of the interval where one is posted, else that of the interval before: what is cleared is known
    once it is. `forecast_per_kwh` (h,) are the prices of the present hour and of those after it, which the home plans on.
    `devices` are what it reads off its devices, by kind and name [unit of the name], (k,) of the k devices of that kind.
    """

    interval: int
    start_s: int  # UTC
    local_hour: float  # of day
    price_per_kwh: float
    credit_per_kwh: float  # for export
    forecast_per_kwh: Col
    load_kw: float  # without devices
    devices: Mapping[str, Mapping[str, Col]]


class Step(NamedTuple):
    """What one interval did, shape (n,) by home.

    `cost_usd` is what the interval added to the bill; what is known at the end alone, as a charge for deviation, falls in the
    last. `device_usd` is what the interval added to wear and discomfort; the charge that a car lacks falls in the interval of its
    departure, or in the last. Over a run they sum to the outcome's `bill_usd` and to all items of its `device_usd`.
    """

    interval: int
    start_s: int  # UTC
    price_per_kwh: Col  # of import, at the meter
    credit_per_kwh: Col  # of export
    power_kw: Mapping[str, Col]  # of every kind of device at the meter, withdrawal positive
    meter_kw: Col
    award_kw: Col  # nan where nothing is awarded
    t_air_degc: Col  # mean of the interval
    cost_usd: Col
    device_usd: Col
    clearing: Clearing
    is_over: bool


class Run:
    """The run of one design; every step changes it.

    Parameters
    ----------
    scene
        From `gridagora.load` or `gridagora.build`.
    design
        Name of a market design.
    study
        What `gridagora.run.compare.prepare` found for the scene, to be shared by several runs; found anew where left out.

    Raises
    ------
    InputError
        No such design, with the nearest name, or a scene that cannot be run.
    """

    def __init__(self, scene: Scene, design: str, study: Setup | None = None) -> None:
        require(
            scene, Scene, "Run: scene", "a gridagora.Scene, from gridagora.load or gridagora.build"
        )
        require(design, str, "Run: design", "the name of a market design")
        if study is not None:
            require(study, Setup, "Run: study", "the study of another Run of the scene, or None")
        self.scene, self.design, self.market = scene, design, scene.market(design)
        self.study = prepare(scene) if study is None else study
        _refuse_study_of_another(scene, self.study)
        own = study_of(scene, self.study, design)
        self.desk = start_run(self.market, own, MemoryRecorder)
        self.intervals = DAY_H * self.study.days * round(1 / self.study.dt_h)
        n = len(scene.homes.home_id)
        self._device_usd, self._bill_usd = np.zeros(n), np.zeros(n)
        self._wall_s = 0.0
        self._outcome: Outcome | None = None

    @property
    def is_over(self) -> bool:
        """Whether no interval is left."""
        return self.desk.interval >= self.intervals

    @property
    def home_id(self) -> tuple[str, ...]:
        """Name of every home, in the order of rows."""
        return self.scene.homes.home_id

    def observe(self, home: int) -> Observation:
        """Return what a home knows at the start of the next interval.

        Raises
        ------
        InputError
            A home that is none, or a run that is over.
        """
        self._refuse_over("observe")
        require(home, (int, np.integer), "observe: home", "the row of a home, a whole number")
        if not 0 <= home < len(self.home_id):
            raise InputError(
                [Problem("observe", f"home {home}", f"a row from 0 to {len(self.home_id) - 1}")]
            )
        desk, study = self.desk, self.study
        look_ahead(desk.demand)
        moment = moment_of(desk)
        price, credit = _known_prices(desk)
        devices = {}
        for group in desk.fleet.groups:
            own = np.flatnonzero(group.home == home)
            if len(own):
                here = np.intersect1d(own, group.believe(Window(moment.hour, 1)).rows)
                devices[group.about.kind] = {
                    name: column[here] for name, column in group.observe(moment).items()
                }
        path = _forecast(desk)
        at = min(home, len(price) - 1)
        return Observation(
            desk.interval,
            study.start_s + round(moment.now_s),
            float(study.local_hour[moment.hour] + moment.now_s / HOUR_S % 1.0),
            float(price[at]),
            float(credit[at]),
            path[home] if path.ndim > 1 else path,
            float(desk.load_kw[moment.hour, home]),
            devices,
        )

    def reach_kw(self) -> dict[str, tuple[Col, Col]]:
        """Return the least and the most power that each kind of device can take in every home now, shape (n,) each [kW]."""
        self._refuse_over("reach_kw")
        look_ahead(self.desk.demand)
        moment, n, found = moment_of(self.desk), len(self.home_id), {}
        for index, group in enumerate(self.desk.fleet.groups):
            rows, least, most = reach(self.desk.fleet, self.desk.plan, index, moment)
            home = group.home[rows]
            found[group.about.kind] = total_by_home(least, home, n), total_by_home(most, home, n)
        return found

    def step(self, power_kw: Powers = NOTHING, bids: Bids = NO_BIDS) -> Step:
        """Run one interval.

        Parameters
        ----------
        power_kw
            By kind of device ("hvac", "water_heater", "battery", "ev", "pv", ...) and row of the home, the power at the meter,
            withdrawal positive [kW], that is followed as far as the device can, whatever the home would do. Where homes bid, it
            is bid for at any price.
        bids
            By kind and row of the home, powers (k,) rising [kW] and prices (k,) falling [$/kWh]: the demand curve that is
            tendered and followed in place of the device's own.

        Raises
        ------
        InputError
            What cannot be asked, all at once, or a run that is over.
        """
        self._refuse_over("step")
        asked, desk, i = Orders(power_kw, bids), self.desk, self.desk.interval
        check(asked, desk.fleet, self.home_id, self.design, plans=desk.strategy.plans)
        began = perf_counter()
        done = advance(desk.demand, asked)[0]
        self._wall_s += perf_counter() - began
        n, track = len(self.home_id), desk.track
        usd, total = self._energy_usd(i, done.home_kw), self._felt_usd()
        felt, self._device_usd = total - self._device_usd, total
        if (
            self.is_over
        ):  # what is known at the end alone: charges for deviation, margins, and rounding
            usd = self.finish().bill_usd - self._bill_usd
        self._bill_usd = self._bill_usd + usd
        kinds = [group.about.kind for group in desk.fleet.groups]
        return Step(
            i,
            self.study.start_s + i * round(HOUR_S * self.study.dt_h),
            np.broadcast_to(track.import_per_kwh[i], n),
            np.broadcast_to(track.export_per_kwh[i], n),
            dict(zip(kinds, done.delivered.kind_kw, strict=True)),
            done.home_kw,
            np.full(n, np.nan) if done.award_kw is None else done.award_kw.copy(),
            self._air_degc(done.delivered.series),
            usd,
            felt,
            done.clearing,
            self.is_over,
        )

    def finish(self) -> Outcome:
        """Run what is left without orders; return the outcome, with its power flow, as `gridagora.compare` finds it."""
        if self._outcome is None:
            began = perf_counter()
            while not self.is_over:
                advance(self.desk.demand)
            ran = finish_runs(self.desk.demand, self._wall_s + perf_counter() - began)[0]
            outcome = evaluate(self.design, ran, self.study)
            self._outcome = add_power_flow(
                self.scene, wiring_of(self.study).grid, self.market, ran, outcome
            )
        return self._outcome

    def _refuse_over(self, verb: str) -> None:
        if self.is_over:
            expected = f"at most {self.intervals} intervals"
            raise InputError(
                [
                    Problem(
                        verb,
                        "a run that is over",
                        expected,
                        "Begin another: Run(scene, design, run.study).",
                    )
                ]
            )

    def _air_degc(self, series: Mapping[str, Col]) -> Col:
        """Return the mean air temperature of every home in an interval, shape (n,); nan where nothing heats or cools."""
        air = np.full(len(self.home_id), np.nan)
        for group in self.desk.fleet.groups:
            if AIR in group.about.series:
                air[group.home] = series[AIR]
        return air

    def _felt_usd(self) -> Col:
        """Return what devices cost beside energy so far, shape (n,)."""
        column, at, found = self.desk.track.recorder.column, slice(self.desk.interval), []
        for group in self.desk.fleet.groups:
            series = {name: column(name)[:, at] for name in group.about.series}
            power = column(power_of(group.about.kind))[:, at]
            lived = DeviceRecord(power, series, self.study.dt_h, self.is_over)
            found.append(group.feel(lived))
        return np.asarray(
            sum(add_up(each.device_usd for each in found).values(), np.zeros(len(self.home_id)))
        )

    def _energy_usd(self, i: int, home_kw: Col) -> Col:
        """Return what homes pay for the energy of an interval, shape (n,): what they agreed before, traded, and the rest."""
        desk, dt, n = self.desk, self.study.dt_h, len(self.home_id)
        kw, usd, hour = home_kw.copy(), np.zeros(n), i // round(1 / dt)
        for trades in (table for table in desk.trades[-1:] if table.interval[0] == i):
            kw -= traded_kw(desk.parties, trades._replace(interval=0 * trades.interval), (n, 1))[
                :, 0
            ]
            parties = len(desk.parties.id)
            paid, got = (
                np.bincount(side, trades.usd, parties) for side in (trades.buyer, trades.seller)
            )
            usd += (paid - got)[:n]
        price: Col = np.broadcast_to(desk.track.import_per_kwh[i], n)
        credit: Col = np.broadcast_to(desk.track.export_per_kwh[i], n)
        held = np.zeros(n)
        for position in desk.positions.values():
            usd += position.price_per_kwh[:, hour] * (position.p_kw[:, hour] - held) * dt
            held = position.p_kw[:, hour]
        more_kw = kw.clip(min=0) - held.clip(min=0)
        usd += (price * more_kw + credit * (kw - held - more_kw)) * dt
        if desk.demand.meters.fee_per_kwh is not None:
            usd += desk.demand.meters.fee_per_kwh[:, 0] * home_kw * dt
        return usd


def _refuse_study_of_another(scene: Scene, study: Setup) -> None:
    if study.homes is not scene.homes or study.start_s != scene.start_s:
        hint = "Leave it out, or make it of this scene."
        raise InputError(
            [
                Problem(
                    "Run: study", "one that was found for another scene", "that of the scene", hint
                )
            ]
        )


def _nobody(message: object) -> NoReturn:
    refuse(message, "a price that is Posted")


def _known_prices(desk: RunState) -> tuple[Col, Col]:
    """Return import price and credit that homes know of the interval to come, (n,) or (1,)."""
    track, i = desk.track, desk.interval
    if desk.rules.pricing is Pricing.POSTED:
        opening = open_clear(desk, interval_product(desk, i), desk.load_kw.shape[1])
        session = check_generator(desk, desk.market.clear(opening, desk.state))
        clearing = drive(session, _nobody, MessageCount()).result
        posted = posted_quotes(desk, clearing, opening)
        return posted.buy_per_kwh[:, 0], posted.sell_per_kwh[:, 0]
    if i:
        return track.import_per_kwh[i - 1], track.export_per_kwh[i - 1]
    first = _forecast(desk)[..., 0].ravel()
    return first, first


def _forecast(desk: RunState) -> Col:
    """Return the prices that homes plan on, (h,) or (n, h); homes that do not plan could know them too."""
    if desk.plan is not None:
        return desk.plan.price_per_kwh
    opening = open_plan(desk, hour_product(desk, moment_of(desk).hour))
    return drive(
        desk.market.plan(opening, desk.state), _nobody, MessageCount()
    ).result.price_per_kwh
