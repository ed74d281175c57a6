"""Shards of an area as actors of a Ray cluster: each stays where it is, and one that is lost is made again and catches up.

A shard is a function of what it was told, so an actor that is lost starts from its last checkpoint, or from the beginning, and is
told again what it had heard since: curves up and prices down are few numbers beside the state of the homes. The run ends as it
would have, to the last bit.
"""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.run.area import AreaCase
from gridagora.run.area_tree import cut_feeders
from gridagora.run.shard import open_shard
from gridagora.studies.ray_cluster import TRIES, RayCluster
from gridagora.studies.ray_module import exceptions, ray

SAVED_AFTER = "close_hour"  # a checkpoint is due after this call, when no session is open
LOST = (exceptions.RayActorError, exceptions.NodeDiedError, exceptions.ObjectLostError)
Told = tuple[str, bytes]


class _ShardActor:
    """One shard in a worker."""

    def __init__(self, area: bytes, part: tuple[int, int], saved: str | None) -> None:
        if saved is None:
            self.shard = open_shard(pickle.loads(area), part)
        else:
            self.shard = pickle.loads(Path(saved).read_bytes())

    def do(self, method: str, given: bytes) -> bytes:
        """Call a method of the shard; bytes in and out, for arrays that Ray hands over itself cannot be written."""
        return pickle.dumps(getattr(self.shard, method)(*pickle.loads(given)))

    def save(self, path: str) -> None:
        """Write the shard; a stop in between leaves what was there before."""
        draft = Path(f"{path}.part")
        draft.write_bytes(pickle.dumps(self.shard))
        draft.replace(path)


@dataclass(eq=False)
class ActorShards:
    """Shards on a cluster; what each was told since its checkpoint is kept here."""

    cluster: RayCluster
    area: Any  # the area as bytes in the object store
    parts: list[tuple[int, int]]
    folder: Path | None
    every_h: int
    actors: list[Any] = field(default_factory=list)
    told: list[list[Told]] = field(default_factory=list)
    saved: list[Path | None] = field(default_factory=list)
    hours: int = 0

    @property
    def feeders(self) -> tuple[int, ...]:
        """Number of feeders of each shard, in the order of feeders."""
        return tuple(last - first for first, last in self.parts)

    def start(self) -> None:
        """Make every actor."""
        self.actors = [self._make(part, None) for part in self.parts]
        self.told = [[] for _ in self.parts]
        self.saved = [None for _ in self.parts]

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of every shard, each with its own arguments, and return what they return, in their order."""
        given = [pickle.dumps(each) for each in arguments]
        pairs = zip(self.actors, given, strict=True)
        asked = [actor.do.remote(method, each) for actor, each in pairs]
        found = []
        for row, (answer, each) in enumerate(zip(asked, given, strict=True)):
            found.append(pickle.loads(self._await(row, answer, (method, each))))
            self.told[row].append((method, each))
        self.hours += method == SAVED_AFTER
        if method == SAVED_AFTER and self.folder is not None and self.hours % self.every_h == 0:
            self._save_all(self.folder)
        return found

    def _make(self, part: tuple[int, int], saved: Path | None) -> Any:
        actor = ray.remote(num_cpus=1, max_restarts=0)(_ShardActor)
        return actor.remote(self.area, part, None if saved is None else str(saved))

    def _await(self, row: int, answer: Any, told: Told) -> bytes:
        """Return the answer of an actor; one that is lost is made again, and told all that it had heard."""
        for _ in range(TRIES):
            try:
                found: bytes = ray.get(answer)
            except LOST as fault:
                said = f"Shard {row + 1} was lost ({type(fault).__name__}); it is made again and catches up."
                self.cluster.tell(said)
                self.actors[row] = self._make(self.parts[row], self.saved[row])
                for method, given in self.told[row]:
                    self.actors[row].do.remote(method, given)
                answer = self.actors[row].do.remote(*told)
                continue
            except exceptions.RayTaskError as fault:
                raise fault.cause from None
            return found
        raise PartError(f"shard {row + 1} of the run was lost {TRIES} times in one call")

    def _save_all(self, folder: Path) -> None:
        """Write a checkpoint of every shard; one that is lost meanwhile keeps the one before."""
        paths = [folder / f"shard-{row}-{self.hours}.pickle" for row in range(len(self.parts))]
        pairs = list(zip(self.actors, paths, strict=True))
        asked = [actor.save.remote(str(path)) for actor, path in pairs]
        for row, (answer, path) in enumerate(zip(asked, paths, strict=True)):
            try:
                ray.get(answer)
            except LOST:
                continue  # the next call finds it lost, and starts from the checkpoint before
            before, self.saved[row] = self.saved[row], path
            self.told[row].clear()
            if before is not None:
                before.unlink(missing_ok=True)


@contextmanager
def open_actors(
    cluster: RayCluster,
    area: AreaCase,
    shards: int,
    folder: Path | None = None,
    every_h: int = 6,
) -> Iterator[ActorShards]:
    """Yield the shards of an area as actors of a cluster, which end with it.

    Parameters
    ----------
    shards
        No more than the cluster has cores: an actor holds one.
    folder
        For checkpoints, one that all nodes share; left out, a shard that is lost starts again from the beginning.
    every_h
        Hours of the run between checkpoints.

    Raises
    ------
    InputError
        More shards than cores.
    """
    parts = cut_feeders(area.shape, shards)
    if len(parts) > cluster.cpus:
        hint = "Each shard is an actor that holds a core for the whole run."
        cores = f"at most {cluster.cpus}, the cores of the cluster"
        raise InputError([Problem("shards", str(len(parts)), cores, hint)])
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    found = ActorShards(cluster, ray.put(pickle.dumps(area)), parts, folder, every_h)
    try:
        found.start()
        yield found
    finally:
        for actor in found.actors:
            ray.kill(actor)
        for path in (each for each in found.saved if each is not None):
            path.unlink(missing_ok=True)
