"""Who may trade with whom, from a file: two home ids a line."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Index
from gridagora.files.text_table import mark_of, read_rows, read_text
from gridagora.kernels.coordination.consensus import find_components, make_links

SHOWN = 5  # homes named of one fault before the rest is counted
LINES_SHOWN = 10


def read(path: Path, home_id: Sequence[str]) -> Index:
    """Return the pairs of homes in a CSV file of two columns, shape (e, 2), as rows of `home_id`.

    The first line may be a header: two words without a digit that name no home. Empty lines are passed over.

    Raises
    ------
    InputError
        Every line that is no pair of two homes; else every home without a partner, or the parts that a graph falls into.
    """
    row = {name: number for number, name in enumerate(home_id)}
    pairs: list[tuple[int, int]] = []
    problems: list[Problem] = []
    if not path.is_file():
        raise InputError(
            [Problem(str(path), "no such file", "a CSV file with two columns of home ids")]
        )
    mark = mark_of(read_text(path))
    lines = [(number, [cell.strip() for cell in cells]) for number, cells in read_rows(path, mark)]
    for number, cells in lines[1:] if lines and _header(lines[0][1], row) else lines:
        faults = _faults(f"{path}, line {number}", cells, row)
        problems += faults
        if not faults:
            pairs.append((row[cells[0]], row[cells[1]]))
    if problems:
        more = len(problems) - LINES_SHOWN
        rest = (
            [Problem(str(path), f"{more} more faults of this kind", "two different homes a line")]
            if more > 0
            else []
        )
        raise InputError(problems[:LINES_SHOWN] + rest)
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    problems = _apart(str(path), found, home_id)
    if problems:
        raise InputError(problems)
    return found


def _header(cells: list[str], row: dict[str, int]) -> bool:
    return not any(cell in row or any(letter.isdigit() for letter in cell) for cell in cells)


def _faults(where: str, cells: list[str], row: dict[str, int]) -> list[Problem]:
    if len(cells) != 2:
        return [
            Problem(where, f"{len(cells)} cells", "two: the ids of two homes, parted by a comma")
        ]
    unknown = [cell for cell in cells if cell not in row]
    if unknown:
        expected = f"the id of one of {len(row)} homes"
        return [
            Problem(where, f"a home '{name}' that does not exist", expected, _close(name, row))
            for name in unknown
        ]
    if cells[0] == cells[1]:
        return [Problem(where, f"home '{cells[0]}' with itself", "two different homes")]
    return []


def _close(name: str, row: dict[str, int]) -> str:
    close = get_close_matches(name, row, n=1, cutoff=0.5)
    return (
        f"Did you mean '{close[0]}'?" if close else f"An id is, for example, '{next(iter(row))}'."
    )


def _apart(where: str, pairs: Index, home_id: Sequence[str]) -> list[Problem]:
    """Return what keeps the homes from reaching each other: homes without a partner, and parts of the graph."""
    if len(home_id) < 2:
        return []
    lonely = np.setdiff1d(np.arange(len(home_id)), pairs)
    found = []
    if lonely.size:
        hint = "Add a line for each of them."
        found.append(
            Problem(
                where,
                f"no partner of {_named(lonely, home_id)}",
                "one or more for every home",
                hint,
            )
        )
    part = find_components(make_links(len(home_id), *pairs.T))
    groups = [np.flatnonzero(part == k) for k in np.setdiff1d(np.unique(part), part[lonely])]
    if len(groups) > 1:
        groups.sort(key=len)
        apart = "; ".join(_named(group, home_id) for group in groups[:2])
        hint = f"Add the line {home_id[groups[0][0]]},{home_id[groups[1][0]]}."
        got = f"{len(groups)} parts that cannot reach each other, among them {apart}"
        found.append(Problem(where, got, "one graph that ties every home in", hint))
    return found


def _named(rows: Index, home_id: Sequence[str]) -> str:
    names = ", ".join(f"'{home_id[row]}'" for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"home{'s' if len(rows) > 1 else ''} {names}{more}"
