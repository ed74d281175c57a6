"""What a power flow leaves: voltages, losses and the proof of them, in one interval or a batch."""

from typing import NamedTuple

from gridagora.core.components import Phasors
from gridagora.core.tables import Col, Flag, Index


class Flow(NamedTuple):
    """Voltages and power of t time steps on m nodes; a step that did not converge holds nan."""

    v_pu: Col  # (t, m) magnitude
    substation_p_kw: Col  # (t,) into the feeder
    substation_q_kvar: Col  # (t,)
    losses_kw: Col  # (t,)
    converged: Flag  # (t,)
    rounds: Index  # (t,) 0 where not converged
    mismatch_kva: Col  # (t,) largest |S - V conj(Y V)| of any node
    v: Phasors  # (t, m) [V]
    p_kw: Col  # (t, j) what meters draw
    q_kvar: Col  # (t, j)
