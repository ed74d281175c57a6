"""Metered loads of homes, whatever file they come from, and what no load of a home is."""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col

HOUR_S = 3600
DAY_H = 24
SHOWN = 5  # homes named of one fault before the rest is counted
LEAST_MEAN_KW = 0.005  # of a home over the file; less is another unit


POWER = {"kw": 1.0, "w": 1e-3}
ENERGY = {"kwh": 1.0, "wh": 1e-3}  # of a row


class MeteredLoads(NamedTuple):
    """Hourly loads of n homes from `start_s` [s UTC], shape (n, t) [kW], and what was taken of the file, in words."""

    home_id: tuple[str, ...]
    start_s: int
    load_kw: Col  # (n, t)
    notes: tuple[str, ...]


def check_loads(
    where: str, names: tuple[str, ...], load_kw: Col, start_s: int, load_max_kw: float
) -> list[Problem]:
    """Return what no load of a home is: hours without a number, below zero, beyond its service, next to nothing.

    Parameters
    ----------
    where
        The file, for messages.
    load_kw
        Hourly loads of homes by name from `start_s` [s UTC], shape (n, t) [kW].
    load_max_kw
        Largest hourly load that is believed [kW].
    """
    problems: list[Problem] = []
    kinds = (
        (~np.isfinite(load_kw), "no number", "a load in every hour between the first and the last"),
        (load_kw < 0, "a load below 0", "consumption alone: panels stand in [homes] or its table"),
        (load_kw > load_max_kw, f"a load above {load_max_kw:g} kW", "a load of a home in kW"),
    )
    for mask, got, expected in kinds:
        homes = np.flatnonzero(mask.any(1))
        for at, row in enumerate(homes[:SHOWN]):
            hour = int(np.argmax(mask[row]))
            when = np.datetime64(start_s + HOUR_S * hour, "s")
            more = f"So in {homes.size} homes." if homes.size > 1 and at == 0 else ""
            place = f"{where}, '{names[row]}', {when} UTC"
            problems.append(Problem(place, got, expected, more))
    if problems:
        return problems
    mean_kw = load_kw.mean(1)
    low = np.flatnonzero(mean_kw < LEAST_MEAN_KW)
    if low.size == len(names):
        hint = "Are they MWh? Set load in [homes.units]."
        got = f"loads of {float(mean_kw.mean()):.2g} kW in the mean"
        return [Problem(where, got, f"homes of {LEAST_MEAN_KW:g} kW or more", hint)]
    return []


def find_register(where: str, names: tuple[str, ...], load_kw: Col) -> list[Problem]:
    """Return the problem of columns that hold what a meter shows in place of what a home draws: they never fall.

    Parameters
    ----------
    where
        The file, for messages.
    load_kw
        Hourly loads of homes by name, shape (n, t) [kW]; more than a day, or nothing is told.
    """
    rising = (np.diff(load_kw, axis=1) >= 0).all(1) & (load_kw[:, -1] > load_kw[:, 0])
    if load_kw.shape[1] <= DAY_H or not rising.any():
        return []
    name, many = names[int(np.argmax(rising))], int(rising.sum())
    got = "a load that rises from the first hour to the last"
    more = f" So in {many} homes." if many > 1 else ""
    hint = f"Does it hold what the meter shows? Take the difference of its rows.{more}"
    return [Problem(f"{where}, '{name}'", got, "what a home draws in each row", hint)]


def require_loads(
    where: str, names: tuple[str, ...], load_kw: Col, start_s: int, load_max_kw: float
) -> None:
    """Refuse what no load of a home is, and then what a meter shows in its place.

    Parameters
    ----------
    where
        The file, for messages.
    load_kw
        Hourly loads of homes by name from `start_s` [s UTC], shape (n, t) [kW].
    load_max_kw
        Largest hourly load that is believed [kW].

    Raises
    ------
    InputError
        What `check_loads` finds or, where that is nothing, `find_register`.
    """
    problems = check_loads(where, names, load_kw, start_s, load_max_kw)
    if problems := problems or find_register(where, names, load_kw):
        raise InputError(problems)


def find_factor(where: str, unit: str, step_s: int) -> float:
    """Return what turns the numbers of rows of `step_s` [s] into kW; `where` they stand is for messages.

    Raises
    ------
    InputError
        Another unit than kW, W, kWh and Wh of a row; none, where rows are finer than an hour.
    """
    said = unit.lower()
    if said in POWER:
        return POWER[said]
    if said in ENERGY:
        return ENERGY[said] * HOUR_S / step_s
    if said:
        raise InputError([Problem(where, f"the unit '{said}'", "kW, W, kWh or Wh")])
    if step_s < HOUR_S:
        minutes = step_s // 60
        got = f"rows of {minutes} minutes without a unit"
        hint = f'Set load in [homes.units] to "kW", or to "kWh", the energy of {minutes} minutes.'
        raise InputError([Problem(where, got, "kW, W, kWh or Wh", hint)])
    return 1.0
