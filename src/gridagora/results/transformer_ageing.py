"""How fast the transformers of a feeder aged in a run."""

from typing import NamedTuple

from gridagora.core.tables import Col, Index


class TransformerAgeing(NamedTuple):
    """Ageing of u transformers with a known rating, each in the air of the run; intervals without a power flow are left out."""

    name: tuple[str, ...]  # (u,)
    from_bus: Index  # (u,) row of the bus, -1 where that end is not fed
    to_bus: Index  # (u,)
    rating_kva: Col  # (u,)
    ageing_ratio: Col  # (u,) hours of life that an hour takes in the mean of the run, nan where no power flow converged [1]
    life_lost_share: Col  # (u,) of the life of its insulation [1]
    hot_spot_c: Col  # (u,) highest of the hottest spot [degC]
