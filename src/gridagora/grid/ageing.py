"""How fast each transformer of a feeder ages: the heat of its own load in the air of the run, while the run is solved.

References
----------
IEEE C57.91-2011, equations (2) and (4) for the ageing of an interval and its mean over a run, section 7.2 for the temperatures.
"""

import numpy as np

from gridagora.core.flow import Flow
from gridagora.core.tables import Col
from gridagora.grid.loading import Ratings
from gridagora.results.transformer_ageing import TransformerAgeing
from gridagora.settlement.transformer_life import (
    DAY_H,
    LIFE_H,
    HeatOfMany,
    Rises,
    heat_many,
    mean_rises,
)


class AgeingFold:
    """The ageing of transformers with a rating over a run; steps come in their order, some at a time.

    They begin as warm as the mean of the first day holds them, so the loads of that day are held until it is over.

    Parameters
    ----------
    of
        Branches with a rating, of which one at least is a transformer.
    outdoor_c
        Of the air in the t steps of the run, shape (t,) [degC].
    dt_h
        Length of a step [h].
    """

    def __init__(self, of: Ratings, outdoor_c: Col, dt_h: float) -> None:
        self._of, self._outdoor_c, self._dt_h = of, outdoor_c, dt_h
        self._seen, self._counted = 0, 0
        self._held = list[tuple[Col, Col]]()  # loads and air of the first day
        self._rises: Rises | None = None
        units = len(of.rating) - of.lines
        self._ageing_h, self._hot_spot_c = np.zeros(units), np.full(units, -np.inf)

    def add(self, flow: Flow, share: Col) -> None:
        """Add some steps of a flow, with the loading (c, k) [1] of all branches in those that converged."""
        air_c = self._outdoor_c[self._seen + np.flatnonzero(flow.converged)]
        load_pu = share[:, self._of.lines :]
        self._seen += len(flow.converged)
        self._counted += len(air_c)
        if self._rises is not None:
            self._warm(load_pu, air_c, self._rises)
            return
        self._held.append((load_pu, air_c))
        if self._counted * self._dt_h >= DAY_H:
            self._begin()

    def found(self) -> TransformerAgeing:
        """Return what was found; nan where no step converged."""
        if self._rises is None and self._counted:
            self._begin()
        of, units = self._of, slice(self._of.lines, None)
        hours = self._counted * self._dt_h
        none = np.full(len(self._ageing_h), np.nan)
        return TransformerAgeing(
            of.name[units],
            of.from_bus[units],
            of.to_bus[units],
            of.rating[units],
            self._ageing_h / hours if hours else none,
            self._ageing_h / LIFE_H if hours else none,
            self._hot_spot_c if hours else none,
        )

    def _begin(self) -> None:
        load_pu, air_c = (np.concatenate(column) for column in zip(*self._held, strict=True))
        self._held = []
        day = max(1, round(DAY_H / self._dt_h))
        self._warm(load_pu, air_c, mean_rises(load_pu[:day]))

    def _warm(self, load_pu: Col, air_c: Col, before: Rises) -> None:
        found: HeatOfMany = heat_many(load_pu, air_c, self._dt_h, before)
        self._ageing_h += found.ageing_h
        self._hot_spot_c = np.maximum(self._hot_spot_c, found.hot_spot_c)
        self._rises = found.after
