"""What the page of risk reads of an assessment: one variation, designs from the best mean on, pairs from either side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col
from gridagora.report.rows import Row, rows_of
from gridagora.studies.risk.assess import RiskAssessment
from gridagora.studies.risk.mean_rows import TIE
from gridagora.studies.risk.names import COST, STAKEHOLDERS
from gridagora.studies.risk.worlds import WorldSample

OPPOSITE = {"better": "worse", "worse": "better", "higher": "lower", "lower": "higher", TIE: TIE}


class PairView(NamedTuple):
    """One design against another in the same worlds: their difference, what it says of the one, how often the one is better."""

    difference: float
    low: float
    high: float
    verdict: str
    p_holm: float
    share: float
    share_low: float
    share_high: float

    @property
    def turned(self) -> "PairView":
        """The same pair from the other side."""
        return PairView(
            -self.difference,
            -self.high,
            -self.low,
            OPPOSITE[self.verdict],
            self.p_holm,
            1.0 - self.share,
            1.0 - self.share_high,
            1.0 - self.share_low,
        )


@dataclass(frozen=True)
class RiskView:
    """One variation of an ensemble, as the page of risk shows it."""

    found: RiskAssessment
    sample: WorldSample
    manifest: Mapping[str, Any]
    scenario_text: str = ""

    @property
    def metric(self) -> str:
        """The metric that ranks designs."""
        return self.found.metric

    @property
    def unit(self) -> str:
        """Unit of the metric that ranks designs."""
        return self.found.texts[self.metric].unit

    @property
    def is_ranked(self) -> bool:
        """Whether one direction of the metric is better."""
        return self.found.texts[self.metric].direction in ("up", "down")

    @property
    def percent(self) -> str:
        """The worst share that a tail holds, as '5 %'."""
        return f"{100 * (1 - self.found.question.level):.4g} %"

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the assessment, the rows of this variation."""
        whole = self.found.tables[name]
        return whole if whole.empty else whole[whole.variation == self.sample.variation]

    def means(self) -> dict[str, Row]:
        """Return the row of each design for the metric that ranks, the best mean first."""
        rows = self.table("means")
        rows = rows[rows.metric == self.metric]
        up = self.found.texts[self.metric].direction == "up"
        rows = rows.sort_values(["mean", "design"], ascending=[not up, True], kind="stable")
        return {row.design: row for row in rows_of(rows)}

    def pairs(self) -> dict[tuple[str, str], PairView]:
        """Return every ordered pair of designs for the metric that ranks."""
        rows = self.table("pairs")
        found: dict[tuple[str, str], PairView] = {}
        for row in rows_of(rows[rows.metric == self.metric]) if len(rows) else ():
            pair = PairView(
                row.difference,
                row.low,
                row.high,
                row.verdict,
                row.p_holm,
                row.first_better_share,
                row.first_better_low,
                row.first_better_high,
            )
            found[(row.first, row.second)] = pair
            found[(row.second, row.first)] = pair.turned
        return found

    def ties(self) -> tuple[str, ...]:
        """Return the design of the best mean and those that its interval does not part from it."""
        designs, pairs = list(self.means()), self.pairs()
        return tuple(
            name
            for name in designs
            if name == designs[0]
            or (name, designs[0]) not in pairs
            or pairs[(name, designs[0])].verdict == TIE
        )

    def stakeholders(self) -> tuple[str, ...]:
        """Return the losses of stakeholders that have tails, the system first, those that never lose or gain left out."""
        rows = self.table("tails")
        if rows.empty:
            return ()
        own = rows[rows.is_stakeholder & ((rows["mean"] != 0) | (rows.shortfall != 0))]
        known = list(STAKEHOLDERS)
        names = sorted(
            own.metric.unique(),
            key=lambda name: (known.index(name) if name in known else len(known), name),
        )
        return tuple(name for name in names if name.startswith(COST))

    def values(self, design: str) -> Col:
        """Return the metric that ranks under a design, (n,) [its unit], worlds without it left out."""
        held = self.sample.column(design, self.metric)
        return held[np.isfinite(held)]


def view_of(
    found: RiskAssessment,
    manifest: Mapping[str, Any],
    variation: int | None = None,
    scenario_text: str = "",
) -> RiskView:
    """Return one variation of an assessment, the first where none is named.

    Raises
    ------
    InputError
        A variation that the ensemble does not have.
    """
    known = [sample.variation for sample in found.samples]
    chosen = known[0] if variation is None else variation
    if chosen not in known:
        expected = f"one of {', '.join(map(str, known))}"
        raise InputError([Problem("variation", str(chosen), expected)])
    return RiskView(found, found.samples[known.index(chosen)], manifest, scenario_text)


def spread_points(count: int, most: int) -> Sequence[int]:
    """Return at most `most` of the numbers 0 to count - 1, evenly spread, both ends among them."""
    spread = np.linspace(0, count - 1, min(count, most)).round().astype(int)
    return [int(each) for each in np.unique(spread)]
