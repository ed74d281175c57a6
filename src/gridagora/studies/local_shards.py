"""Shards of an area in this process, one after the other: the memory of all of them, and no transport."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridagora.run.area import AreaCase
from gridagora.run.area_tree import cut_feeders
from gridagora.run.shard import Shard, open_shard


@dataclass(frozen=True, eq=False)
class LocalShards:
    """Shards in this process, called one after the other."""

    shards: tuple[Shard, ...]
    feeders: tuple[int, ...]

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of every shard, each with its own arguments, and return what they return, in their order."""
        pairs = zip(self.shards, arguments, strict=True)
        return [getattr(shard, method)(*given) for shard, given in pairs]


def open_local(area: AreaCase, shards: int) -> LocalShards:
    """Return the shards of an area in this process."""
    parts = cut_feeders(area.shape, shards)
    found = tuple(open_shard(area, part) for part in parts)
    return LocalShards(found, tuple(last - first for first, last in parts))
