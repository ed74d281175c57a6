"""Homes of a run as a Gymnasium environment: an action orders their devices for one interval, all others go on as they do.

The extra `rl` installs Gymnasium.

References
----------
M. Towers et al., Gymnasium: a standard interface for reinforcement learning environments, 2024, doi 10.48550/arXiv.2407.17032.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem, require, shown
from gridagora.core.tables import Col
from gridagora.run.compare import prepare
from gridagora.run.realtime import moment_of
from gridagora.run.state import Setup
from gridagora.run.step import Observation, Run
from gridagora.scenario.build import Scene

try:
    import gymnasium
    from gymnasium.spaces import Box
except ImportError as missing:
    raise ImportError(
        "gridagora.env needs Gymnasium, which is not installed: pip install 'gridagora[rl]'"
    ) from missing

__all__ = ["HomeEnv", "Lever", "numbers"]

ALL = "all"  # homes
DAY_H = 24
MOST = 1e6  # bound of what is observed; no power, price or temperature comes near it
SUMMED = (
    "_kw",
    "_kwh",
    "_h",
)  # endings of what adds up over several devices of a kind; the rest is their mean


class Lever(NamedTuple):
    """What one number of an action moves: the devices of a kind in a home."""

    kind: str
    home: int


class HomeEnv(gymnasium.Env[Col, Col]):
    """One home among others, or all of them, under one design; an episode is a run.

    Action, shape (d,) of -1 to 1: for each kind of device of each home the power as a share of what it can take now, or below
    zero of what it can give; `levers` names them. A heat pump stands still at 0 and below, a panel gives nothing from 0 on.
    Observation, shape (h f,): for each home the f numbers that `names` lists, 0 where it owns no such device.
    Reward: minus what the interval added to the bills, wear and discomfort of these homes [$], in the step of that interval; an
    episode sums to their items of the outcome. A run is fixed by its scene: `reset` begins it again, and its seed changes
    nothing.

    Parameters
    ----------
    scene
        From `gridagora.load` or `gridagora.build`.
    design
        Name of a market design.
    homes
        The home that is played, or a list of them; "all", or left out: every home.
    kinds
        Kinds of devices that are played; all where left out. The others of the home follow its own control.
    study
        To be shared by several environments; found anew where left out.

    Raises
    ------
    InputError
        A home or kind that the scene does not have, or one named twice.
    """

    def __init__(
        self,
        scene: Scene,
        design: str,
        homes: str | Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        study: Setup | None = None,
    ) -> None:
        self.scene, self.design = scene, design
        self.study = prepare(scene) if study is None else study
        self.run = Run(scene, design, self.study)
        groups = self.run.desk.fleet.groups
        played = _listed(
            None if isinstance(homes, str) and homes == ALL else homes, self.run.home_id, "homes"
        )
        kinds = _listed(kinds, tuple(group.about.kind for group in groups), "kinds")
        self.rows = [self.run.home_id.index(name) for name in played]
        self.levers = tuple(
            Lever(group.about.kind, home)
            for home in self.rows
            for group in groups
            if home in group.home and group.about.kind in kinds
        )
        if not self.levers:
            raise InputError(
                [
                    Problem(
                        "kinds", "no device of these homes", "one at least", "Leave it out for all."
                    )
                ]
            )
        first, moment = self.run.observe(self.rows[0]), moment_of(self.run.desk)
        self._readings = tuple(
            (group.about.kind, name) for group in groups for name in group.observe(moment)
        )
        self._last = np.zeros(0)
        self.names = _names(len(first.forecast_per_kwh), self._readings)
        self.action_space = Box(-1.0, 1.0, (len(self.levers),), np.float64)
        self.observation_space = Box(-MOST, MOST, (len(self.rows) * len(self.names),), np.float64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Col, dict[str, Any]]:
        """Begin the run again; return the first observation (f,), in units as of `numbers`, e.g. [$/kWh], and nothing further."""
        super().reset(seed=seed, options=options)
        if self.run.desk.interval:
            self.run = Run(self.scene, self.design, self.study)
        return self._observed(), {}

    def step(self, action: Col) -> tuple[Col, float, bool, bool, dict[str, Any]]:
        """Run one interval; an episode is truncated at the end of the run, and no state ends it before.

        The information holds the two parts of the reward, "bill_usd" and "device_usd", and "meter_kw" of these homes, shape (h,)
        each; at the end the `Outcome` of the run as "outcome". Nothing is observed after the end: the last observation is that of
        the last interval.

        Raises
        ------
        InputError
            An action of another shape or with a number that is none, or an episode that is over.
        """
        if self.run.is_over:
            expected = f"at most {self.run.intervals} steps"
            raise InputError(
                [Problem("step", "an episode that is over", expected, "Call reset().")]
            )
        action = _sound(action, len(self.levers))
        power: dict[str, dict[int, float]] = {}
        reach = self.run.reach_kw()
        for lever, share in zip(self.levers, np.clip(action, -1.0, 1.0).tolist(), strict=True):
            least, most = (column[lever.home] for column in reach[lever.kind])
            power.setdefault(lever.kind, {})[lever.home] = (
                max(share * most, least) if share > 0 else min(-share * least, most)
            )
        done = self.run.step(power_kw=power)
        told: dict[str, Any] = {
            "bill_usd": done.cost_usd[self.rows],
            "device_usd": done.device_usd[self.rows],
            "meter_kw": done.meter_kw[self.rows],
        }
        reward = -float((told["bill_usd"] + told["device_usd"]).sum())
        if not done.is_over:
            return self._observed(), reward, False, False, told
        return self._last, reward, False, True, told | {"outcome": self.run.finish()}

    def _observed(self) -> Col:
        seen = [numbers(self.run.observe(home), self._readings) for home in self.rows]
        self._last = np.clip(np.concatenate(seen), -MOST, MOST)
        return self._last


def numbers(seen: Observation, readings: Sequence[tuple[str, str]]) -> Col:
    """Return an observation as numbers, shape (f,): time of day on a circle [1], prices [$/kWh], load [kW], readings, forecast.

    A reading is a sum or mean over devices in the unit of its name, 0 where there is none.
    """
    angle = 2 * np.pi * seen.local_hour / DAY_H
    head = [np.sin(angle), np.cos(angle), seen.price_per_kwh, seen.credit_per_kwh, seen.load_kw]
    found = []
    for kind, name in readings:
        column = seen.devices[kind][name] if kind in seen.devices else np.zeros(0)
        total = float(column.sum())
        found.append(total if name.endswith(SUMMED) else total / max(len(column), 1))
    return np.array([*head, *found, *seen.forecast_per_kwh], np.float64)


def _names(hours: int, readings: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    head = ("sin_of_day", "cos_of_day", "price_per_kwh", "credit_per_kwh", "load_kw")
    ahead = (f"forecast_per_kwh_{hour}" for hour in range(hours))
    return (*head, *(f"{kind}_{name}" for kind, name in readings), *ahead)


def _sound(action: Any, levers: int) -> Col:
    """Return an action as an array of numbers, shape (d,)."""
    found = np.asarray(action)
    if found.dtype.kind not in "fiu" or found.shape != (levers,):
        got = f"an array of {found.dtype.name}, shape {found.shape}"
        raise InputError(
            [Problem("action", got, f"numbers of shape {(levers,)}, one for each lever")]
        )
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found)))
        raise InputError([Problem("action", f"{found[row]} in row {row}", "numbers from -1 to 1")])
    return found.astype(np.float64)


def _listed(
    asked: str | Sequence[str] | None, valid: tuple[str, ...], where: str
) -> tuple[str, ...]:
    """Return what is named, all where nothing is; a name that is none or that stands twice is refused."""
    if asked is None:
        return valid
    require(asked, (str, list, tuple), where, "names, as a list")
    names = (asked,) if isinstance(asked, str) else tuple(asked)
    problems = [
        Problem(where, shown(name), "one of " + ", ".join(valid))
        for name in names
        if name not in valid
    ]
    twice = {name for name in names if names.count(name) > 1}
    problems += [Problem(where, f"'{name}' twice", "each once") for name in sorted(map(str, twice))]
    if not names:
        problems.append(Problem(where, "no name", "one at least", "Leave it out for all."))
    if problems:
        raise InputError(problems)
    return names
