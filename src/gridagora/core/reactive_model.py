"""How losses and what a network limits move with reactive power around a power flow: the model that a market of it clears on."""

from typing import NamedTuple

from gridagora.core.tables import Col


class ReactiveModel(NamedTuple):
    """Losses and k limited quantities of t intervals, as j meters draw x [kvar] more than in the flow the model is made around.

    Losses grow by `loss_kw_per_kvar` x + |`loss_factor` x|^2 [kW], a quantity by `b` x. What is beyond `low` or `high` costs
    `over_usd_per_h` a unit.
    """

    loss_kw_per_kvar: Col  # (t, j)
    loss_factor: Col  # (r, j) [kW^0.5/kvar]
    value: Col  # (k, t) in the unit of its row: [pu], [A], [kVA] or [kvar]
    b: Col  # (k, j) [unit/kvar]
    low: Col  # (k, t) [unit]
    high: Col  # (k, t) [unit]
    over_usd_per_h: Col  # (k,) [$/h] a unit
    name: tuple[str, ...]
