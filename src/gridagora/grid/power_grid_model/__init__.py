"""power-grid-model as the engine of a feeder: what it can represent, and the flow by it."""

from gridagora.grid.power_grid_model.engine import open_engine_grid, require_engine
from gridagora.grid.power_grid_model.network import refusals

__all__ = ["open_engine_grid", "refusals", "require_engine"]
