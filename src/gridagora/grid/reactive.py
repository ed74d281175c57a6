"""The model that a market of reactive power clears on, made around a flow: exact at it, and curved as losses are.

What the substation draws is exact to first order, by the adjoint of the flow; so are the magnitudes of limits. The second order
of losses is that of the currents which reactive power drives through the network: with S the move of node voltages with what
meters draw, and G the part of the admittance matrix that dissipates,

    losses grow by Re((S x)' conj G (S x)),

which no flow can make negative. Made around its own answer again and again, the model has the optimum of the exact flow, however
well the second order is known.
"""

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from gridagora.core.components import Phasors
from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.core.limits import Limits
from gridagora.core.reactive_model import ReactiveModel
from gridagora.core.tables import Col, Index
from gridagora.grid.admittance import Network
from gridagora.grid.linear import newton_system, solve_columns

VA_PER_KVA = 1e3
SMALLEST = 1e-9  # of the largest curvature; less is left out


def loss_factor(feeder: Feeder, network: Network, at: Flow, meter: Index) -> Col:
    """Return F of the second order of losses |F x|^2 [kW] as u meters draw x [kvar] more, shape (r, u) [kW^0.5/kvar].

    Parameters
    ----------
    network
        Of the feeder as its controls stand in the first step of the flow.
    at
        Flow, of which the first step counts.
    meter
        The u meters.
    """
    jacobian, (_, right) = newton_system(feeder, network.y, at, 0)
    moved = solve_columns(splu(jacobian), csc_matrix(right)[:, meter].toarray())
    m = len(moved) // 2
    dv: Phasors = moved[:m] + 1j * moved[m:]
    own = network.y - network.source_y
    dissipates = csc_matrix((own + own.conj().T) / 2)
    curvature = (np.conj(dv.T) @ (dissipates @ dv)).real / VA_PER_KVA
    size, way = np.linalg.eigh((curvature + curvature.T) / 2)
    kept = size > SMALLEST * max(size.max(initial=0.0), 0.0)
    return np.ascontiguousarray(np.sqrt(size[kept])[:, None] * way[:, kept].T)


def model_around(
    at: Flow, rows: Limits, loss_slope: Col, factor: Col, meter: Index, drawn_kvar: Col
) -> ReactiveModel:
    """Return the model of a flow of t steps in which u meters already draw some of the reactive power that is asked for.

    Parameters
    ----------
    at
        The flow.
    rows
        Its k limits over all meters, as `Grid.limits` tells them.
    loss_slope
        What a kvar more at each meter makes the substation draw, shape (t, u) [kW/kvar].
    factor
        Of `loss_factor`, shape (r, u) [kW^0.5/kvar].
    meter
        The u meters, columns of the flow.
    drawn_kvar
        What is asked of them in the flow, shape (u, t) [kvar]; the model counts from none of it.
    """
    k, j = len(rows.name), at.rated_p_kw.shape[1]
    a, b = (each.value.reshape(k, j) for each in (rows.a, rows.b))
    value = rows.c + a @ at.rated_p_kw.T + b @ at.rated_q_kvar.T
    by_kvar = np.ascontiguousarray(b[:, meter])
    return ReactiveModel(
        loss_slope - 2 * (factor.T @ (factor @ drawn_kvar)).T,
        factor,
        value - by_kvar @ drawn_kvar,
        by_kvar,
        rows.low,
        rows.high,
        rows.over_per_kwh,
        rows.name,
    )
