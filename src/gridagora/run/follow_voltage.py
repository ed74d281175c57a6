"""Inverters of panels and batteries that follow voltage in a run: what they give in an interval, found with its exact flow.

The flow is solved as soon as devices have stepped and before meters are read, so that the energy that volt-watt cuts is missing
at the meter, in bills and in what panels are said to have given.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.device import DeviceKind, total_by_home
from gridagora.core.flow import ControlState, Flow
from gridagora.core.inverters import FollowedRule
from gridagora.core.ports import DeviceGroup
from gridagora.core.records import RunColumn
from gridagora.core.tables import Col
from gridagora.run.infeed import FollowedRun, RatedHomes, home_rows, make_infeed
from gridagora.run.power_flow import Wiring, flow_of_interval
from gridagora.run.reactive import inverter_kw
from gridagora.run.record import FOLLOWED, OFFERED, power_of
from gridagora.run.state import FinishedRun

CUT_KW = 1e-6  # less than that is left to the tolerance of the flow


class Followed(NamedTuple):
    """What inverters did in an interval: the power of every group (g, n) [kW], and what they drew [kvar], (n,)."""

    kind_kw: Col
    given_kvar: Col
    available_kw: Col  # (n,) that they could give
    flow: Flow


def are_panels(about: DeviceKind) -> bool:
    """Return whether a kind is generation behind an inverter, which may be cut: panels."""
    return about.has_inverter and about.is_generation


def are_storage(about: DeviceKind) -> bool:
    """Return whether a kind is behind an inverter and no generation: batteries."""
    return about.has_inverter and not about.is_generation


def rate_homes(
    groups: Sequence[DeviceGroup], homes: slice, follows: FollowedRule | None
) -> RatedHomes:
    """Return what inverters of each of some homes are rated at that follow voltage as said; all of panels where nothing is."""
    panels, stores = np.zeros(homes.stop), np.zeros(homes.stop)
    for group in groups:
        own = group.home < homes.stop
        if are_panels(group.about):
            panels += total_by_home(group.rated_kva()[own], group.home[own], homes.stop)
        elif are_storage(group.about) and follows is not None and follows.has_storage:
            stores += total_by_home(group.rated_kva()[own], group.home[own], homes.stop)
    return RatedHomes(panels[homes], stores[homes])


def follow_voltage(
    wiring: Wiring,
    groups: Sequence[DeviceGroup],
    rated: RatedHomes,
    kind_kw: Col,
    load_kw: Col,
    hour: int,
    before: ControlState | None,
) -> Followed:
    """Return what inverters do in an interval of n homes.

    Parameters
    ----------
    wiring
        The grid, with what inverters follow.
    groups, kind_kw, load_kw
        Of the fleet, what each gave in every home (g, n), and the load of homes beside them (n,) [kW].
    rated
        Ratings of all homes.
    hour, before
        Of the run, and the state of the controls at the start of the interval.

    Returns
    -------
    Followed
        What is given; nothing is cut in an interval whose flow has no solution.
    """
    panels = np.array([are_panels(group.about) for group in groups], np.bool_)
    available = -kind_kw[panels].sum(0).clip(max=0.0)
    home_kw = load_kw + kind_kw.sum(0)
    beside = home_kw - inverter_kw([group.about for group in groups], kind_kw, home_kw.shape)
    stored = kind_kw[[are_storage(group.about) for group in groups]].sum(0)
    own, storing = home_rows(rated)
    follows = wiring.inverters
    infeed = None
    if follows is not None:
        infeed = make_infeed(follows, wiring.home_meter, rated, available[:, None], stored[:, None])
    told_kw = home_kw + available
    told_kw[storing] -= stored[storing]
    flow = flow_of_interval(wiring, told_kw, beside.clip(min=0), hour, before, infeed=infeed)
    given_kvar, share = np.zeros(len(home_kw)), np.ones(len(home_kw))
    if flow.converged[0]:
        np.subtract.at(given_kvar, np.concatenate([own, storing]), flow.given_kvar[0])
        given_kw = flow.given_kw[0, : len(own)]
        cut = available[own] - given_kw > CUT_KW
        share[own[cut]] = given_kw[cut] / available[own[cut]]
    kept = kind_kw.copy()
    kept[panels] *= share
    return Followed(kept, given_kvar, available, flow)


def followed_in(ran: FinishedRun, follows: FollowedRule | None, homes: int) -> FollowedRun | None:
    """Return what inverters of so many homes did in a run that followed voltage; None where none does."""
    if follows is None:
        return None
    panels, stores = np.zeros(homes), np.zeros(homes)
    recorder, stored = ran.track.recorder, list[RunColumn]()
    for group in ran.lived:
        if are_panels(group.about):
            panels += total_by_home(group.rated_kva, group.home, homes)
        elif are_storage(group.about) and follows.has_storage:
            stores += total_by_home(group.rated_kva, group.home, homes)
            stored.append(recorder.column(power_of(group.about.kind)))
    return FollowedRun(
        follows,
        RatedHomes(panels, stores),
        recorder.column(OFFERED),
        tuple(stored),
        np.asarray(recorder.column(FOLLOWED)),
    )
