"""The feeder as columns: the network is one admittance matrix without loads, the meters hang on pairs of its nodes."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gridagora.core.tables import Col, Flag, Index

Phasors = NDArray[np.complex128]

GROUND = -1  # the `load_to` of a load from a node to earth
LIVE_PU = 0.5  # a node below this voltage without load is a neutral, not a phase


def _none() -> Index:
    return np.zeros(0, np.int64)


def _no_pairs() -> Index:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class Feeder:
    """A three-phase network with m nodes, b buses, j meters and k load rows (a meter on several phases has several rows).

    The admittance matrix is in compressed sparse columns and holds everything but the loads, the source's own
    admittance included; the source is its Norton current. Loads draw constant power, in equal parts on the rows of
    their meter. Buses without coordinates have nan.
    """

    name: str
    node_name: tuple[str, ...]  # (m,) "bus.phase"
    node_bus: Index  # (m,) row of the bus
    node_base_v: Col  # (m,) line to neutral [V]
    y_data: Phasors  # (z,) [S]
    y_indices: Index  # (z,) row of each entry
    y_indptr: Index  # (m + 1,)
    source_i: Phasors  # (m,) [A]
    source_y: Phasors  # (z,) the source's share of `y_data`, entry by entry [S]
    v_no_load: Phasors  # (m,) [V]
    load_name: tuple[str, ...]  # (k,)
    load_from: Index  # (k,) node
    load_to: Index  # (k,) node, or GROUND
    load_kw: Col  # (k,) rated
    load_kvar: Col  # (k,) rated
    load_meter: Index  # (k,) row of the meter
    meter_name: tuple[str, ...]  # (j,)
    meter_bus: Index  # (j,) row of the bus
    meter_kw: Col  # (j,) rated
    meter_is_home: Flag  # (j,)
    bus_name: tuple[str, ...]  # (b,)
    bus_x: Col  # (b,) in the unit of the source's map [m]
    bus_y: Col  # (b,) likewise [m]
    line_from_bus: Index  # (l,)
    line_to_bus: Index  # (l,)
    line_kind: tuple[str, ...]  # (l,) "line" or "transformer"
    line_kva: Col  # (l,) rating of a transformer, nan elsewhere
    notes: tuple[str, ...] = ()  # what the reader had to assume, one sentence each
    held_taps: tuple[str, ...] = ()  # regulators whose control is not solved, "name tap" each
    meter_customers: Index = field(
        default_factory=_none
    )  # (j,) homes a meter has room for; empty: one on each home meter
    meter_stays: tuple[
        str, ...
    ] = ()  # (j,) why a meter stays a load, "" for homes; empty where nothing is said
    leg_pairs: Index = field(default_factory=_no_pairs)  # (p, 2) meters on the two legs of one home
    meter_shape: Index = field(
        default_factory=_none
    )  # (j,) row of its load shape, -1 where it has none; empty: none has
    shape_share: tuple[Col, ...] = ()  # (h,) each by hour from 1 January or midnight, of the rating


def live_nodes(feeder: Feeder) -> Flag:
    """Mask of the nodes that carry phase voltage, shape (m,); neutrals and dead nodes are False."""
    return np.abs(feeder.v_no_load) > LIVE_PU * feeder.node_base_v


def row_share(feeder: Feeder) -> Col:
    """Return the share of its meter's power that each load row draws, (k,): equal parts, adding up to one a meter."""
    rows = np.bincount(feeder.load_meter, minlength=len(feeder.meter_name))
    share: Col = 1.0 / rows[feeder.load_meter]
    return share
