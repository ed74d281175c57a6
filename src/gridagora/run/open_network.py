"""The grid of a scene: solved by our own flow, or by the engine that the scenario names."""

from pathlib import Path

from gridagora.core.ports import Grid
from gridagora.grid import power_grid_model
from gridagora.grid.fixed_point import open_grid
from gridagora.scenario.build import Scene
from gridagora.sources.opendss.engine_grid import open_engine_grid


def open_network(scene: Scene, step_s: float) -> Grid:
    """Return the grid of a scene whose steps are so long [s].

    Raises
    ------
    InputError
        An engine that is not installed, that has no type for a part of the feeder, or whose script is another than that of
        the feeder.
    """
    own = open_grid(scene.feeder, moves_controls=True, step_s=step_s)
    keys = scene.scenario.feeder
    if keys.engine == "own":
        return own
    if keys.engine == "power_grid_model":
        return power_grid_model.open_engine_grid(own)
    return open_engine_grid(own, Path(keys.file))
