"""Steps of a flow that have their controls in one state, and what is found of each put together again."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridagora.core.flow import Flow
from gridagora.core.nodal_prices import NodalPrices, PriceParts
from gridagora.core.tables import Col, Index


def group_steps(at: Flow) -> list[Index]:
    """Return the steps of a flow by the state of its controls, (s,) each."""
    state = np.concatenate([at.tap, at.steps_on], axis=1)
    _, group = np.unique(state, axis=0, return_inverse=True)
    return [np.flatnonzero(group == each) for each in range(int(group.max(initial=-1)) + 1)]


def steps_of(at: Flow, step: Index) -> Flow:
    """Return some steps (s,) of a flow as one of its own."""
    columns: list[Any] = [each[step] if isinstance(each, np.ndarray) else each for each in at]
    part, infeed = Flow(*columns), at.infeed
    if infeed is None:
        return part
    sun = infeed.available_kw[step], infeed.gives_var[step]
    return part._replace(infeed=infeed._replace(available_kw=sun[0], gives_var=sun[1]))


def join_prices(parts: Sequence[tuple[Index, NodalPrices]]) -> NodalPrices:
    """Return the prices of all steps, of those of some steps (s,) each."""
    order = np.argsort(np.concatenate([step for step, _ in parts]))

    def joined(columns: Sequence[Col]) -> Col:
        return np.asarray(np.concatenate(columns)[order])

    sides = [
        PriceParts(
            *(joined(each) for each in zip(*(found[side] for _, found in parts), strict=True))
        )
        for side in range(4)
    ]
    rounds: Index = np.concatenate([found.rounds for _, found in parts])[order]
    return NodalPrices(sides[0], sides[1], sides[2], sides[3], rounds)
