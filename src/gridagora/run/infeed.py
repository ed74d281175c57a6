"""Inverters of homes that follow voltage, as a flow takes them and as a run recorded them."""

from typing import NamedTuple

import numpy as np

from gridagora.core.inverters import LEAST_SHARE, FollowedRule, Infeed, InverterTable
from gridagora.core.records import RunColumn
from gridagora.core.tables import Col, Index


class RatedHomes(NamedTuple):
    """What inverters of n homes are rated at, 0 where a home has none that follows voltage."""

    panels_kw: Col  # (n,) largest output of panels
    storage_kva: Col  # (n,)


class FollowedRun(NamedTuple):
    """What inverters of n homes that follow voltage did in t intervals."""

    follows: FollowedRule
    rated: RatedHomes
    offered_kw: RunColumn  # (n, t) what panels could have given
    stored_kw: tuple[RunColumn, ...]  # (n, t) each, what batteries of every kind drew [kW]
    drawn_kvar: Col  # (n, t)


def home_rows(rated: RatedHomes) -> tuple[Index, Index]:
    """Return the homes whose panels follow voltage (k,), and those whose batteries do (s,), in the order of their inverters."""
    return np.flatnonzero(rated.panels_kw > 0), np.flatnonzero(rated.storage_kva > 0)


def make_infeed(
    follows: FollowedRule, home_meter: Index, rated: RatedHomes, available_kw: Col, stored_kw: Col
) -> Infeed | None:
    """Return the inverters of n homes in t intervals, those of panels first; None where no home has one.

    A battery keeps its active power and gives reactive power of what that leaves, whether it is charged, discharged or rests.

    Parameters
    ----------
    follows
        Their curves and the rating of panels.
    home_meter
        Meter of every home, shape (n,).
    rated
        Ratings of all homes.
    available_kw, stored_kw
        What panels could give, and what batteries draw, shape (n, t) each [kW].
    """
    panels, stores = home_rows(rated)
    if not len(panels) and not len(stores):
        return None
    panel_kw, storage_kva = rated.panels_kw[panels], rated.storage_kva[stores]
    table = InverterTable(
        home_meter[np.concatenate([panels, stores])],
        np.concatenate([follows.rating_ratio * panel_kw, storage_kva]),
        np.concatenate([panel_kw, storage_kva]),
        np.repeat([False, True], [len(panels), len(stores)]),
    )
    sun, drawn = available_kw[panels].T, stored_kw[stores].T
    enough = np.concatenate([sun >= LEAST_SHARE * panel_kw, np.ones(drawn.shape, np.bool_)], axis=1)
    return Infeed(
        table, follows.rule, np.ascontiguousarray(np.concatenate([sun, -drawn], axis=1)), enough
    )


def infeed_of_run(run: FollowedRun, home_meter: Index, at: slice) -> Infeed | None:
    """Return the inverters in some intervals of a run, of homes at meters (n,)."""
    sun = np.asarray(run.offered_kw[:, at])
    stored = np.zeros_like(sun)
    for column in run.stored_kw:
        stored += np.asarray(column[:, at])
    return make_infeed(run.follows, home_meter, run.rated, sun, stored)
