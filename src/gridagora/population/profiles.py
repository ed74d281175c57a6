"""Hourly series of homes as a user brings them: the columns, the hours they stand for, and what no home can be."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Flag

DAY_H = 24
HOUR_S = 3600
# 400 A at 240 V, the largest self-contained single-phase meter of a home (class 320 of ANSI C12.20; 400 A in peaks).
LOAD_MAX_KW = 96.0
# Heat that such a service moves at the rated COP of 3.5 of `population.heat_pump`.
HEAT_MAX_KW = 336.0
# A home whose hour stands so far above its own 99 % quantile is looked at: the largest ratio among 100 ResStock homes is 22.
SPIKE_RATIO = 25.0
SPIKE_SHARE = 0.5  # of the largest load; below it a spike is an appliance
LEAST_MEAN_KW = 0.01  # a home on standby draws more: a mean below it is a unit taken wrongly
# Houses fitted to the hundred homes of Travis County explain, in the median home and in January, April, July and October, .83 to
# .94 of the variance in the weather of their own hours, and at most .73 in that of a week or a month before or of another year.
FIT_R2_LEAST, FIT_ERROR_MOST = 0.8, 0.5
INDOOR_DEGC = (-10.0, 50.0)
SHOWN = 5  # homes named of one fault before the rest is counted

KILO = {"kW": 1.0, "kWh": 1.0, "W": 1e-3, "Wh": 1e-3}
T_IN_DEGC = 22.0  # of a home without cooling and heating, whose temperature is in no file and moves no device

LOAD, HEAT, HOT_WATER, INDOOR = "load", "heat", "hot_water", "temperature"
UNIT_OF = {
    "load_kw": LOAD,
    "cool_kw": HEAT,
    "heat_kw": HEAT,
    "draw_kwh": HOT_WATER,
    "t_in_degc": INDOOR,
}


class Profiles(NamedTuple):
    """Hourly series of n homes from `start_s`, shape (n, t) each, means over the hour; cooling, heating and hot water are heat.

    A home without cooling or without heating has zeros there, one without an electric tank draws no hot water. `occupants` are
    presence as a ratio to its mean.
    """

    start_s: int
    home_id: tuple[str, ...]
    t_in_degc: Col
    cool_kw: Col
    heat_kw: Col
    load_kw: Col
    occupants: Col
    draw_kwh: Col


def convert_columns(
    start_s: int,
    step_s: int,
    home_id: tuple[str, ...],
    columns: Mapping[str, Col],
    units: Mapping[str, str],
) -> Profiles:
    """Return the columns of a file in kW and degC, an interval of `step_s` each; what the file has not is zero.

    Parameters
    ----------
    start_s, step_s
        Start of the first row [s UTC] and length of each [s].
    home_id
        n homes.
    columns
        By the names of `Profiles`, shape (n * r,) of r rows a home, home by home.
    units
        By `UNIT_OF`: kW, W, or kWh and Wh of a row; degC, degF. Left out: kW and degC.
    """
    shape = (len(home_id), next(iter(columns.values())).size // len(home_id))
    found = {
        name: scale_column(name, column.reshape(shape), units, step_s)
        for name, column in columns.items()
    }
    found.setdefault("t_in_degc", np.full(shape, T_IN_DEGC))
    return Profiles(
        start_s,
        home_id,
        **{name: found.get(name, np.zeros(shape)) for name in Profiles._fields[2:]},
    )


def hourly(rows: Profiles, step_s: int, path: str, origin_s: int) -> Profiles:
    """Average rows of `step_s` to hours, from the first whole hour to the last whole day; `origin_s` is a full local hour.

    Raises
    ------
    InputError
        Rows that make up no full hours, or no whole day.
    """
    count, n, per_hour = rows.load_kw.shape[1], len(rows.home_id), HOUR_S // step_s
    skip, rest = divmod((origin_s - rows.start_s) % HOUR_S, step_s)
    hours = (count - skip) // per_hour // DAY_H * DAY_H
    if rest:
        got = f"rows {(rows.start_s - origin_s) % HOUR_S // 60} minutes past the full hour"
        raise InputError(
            [Problem(f"{path}, time", got, "rows that make up full hours of local time")]
        )
    if hours <= 0:
        raise InputError(
            [
                Problem(
                    f"{path}, time",
                    f"{count * step_s / HOUR_S:g} hours a home",
                    "at least a whole day",
                )
            ]
        )
    used = slice(skip, skip + hours * per_hour)
    means = (column[:, used].reshape(n, hours, per_hour).mean(axis=2) for column in rows[2:])
    return Profiles(rows.start_s + skip * step_s, rows.home_id, *means)


def scale_column(name: str, values: Col, units: Mapping[str, str], step_s: int) -> Col:
    """Return a column (n, r) in [kW] or [degC]: energy of a row over its length, power as it stands."""
    named = units.get(UNIT_OF.get(name, ""), "")
    if named == "degF":
        return (values - 32.0) / 1.8
    return values * KILO.get(named, 1.0) * (HOUR_S / step_s if named in {"kWh", "Wh"} else 1.0)


def find_open_units(
    path: str, columns: Iterable[str], units: Mapping[str, str], step_s: int
) -> list[Problem]:
    """Return a problem for each unit that rows finer than an hour leave open: a number may be power, or the energy of its row."""
    if step_s == HOUR_S:  # a kWh an hour is a kW
        return []
    left = dict.fromkeys(
        UNIT_OF[name] for name in columns if UNIT_OF.get(name) in (LOAD, HEAT, HOT_WATER)
    )
    minutes = step_s // 60
    hint = f'Set it to "kW", the mean power of a row, or to "kWh", the energy of its {minutes} minutes.'
    got = f"rows of {minutes} minutes without a unit"
    return [
        Problem(f"{path}, [homes.units] {key}", got, "kW, kWh, W or Wh", hint)
        for key in left
        if not units.get(key)
    ]


def has_unit(profiles: Profiles) -> Flag:
    """Return which homes cool or heat with electricity at any hour, shape (n,)."""
    has: Flag = np.any((profiles.cool_kw > 0) | (profiles.heat_kw > 0), axis=1)
    return has


def rows_of(profiles: Profiles, rows: Flag) -> Profiles:
    """Return the homes of `rows`, shape (n,)."""
    names = tuple(name for name, kept in zip(profiles.home_id, rows, strict=True) if kept)
    return Profiles(profiles.start_s, names, *(column[rows] for column in profiles[2:]))


def hours_of(profiles: Profiles, first: int, hours: int) -> Profiles:
    """Return `hours` hours from the hour `first` on."""
    span = slice(first, first + hours)
    return Profiles(
        profiles.start_s + HOUR_S * first,
        profiles.home_id,
        *(column[:, span] for column in profiles[2:]),
    )


def check(
    profiles: Profiles,
    path: str,
    place: Callable[[int, int], str],
    load_max_kw: float = LOAD_MAX_KW,
) -> list[Problem]:
    """Return what no home can be: negative power, loads beyond its service, indoor air of another unit.

    Parameters
    ----------
    profiles
        n homes over t hours, or the rows of a file.
    path
        The file, for messages about all of it.
    place
        Words for the place of a row and column.
    load_max_kw
        Largest hourly mean of a home [kW].
    """
    problems = _negative(profiles, place)
    for name in ("load_kw", "cool_kw", "heat_kw", "draw_kwh"):
        problems += _large(name, getattr(profiles, name), path, place, load_max_kw)
    return (
        problems
        + _small(profiles, path)
        + _spikes(profiles, place, load_max_kw)
        + _indoor(profiles, path)
    )


def _negative(profiles: Profiles, place: Callable[[int, int], str]) -> list[Problem]:
    hint = {
        "load_kw": "What a home generates stands apart from what it uses: set pv_share and pv_kw in [homes].",
        "cool_kw": "Cooling is the heat removed, and positive.",
        "heat_kw": "Heating is the heat added, and positive.",
    }
    found = []
    for name in ("load_kw", "cool_kw", "heat_kw", "occupants", "draw_kwh"):
        values = getattr(profiles, name)
        bad = values < 0
        found += [
            Problem(
                place(home, hour),
                f"{label_column(name)} of {values[home, hour]:g}{unit(name)}{_more(bad[home], 'rows')}",
                "at least 0",
                hint.get(name, ""),
            )
            for home, hour in list_first(bad)
        ]
    return found


def _large(
    name: str, values: Col, path: str, place: Callable[[int, int], str], load_max_kw: float
) -> list[Problem]:
    most = load_max_kw if name == "load_kw" else HEAT_MAX_KW * load_max_kw / LOAD_MAX_KW
    bad = values > most
    if not bad.any():
        return []
    key = f"[homes.units] {UNIT_OF[name]}"
    if bad.any(axis=1).mean() > 0.5:
        got = f"a {label_column(name)} of up to {values.max():,.0f} kW in {int(bad.any(axis=1).sum())} of {len(values)} homes"
        return [
            Problem(
                f"{path}, {label_column(name)}", got, f"at most {most:g} kW a home", _unit_hint(key)
            )
        ]
    return [
        Problem(
            place(home, hour),
            f"a {label_column(name)} of {values[home, hour]:,.1f} kW{_more(bad[home], 'rows')}",
            f"at most {most:g} kW, what the largest service of a home carries",
            f"Mend the row, raise load_max_kw in [homes], or name the unit: {key}.",
        )
        for home, hour in list_first(bad)
    ]


def _unit_hint(key: str) -> str:
    return f'Name the unit of the file: {key} = "Wh" or "W".'


def _small(profiles: Profiles, path: str) -> list[Problem]:
    mean = float(profiles.load_kw.mean())
    if mean >= LEAST_MEAN_KW or not profiles.load_kw.any():
        return []
    got = f"a mean of {1000 * mean:.3g} W a home"
    hint = "Look at [homes.units] load: the file may be in kWh already."
    return [Problem(f"{path}, load", got, f"at least {1000 * LEAST_MEAN_KW:g} W", hint)]


def _spikes(
    profiles: Profiles, place: Callable[[int, int], str], load_max_kw: float
) -> list[Problem]:
    load = profiles.load_kw
    usual = np.quantile(load, 0.99, axis=1, method="lower")[:, None]
    bad = (load <= load_max_kw) & (load > SPIKE_SHARE * load_max_kw) & (load > SPIKE_RATIO * usual)
    return [
        Problem(
            place(home, hour),
            f"a load of {load[home, hour]:.1f} kW where 99 % of the hours of this home stay below {usual[home, 0]:.2f} kW",
            f"at most {SPIKE_RATIO:g} times that, or {SPIKE_SHARE * load_max_kw:g} kW",
            "Mend the row, or raise load_max_kw in [homes] if it is true.",
        )
        for home, hour in list_first(bad)
    ]


def _indoor(profiles: Profiles, path: str) -> list[Problem]:
    low, high = INDOOR_DEGC
    middle = np.median(profiles.t_in_degc, axis=1)
    outside = (profiles.t_in_degc < low) | (profiles.t_in_degc > high)
    homes = np.flatnonzero(((middle < 0) | (middle > 45)) | outside.any(axis=1))
    if not homes.size:
        return []
    home = int(homes[0])
    got = f"{profiles.t_in_degc[home].min():.1f} to {profiles.t_in_degc[home].max():.1f}, median {middle[home]:.1f}"
    more = f" and {homes.size - 1} more homes" if homes.size > 1 else ""
    warm = np.median(middle[homes]) > high
    hint = (
        'It looks like degrees Fahrenheit: set [homes.units] temperature = "degF".'
        if warm
        else "Look at the column."
    )
    expected = f"degrees Celsius between {low:g} and {high:g}"
    return [
        Problem(
            f"{path}, indoor temperature of home {profiles.home_id[home]}{more}",
            got,
            expected,
            hint,
        )
    ]


def check_fit(r2: Col, held_out_error: Col, r2_least: float = FIT_R2_LEAST) -> list[Problem]:
    """Return the problem of houses that explain little of what their homes took: most often the weather is not theirs.

    Parameters
    ----------
    r2
        The share of variance that the house of each home explains in the hours of the fit, (n,); nan where there is none.
    held_out_error
        Share of energy missed on the days of the run, held out of the fit, shape (n,); nan where none were.
    r2_least
        What the median home must reach. The median error must be within `FIT_ERROR_MOST`.
    """
    known, errors = r2[np.isfinite(r2)], np.abs(held_out_error[np.isfinite(held_out_error)])
    if not known.size:
        return []
    middle, error = float(np.median(known)), float(np.median(errors)) if errors.size else 0.0
    if middle >= r2_least and error <= FIT_ERROR_MOST:
        return []
    got = f"houses that explain {middle:.0%} of the variance of heating and cooling (median r2 of {known.size} homes"
    got += f", {int((known < r2_least).sum())} below {r2_least:.0%}; median energy error {error:.0%} on the days of the run)"
    expected = f"at least {r2_least:.0%}, and an error of at most {FIT_ERROR_MOST:.0%}"
    hint = "Name the weather that they were measured in, weather_source and weather_file in [homes], or lower fit_r2_least there."
    return [Problem("homes and the weather they were measured in", got, expected, hint)]


def list_first(bad: Flag) -> list[tuple[int, int]]:
    """Return home and first hour of up to `SHOWN` homes with a fault, from a mask (n, t)."""
    return [(int(i), int(np.argmax(bad[i]))) for i in np.flatnonzero(bad.any(axis=1))[:SHOWN]]


def label_column(name: str) -> str:
    """Return how people call a column."""
    return {
        "load_kw": "load",
        "cool_kw": "cooling",
        "heat_kw": "heating",
        "draw_kwh": "hot water",
        "t_in_degc": "temperature",
    }.get(name, name)


def unit(name: str) -> str:
    """Return the unit of a column with a blank before it, empty where it counts."""
    return "" if name == "occupants" else " degC" if name == "t_in_degc" else " kW"


def _more(bad: Flag, what: str) -> str:
    many = int(np.count_nonzero(bad)) - 1
    return f", and in {many} more {what}" if many else ""
