"""How far a run is, as its events tell it: what the page that is open beside the run shows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from gridagora.report.style import colours, decimals, label, number

RUNNING, DONE, STOPPED = "running", "done", "stopped"
NO_LIMIT = ", no limit"
STAGES = {
    "baseline": "First run of the thermostats, which fixes the flat rate and the limit",
    "bound": "Certified bound",
    "worlds": "Worlds",
}
LATER = "the other metrics follow at the end, when this page becomes the report."
OF_ONE = f"A row is filled as soon as its design has run; {LATER}"
OF_WORLDS = f"Means over the worlds that have run; intervals and {LATER}"
LEAST_S = 3.0  # of a run, before its end is foretold


class ProgressColumn(NamedTuple):
    """A column of figures of finished designs: a metric by identifier, name and unit."""

    id: str
    name: str
    unit: str


@dataclass
class ProgressRow:
    """What is known of one design: how far it is, its figures in the worlds that ran, and in how many it failed, and why."""

    share: float = 0.0
    worlds: int = 0
    failed: int = 0
    why: str = ""
    values: dict[str, list[float]] = field(default_factory=dict)

    def mean(self, metric: str) -> float:
        """Return the mean of a metric over worlds [unit of the metric], nan where it has none."""
        held = self.values.get(metric)
        return sum(held) / len(held) if held else math.nan


class RunProgress:
    """What is known of a run while it goes: the run tells it, a server reads it, and a lock keeps the two apart.

    Parameters
    ----------
    title
        What runs, in words.
    designs
        Their names, in the order of the table.
    stages
        Those that the run is known to have, by the names that it tells.
    columns
        What is shown of a finished design.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        title: str,
        designs: Sequence[str],
        stages: Sequence[str],
        columns: Sequence[ProgressColumn],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.title = title
        self._columns, self._clock = tuple(columns), clock
        self._rows = {name: ProgressRow() for name in designs}
        self._shares = dict.fromkeys(stages, 0.0)
        self._stage, self._done, self._total = "", 0, 0
        self._began_s, self._stage_began_s = clock(), clock()
        self._first_done = 0
        self._state, self._said = RUNNING, ""
        self._lock = Lock()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Take in how far one stage is."""
        with self._lock:
            if stage != self._stage:
                self._stage, self._stage_began_s, self._first_done = stage, self._clock(), done
            self._done, self._total = done, total
            share = min(1.0, done / total) if total > 0 else 0.0
            self._shares[stage] = share
            if stage in self._rows:
                self._rows[stage].share = share

    def add(self, design: str, values: Mapping[str, float | None]) -> None:
        """Take in what a design did in one world: values [unit of the metric] by identifier."""
        with self._lock:
            row = self._rows[design]
            row.worlds += 1
            self._end(design)
            for column in self._columns:
                value = values.get(column.id)
                if value is not None:
                    row.values.setdefault(column.id, []).append(value)

    def fail(self, design: str, why: str) -> None:
        """Take in that a design failed, and why."""
        with self._lock:
            row = self._rows[design]
            row.failed, row.why = row.failed + 1, why
            self._end(design)

    def close(self, state: str, said: str) -> None:
        """Take in that the run is done or stopped, and a sentence on it."""
        with self._lock:
            self._state, self._said = state, said

    def document(self) -> dict[str, Any]:
        """Return what a page shows, as JSON knows it."""
        with self._lock:
            elapsed_s = self._clock() - self._began_s
            share = sum(self._shares.values()) / max(1, len(self._shares))
            share = 1.0 if self._state == DONE else share
            places = {
                column.id: decimals([row.mean(column.id) for row in self._rows.values()])
                for column in self._columns
            }
            tones = colours(list(self._rows))
            return {
                "title": self.title,
                "state": self._state,
                "said": self._said or self._spell_stage(),
                "lead": OF_WORLDS if "worlds" in self._shares else OF_ONE,
                "times": self._spell_times(elapsed_s, share),
                "share": round(share, 4),
                "columns": [[each.name, each.unit] for each in self._columns],
                "designs": [
                    {
                        "name": unescape(label(name)),
                        "tone": tones[name],
                        "state": self._spell_row(name, row),
                        "cells": [
                            number(round(row.mean(each.id), places[each.id]), places[each.id])
                            for each in self._columns
                        ],
                    }
                    for name, row in self._rows.items()
                ],
            }

    def _end(self, design: str) -> None:
        """Take in that the stage of a design is over: one that was kept from before tells of no steps."""
        if design in self._shares:
            self._shares[design] = 1.0

    def _spell_stage(self) -> str:
        """Return in a sentence what runs and what is done; it changes when a stage or a design ends, not with every step."""
        if not self._stage:
            return "The run begins."
        name = self._stage.removesuffix(NO_LIMIT)
        words = STAGES.get(name) or (unescape(label(name)) if name in self._rows else name)
        beside = ", where the substation has no limit" if self._stage.endswith(NO_LIMIT) else ""
        if self._stage == "worlds":
            return f"{words} run: {self._done} of {self._total} are done."
        ended = sum(bool(row.worlds or row.failed) for row in self._rows.values())
        return f"{words} runs{beside}. {ended} of {len(self._rows)} designs are done."

    def _spell_times(self, elapsed_s: float, share: float) -> str:
        said = [f"{100 * share:.0f} % done, {spell_duration(elapsed_s)} so far"]
        if self._state != RUNNING or elapsed_s < LEAST_S:
            return said[0]
        fresh = self._done - self._first_done
        if fresh > 0 and self._done < self._total:
            spent_s = self._clock() - self._stage_began_s
            left_s = spent_s / fresh * (self._total - self._done)
            said.append(f"about {spell_duration(left_s)} left of this stage")
        if 0.02 < share < 1 and self._stage != "worlds":
            left_s = elapsed_s * (1 - share) / share
            said.append(f"about {spell_duration(left_s)} in all if the rest takes as long")
        return "; ".join(said)

    def _spell_row(self, name: str, row: ProgressRow) -> str:
        if "worlds" in self._shares:
            beside = f"; failed in {row.failed}: {row.why}" if row.failed else ""
            return f"{row.worlds} worlds{beside}"
        if row.failed:
            return f"failed: {row.why}"
        if row.worlds:
            return "done"
        if name == self._stage:
            return f"runs, {100 * row.share:.0f} %"
        return "waits" if self._state == RUNNING else "not run"


def spell_duration(seconds: float) -> str:
    """Return a time in words, to the second below two minutes and to the minute above."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
