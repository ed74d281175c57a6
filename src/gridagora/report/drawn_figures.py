"""Figures by name, each drawn when it is asked for: a notebook that shows one does not wait for the others."""

from collections.abc import Callable, Iterator, Mapping

import plotly.graph_objects as go

from gridagora.core.by_name import ByName
from gridagora.report.facts import ComparisonView


class DrawnFigures(Mapping[str, go.Figure]):
    """The figures that a result has numbers for, by name; a name that it has not is refused with the nearest."""

    def __init__(
        self,
        drawings: Mapping[str, Callable[[ComparisonView], go.Figure | None]],
        result: ComparisonView,
    ) -> None:
        """Keep what draws each figure; nothing is drawn yet."""
        self.drawings = drawings
        self.result = result

    def __getitem__(self, name: str) -> go.Figure:
        """Return the figure of that name, drawn anew.

        Raises
        ------
        InputError
            A figure that there is not, or of which the result holds no numbers; with the nearest name.
        """
        drawn = self._draw(name)
        return (
            ByName(self._all(), "figures", "a figure of this result")[name]
            if drawn is None
            else drawn
        )

    def __iter__(self) -> Iterator[str]:
        """Return the names of the figures that the result has numbers for."""
        return iter(self._all())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all())

    def __contains__(self, name: object) -> bool:
        """Return whether the result has numbers for a figure of that name."""
        return isinstance(name, str) and self._draw(name) is not None

    def get(self, name: str, default: go.Figure | None = None) -> go.Figure | None:
        """Return the figure of that name, or something else where there is none."""
        drawn = self._draw(name)
        return default if drawn is None else drawn

    def __repr__(self) -> str:
        """Return the names."""
        return f"figures: {', '.join(self)}"

    def _draw(self, name: str) -> go.Figure | None:
        draw = self.drawings.get(name) if isinstance(name, str) else None
        return None if draw is None else draw(self.result)

    def _all(self) -> dict[str, go.Figure]:
        drawn = {name: draw(self.result) for name, draw in self.drawings.items()}
        return {name: figure for name, figure in drawn.items() if figure is not None}
