"""Several designs on one scene: the same homes, weather, prices and draws, one yardstick, one result."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from gridagora.bound.relaxation import Bound, Worth, bound
from gridagora.core.errors import (
    FAULTS,
    InputError,
    PartError,
    Problem,
    describe_error,
    require,
    require_call,
)
from gridagora.core.ports import Grid, Market
from gridagora.core.product import HOUR_S, Commodity
from gridagora.core.records import Derived, RunColumn
from gridagora.core.tables import Col
from gridagora.files.stop import note_on_stop
from gridagora.grid.nominal import EN_50160, nominal_pu
from gridagora.mechanisms.network_limits import NETWORKS
from gridagora.population import fleet as homes_at
from gridagora.results.load_shape import peak_kw
from gridagora.results.outcome import (
    NetworkResult,
    Outcome,
    settlement_period,
    welfare_before_losses_usd,
)
from gridagora.run import folder as folders
from gridagora.run import reactive
from gridagora.run import result as results
from gridagora.run.comms import CommsFaults
from gridagora.run.evaluate import evaluate
from gridagora.run.fee_returns import return_fees
from gridagora.run.follow_voltage import followed_in
from gridagora.run.forecast import WholesaleTerms, draw_errors
from gridagora.run.infeed import FollowedRun
from gridagora.run.kept_band import warn_of_band
from gridagora.run.loss_charges import charge_losses
from gridagora.run.network_rules import hold_network, wanted_prices
from gridagora.run.open_network import open_network
from gridagora.run.origin import describe_origin
from gridagora.run.outages import Outages, draw_outages
from gridagora.run.participation import draw_by_hand, draw_participation
from gridagora.run.played import play_schedule
from gridagora.run.power_flow import Wiring, solve_run
from gridagora.run.reactive_buying import buy_at_meters
from gridagora.run.reactive_nodal import RunPower
from gridagora.run.record import power_of
from gridagora.run.settle import wire_losses
from gridagora.run.simulate import simulate, simulate_runs
from gridagora.run.state import FinishedRun, Setup, baseline, wiring_of
from gridagora.run.take_up import KeptDesigns, open_kept
from gridagora.run.topology import place_homes, service_transformers
from gridagora.scenario import plugins
from gridagora.scenario.build import Scene
from gridagora.scenario.holdable import require_holdable
from gridagora.scenario.inverter_keys import rule_of
from gridagora.scenario.overload import (
    limit_by_load_cycle,
    limit_by_rating,
    outdoor_c,
    price_overload,
)
from gridagora.scenario.schema import LIMIT_KEYS
from gridagora.settlement.ledger import join
from gridagora.settlement.retail_terms import charges_within_hour
from gridagora.settlement.transformer_life import LoadedTransformer

DAY_S = 86_400
FIRST_FLAT_PER_KWH = 0.072  # of the run that finds the flat rate; thermostats do not hear it
BELOW_ZERO = (
    "homes export more than they take, and at net metering only a rate below zero earns the cost: they are paid to consume; "
    "set [tariff] credit_per_kwh for a credit of its own"
)
WITHIN_HOUR = (
    "demand is charged on means shorter than an hour, and loads of appliances are known by the hour: peaks within it are of "
    "devices alone, and what they would cost is missing"
)
Progress = Callable[[str, int, int], None]
Ended = Callable[[str, Outcome | str], None]  # told what a design did, or why it failed


def compare(
    scene: Scene,
    architectures: Sequence[str] | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    ended: Ended | None = None,
) -> results.Comparison:
    """Run designs on one scene; arguments are those of `gridagora.compare`. `ended` is told of every design as it ends.

    Raises
    ------
    InputError
        A design that cannot run, or none that does; more in `gridagora.compare`.
    """
    require_call(progress, "progress", "a function of (stage, done, total)")
    tell = progress or _silent
    names = require_designs(scene, architectures)
    draft = None if out is None else folders.begin(out)
    with note_on_stop(partial(folders.spell_kept, draft)):
        origin = describe_origin(scene, names)
        kept = open_kept(scene, origin, draft)
        found = _compare_designs(scene, names, origin, draft, kept, tell, ended or _untold)
        if out is not None:
            folders.save(found, out)
            kept.clear(Path(out))
    return found


def _compare_designs(
    scene: Scene,
    names: list[str],
    origin: dict[str, Any],
    draft: Path | None,
    kept: KeptDesigns,
    tell: Progress,
    ended: Ended,
) -> results.Comparison:
    """Return the result of designs on one scene; what each did is written into the draft as soon as it is finished."""
    markets = {name: scene.market(name) for name in dict.fromkeys(["flat", *names])}
    study = prepare(scene, tell)
    grid = wiring_of(study).grid
    outcomes: dict[str, Outcome] = {}
    faults: dict[str, str] = {}
    for name, market in markets.items():
        earlier = kept.find(name)
        if earlier is not None:
            origin.setdefault("taken_up", []).append(name)
        try:
            outcomes[name] = earlier or _run_design(scene, study, market, name, partial(tell, name))
        except FAULTS as fault:
            faults[name] = plugins.blamed(
                describe_error(fault), name, market.strategy, scene.scenario.outside
            )
            ended(name, faults[name])
            continue
        if draft is not None:
            folders.keep(outcomes[name], draft)
            kept.keep(outcomes[name])
        ended(name, outcomes[name])
    if "flat" not in outcomes:
        raise InputError([Problem("flat", faults["flat"], "a baseline that runs")])
    if all(name in faults for name in names):
        raise InputError([Problem(name, faults[name], "a design that runs") for name in names])
    tell("bound", 0, 1)
    began = perf_counter()
    top = compute_bound(scene, study)
    tell("bound", 1, 1)
    _refuse_above(outcomes, top)
    elapsed = perf_counter() - began
    unlimited, unlimited_bound_usd = without_limit(
        scene, study, grid, markets, outcomes, faults, tell
    )
    return results.gather(
        scene,
        study,
        {name: outcomes[name] for name in names if name in outcomes},
        outcomes["flat"],
        top,
        elapsed,
        faults,
        unlimited,
        unlimited_bound_usd,
        origin,
    )


def _run_design(
    scene: Scene, study: Setup, market: Any, name: str, tell: Callable[[int, int], None]
) -> Outcome:
    """Return the outcome of a design, with its power flow; what else its run held ends here."""
    own = study_of(scene, study, name)
    ran = simulate(market, own, tell)
    grid = wiring_of(study).grid
    return add_power_flow(scene, grid, market, ran, evaluate(name, ran, own))


def study_of(scene: Scene, study: Setup, design: str) -> Setup:
    """Return what all designs share as one design has it: with the spread of starts and the homes that take part in it."""
    keys = scene.scenario
    spread_min, shares = keys.start_spread_of(design), keys.shares_of(design)
    if spread_min is not None:
        study = study._replace(start_spread_min=spread_min)
    if shares == keys.homes.shares:
        return study
    return study._replace(
        automated=draw_participation(scene.seed, scene.homes.home_id, shares.automated),
        by_hand=draw_by_hand(scene.seed, scene.homes.home_id, *shares),
    )


def require_designs(scene: Scene, architectures: Sequence[str] | None) -> list[str]:
    """Return the names of the designs to run, those of the scenario where none are given; one may be given alone.

    Raises
    ------
    InputError
        What is no scene or an area, a name that is no text, or one given twice.
    """
    require(scene, Scene, "scene", "a gridagora.Scene, from gridagora.load or gridagora.build")
    if scene.scenario.area.homes is not None:
        got = f"{scene.scenario.area.homes:,} homes of an area"
        hint = "`gridagora run` and `gridagora study area` run it; leave [area] out to run the homes of [homes] alone."
        raise InputError([Problem("[area] homes", got, "the homes of [homes] alone", hint)])
    if architectures is not None:
        require(architectures, (str, list, tuple), "architectures", "names of designs, as text")
    asked = (
        [architectures]
        if isinstance(architectures, str)
        else list(architectures or scene.scenario.compared)
    )
    odd = [name for name in asked if not isinstance(name, str)]
    if odd:
        raise InputError([Problem("architectures", f"{odd[0]!r}", "names of designs, as text")])
    twice = sorted({name for name in asked if asked.count(name) > 1})
    if twice:
        raise InputError(
            [
                Problem("architectures", f"'{name}' more than once", "each design once")
                for name in twice
            ]
        )
    return asked


def prepare(scene: Scene, tell: Progress | None = None) -> Setup:
    """Return what all designs share: a first run of thermostats fixes the flat rate, the limit and the baseline load."""
    return prepare_runs([scene], tell)[0]


def prepare_runs(scenes: Sequence[Scene], tell: Progress | None = None) -> list[Setup]:
    """Return what all designs share in each of several scenes, whose first runs are made in step.

    Raises
    ------
    PartError
        Scenes that cannot be stepped together, as `simulate_runs` says.
    """
    studies, flats = [begin(scene) for scene in scenes], [scene.market("flat") for scene in scenes]
    ran = simulate_runs(
        flats, studies, lambda done, total: (tell or _silent)("baseline", done, total)
    )
    return [
        base_on(scene, study._replace(end_x=first.end_x), flat, evaluate("flat", first, study))
        for scene, study, flat, first in zip(scenes, studies, flats, ran, strict=True)
    ]


def begin(scene: Scene) -> Setup:
    """Return what the first run of a scene needs: no limit yet, no baseline, a rate that thermostats do not hear."""
    keys = scene.scenario
    hours = scene.homes.load_kw.shape[1]
    local_hour = ((scene.start_s + scene.utc_offset_s) // 3600 + np.arange(hours)) % 24
    dt_h = keys.market.interval_minutes / 60
    w = WholesaleTerms(
        scene.prices,
        keys.prices.delivery_per_kwh,
        keys.prices.export_credit_per_kwh,
        np.inf,
        price_overload(keys.substation).value,
        keys.market.forecast != "persistence",
        keys.market.forecast == "perfect",
        keys.market.forecast_noise_per_kwh,
        keys.scenario.seed,
    )
    return Setup(
        scene.homes,
        scene.days,
        scene.start_s,
        local_hour,
        w,
        keys.comfort.value_per_k2_h,
        FIRST_FLAT_PER_KWH,
        dt_h,
        keys.market.horizon_hours,
        keys.market.dispatch,
        None,
        scene.other_kw.sum(1),
        group=service_transformers(scene),
        rest_min=keys.market.rest_minutes,
        start_spread_min=keys.market.start_spread_minutes,
        reference_per_kwh=keys.comfort.reference_per_kwh,
        errors=draw_errors(keys.forecast, keys.scenario.seed, scene.homes.load_kw.shape),
        automated=draw_participation(
            keys.scenario.seed, scene.homes.home_id, keys.homes.participation_share
        ),
        by_hand=draw_by_hand(keys.scenario.seed, scene.homes.home_id, *keys.homes.shares),
        closes_stores=keys.market.closes_stores,
        first_day=(scene.start_s + scene.utc_offset_s) // DAY_S,
        wiring=None if rule_of(keys.inverters) is None else _wire(scene, dt_h),
    )


def _wire(scene: Scene, dt_h: float) -> Wiring:
    """Return the grid behind the meters of a scene whose intervals are so long [h]."""
    return Wiring(
        open_network(scene, HOUR_S * dt_h),
        scene.home_meter,
        scene.other_kw,
        rule_of(scene.scenario.inverters),
    )


def base_on(scene: Scene, study: Setup, flat: Market[Any], first: Outcome) -> Setup:
    """Return what all designs of a scene share, given the outcome of its first run."""
    keys, limit = scene.scenario, limit_kw(scene, first)
    stated = next((key for key in LIMIT_KEYS if getattr(keys.substation, key)), "")
    require_holdable(keys, scene.homes, scene.other_kw, limit, stated)
    study = study._replace(
        baseline_kw=first.home_kw,
        wholesale=study.wholesale._replace(limit_kw=limit),
        transformer=_loaded_transformer(scene, limit, len(first.load_kw)),
    )
    where = place_homes(scene, first)
    return study._replace(
        keep=keys.results.keep,
        flat_per_kwh=float(flat.start(baseline(study, first.wholesale_per_kwh)).import_per_kwh[0]),
        site=where.site,
        limits=where.limits,
        place_other_kw=where.other_kw,
        wiring=study.wiring or _wire(scene, study.dt_h),
        network=hold_network(scene),
        keeps_forecasts=keys.reactive.day_ahead,
        links=CommsFaults(
            keys.links.loss_share,
            keys.links.duplicate_share,
            keys.links.delay_intervals,
            keys.scenario.seed,
            outages_of(scene),
        ),
    )


def outages_of(scene: Scene) -> Outages | None:
    """Return when agents of homes are offline, the same for all designs; None where they never are."""
    links, homes = scene.scenario.links, len(scene.homes.home_id)
    often, long_h = links.outages_per_day, links.outage_hours
    return draw_outages(scene.seed, homes, scene.start_s, scene.days, often, long_h)


def without_limit(
    scene: Scene,
    study: Setup,
    grid: Grid,
    markets: Mapping[str, Market[Any]],
    outcomes: dict[str, Outcome],
    faults: dict[str, str],
    tell: Progress,
) -> tuple[dict[str, Outcome], float | None]:
    """Return every design as it runs where the substation has no limit, and the bound of that case, where the scenario asks.

    Only a design that is told the limit runs again; the others cannot know it and did the same. One that fails now is added to
    `faults`; what it did with the limit stays.
    """
    if not scene.scenario.substation.also_without_limit or not np.isfinite(
        study.wholesale.limit_kw
    ):
        return {}, None
    free = study._replace(wholesale=study.wholesale._replace(limit_kw=np.inf))
    runs = {}
    for name, outcome in outcomes.items():
        stage = f"{name}, no limit"
        market = markets[name]
        if market.rules.sees_limit:
            try:
                own = study_of(scene, free, name)
                ran = simulate(market, own, partial(tell, stage))
                alone = evaluate(name, ran, own)
                keys = scene.scenario.reactive
                if keys.power_factor is not None or keys.market == "nodal":
                    # part of welfare then, and known from the network alone
                    alone = add_power_flow(scene, grid, market, ran, alone)
            except FAULTS as fault:
                faults[stage] = describe_error(fault)
                continue
            runs[name] = alone
        else:
            runs[name] = outcome._replace(limit_kw=np.inf)
    tell("bound, no limit", 0, 1)
    top = compute_bound(scene, free, is_played=False)
    tell("bound, no limit", 1, 1)
    _refuse_above(runs, top)
    return runs, top.welfare_usd


def limit_kw(scene: Scene, flat: Outcome) -> float:
    """Return the substation limit [kW]: of a contract, of the feeder, a share of the 15-minute peak of the flat design, or none.

    Raises
    ------
    InputError
        A feeder that states no rating where the limit is to be one.
    """
    keys = scene.scenario.substation
    if keys.limit_kw is not None:
        return keys.limit_kw
    if keys.limit_by_rating:
        return limit_by_rating(scene).value
    if keys.limit_by_load_cycle:
        return limit_by_load_cycle(scene, flat.load_kw, flat.dt_h).value
    if keys.limit_share_of_flat_peak is None:
        return float("inf")
    return float(keys.limit_share_of_flat_peak * peak_kw(flat))


def _loaded_transformer(scene: Scene, limit_kw: float, intervals: int) -> LoadedTransformer | None:
    """Return the transformer that a limit stands for, in the air of the run; None without a limit.

    It is rated at the limit or, where that is a load cycle, as the feeder says.
    """
    if not np.isfinite(limit_kw):
        return None
    by_cycle = scene.scenario.substation.limit_by_load_cycle
    rated_kw = limit_by_rating(scene).value if by_cycle else limit_kw
    return LoadedTransformer(rated_kw, outdoor_c(scene, intervals))


def add_power_flow(
    scene: Scene, grid: Grid, market: Market[Any], ran: FinishedRun, outcome: Outcome
) -> Outcome:
    """Return the outcome with its exact power flow, its losses booked and, where a power factor is agreed, its reactive energy.

    A market with `reactive` set buys it from homes, and the flow is that with what they give; any other buys it elsewhere.
    """
    seen = _with_reactive(scene, grid, market, ran, outcome)
    net = seen.network
    if net is None:
        return seen
    if market.rules.is_tariff and seen.price_per_kwh.min() < 0:
        seen = seen._replace(warnings=(*seen.warnings, BELOW_ZERO))
    if charges_within_hour(market):
        seen = seen._replace(warnings=(*seen.warnings, WITHIN_HOUR))
    if getattr(market, "network", NETWORKS[0]) == NETWORKS[1]:
        told = warn_of_band(net, hold_network(scene).band_pu)
        seen = seen._replace(warnings=(*seen.warnings, *told))
    if net.controls is not None and net.controls.hunting:
        who = "regulators or capacitor banks act against each other"
        text = f"controls never came to rest in {net.controls.hunting} intervals: {who}"
        seen = seen._replace(warnings=(*seen.warnings, text))
    period = settlement_period(seen)
    losses = wire_losses(seen.parties, period, net.losses_kw, seen.wholesale_per_kwh, seen.dt_h)
    booked = seen._replace(ledger=join([seen.ledger, losses]))
    rule = scene.scenario.network.losses
    seen = return_fees(charge_losses(booked, scene.other_kw, rule), rule)
    if not net.failed:
        return seen
    text = (
        f"the power flow has no solution in {net.failed} of {len(seen.start_s)} intervals: voltages, losses and their cost leave "
        "them out and are not ranked"
    )
    return seen._replace(warnings=(*seen.warnings, text))


def _with_reactive(
    scene: Scene, grid: Grid, market: Market[Any], ran: FinishedRun, outcome: Outcome
) -> Outcome:
    """Return the outcome with its power flow and the reactive energy that the scenario asks for."""
    inverter_kw = inverters(ran, outcome.home_kw.shape)
    followed = followed_in(ran, rule_of(scene.scenario.inverters), len(scene.home_meter))
    alone = solve_network(scene, grid, outcome, inverter_kw, followed=followed)
    keys = scene.scenario.reactive
    if keys.market == "nodal":
        return buy_at_meters(
            scene,
            market,
            ran,
            outcome._replace(network=alone),
            Wiring(grid, scene.home_meter, scene.other_kw),
            RunPower(outcome.home_kw, reactive.motor_kw(outcome.home_kw, inverter_kw)),
            lambda told: solve_network(scene, grid, outcome, inverter_kw, told),
        )
    if keys.power_factor is None:
        return outcome._replace(network=alone)
    if alone.failed:
        raise PartError(
            f"reactive power: the power flow has no solution in {alone.failed} intervals, so the need is not known"
        )
    n, t = outcome.home_kw.shape
    clears = Commodity.Q in market.rules.commodities
    if clears and followed is not None:
        raise PartError(
            "reactive power: inverters follow voltage and the design buys it of them, so both would steer them; set "
            '[inverters] follow = "unity"'
        )
    given = reactive.provide_reactive(
        reactive.equip_homes(ran.lived, n, ran.track.kind_kw, scene.scenario.inverters.rating_ratio)
        if clears
        else reactive.equip_nobody(n, t),
        alone.source_kw,
        alone.source_kvar,
        outcome.price_per_kwh,
        reactive.PowerFactorTerms(keys.power_factor, keys.cap_per_kvarh),
        scene.start_s,
        outcome.dt_h,
    )
    told = reactive.InverterPower(given.q_kvar, given.loss_kw)
    seen = solve_network(scene, grid, outcome, inverter_kw, told) if clears else alone
    return reactive.join_reactive(outcome._replace(network=seen), given)


def inverters(ran: FinishedRun, shape: tuple[int, ...]) -> RunColumn:
    """Return the power of all inverters of every home over a run, shape (n, t) [kW], added up when it is read."""
    power = [ran.track.recorder.column(power_of(kind)) for kind in ran.track.kinds]
    about = [group.about for group in ran.lived]

    def read(rows: slice, times: slice) -> Col:
        wide = rows.stop - rows.start, times.stop - times.start
        return reactive.inverter_kw(about, [column[rows, times] for column in power], wide)

    return Derived((shape[0], shape[1]), read)


def solve_network(
    scene: Scene,
    grid: Grid,
    outcome: Outcome,
    inverter_kw: RunColumn,
    given: reactive.InverterPower | None = None,
    followed: FollowedRun | None = None,
) -> NetworkResult:
    """Return the exact power flow of a run; inverters (n, t) [kW] draw no reactive power but what they are told to.

    Those that `followed` voltage drew what they did in the flow of each interval; left out: none did.
    """
    home_kw = outcome.home_kw
    drawn_kvar = None if followed is None else followed.drawn_kvar
    solved = solve_run(
        grid,
        scene.home_meter,
        home_kw if given is None else np.asarray(home_kw) + given.loss_kw,
        reactive.motor_kw(home_kw, inverter_kw),
        scene.other_kw,
        outcome.dt_h,
        given_kvar=drawn_kvar if given is None else given.q_kvar,
        prices=wanted_prices(scene, outcome.wholesale_per_kwh),
        followed=followed,
        outdoor_c=outdoor_c(scene, len(outcome.start_s)),
    )
    if scene.scenario.feeder.voltage_band != EN_50160:
        return solved
    return solved._replace(nominal_pu=nominal_pu(scene.feeder, scene.home_meter))


def compute_bound(scene: Scene, study: Setup, *, is_played: bool = True) -> Bound:
    """Return the certified bound of welfare with perfect information on the true physics; its schedule is played for the gap."""
    w = study.wholesale
    worth = Worth(
        delivery_per_kwh=w.delivery_per_kwh,
        export_credit_per_kwh=w.export_credit_per_kwh,
        over_per_kwh=w.over_per_kwh,
    )
    return bound(
        homes_at.make_fleet(
            scene.homes,
            study.local_hour.astype(np.int64),
            study.comfort_per_k2_h,
            study.reference_per_kwh,
            study.dt_h,
            rule=study.rule,
            draws_known=True,
        ),
        scene.homes.load_kw,
        scene.prices,
        hours=24 * study.days,
        limit_kw=w.limit_kw,
        other_kw=study.other_kw,
        worth=worth,
        play=(lambda schedule: welfare_before_losses_usd(play_schedule(study, schedule)))
        if is_played
        else None,
    )


def _refuse_above(outcomes: dict[str, Outcome], top: Bound) -> None:
    for name, outcome in outcomes.items():
        got = welfare_before_losses_usd(outcome)
        if got > top.welfare_usd + 1e-9 * abs(top.welfare_usd):
            raise PartError(
                f"design '{name}': welfare {got:.2f} $ exceeds the certified bound {top.welfare_usd:.2f} $; no report is written"
            )


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
    del stage, done, total


def _untold(design: str, did: Outcome | str) -> None:
    """Tell nobody."""
    del design, did
