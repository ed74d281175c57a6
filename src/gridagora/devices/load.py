"""Appliances: a fixed load, or one that answers to price with a constant elasticity about its usual power (theory 1.10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.device import (
    HOURLY,
    Beside,
    Blocks,
    BoundPart,
    Column,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Metered,
    Moment,
    People,
    Setting,
    Window,
    check_above_zero,
    check_not_below_zero,
    check_share,
    held_kw,
    own,
    refuse,
    storeless,
    total_by_home,
)
from gridagora.core.forecast_error import ForecastError
from gridagora.core.records import RunColumn
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.stores.value import Stores
from gridagora.population.charging import owners

LEAST_KW = 1e-6  # below it a load has no slope


@dataclass(frozen=True)
class LoadKeys:
    """`[homes.appliances]`: appliances that answer to price."""

    share: float = 1.0  # share of homes with such appliances
    part_share: float = 0.2  # share of the load of such a home that answers
    elasticity: float = (
        0.1  # relative fall of power over relative rise of price, about the reference [ratio]
    )
    reference_per_kwh: float = 0.072  # price at which it takes its usual power

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1, an elasticity below zero, a reference that is not above zero."""
        refuse(
            check_share("homes.appliances.share", self.share),
            check_share("homes.appliances.part_share", self.part_share),
            check_not_below_zero("homes.appliances.elasticity", self.elasticity),
            check_above_zero("homes.appliances.reference_per_kwh", self.reference_per_kwh),
        )


@dataclass(frozen=True)
class Load:
    """n loads; elasticity 0 is a fixed load."""

    home: Index  # (n,) row of the home
    usual_kw: Col  # (n, H) at the reference price
    elasticity: (
        float  # relative fall of power over relative rise of price, about the reference, 0 or more
    )
    reference_per_kwh: float


def of(homes: Homes, elasticity: float = 0.0, reference_per_kwh: float = 0.072) -> Load:
    """Loads of all homes.

    Raises
    ------
    ValueError
        The elasticity is negative, or positive with a reference price of 0 or less.
    """
    if elasticity < 0 or (elasticity > 0 and reference_per_kwh <= 0):
        got = f"elasticity {elasticity} about {reference_per_kwh} $/kWh"
        raise ValueError(f"load: got {got}, expected 0 or more about a positive price")
    return Load(np.arange(len(homes.home_id)), homes.load_kw, elasticity, reference_per_kwh)


def draw(keys: LoadKeys, people: People) -> Homes:
    """Return the homes with a part of their load as a device of its own; who, is a draw of the seed keyed by the home."""
    homes = people.homes
    rows = owners(people.seed, "appliances", homes.home_id, keys.share)
    usual_kw = keys.part_share * homes.load_kw[rows]
    rest_kw = homes.load_kw.copy()
    rest_kw[rows] -= usual_kw
    return own(
        homes._replace(load_kw=rest_kw),
        "appliances",
        Load(rows, usual_kw, keys.elasticity, keys.reference_per_kwh),
    )


def take(table: Load, rows: Index) -> Load:
    """Return the loads of some rows (k,)."""
    return Load(table.home[rows], table.usual_kw[rows], table.elasticity, table.reference_per_kwh)


def spec(table: Load, hour: int, hours: int = 24, error: ForecastError | None = None) -> Stores:
    """Rows without a store over a window of hours: fixed power, or a linear demand between none and twice the usual."""
    return _stores(table, believed_kw(table, hour, hours, error), np.ones(hours))


def believed_kw(table: Load, hour: int, hours: int, error: ForecastError | None) -> Col:
    """Return the usual power believed of a window, shape (n, hours) [kW]; the truth where there is no error."""
    truth_kw = table.usual_kw[:, hour : hour + hours]
    return truth_kw if error is None else truth_kw * error.factor(table.home, hour, hour, hours)


def spec_now(table: Load, hour: int, short_h: float = 1 / 12) -> Stores:
    """The next real-time interval, for a bid."""
    return _stores(table, table.usual_kw[:, hour : hour + 1], np.array([short_h]))


def _stores(table: Load, usual_kw: Col, dt_h: Col) -> Stores:
    n = len(usual_kw)
    if table.elasticity == 0:
        return storeless(n, dt_h, p_min_kw=usual_kw, p_max_kw=usual_kw)
    bends = usual_kw > LEAST_KW
    prox = np.where(
        bends, table.reference_per_kwh / (table.elasticity * np.where(bends, usual_kw, 1.0)), 0.0
    )
    least, most = np.where(bends, 0.0, usual_kw), np.where(bends, 2 * usual_kw, usual_kw)
    return storeless(
        n,
        dt_h,
        p_min_kw=least,
        p_max_kw=most,
        prox=prox,
        p_ref_kw=usual_kw * (1 + table.elasticity),
    )


def demand_kw(table: Load, hour: int, price_per_kwh: float) -> Col:
    """Power at a price, shape (n,) [kW]: the answer of the rows of `spec_now`, in closed form."""
    return _demand_kw(table, table.usual_kw[:, hour], price_per_kwh)


def _demand_kw(table: Load, usual: Col, price_per_kwh: float | Col) -> Col:
    share = (
        1 - table.elasticity * (price_per_kwh / table.reference_per_kwh - 1)
        if table.elasticity > 0
        else 1.0
    )
    return np.where(usual > LEAST_KW, usual * np.clip(share, 0.0, 2.0), usual)


