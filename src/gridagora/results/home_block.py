"""Some homes of an outcome over the whole run: what tables and metrics of single homes are folded over."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from gridagora.core.records import by_row, row_blocks
from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome


class HomeBlock:
    """k homes over t intervals; a column is read when it is first asked for."""

    def __init__(self, outcome: Outcome, rows: slice) -> None:
        self.outcome, self.rows = outcome, rows

    @cached_property
    def home_kw(self) -> Col:
        """Net power, shape (k, t) [kW]."""
        return by_row(self.outcome.home_kw[self.rows])

    @cached_property
    def available_kw(self) -> Col:
        """What generation that may be curtailed could give, shape (k, t) or, where there is none, (1, 1) [kW]."""
        columns = self.outcome.available_kw.values()
        return np.asarray(sum((by_row(each[self.rows]) for each in columns), np.zeros((1, 1))))

    @cached_property
    def award_kw(self) -> Col:
        """What each was awarded, shape (k, t) [kW], nan where nothing; an interval of all homes lies together."""
        return np.asfortranarray(self.outcome.award_kw[self.rows])

    @cached_property
    def home_v_pu(self) -> Col:
        """Voltage, shape (k, t) [pu]; nan without a power flow."""
        net = self.outcome.network
        return (
            np.full_like(self.home_kw, np.nan) if net is None else by_row(net.home_v_pu[self.rows])
        )


def home_blocks(outcome: Outcome) -> Iterator[HomeBlock]:
    """Yield the homes of an outcome some at a time, in their order."""
    for rows in row_blocks(outcome.home_kw.shape):
        yield HomeBlock(outcome, rows)
