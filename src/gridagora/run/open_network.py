"""The grid of a scene: solved by our own flow, or by the engine that the scenario names."""

from pathlib import Path

from gridagora.core.ports import Grid
from gridagora.grid.fixed_point import open_grid
from gridagora.scenario.build import Scene
from gridagora.sources.opendss.engine_grid import open_engine_grid


def open_network(scene: Scene, step_s: float) -> Grid:
    """Return the grid of a scene whose steps are so long [s].

    Raises
    ------
    InputError
        An engine that is not installed, or whose script is another than the feeder was read from.
    """
    own = open_grid(scene.feeder, moves_controls=True, step_s=step_s)
    keys = scene.scenario.feeder
    if keys.engine == "own":
        return own
    return open_engine_grid(own, Path(keys.file))
