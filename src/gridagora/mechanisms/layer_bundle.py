"""Limits of layers as rows of a search over plans: one for each hour of the root and of every place with its own limit."""

import numpy as np

from gridagora.core.exchange import Proposals
from gridagora.core.limits import Bounds
from gridagora.core.place import Places, lift_kw
from gridagora.core.session import Opening, SupplyOffer, Topology
from gridagora.core.tables import Col, Index
from gridagora.kernels.coordination.bundle_master import SupplyCost as Rows

REACH_KW = 1e6  # more than any feeder can take: it keeps bounds finite at any price
REACH_HOME_KW = 100.0  # and so much for each home where they are more


def find_branches(tree: Places) -> Index:
    """Return the place right below the root that each place hangs from, shape (m,); the root itself for the root."""
    top = np.arange(len(tree.parent))
    up = tree.parent[top]
    while ((up >= 0) & (tree.parent[up] >= 0)).any():
        top = np.where((up >= 0) & (tree.parent[up] >= 0), up, top)
        up = tree.parent[top]
    return top


def find_reach_kw(homes: float) -> float:
    """Return a power that so many homes and their feeders never take [kW]."""
    return max(REACH_KW, REACH_HOME_KW * homes)


def stack_rows(
    supply: SupplyOffer, bounds: Bounds, root: int, limited: Index, reach_kw: float = REACH_KW
) -> Rows:
    """Return the supply cost of the root and of each limited place, one row an hour, the root first; every field ((1 + k) h,).

    A place costs nothing within its limit in either direction and its penalty beyond; base load of other customers counts. No
    power is beyond `reach_kw` in either direction.
    """
    h, k = len(supply.import_per_kwh), len(limited)
    zero, at = np.zeros(k * h), np.concatenate([[root], limited])
    return Rows(
        np.ones((1 + k) * h),
        np.concatenate([supply.base_kw, bounds.base_kw[limited].ravel()]),
        np.concatenate([supply.import_per_kwh, zero]),
        np.concatenate([supply.export_per_kwh, zero]),
        np.concatenate([bounds.low_kw[root].clip(min=-reach_kw), bounds.low_kw[limited].ravel()]),
        np.concatenate([bounds.high_kw[root].clip(max=reach_kw), bounds.high_kw[limited].ravel()]),
        np.repeat(bounds.over_per_kwh[at], h),
        np.zeros((1 + k) * h),
        np.full((1 + k) * h, -reach_kw),
        np.full((1 + k) * h, reach_kw),
    )


def spread_rows(
    price_per_kwh: Col, supply: SupplyOffer, root: int, limited: Index, shape: tuple[int, int]
) -> Col:
    """Return the premiums (m, h) [$/kWh] of the rows of `stack_rows`."""
    hours = shape[1]
    premium = np.zeros(shape)
    premium[root] = price_per_kwh[:hours] - supply.import_per_kwh
    premium[limited] = price_per_kwh[hours:].reshape(-1, hours)
    return premium


def relay_plans(
    opening: Opening, site: Topology, q_kw: Col, proposals: Proposals, limited: Index
) -> Proposals:
    """Return the plans that places pass up in a round: own sums (m, h) [kW], and those of limited places (k,) at every hop."""
    own, bound = (
        lift_kw(site.tree, site.place, column)
        for column in (proposals.own_usd, proposals.bound_usd)
    )
    hop, again = site.tree.parent[limited], []
    while (hop >= 0).any():
        limited, hop = limited[hop >= 0], hop[hop >= 0]
        again.append(limited[site.tree.parent[hop] >= 0])
        hop = site.tree.parent[hop]
    rows = np.concatenate([np.arange(len(q_kw)), *again])
    return Proposals(opening.product, rows, q_kw[rows], own[rows], bound[rows])


def count_parties(site: Topology, homes: Index | None = None) -> Col:
    """Return the count of homes below each place, shape (m,): one a party, or `homes` (n,) that each party stands for."""
    each = np.ones(len(site.place)) if homes is None else homes.astype(np.float64)
    return lift_kw(site.tree, site.place, each)
