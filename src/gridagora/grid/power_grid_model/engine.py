"""The flow of a feeder by power-grid-model: Newton-Raphson over three phases, all steps of a batch in one call.

References
----------
power-grid-model 1.12.110, LF Energy, doi 10.5281/zenodo.8054429; what its columns mean was found by running it.
"""

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.flow import ControlState
from gridagora.core.tables import Col
from gridagora.grid.engine_grid import EngineGrid, EngineSteps
from gridagora.grid.fixed_point import FixedPoint
from gridagora.grid.power_grid_model.columns import HERTZ, Columns, drawn_columns, input_columns
from gridagora.grid.power_grid_model.network import EngineNetwork, network_of

TOLERANCE_PU = 1e-8  # largest move of a voltage in the last round, as of our own flow
ROUNDS_MAX = 50
INSTALL = (
    "pip install 'gridagora[power-grid-model]'; from a clone: pip install '.[power-grid-model]'"
)


@dataclass(frozen=True, eq=False)
class PowerGridModel:
    """power-grid-model as the engine of a feeder that it can represent; it tells no rounds, so that of each step is 1."""

    network: EngineNetwork
    name: str = "power-grid-model"

    @cached_property
    def columns(self) -> dict[str, Columns]:
        """Components of the feeder as the engine takes them, by kind."""
        return input_columns(self.network)

    def play(self, own: FixedPoint, powers: tuple[Col, Col], start: ControlState) -> EngineSteps:
        """Return what the engine leaves of t steps in which every meter draws powers (t, j) each [kW], [kvar]."""
        import power_grid_model  # noqa: PLC0415  an extra, and no run of our own flow needs it

        node = power_grid_model.ComponentType.node
        t, network = len(powers[0]), self.network
        model = power_grid_model.PowerGridModel(self.columns, HERTZ)
        found = model.calculate_power_flow(
            symmetric=False,  # its default spreads each load over three phases
            error_tolerance=TOLERANCE_PU,
            max_iterations=ROUNDS_MAX,
            calculation_method="newton_raphson",
            update_data={
                "asym_load": drawn_columns(network, self.columns["asym_load"]["id"], powers)
            },
            threading=own.threads if t > 1 else -1,
            output_component_types={node: ["u", "u_angle"]},
            continue_on_batch_error=True,
        )[node]
        at = (slice(None), network.node_bus, network.node_phase)
        v = found["u"][at] * np.exp(1j * found["u_angle"][at])
        rounds = np.ones(t, np.int64)
        if model.batch_error is not None:
            rounds[model.batch_error.failed_scenarios] = 0
        held = np.repeat(start.tap[None], t, axis=0), np.repeat(start.steps_on[None], t, axis=0)
        return EngineSteps(v, rounds, np.zeros(t, np.int64), *held)


def open_engine_grid(own: FixedPoint) -> EngineGrid:
    """Return a grid whose flow power-grid-model solves.

    Raises
    ------
    InputError
        power-grid-model that is not installed, or what of the feeder it cannot represent, by kind and name.
    """
    require_engine(f"feeder '{own.feeder.name}'")
    return EngineGrid(own, PowerGridModel(network_of(own.feeder)))


def require_engine(where: str) -> None:
    """Refuse a flow where power-grid-model is not installed: it is an extra, since most runs need none.

    Raises
    ------
    InputError
        power-grid-model that is not installed, and the command that installs it.
    """
    if find_spec("power_grid_model") is None:
        expected = "the extra 'power-grid-model'"
        raise InputError([Problem(where, "no power-grid-model installed", expected, INSTALL)])