def step(table: Load, hour: int, p_target_kw: Col | None = None) -> Col:
    """Power at the meter, shape (n,) [kW]; a fixed load follows no target."""
    usual = table.usual_kw[:, hour]
    if p_target_kw is None or table.elasticity == 0:
        return usual.copy()
    return np.clip(p_target_kw, 0.0, 2 * usual)


@register("device", "appliances")
@dataclass(frozen=True)
class LoadGroup:
    """Appliances whose load responds to price; without orders they take their usual power.

    What a home takes otherwise than usual is worth the area under its demand curve: p_ref is the power at a price of zero, so
    prox/2 (p - p_ref)^2 less that of the usual power is what giving up energy costs it.
    """

    about: ClassVar[DeviceKind] = DeviceKind(
        "appliances",
        "Responsive appliances",
        "#7f8fa6",
        is_valued=False,
        keys=LoadKeys,
        draw=draw,
        table=Load,
        columns=(Column("usual_kw", (HOURLY,), 0.0),),
    )
    table: Load
    forgone_usd: Col  # (r,) worth of the energy forgone so far, net of what more was worth
    error: ForecastError | None = None  # of the usual power that plans believe in

    @classmethod
    def of(cls, setting: Setting) -> "LoadGroup | None":
        """Return the loads that answer to price; a load that does not is part of the load of its home."""
        table = setting.homes.owned.get("appliances")
        if table is None:
            return None
        return cls(table, np.zeros(len(table.home)), setting.errors.load)

    @property
    def home(self) -> Index:
        """Home of every load, shape (r,)."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return what the loads believe of a window."""
        stores = spec(self.table, window.hour, window.hours, self.error)
        return GroupBelief(np.arange(len(self.home)), stores)

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return the demand at the price of each hour."""
        usual_kw = believed_kw(self.table, window.hour, window.hours, self.error)
        price = np.broadcast_to(price_per_kwh, usual_kw.shape)
        pairs = zip(usual_kw.T, price.T, strict=True)
        return np.stack([_demand_kw(self.table, usual, price) for usual, price in pairs], axis=1)

    def tender(self, now: Moment, rows: Index) -> Curves:
        """Return the demand curves: from nothing at the highest price to twice the usual power, linear."""
        t, usual = self.table, self.table.usual_kw[rows, now.hour]
        bends = (usual > LEAST_KW) & (t.elasticity > 0)
        ends = np.stack([np.where(bends, 0.0, usual), np.where(bends, 2 * usual, usual)], axis=1)
        reach = 1 / t.elasticity if t.elasticity > 0 else 0.0
        price = np.tile(t.reference_per_kwh * np.array([1 + reach, 1 - reach]), len(rows))
        return Curves(2 * np.arange(len(rows) + 1), ends.ravel(), price)

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Take what is ordered."""
        del beside
        usual = self.table.usual_kw[:, now.hour]
        asked = (
            usual if p_target_kw is None else np.where(np.isnan(p_target_kw), usual, p_target_kw)
        )
        p_kw = step(self.table, now.hour, asked)
        worth = forgone_per_h(self.table, self.table.usual_kw[:, now.hour], p_kw) * now.dt_h
        np.add(self.forgone_usd, worth, out=self.forgone_usd)
        return Metered(p_kw, np.zeros(len(self.home)))

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return the usual power."""
        return {"usual_kw": self.table.usual_kw[:, now.hour].copy()}

    def rated_kva(self) -> Col:
        """Return zeros: there is no inverter."""
        return np.zeros(len(self.home))

    def stored_kwh(self) -> Col:
        """Return zeros: a load stores nothing."""
        return np.zeros(len(self.home))

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return the worth of the energy forgone."""
        n = len(lived.home_kw)
        return DeviceOutcome(
            np.zeros(n), {"use forgone": total_by_home(self.forgone_usd, self.home, n)}
        )

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return the loads as they are: what is forgone is convex in power, so that the mean of a block costs no more."""
        t, usual, dt = self.table, self.table.usual_kw[:, blocks.hour], 1.0 / blocks.blocks_h

        def answer(price: Col, threads: int) -> Answer:
            del threads
            share = np.clip(1 - t.elasticity * (price / t.reference_per_kwh - 1), 0.0, 2.0)
            p_kw = np.where(usual > LEAST_KW, usual * share, usual)
            own = forgone_per_h(t, usual, p_kw).sum(1) * dt
            return Answer(p_kw, own, own + p_kw @ price * dt)

        ones, fixed = np.ones(len(t.home)), (usual <= LEAST_KW) | (t.elasticity == 0)
        least, most = np.where(fixed, usual, 0.0).sum(0), np.where(fixed, usual, 2 * usual).sum(0)
        return BoundPart(answer, least, most, most, usual.mean(1), 4, ones, ones)

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> RunColumn:
        """Return the power of each block."""
        del dt_h
        return held_kw(block_kw, steps)


def forgone_per_h(table: Load, usual_kw: Col, p_kw: Col) -> Col:
    """Return what taking a power other than the usual one costs in use [$/h]; below zero where more is taken.

    Both powers are in any shape [kW] that begins with the rows, (r, t) or (r,).
    """
    if table.elasticity == 0:
        return np.zeros_like(usual_kw)
    bends = usual_kw > LEAST_KW
    slope = np.where(
        bends, table.reference_per_kwh / (table.elasticity * np.where(bends, usual_kw, 1.0)), 0.0
    )
    top = usual_kw * (1 + table.elasticity)
    return np.asarray(slope / 2 * ((top - p_kw) ** 2 - (top - usual_kw) ** 2))
