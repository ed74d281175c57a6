"""What a program calls: comparisons of designs, with their table, figures and report, and the risk of an ensemble."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gridagora.core.by_name import ByName
from gridagora.core.errors import InputError, Problem, require
from gridagora.files.path import require_path
from gridagora.report import figures as comparison_figures
from gridagora.report import page, study_figures, study_page, table
from gridagora.report.answers import write_answers
from gridagora.report.drawn_figures import DrawnFigures
from gridagora.report.facts import designs as design_names
from gridagora.report.result_frames import (
    DesignResult,
    bills_of,
    data_set_of,
    result_in_brief,
    series_of,
)
from gridagora.run import compare as runs
from gridagora.run import folder as folders
from gridagora.run.result import Comparison
from gridagora.run.statement import ledger_of, parties_of, statement_of
from gridagora.scenario.build import Scene
from gridagora.settlement.ledger import Ledger
from gridagora.settlement.parties import Parties
from gridagora.studies.risk.assess import RiskAssessment, assess
from gridagora.studies.risk.question import RiskQuestion
from gridagora.studies.risk.tail import LEVEL
from gridagora.studies.risk.worlds import read_worlds

HEADLINE = ("E1y", "E2", "E2u", "E5", "E5b", "E6m", "C1", "P1")  # of a result in a notebook


@dataclass(frozen=True, eq=False)
class Result(Comparison):
    """A comparison or a study, as it was run or as it was read from its folder."""

    def __post_init__(self) -> None:
        """Refuse what is no result.

        Raises
        ------
        InputError
            A field of another kind.
        """
        hint = "a dictionary, as gridagora.compare makes it"
        require(self.summary, dict, "Result: summary", hint)
        require(self.tables, dict, "Result: tables", "data frames by name")
        require(self.scenario_text, str, "Result: scenario_text", "the text of a scenario")

    @property
    def is_study(self) -> bool:
        """Whether this is a study of one design rather than a comparison."""
        return "study" in self.summary

    def table(self) -> pd.DataFrame:
        """Return metrics as rows and designs as columns, with unit and direction."""
        return table.table(self)

    @property
    def figures(self) -> DrawnFigures:
        """Plotly figures by name, each drawn when it is asked for; it shows itself in a notebook."""
        if self.is_study:
            return DrawnFigures(study_figures.EVERY_DRAWING, self)
        return DrawnFigures(comparison_figures.DRAWINGS, self)

    @property
    def bills(self) -> pd.DataFrame:
        """Bill of every home [$]: a row a home, a column a design."""
        return bills_of(self)

    @property
    def designs(self) -> ByName[DesignResult]:
        """Designs by name, each with its `metrics`, `bills`, `intervals`, `warnings`, `certificates` and `series(HOME)`."""
        names = () if self.is_study else design_names(self)
        made = {name: DesignResult(self, name) for name in names}
        return ByName(made, "designs", "a design of this result")

    def series(self, home: str) -> pd.DataFrame:
        """Return what is kept of a home by time: net power, price, credit, temperature, power of each kind of device.

        Rows are times in the zone of the scenario, columns pairs of a design and a quantity, whose name ends in its unit:
        `series("home-0001")["flat"]` is the frame of one design.

        Raises
        ------
        InputError
            No such home, with the nearest name, or a result that keeps no series of homes: `keep` in `[results]` says what is.
        """
        return series_of(self, home)

    def xarray(self, table: str = "intervals") -> Any:
        """Return a table with times, as "intervals" or "meters", as an `xarray.Dataset` by design, home and UTC time.

        Raises
        ------
        InputError
            A table that is absent or has no time, or xarray is not installed.
        """
        return data_set_of(self, table)

    def __repr__(self) -> str:
        """Return the result in at most 15 lines."""
        if self.is_study:
            return f"Result of the study '{self.summary['study']}': figures, report(path)"
        return result_in_brief(self)

    def _repr_html_(self) -> str:
        """Return the headline figures of a comparison for a notebook."""
        if self.is_study:
            return f"<p>{html.escape(repr(self))}</p>"
        table = self.table()
        rows = [name for name in HEADLINE if name in table.index]
        heading = html.escape(repr(self).partition("\n")[0])
        return f"<p>{heading}</p>{table.loc[rows].to_html(float_format='{:.3g}'.format)}"

    def parties(self, design: str) -> Parties:
        """Return the parties of a design, homes first; see `run.statement.parties_of`."""
        return parties_of(self.tables, design)

    def ledger(self, design: str) -> Ledger:
        """Return every entry of a design to the micro-dollar; see `run.statement.ledger_of`."""
        return ledger_of(self.tables, design)

    def statement(self, design: str, party: str) -> pd.DataFrame:
        """Return the bill of a party line by line; see `run.statement.statement_of`."""
        return statement_of(self.tables, design, party)

    def export(self, folder: str | Path) -> Path:
        """Write the tables of a comparison into a folder as CSV and as one workbook, and return its path.

        Raises
        ------
        InputError
            What is no path, or a study.
        """
        require_path(folder, "export", "the path of a folder")
        return write_answers(self, Path(folder))

    def report(self, path: str | Path) -> Path:
        """Write the report as one self-contained page and return its path."""
        require_path(path, "report", "the path of the file to write")
        write = study_page.write if self.is_study else page.write
        return write(self, Path(path))


def compare(
    scene: Scene,
    architectures: Sequence[str] | None = None,
    out: str | Path | None = None,
    progress: runs.Progress | None = None,
) -> Result:
    """Run designs on one scene and compare them with each other and with the certified bound.

    Parameters
    ----------
    scene
        From `gridagora.load` or `gridagora.build`.
    architectures
        Names of designs; those of the scenario where left out. `flat` always runs: it sets tariff, limit and baseline.
    out
        Folder to write: prepared beside it and put in its place whole. Where a run ends early, what finished designs did is left
        in the folder beside it, FOLDER.part-PROCESS.
    progress
        Told (stage, done, total).

    Returns
    -------
    Result
        `table()`, `figures`, `report(path)`.

    Raises
    ------
    InputError
        An unknown design, or a scene that cannot be run.
    PartError
        A run whose welfare exceeds the certified bound: a fault of the program, and no report is written.
    """
    if isinstance(architectures, list | tuple) and not architectures:
        hint = "Leave it out to run those of the scenario."
        raise InputError([Problem("architectures", "no design", "names of designs", hint)])
    return _result(runs.compare(scene, architectures, out, progress))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Many worlds of one scenario, as they were read from their folder.

    `worlds` has columns seed, variation, design, metric and value, a row each; `manifest` says how they were drawn.
    """

    worlds: pd.DataFrame
    manifest: Mapping[str, Any]

    def __repr__(self) -> str:
        """Return the ensemble in three lines."""
        designs = ", ".join(name for name in self.worlds.design.drop_duplicates() if name)
        count = self.worlds[["seed", "variation"]].drop_duplicates().shape[0]
        return (
            f"Ensemble of {count} worlds\n  designs: {designs}\n  next: assess(), worlds, manifest"
        )

    def assess(
        self,
        level: float = LEVEL,
        metric: str | None = None,
        width: float | None = None,
    ) -> RiskAssessment:
        """Return the risk of every design as tables, `tables["pairs"]` and so on; see `studies.risk.assess`.

        Parameters
        ----------
        level
            Of the tail: .95 is the worst 5 % of worlds.
        metric
            What ranks designs; the cost of the system where left out.
        width
            Half the width of an interval, in the unit of the metric, at which drawing may stop.

        Raises
        ------
        InputError
            Too few worlds for the tail, a level outside 0..1, an unknown metric.
        """
        return assess(self.worlds, RiskQuestion(level, metric, width), manifest=self.manifest)


def open_ensemble(folder: str | Path) -> Ensemble:
    """Read an ensemble from its folder, as `gridagora ensemble` wrote it.

    Raises
    ------
    InputError
        A folder that holds none, or a table that is none of worlds.
    """
    require_path(folder, "open_ensemble", "the path of a folder of an ensemble")
    return Ensemble(*read_worlds(Path(folder)))


def open_result(folder: str | Path) -> Result:
    """Read a result back from its folder: the files that its manifest lists, and nothing else.

    Raises
    ------
    InputError
        No manifest, one of another format or of another run, a file that is missing or differs from what was written: all at
        once.
    """
    return _result(folders.load(folder))


def _result(found: Comparison) -> Result:
    """Return a comparison whose tables say in a sentence what they have not."""
    tables = ByName(found.tables, "tables", "a table of this result")
    return Result(found.summary, tables, found.scenario_text)
