"""How the homes of an area stand: home, service transformer, feeder, zone, area, and where that tree is cut into shards."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.place import Level, Places, places
from gridagora.core.tables import Index


class AreaShape(NamedTuple):
    """How homes stand: everything below is filled from the first home on, the last of each may be smaller."""

    homes: int
    homes_per_transformer: int = 5
    transformers_per_feeder: int = 100
    feeders_per_zone: int = 20

    @property
    def homes_per_feeder(self) -> int:
        """Homes of a feeder that is full."""
        return self.homes_per_transformer * self.transformers_per_feeder

    @property
    def feeders(self) -> int:
        """Number of feeders."""
        return -(-self.homes // self.homes_per_feeder)

    @property
    def zones(self) -> int:
        """Number of zones."""
        return -(-self.feeders // self.feeders_per_zone)


class ShardPlace(NamedTuple):
    """The part of the tree below some neighbouring feeders: transformers first, then feeders, which are roots here."""

    tree: Places
    place: Index  # (n,) transformer of each home
    feeder: Index  # (n,) which of the shard's feeders
    first_home: int
    first_feeder: int


def cut_feeders(shape: AreaShape, shards: int) -> list[tuple[int, int]]:
    """Return the first and last feeder, exclusive, of each shard; never more shards than feeders.

    Raises
    ------
    InputError
        A number of shards below one.
    """
    if shards < 1:
        raise InputError([Problem("shards", str(shards), "a whole number of at least 1")])
    count = min(shards, shape.feeders)
    edges = [shape.feeders * row // count for row in range(count + 1)]
    return list(pairwise(edges))


def homes_by_feeder(shape: AreaShape) -> Index:
    """Return the number of homes of each feeder, shape (k,)."""
    homes = np.full(shape.feeders, shape.homes_per_feeder)
    homes[-1] = shape.homes - (shape.feeders - 1) * shape.homes_per_feeder
    return homes


def upper_tree(shape: AreaShape) -> tuple[Places, Index]:
    """Return the tree above the k feeders, the area last, and the place above each feeder, shape (k,)."""
    zones = shape.zones
    names = [*(f"zone {row + 1}" for row in range(zones)), "area"]
    parent = np.append(np.full(zones, zones), -1)
    tree = places(names, np.append(np.full(zones, Level.ZONE), Level.AREA), parent)
    return tree, np.arange(shape.feeders) // shape.feeders_per_zone


def place_shard(shape: AreaShape, feeders: tuple[int, int]) -> ShardPlace:
    """Return the tree below feeders first to last - 1."""
    first, last = feeders
    home = np.arange(
        first * shape.homes_per_feeder, min(last * shape.homes_per_feeder, shape.homes)
    )
    unit = (home - home[0]) // shape.homes_per_transformer
    feeder = home // shape.homes_per_feeder - first
    units, count = int(unit[-1]) + 1, last - first
    above = np.arange(units) // shape.transformers_per_feeder + units
    parent = np.concatenate([above, np.full(count, -1)])
    level = np.repeat([Level.TRANSFORMER, Level.FEEDER], [units, count])
    names = (
        *(f"transformer {row + 1}" for row in range(units)),
        *(f"feeder {first + row + 1}" for row in range(count)),
    )
    return ShardPlace(Places(names, level, parent), unit, feeder, int(home[0]), first)
