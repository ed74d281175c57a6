"""Where homes stand in the layers of their feeder, and what each layer can carry."""

import numpy as np

from gridagora.core.outcome import Outcome
from gridagora.core.place import Level, Places, lift_kw, places
from gridagora.core.session import Site
from gridagora.core.tables import Col, Index
from gridagora.grid.layers import layers
from gridagora.scenario import draw
from gridagora.scenario.build import Scene

QUARTERS = 4


def site(scene: Scene, flat: Outcome) -> Site:
    """Return the site of the homes of a scene.

    A transformer carries its share of the rating, where the feeder states one; a zone its share of the 15-minute peak that it
    had under the flat design. What the scenario leaves out is not limited. Without layers every home stands at the feeder.
    """
    keys = scene.scenario.layers
    found = layers(scene.feeder, keys.zones)
    tree, place = found.tree, found.meter_place[scene.home_meter]
    high_kw = np.full(len(tree.name), np.inf)
    if keys.transformer_limit_share is not None:
        rated = np.isfinite(found.rating_kva)
        high_kw[rated] = keys.transformer_limit_share * found.rating_kva[rated]
    if not keys.transformers:
        tree, place, high_kw = without_transformers(tree, place, high_kw)
    if keys.zone_limit_share_of_flat_peak is not None:
        zone = tree.level == Level.ZONE
        per = max(1, round(1 / (QUARTERS * flat.dt_h)))
        load_kw = lift_kw(tree, place, flat.home_kw)[zone]
        high_kw[zone] = keys.zone_limit_share_of_flat_peak * load_kw.reshape(len(load_kw), -1, per).mean(2).max(1)
    return Site(tree, place, high_kw, scene.partners, draw.preference(scene.scenario, scene.homes))


def without_transformers(tree: Places, place: Index, high_kw: Col) -> tuple[Places, Index, Col]:
    """Return the tree, the place of each home and the limits with homes right below the zones, or the feeder."""
    kept = tree.level != Level.TRANSFORMER
    row = np.cumsum(kept) - 1
    parent = np.where(tree.parent[kept] < 0, -1, row[tree.parent[kept]])
    names = [name for name, stays in zip(tree.name, kept, strict=True) if stays]
    return places(names, tree.level[kept], parent), row[np.where(kept[place], place, tree.parent[place])], high_kw[kept]
