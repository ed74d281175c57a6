"""Metrics whose figures of this run are no ground for a ranking: each with the reason, in one sentence."""

from collections.abc import Callable, Mapping

from gridagora.core.feeder import Feeder, still_taps
from gridagora.core.registry import names
from gridagora.results.outcome import Outcome

Rule = Callable[[Feeder, Mapping[str, Outcome]], Mapping[str, str]]
SHOWN = 6  # taps named before the rest is counted
OF_FLOW = (
    "E1",
    "E1y",
    "E1o",
    "P3",
    "P3s",
    "P4",
    "P4f",
    "P4w",
    "P8",
    "P8h",
    "V1",
    "V1h",
    "V4",
    "V7",
)  # what the power flow of every interval goes into
OF_TAPS = ("V1", "V1h", "V4", "V7", "P3", "P3s")  # voltages and losses, which taps move


def _that_apply(known: tuple[str, ...], outcomes: Mapping[str, Outcome]) -> tuple[str, ...]:
    """Return metrics that apply: that of EN 50160 where voltages are held to it, those of three phases where a bus has such."""
    nets = [each.network for each in outcomes.values() if each.network is not None]
    told = any(net.nominal_pu is not None for net in nets)
    lacking = {"V7"} if all(net.unbalance is None for net in nets) else set[str]()
    lacking |= {"P8", "P8h"} if all(net.head_a is None for net in nets) else set[str]()
    kept = (name for name in known if name not in lacking)
    return tuple("V5" if name == "V4" and told else name for name in kept)


def of_taps(feeder: Feeder, outcomes: Mapping[str, Outcome]) -> Mapping[str, str]:
    """Return the metrics that regulators would have changed, where their taps are held."""
    held = still_taps(feeder)
    if not held:
        return {}
    some = f"{', '.join(held[:SHOWN])}{' and others' if len(held) > SHOWN else ''}"
    who = (
        "the line regulator of this feeder is"
        if len(held) == 1
        else f"the {len(held)} line regulators of this feeder are"
    )
    reason = f"{who} held at one tap through the run ({some}), so voltages and losses are not those of a feeder that regulates"
    return dict.fromkeys(_that_apply(OF_TAPS, outcomes), reason)


def of_failed(_: Feeder, outcomes: Mapping[str, Outcome]) -> Mapping[str, str]:
    """Return the metrics that need every interval, where a design has intervals without a power flow."""
    failed = {
        name: o.network.failed
        for name, o in outcomes.items()
        if o.network is not None and o.network.failed
    }
    if not failed:
        return {}
    told = ", ".join(f"{name} {count}" for name, count in failed.items())
    return dict.fromkeys(
        _that_apply(OF_FLOW, outcomes),
        f"intervals without a power flow are left out ({told}), so designs are compared on unlike hours",
    )


def of_no_feeder(_: Feeder, outcomes: Mapping[str, Outcome]) -> Mapping[str, str]:
    """Return every metric, where a design has no interval with a power flow: such loads are not those of this feeder."""
    lost = [
        name
        for name, o in outcomes.items()
        if o.network is not None and o.network.failed == len(o.start_s)
    ]
    if not lost:
        return {}
    reason = (
        f"the power flow has no solution in any interval ({', '.join(lost)}): loads this large do not belong to this feeder, and "
        "no figure of such a run can be delivered; look for kW typed as W, or for a voltage of another unit"
    )
    return dict.fromkeys(names("metric"), reason)


RULES: tuple[Rule, ...] = (of_taps, of_failed, of_no_feeder)


def unranked(feeder: Feeder, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """Return the reason of each metric that is shown and not ranked, by identifier; several reasons are joined."""
    found: dict[str, str] = {}
    for rule in RULES:
        for metric_id, reason in rule(feeder, outcomes).items():
            found[metric_id] = f"{found[metric_id]}; {reason}" if metric_id in found else reason
    return found
