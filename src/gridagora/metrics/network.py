"""Network metrics P1 to P7, V1 and V4 (theory 8.2, 8.3): peaks and shape of the load, losses and voltages of the exact flow."""

from typing import NamedTuple

import numpy as np

from gridagora.core.measure import Metric, Yardstick
from gridagora.core.outcome import Outcome, over_limit_kwh
from gridagora.core.registry import register
from gridagora.core.tables import Col

RANGE_A = (0.95, 1.05)  # ANSI C84.1 service voltage, 114 to 126 V on a 120 V base
QUARTER_H = 0.25
ROUNDING_KWH = 1e-6


def quarter_hours(outcome: Outcome) -> Col:
    """Load averaged over 15 minutes, the demand a meter records [kW]; below zero where the feeder exports."""
    per = max(1, round(QUARTER_H / outcome.dt_h))
    return outcome.load_kw[: len(outcome.load_kw) // per * per].reshape(-1, per).mean(1)


def peak(outcome: Outcome, _: Yardstick) -> float:
    """Largest 15-minute power, either way."""
    return float(np.abs(quarter_hours(outcome)).max())


def peak_export(outcome: Outcome, _: Yardstick) -> float:
    """Highest 15-minute export; 0 where the feeder never exports."""
    return float((-quarter_hours(outcome)).max().clip(min=0))


def load_factor(outcome: Outcome, yardstick: Yardstick) -> float:
    """Mean power over the peak, both counted either way."""
    top = peak(outcome, yardstick)
    return float(np.abs(quarter_hours(outcome)).mean() / top) if top > 0 else float("nan")


def peak_reduction(outcome: Outcome, yardstick: Yardstick) -> float:
    """Peak against that of the flat design, as a share; negative where the design made it worse."""
    return float("nan") if yardstick.flat is None else 1 - peak(outcome, yardstick) / peak(yardstick.flat, yardstick)


def over_limit(outcome: Outcome, _: Yardstick) -> float:
    """Energy beyond the substation limit, of import and of export."""
    return over_limit_kwh(outcome)


def ramp(outcome: Outcome, _: Yardstick) -> float:
    """Steepest change of the hourly load."""
    per = round(1 / outcome.dt_h)
    hourly = outcome.load_kw[: len(outcome.load_kw) // per * per].reshape(-1, per).mean(1)
    return float(np.abs(np.diff(hourly)).max()) if len(hourly) > 1 else 0.0


def losses(outcome: Outcome, _: Yardstick) -> float:
    """Energy lost in lines and transformers, in the intervals that have a power flow; nan where none has."""
    net = _solved(outcome)
    return float("nan") if net is None else float(net.losses_kw.sum() * outcome.dt_h)


def loss_share(outcome: Outcome, _: Yardstick) -> float:
    """Energy lost over energy through the substation, either way."""
    net = _solved(outcome)
    return float("nan") if net is None else _over(net.losses_kw.sum(), np.abs(net.source_kw).sum())


def reactive(outcome: Outcome, _: Yardstick) -> float:
    """Reactive energy at the substation."""
    net = _solved(outcome)
    return float("nan") if net is None else float(np.abs(net.source_kvar).sum() * outcome.dt_h)


def power_factor(outcome: Outcome, _: Yardstick) -> float:
    """Mean of active over apparent power at the substation."""
    net = _solved(outcome)
    return float("nan") if net is None else float(np.mean(np.abs(net.source_kw) / np.hypot(net.source_kw, net.source_kvar)))


def weighted_power_factor(outcome: Outcome, _: Yardstick) -> float:
    """Active over apparent energy at the substation: the power factor of an interval counts by its apparent power."""
    net = _solved(outcome)
    if net is None:
        return float("nan")
    return _over(np.abs(net.source_kw).sum(), np.hypot(net.source_kw, net.source_kvar).sum())


class _Solved(NamedTuple):
    """Columns of the intervals that have a power flow."""

    losses_kw: Col
    source_kw: Col
    source_kvar: Col


def _solved(outcome: Outcome) -> _Solved | None:
    """Return the intervals that have a power flow; None where none has."""
    net = outcome.network
    if net is None or not np.isfinite(net.losses_kw).any():
        return None
    kept = np.isfinite(net.losses_kw)
    return _Solved(net.losses_kw[kept], net.source_kw[kept], net.source_kvar[kept])


def _over(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def bought_kvarh(outcome: Outcome, _: Yardstick) -> float:
    """Reactive energy that homes gave for money."""
    side = outcome.reactive
    return float("nan") if side is None else float(np.abs(side.given_kvar).sum() * outcome.dt_h)


def reactive_price(outcome: Outcome, yardstick: Yardstick) -> float:
    """What homes were paid over what they gave; nan where they gave nothing."""
    side = outcome.reactive
    if side is None or not side.given_kvar.any():
        return float("nan")
    paid = -(side.given_kvar @ side.price_per_kvarh).sum() * outcome.dt_h
    return float(paid / bought_kvarh(outcome, yardstick))


def elsewhere_kvarh(outcome: Outcome, _: Yardstick) -> float:
    """Reactive energy beyond the agreed power factor that homes did not give."""
    side = outcome.reactive
    return float("nan") if side is None else float(np.abs(side.unmet_kvar).sum() * outcome.dt_h)


def self_consumption(outcome: Outcome, _: Yardstick) -> float:
    """Share of PV output used behind the home's own meter."""
    made = -outcome.device_kw["pv"].sum()
    exported = np.minimum(outcome.home_pv_kw, (-outcome.home_kw).clip(min=0)).sum()
    return float(1 - exported / made) if made > 0 else float("nan")


def curtailed(outcome: Outcome, _: Yardstick) -> float:
    """Energy that panels could have made and did not; what is below a milliwatt-hour in all is rounding."""
    kwh = float((outcome.home_pv_kw.sum(0) + outcome.device_kw["pv"]).sum() * outcome.dt_h)
    return kwh if abs(kwh) > ROUNDING_KWH else 0.0


def lowest(outcome: Outcome, _: Yardstick) -> float:
    """Lowest home voltage of the run."""
    return float("nan") if outcome.network is None else float(np.fmin.reduce(outcome.network.v_min_pu))


def highest(outcome: Outcome, _: Yardstick) -> float:
    """Highest home voltage of the run."""
    return float("nan") if outcome.network is None else float(np.fmax.reduce(outcome.network.v_max_pu))


def violation_hours(outcome: Outcome, _: Yardstick) -> float:
    """Home-hours outside ANSI C84.1 range A, in the intervals that have a power flow; nan where none has."""
    if outcome.network is None or _solved(outcome) is None:
        return float("nan")
    v = outcome.network.home_v_pu
    return float(((v < RANGE_A[0]) | (v > RANGE_A[1])).sum() * outcome.dt_h)


METRICS = (
    Metric("P1", "peak power either way, 15 min", "kW", "down", peak),
    Metric("P1e", "peak export, 15 min", "kW", "down", peak_export),
    Metric("P1r", "peak reduction against flat", "share", "up", peak_reduction),
    Metric("P2", "load factor", "share", "up", load_factor),
    Metric("P2r", "steepest hourly ramp", "kW/h", "down", ramp),
    Metric("P3", "losses", "kWh", "down", losses),
    Metric("P3s", "losses over energy", "share", "down", loss_share),
    Metric("P4", "reactive energy", "kvarh", "down", reactive),
    Metric("P4f", "power factor", "share", "up", power_factor),
    Metric("P4w", "power factor by energy", "share", "up", weighted_power_factor),
    Metric("P4h", "reactive energy bought from homes", "kvarh", "-", bought_kvarh),
    Metric("P4p", "mean price of it", "$/kvarh", "-", reactive_price),
    Metric("P4x", "reactive energy from elsewhere", "kvarh", "down", elsewhere_kvarh),
    Metric("P5", "energy over the limit", "kWh", "down", over_limit),
    Metric("P6", "PV self-consumption", "share", "up", self_consumption),
    Metric("P7", "PV curtailed", "kWh", "down", curtailed),
    Metric("V1", "lowest home voltage", "pu", "up", lowest),
    Metric("V1h", "highest home voltage", "pu", "down", highest),
    Metric("V4", "home-hours outside range A", "h", "down", violation_hours),
)
WHERE_AGREED = frozenset({"P4h", "P4p", "P4x"})  # rows that say something only where a power factor is agreed
for _metric in METRICS:
    register("metric", _metric.id)(_metric)
