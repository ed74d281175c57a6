"""Back-up generator: injects up to its rating at a marginal cost, without a store (theory 1.10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.device import (
    NONE,
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
from gridagora.core.records import RunColumn
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.stores.value import Stores
from gridagora.population.charging import owners


@dataclass(frozen=True)
class GeneratorKeys:
    """`[homes.generator]`: back-up generators that also run for the market."""

    share: float = 0.1  # share of homes with one
    kw: float = 8.0  # rating of one
    cost_per_kwh: float = 0.35  # fuel and wear of a kWh made

    def __post_init__(self) -> None:
        """Refuse a share outside 0 to 1, a rating that is not above zero, a cost below zero."""
        refuse(
            check_share("homes.generator.share", self.share),
            check_above_zero("homes.generator.kw", self.kw),
            check_not_below_zero("homes.generator.cost_per_kwh", self.cost_per_kwh),
        )


@dataclass(frozen=True)
class Generator:
    """n generators."""

    home: Index  # (n,) row of the home
    rated_kw: Col  # (n,)
    cost_per_kwh: Col  # (n,) fuel and wear of a kWh made


def of(home: Index, rated_kw: Col, cost_per_kwh: Col | float) -> Generator:
    """Return n generators at some homes (n,): rating (n,) [kW] and cost of a kWh made (n,) [$/kWh].

    Raises
    ------
    ValueError
        A negative rating or cost; the message names the row.
    """
    rated = np.asarray(rated_kw, float)
    cost = np.broadcast_to(np.asarray(cost_per_kwh, float), rated.shape).copy()
    for name, column in (("rated_kw", rated), ("cost_per_kwh", cost)):
        if not (column >= 0).all():
            row = int(np.argmin(column >= 0))
            raise ValueError(f"generator row {row}: got {name} {column[row]}, expected 0 or more")
    return Generator(np.asarray(home, np.int64), rated, cost)


def draw(keys: GeneratorKeys, people: People) -> Homes:
    """Return the homes with the generators that some of them own, a draw of the seed keyed by the home."""
    rows = owners(people.seed, "generator", people.homes.home_id, keys.share)
    table = of(rows, np.full(len(rows), keys.kw), keys.cost_per_kwh)
    return own(people.homes, "generator", table)


def take(table: Generator, rows: Index) -> Generator:
    """Return the generators of some rows (k,)."""
    return Generator(table.home[rows], table.rated_kw[rows], table.cost_per_kwh[rows])


def spec(table: Generator, hours: int = 24) -> Stores:
    """Rows that run where the price is above their cost, over a window of hours."""
    return _stores(table, np.ones(hours))


def spec_now(table: Generator, short_h: float = 1 / 12) -> Stores:
    """The next real-time interval, for a bid."""
    return _stores(table, np.array([short_h]))


def _stores(table: Generator, dt_h: Col) -> Stores:
    rated_kw, cost = table.rated_kw[:, None], table.cost_per_kwh[:, None]
    return storeless(len(rated_kw), dt_h, p_min_kw=-rated_kw, wear_per_kwh=cost)


def step(table: Generator, p_target_kw: Col, step_h: float = 1 / 12) -> tuple[Col, Col]:
    """Power at the meter, negative [kW], and cost of the step [$], shape (n,) each: the target cut to the rating."""
    made = np.clip(-p_target_kw, 0.0, table.rated_kw)
    return -made, made * table.cost_per_kwh * step_h


@register("device", "generator")
@dataclass(frozen=True)
class GeneratorGroup:
    """Back-up generators; without orders they stand still, for the grid is there."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "generator",
        "Generators",
        "#8c6d46",
        is_valued=False,
        is_generation=True,
        keys=GeneratorKeys,
        table=Generator,
        columns=(Column("rated_kw", (), 0.0), Column("cost_per_kwh", (), 0.0)),
        draw=draw,
    )
    table: Generator
    burnt_usd: Col  # (r,) cost so far

    @classmethod
    def of(cls, setting: Setting) -> "GeneratorGroup | None":
        """Return the generators that homes own, at rest."""
        table = setting.homes.owned.get("generator")
        return None if table is None else cls(table, np.zeros(len(table.home)))

    @property
    def home(self) -> Index:
        """Home of every generator, shape (r,)."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return what the generators believe of a window."""
        return GroupBelief(np.arange(len(self.home)), spec(self.table, window.hours))

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return the rating where the price is above the cost."""
        del window
        t = self.table
        return np.where(price_per_kwh > t.cost_per_kwh[:, None], -t.rated_kw[:, None], 0.0)

    def tender(self, now: Moment, rows: Index) -> Curves:
        """Return the curves of the generators: the rating above their cost, nothing below."""
        del now
        ends = np.stack([-self.table.rated_kw[rows], np.zeros(len(rows))], axis=1)
        price = np.repeat(self.table.cost_per_kwh[rows], 2)
        return Curves(2 * np.arange(len(rows) + 1), ends.ravel(), price)

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Burn for what is ordered."""
        del beside
        none = np.zeros(len(self.home))
        p_kw, usd = step(
            self.table, none if p_target_kw is None else np.nan_to_num(p_target_kw), now.dt_h
        )
        np.add(self.burnt_usd, usd, out=self.burnt_usd)
        return Metered(p_kw, none)

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return nothing: it can always give its rating."""
        del now
        return NONE

    def rated_kva(self) -> Col:
        """Return zeros: there is no inverter."""
        return np.zeros(len(self.home))

    def stored_kwh(self) -> Col:
        """Return zeros: fuel is bought when it is burnt."""
        return np.zeros(len(self.home))

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return what was burnt."""
        n = len(lived.home_kw)
        return DeviceOutcome(np.zeros(n), {"fuel": total_by_home(self.burnt_usd, self.home, n)})

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return the generators as they are: cost is linear in power, so that the mean of a block costs what its parts do."""
        t, b = self.table, len(blocks.hour)
        dt, ones = 1.0 / blocks.blocks_h, np.ones(len(t.home))

        def answer(price: Col, threads: int) -> Answer:
            del threads
            p_kw = np.where(price > t.cost_per_kwh[:, None], -t.rated_kw[:, None], 0.0)
            own = -p_kw.sum(1) * t.cost_per_kwh * dt
            return Answer(p_kw, own, own + p_kw @ price * dt)

        return BoundPart(
            answer,
            np.full(b, -t.rated_kw.sum()),
            np.zeros(b),
            np.zeros(b),
            t.cost_per_kwh,
            4,
            ones,
            ones,
        )

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> RunColumn:
        """Return the power of each block."""
        del dt_h
        return held_kw(block_kw, steps)
