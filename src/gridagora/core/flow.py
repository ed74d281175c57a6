"""What a power flow leaves: voltages, losses and the proof of them, in one interval or a batch."""

from typing import NamedTuple

from gridagora.core.components import Phasors
from gridagora.core.inverters import Infeed
from gridagora.core.tables import Col, Flag, Index

HUNTING = 100  # actions of one step after which controls hunt, and are left as they stand


class ControlState(NamedTuple):
    """How the controls of a feeder stand between two steps: k regulators, c capacitor banks, b controls of those."""

    tap: Index  # (k,) steps from the middle
    steps_on: Index  # (c,)
    is_reversed: Flag  # (k,) regulators that look against their direction
    opened_s: Col  # (b,) when their bank opened last, on the clock of `time_s` [s]
    time_s: float = 0.0  # since midnight, at the start of the next step


class Flow(NamedTuple):
    """Voltages and power of t time steps on m nodes; a step that did not converge holds nan.

    Steps follow each other in time. Those of k regulators and c capacitor banks stand as they do once controls came to
    rest; a step of which `actions` are `HUNTING` has controls that never do, and holds their last state.
    """

    v_pu: Col  # (t, m) magnitude
    substation_p_kw: Col  # (t,) into the feeder
    substation_q_kvar: Col  # (t,)
    losses_kw: Col  # (t,)
    converged: Flag  # (t,)
    rounds: Index  # (t,) 0 where not converged
    mismatch_kva: Col  # (t,) largest |S - V conj(Y V)| of any node
    v: Phasors  # (t, m) [V]
    p_kw: Col  # (t, j) what meters draw at these voltages
    q_kvar: Col  # (t, j)
    rated_p_kw: Col  # (t, j) what they were asked for, which loads of constant power draw
    rated_q_kvar: Col  # (t, j)
    tap: Index  # (t, k) steps from the middle
    steps_on: Index  # (t, c)
    actions: Index  # (t,) times that controls acted before they came to rest
    after: ControlState  # at the end of the last step
    given_kw: Col  # (t, i) by inverters that follow voltage, which `p_kw` and `rated_p_kw` of their meters are less
    given_kvar: Col  # (t, i)
    infeed: Infeed | None = (
        None  # these inverters and what they could give; prices and limits around the flow hold their curves
    )
