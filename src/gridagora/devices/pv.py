"""Rooftop photovoltaics: a curtailable row without a store (theory 1.10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.device import (
    HOURLY,
    RENEWABLE,
    Beside,
    Blocks,
    BoundPart,
    Column,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    LastHour,
    Metered,
    Moment,
    People,
    Setting,
    Turn,
    Window,
    check_above_zero,
    check_share,
    check_within,
    held_hours,
    own,
    refuse,
    spread,
    storeless,
)
from gridagora.core.forecast_error import ForecastError
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.ticks import TICK_PER_KWH
from gridagora.kernels.stores.value import Stores
from gridagora.population import photovoltaic
from gridagora.population.charging import owners

# sun is free: an array gives all it can unless energy is worth less than nothing, and at nil it gives
PRODUCES_PER_KWH = -TICK_PER_KWH
WHOLE_KW = 1e-6  # panels within this of all or nothing are not curtailed in part: awards come in whole microwatts


@dataclass(frozen=True)
class PvKeys:
    """`[homes.pv]`: solar panels, all of one rating and orientation."""

    share: float = 0.4  # share of homes with panels
    kw: float = 5.0  # rating of the panels of such a home [kW DC]
    tilt_deg: float = 25.0  # tilt of the panels; 0 is flat, 90 a wall
    azimuth_deg: float | None = None  # where they face, clockwise from north; left out: the equator

    def __post_init__(self) -> None:
        """Refuse a share outside 0 to 1, a rating that is not above zero, a tilt or azimuth that no panel has."""
        refuse(
            check_share("homes.pv.share", self.share),
            check_above_zero("homes.pv.kw", self.kw),
            check_within("homes.pv.tilt_deg", self.tilt_deg, 0.0, 90.0),
            check_within("homes.pv.azimuth_deg", self.azimuth_deg or 0.0, 0.0, 360.0),
        )


@dataclass(frozen=True)
class PvArrays:
    """n arrays."""

    home: Index  # (n,) row of the home
    available_kw: Col  # (n, H) AC power that could be made

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def draw(keys: PvKeys, people: People) -> Homes:
    """Return the homes with the panels that some of them own, a draw of the seed keyed by the home."""
    sky, homes = people.weather, people.homes
    facing = keys.azimuth_deg
    if facing is None:
        facing = (
            photovoltaic.towards_sun_deg(sky)
            if np.isnan(people.latitude_deg)
            else photovoltaic.towards_equator_deg(people.latitude_deg)
        )
    panel = photovoltaic.available_kw(sky, keys.kw, keys.tilt_deg, facing)
    rows = owners(people.seed, "pv", homes.home_id, keys.share)
    if not (panel > 0).any():
        rows = rows[:0]  # a run without a sun
    return own(homes, "pv", PvArrays(rows, np.tile(panel, (len(rows), 1))))


def describe(table: PvArrays, hours: int) -> str:
    """Return what the panels could make in the hours of a run, in words."""
    return (
        f"panels could make {table.available_kw[:, :hours].sum():,.0f} kWh in the run"
        if len(table.home)
        else ""
    )


def take(table: PvArrays, rows: Index) -> PvArrays:
    """Return the arrays of some rows (k,)."""
    return PvArrays(table.home[rows], table.available_kw[rows])


def spec(table: PvArrays, hour: int, hours: int = 24, error: ForecastError | None = None) -> Stores:
    """Rows that inject up to the power believed to be available and may curtail, over a window of hours."""
    return _stores(believed_kw(table, hour, hours, error), np.ones(hours))


def believed_kw(table: PvArrays, hour: int, hours: int, error: ForecastError | None) -> Col:
    """Return the power believed to be available in a window, shape (n, hours) [kW]; the truth where there is no error."""
    truth_kw = table.available_kw[:, hour : hour + hours]
    return truth_kw if error is None else truth_kw * error.factor(table.home, hour, hour, hours)


def tender(table: PvArrays, hour: int) -> Curves:
    """Curve of every array for an interval: all that is available down to a price of nil, and nothing below it."""
    most = table.available_kw[:, hour]
    ends = np.stack([most, np.zeros_like(most)], axis=1)
    kept = np.stack([most > 0, np.ones(len(most), np.bool_)], axis=1)
    p_kw = -ends[kept]
    return Curves(
        np.concatenate([[0], np.cumsum(kept.sum(1))]), p_kw, np.full(len(p_kw), PRODUCES_PER_KWH)
    )


def _stores(available_kw: Col, dt_h: Col) -> Stores:
    return storeless(len(available_kw), dt_h, p_min_kw=-available_kw)


def step(table: PvArrays, hour: int, p_target_kw: Col | None = None) -> Col:
    """Power at the meter, shape (n,) [kW], negative: all that is available, or the target cut to it."""
    most = table.available_kw[:, hour]
    return -most if p_target_kw is None else -np.clip(-p_target_kw, 0.0, most)


@register("device", "pv")
@dataclass(frozen=True)
class PvGroup:
    """Solar panels; without orders they give all they can."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "pv",
        "Solar",
        "#d9bf55",
        rank=4,
        turn=Turn.SECOND,
        is_valued=False,
        is_prosumer=True,
        has_inverter=True,
        is_generation=True,
        keys=PvKeys,
        draw=draw,
        family=RENEWABLE,
        table=PvArrays,
        columns=(Column("available_kw", (HOURLY,), 0.0),),
        describe=describe,
    )
    table: PvArrays
    error: ForecastError | None = None  # of the sun that plans believe in
    offered: LastHour[Curves] = field(default_factory=LastHour, init=False, compare=False)
    all_kw: LastHour[Col] = field(default_factory=LastHour, init=False, compare=False)  # (n,)

    @classmethod
    def of(cls, setting: Setting) -> "PvGroup | None":
        """Return the arrays that homes own."""
        table = setting.homes.owned.get("pv")
        return None if table is None else cls(table, setting.errors.sun)

    @property
    def home(self) -> Index:
        """Home of every array, shape (r,)."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return what the arrays are believed to be able to give in a window."""
        stores = spec(self.table, window.hour, window.hours, self.error)
        return GroupBelief(np.arange(len(self.home)), stores)

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return all that is available where the price is not below zero."""
        available_kw = believed_kw(self.table, window.hour, window.hours, self.error)
        return np.asarray(-available_kw * (price_per_kwh >= 0))

    def tender(self, now: Moment, rows: Index) -> Curves:
        """Return the curves of the arrays."""
        del rows
        return self.offered.of(now.hour, lambda hour: tender(self.table, hour))

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Give what is available, or what is ordered; an inverter curtailed in part holds what the meter was to read.

        Behind a limit of export no more is given than it leaves.
        """
        none = np.zeros(len(self.home))
        most = self.all_kw.of(now.hour, lambda hour: step(self.table, hour))
        if beside.least_kw is not None:
            alike = np.bincount(self.home, minlength=len(beside.meter_kw))[self.home]
            most = np.maximum(most, np.minimum(beside.least_kw[self.home] / alike, 0.0))
        if p_target_kw is None or (
            beside.outside is None and not beside.curtails and not np.isnan(p_target_kw).any()
        ):
            return Metered(most, none)
        outside = np.zeros(len(self.home), np.bool_) if beside.outside is None else beside.outside
        made = np.where(np.isnan(p_target_kw), most, step(self.table, now.hour, p_target_kw))
        if beside.least_kw is not None:
            made = np.maximum(made, most)
        if not beside.curtails:
            return Metered(np.where(outside, made, most), none)
        held = step(self.table, now.hour, p_target_kw + beside.short_kw[self.home])
        partly = (made < -WHOLE_KW) & (made > most + WHOLE_KW) & ~outside
        return Metered(np.where(partly, held, made), none)

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return what the arrays could give."""
        return {"available_kw": self.table.available_kw[:, now.hour].copy()}

    def rated_kva(self) -> Col:
        """Return the largest output of every array, shape (r,)."""
        return np.asarray(self.table.available_kw.max(axis=1))

    def stored_kwh(self) -> Col:
        """Return zeros: an array stores nothing."""
        return np.zeros(len(self.home))

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return nothing felt, and what the arrays could have given."""
        n, t = lived.home_kw.shape
        could_kw = held_hours(self.table.available_kw, t, lived.dt_h)
        return DeviceOutcome(np.zeros(n), available_kw=spread(could_kw, self.home, n))

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return one row for all arrays that give anything in the horizon: anything from nothing to what the sun allows."""
        sun = self.table.available_kw[:, blocks.hour].sum(0, keepdims=True)
        sun = sun[sun.max(1) > 0.0]
        dt, ones = 1.0 / blocks.blocks_h, np.ones(len(sun))

        def answer(price: Col, threads: int) -> Answer:
            del threads
            given = np.where(price > 0.0, -sun, 0.0)
            return Answer(given, np.zeros(len(sun)), given @ price * dt)

        none = np.zeros(len(blocks.hour))
        return BoundPart(answer, -sun.sum(0), none, none, np.zeros(len(sun)), 1, ones, ones)

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> Col:
        """Return the power of every array: of all the same share of what it could give."""
        per = round(1 / dt_h)
        could = np.repeat(self.table.available_kw[:, : steps // per], per, axis=1)
        asked = np.repeat(block_kw.sum(0), steps // block_kw.shape[1])
        total = could.sum(0)
        return np.asarray(
            could * np.divide(asked, total, out=np.zeros_like(total), where=total > 0.0)
        )
