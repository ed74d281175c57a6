"""Where homes stand in the layers of their feeder, and what each layer can carry."""

from typing import NamedTuple

import numpy as np

from gridagora.core.limits import Limits, limit_places
from gridagora.core.place import Level, Places, lift_kw, places
from gridagora.core.records import interval_blocks
from gridagora.core.session import Topology
from gridagora.core.tables import Col, Index
from gridagora.grid.layers import layers
from gridagora.results.outcome import Outcome
from gridagora.scenario import populate as draw
from gridagora.scenario.build import Scene
from gridagora.scenario.overload import price_overload

QUARTERS = 4


class Placement(NamedTuple):
    """Where the homes of a scene stand, the limits of zones and transformers, and the load of other customers by place (m, H)."""

    site: Topology
    limits: Limits
    other_kw: Col


def place_homes(scene: Scene, flat: Outcome) -> Placement:
    """Return where the homes of a scene stand, and what each layer can carry.

    A transformer carries its share of the rating, where the feeder states one; a zone its share of the 15-minute peak that it
    had under the flat design. Both count every meter below them, as the substation does: what other customers draw or feed in
    takes from the room of the homes. What the scenario leaves out is not limited. Without layers every home stands at the feeder.
    """
    keys = scene.scenario.layers
    found = layers(scene.feeder, keys.zones)
    tree, place, meter_place = found.tree, found.meter_place[scene.home_meter], found.meter_place
    high_kw = np.full(len(tree.name), np.inf)
    if keys.transformer_limit_share is not None:
        rated = np.isfinite(found.rating_kva)
        high_kw[rated] = keys.transformer_limit_share * found.rating_kva[rated]
    if not keys.transformers:
        kept = tree
        tree, place, high_kw = without_transformers(kept, place, high_kw)
        _, meter_place, _ = without_transformers(kept, meter_place, np.zeros(len(kept.name)))
    base_kw = lift_kw(tree, meter_place, scene.other_kw.T)
    base_kw[tree.parent < 0] = 0.0  # at the root the supply holds it
    if keys.zone_limit_share_of_flat_peak is not None:
        zone = tree.level == Level.ZONE
        per = max(1, round(1 / (QUARTERS * flat.dt_h)))
        home_kw = flat.home_kw
        blocks = interval_blocks(home_kw.shape)
        lifted = np.concatenate([lift_kw(tree, place, home_kw[:, at]) for at in blocks], axis=1)
        load_kw = (lifted + by_interval(base_kw, home_kw.shape[1], flat.dt_h))[zone]
        quarters = load_kw.reshape(len(load_kw), -1, per).mean(2)
        high_kw[zone] = keys.zone_limit_share_of_flat_peak * np.abs(quarters).max(1)
    rows = limit_places(
        tree, place, high_kw, base_kw, price_overload(scene.scenario.substation).value
    )
    return Placement(
        Topology(tree, place, scene.partners, draw.preference(scene.scenario, scene.homes)),
        rows,
        base_kw,
    )


def service_transformers(scene: Scene) -> Index:
    """Return what feeds each home, shape (n,), by number: its service transformer, the bus of its meter where there is none.

    It is read off the feeder, whatever layers a market has: units are ranked behind a transformer in every design alike.
    """
    return layers(scene.feeder).meter_place[scene.home_meter]


def by_interval(hourly_kw: Col, intervals: int, dt_h: float) -> Col:
    """Return hourly power (m, h) in the intervals of a run, shape (m, intervals) [kW]."""
    return np.repeat(hourly_kw, round(1 / dt_h), axis=1)[:, :intervals]


def without_transformers(tree: Places, place: Index, high_kw: Col) -> tuple[Places, Index, Col]:
    """Return the tree, the place of each home (n,) and the limits (m,) [kW] with homes right below the zones, or the feeder."""
    kept = tree.level != Level.TRANSFORMER
    row = np.cumsum(kept) - 1
    parent = np.where(tree.parent[kept] < 0, -1, row[tree.parent[kept]])
    names = [name for name, stays in zip(tree.name, kept, strict=True) if stays]
    return (
        places(names, tree.level[kept], parent),
        row[np.where(kept[place], place, tree.parent[place])],
        high_kw[kept],
    )
