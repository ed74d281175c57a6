"""Charging sessions of electric vehicles: drawn from a table of observed ones, laid on homes and days, and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.errors import Problem
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Index

DAY_S = 86400
STEP_S = 300  # sessions start and end on five-minute marks
FEASIBLE = (
    0.95  # of the energy that fits into a stay, the most that is asked: some time is left to choose
)
SHORTEST_S = 1800
EFFICIENCY = 0.9  # energy stored over energy bought
DAILY_SHARE = 0.24  # days with a session in the EV WATTS record of 26 Texas cars, of all their days


class Sessions(NamedTuple):
    """Observed sessions, shape (r,) each: local second of the day of plug-in, seconds plugged in, energy stored [kWh].

    `daily_share` is the chance that a car plugs in on a day, where no key says it; `is_measured` whether a file holds them.
    """

    arrive_s: Index
    duration_s: Index
    charge_kwh: Col
    daily_share: float = DAILY_SHARE
    is_measured: bool = True


@dataclass(frozen=True)
class ChargingSessions:
    """m sessions of the cars of homes, by home and then by arrival; one car a home."""

    home: Index  # (m,) row of the home
    arrive_s: Index  # (m,) seconds after the start of the run
    depart_s: Index  # (m,)
    need_kwh: Col  # (m,) energy to store by departure
    rated_kw: Col  # (m,) charger at the meter
    asked_kwh: Col | None = (
        None  # (m,) energy that the table has that they were drawn from, where it is known
    )

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def owners(seed: int, purpose: str, homes: Sequence[str | int], share: float) -> Index:
    """Return the sorted rows of the k homes that own a thing, shape (k,): the `share` with the smallest keyed draw.

    A larger share keeps every owner of a smaller one, so that scenarios of different shares compare like with like.
    """
    draw = np.array([stream(seed, purpose, home).random() for home in homes])
    return np.sort(np.argsort(draw, kind="stable")[: round(share * len(homes))])


def place(
    sessions: Sessions,
    homes: Sequence[str | int],
    rows: Index,
    days: int,
    seed: int,
    *,
    daily_share: float = 0.5,
    charger_kw: float = 7.2,
    efficiency: float = EFFICIENCY,
) -> ChargingSessions:
    """Draw the sessions of every day for the homes in `rows`; a car still plugged in skips its draw.

    A session asks for the energy of the table, and for no more than its charger gives in `FEASIBLE` of its stay.

    Parameters
    ----------
    sessions
        Table to draw from.
    homes
        Names of all homes, the keys of the random streams.
    rows
        Rows of the homes that own a car, shape (k,).
    days
        Length of the run; sessions are cut at its end.
    seed
        Seed of the scenario.
    daily_share
        Chance of plugging in on a day.
    charger_kw, efficiency
        Charger at the meter, and energy stored per energy bought.

    Returns
    -------
    ChargingSessions
        Sorted by home, then arrival.
    """
    found: list[tuple[int, int, int, float, float]] = []
    for row in rows:
        draws = stream(seed, "ev", homes[row]).random((days, 2))
        free_s = 0
        for day in np.flatnonzero(draws[:, 0] < daily_share):
            pick = int(draws[day, 1] * len(sessions.arrive_s))
            arrive = int(day) * DAY_S + int(sessions.arrive_s[pick]) // STEP_S * STEP_S
            depart = min(
                arrive + max(int(sessions.duration_s[pick]) // STEP_S * STEP_S, SHORTEST_S),
                days * DAY_S,
            )
            if arrive < free_s or depart <= arrive:
                continue
            room = FEASIBLE * charger_kw * efficiency * (depart - arrive) / 3600.0
            asked = float(sessions.charge_kwh[pick])
            found.append((int(row), arrive, depart, min(asked, room), asked))
            free_s = depart
    table = np.array(found, dtype=float).reshape(-1, 5)
    whole = table[:, :3].astype(np.int64)
    rated = np.full(len(table), charger_kw)
    return ChargingSessions(
        whole[:, 0], whole[:, 1], whole[:, 2], table[:, 3].copy(), rated, table[:, 4].copy()
    )


def check(
    table: ChargingSessions, homes: Sequence[str], where: str = "", efficiency: float = EFFICIENCY
) -> list[Problem]:
    """Return every session that cannot be served.

    That is a departure at or before arrival, an energy that does not fit between the two, or a car that arrives twice.
    """
    problems = []
    left_s: dict[int, int] = {}  # when the car of a home last departed
    hours = (table.depart_s - table.arrive_s) / 3600.0
    most_kwh = table.rated_kw * efficiency * hours
    within = f"{where}: " if where else ""
    for m, (home, length_h, need, most) in enumerate(
        zip(table.home, hours, table.need_kwh, most_kwh, strict=True)
    ):
        where = f"{within}EV session {m} of home {homes[home]}, arriving {table.arrive_s[m] / 3600:.2f} h after the start"
        if length_h <= 0:
            problems.append(
                Problem(where, f"a stay of {length_h:.2f} h", "a departure after the arrival")
            )
        elif not need <= most * (1 + 1e-9):
            limit = f"at most {most:.2f} kWh, which is {table.rated_kw[m]:g} kW x {efficiency:g} x {length_h:.2f} h"
            problems.append(
                Problem(
                    where, f"{need:.2f} kWh", limit, "Ask for less energy or a later departure."
                )
            )
        if table.arrive_s[m] < left_s.get(int(home), table.arrive_s[m]):
            expected = "one session at a time in a home, in their order"
            problems.append(Problem(where, "an arrival before the last departure", expected))
        left_s[int(home)] = int(table.depart_s[m])
    return problems
