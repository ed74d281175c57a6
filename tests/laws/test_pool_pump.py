"""A device written in this one file, a pool pump, is owned, planned, stepped, metered, settled, bounded and shown."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from gridagora.core import registry
from gridagora.extend import (
    Answer,
    Beside,
    Blocks,
    BoundPart,
    Col,
    DeviceGroup,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Homes,
    Index,
    InputError,
    Metered,
    Moment,
    People,
    Setting,
    Stores,
    Window,
    best_response,
    check_above_zero,
    check_share,
    draw_owners,
    held_kw,
    own,
    refuse,
    stores,
    total_by_home,
)
from gridagora.report.page import write
from gridagora.run.compare import compare, compute_bound, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read

FLOOR_KWH, CLOUDY_PER_KWH2_H, FAR = 1.0, 0.2, 1e3
MINUTES = 60


@dataclass(frozen=True)
class PoolPumpKeys:
    """`[homes.pool_pump]`: pumps that keep pools clear."""

    share: float = 0.3  # of homes with one
    kw: float = 1.5  # rating
    day_kwh: float = 9.0  # of pumping that a day makes cloudy

    def __post_init__(self) -> None:
        """Refuse what no pump can be."""
        refuse(
            check_share("homes.pool_pump.share", self.share),
            check_above_zero("homes.pool_pump.kw", self.kw),
            check_above_zero("homes.pool_pump.day_kwh", self.day_kwh),
        )


@dataclass(frozen=True)
class PoolPump:
    """n pumps."""

    home: Index
    rated_kw: Col
    drain_kw: Col  # pumping that must go on to keep the water as it is


def draw(keys: PoolPumpKeys, people: People) -> Homes:
    """Return the homes with the pumps that some of them own."""
    rows = draw_owners(people.seed, "pool pump", people.homes.home_id, keys.share)
    table = PoolPump(rows, np.full(len(rows), keys.kw), np.full(len(rows), keys.day_kwh / 24))
    return own(people.homes, "pool_pump", table)


def belief(table: PoolPump, x0: Col, dt_h: Col, worth_per_kwh: float) -> Stores:
    """Clearness of the water as pumping in store [kWh], which drains; below the floor it is cloudy."""
    return stores(
        np.minimum(x0, capacity_kwh(table)),
        dt_h,
        inflow=-table.drain_kw[:, None] * dt_h,
        p_max_kw=table.rated_kw[:, None],
        x_min=-FAR,
        x_max=capacity_kwh(table)[:, None],
        k_x=CLOUDY_PER_KWH2_H,
        x_set=FLOOR_KWH + FAR,
        dead=FAR,
        end_mu=(worth_per_kwh, worth_per_kwh),
    )


def capacity_kwh(table: PoolPump) -> Col:
    """Half a day of pumping and what keeps the water clear."""
    return FLOOR_KWH + 12 * table.drain_kw


@dataclass(frozen=True)
class PoolPumpGroup:
    """The pool pumps of a run; without orders a float runs one from half clear to clear."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "pool_pump", "Pool pumps", "#11aaaa", keys=PoolPumpKeys, draw=draw
    )
    table: PoolPump
    x_kwh: Col
    on: np.ndarray
    cloudy_usd: Col

    @classmethod
    def of(cls, setting: Setting) -> "PoolPumpGroup | None":
        """Return half clear pools."""
        table = setting.homes.owned.get("pool_pump")
        if table is None:
            return None
        n = len(table.home)
        return cls(table, FLOOR_KWH + 6 * table.drain_kw, np.zeros(n, bool), np.zeros(n))

    @property
    def home(self) -> Index:
        """Home of every pump."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return what the pumps believe of a window."""
        worth = max(window.value_per_kwh, 0.0)
        return GroupBelief(
            np.arange(len(self.home)), belief(self.table, self.x_kwh, np.ones(window.hours), worth)
        )

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return no power: it is up to the plan."""
        return np.zeros((len(self.home), window.hours))

    def tender(self, now: Moment, rows: Index) -> Stores:
        """Return what the pumps believe of the next interval."""
        return belief(self.table, self.x_kwh, np.array([now.dt_h]), 0.0)

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Pump by the minute."""
        t, top = self.table, capacity_kwh(self.table)
        done, drained, minutes = (
            np.zeros(len(self.home)),
            np.zeros(len(self.home)),
            round(MINUTES * now.dt_h),
        )
        for _ in range(minutes):
            self.on[:] = np.where(
                self.x_kwh >= top - 1e-9, False, self.on | (self.x_kwh < FLOOR_KWH + 6 * t.drain_kw)
            )
            asked = np.where(self.on, t.rated_kw, 0.0)
            if p_target_kw is not None:
                asked = np.where(np.isnan(p_target_kw), asked, p_target_kw)
            room = (top - self.x_kwh) * MINUTES + t.drain_kw
            p_kw = np.clip(asked, 0.0, np.minimum(t.rated_kw, room))
            np.add(self.x_kwh, (p_kw - t.drain_kw) / MINUTES, out=self.x_kwh)
            short = np.maximum(FLOOR_KWH - self.x_kwh, 0.0)
            np.add(self.cloudy_usd, CLOUDY_PER_KWH2_H / 2 * short**2 / MINUTES, out=self.cloudy_usd)
            done, drained = done + p_kw / MINUTES, drained + t.drain_kw / MINUTES
        return Metered(done / now.dt_h, done - drained)

    def observe(self, now: Moment) -> dict[str, Col]:
        """Return how clear the water is."""
        return {"clear_kwh": self.x_kwh.copy()}

    def rated_kva(self) -> Col:
        """Return zeros: there is no inverter."""
        return np.zeros(len(self.home))

    def stored_kwh(self) -> Col:
        """Return pumping in store."""
        return self.x_kwh.copy()

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return what cloudy water was worth, and the pumping that is left."""
        n = len(lived.home_kw)
        cloudy = total_by_home(self.cloudy_usd, self.home, n)
        return DeviceOutcome(total_by_home(self.x_kwh, self.home, n), {"cloudy water": cloudy})

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return pumps whose power may change every step."""
        b, dt = len(blocks.hour), 1.0 / (blocks.blocks_h * blocks.steps)
        area = belief(self.table, self.x_kwh, np.full(b * blocks.steps, dt), blocks.left_per_kwh)

        def answer(price: Col, threads: int) -> Answer:
            fine = np.repeat(price, blocks.steps)
            found = best_response(area, fine, fine, threads=threads)
            mean = found.p_kw.reshape(len(found.p_kw), b, -1).mean(2)
            return Answer(mean, found.cost_usd - found.p_kw @ fine * dt, found.bound_usd)

        most, none, ones = (
            np.full(b, self.table.rated_kw.sum()),
            np.zeros(b),
            np.ones(len(self.home)),
        )
        return BoundPart(answer, none, most, most, self.x_kwh, 2, ones, ones)

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> Col:
        """Return the power of each block."""
        return held_kw(block_kw, steps)


GROUP: type[DeviceGroup] = PoolPumpGroup
SCENE = """
[scenario]
title = "Pools"
seed = 5
days = 1
[homes]
count = 6
[homes.pool_pump]
share = 0.5
kw = 1.2
[substation]
limit_share_of_flat_peak = 0.9
over_per_kwh = 1.0
"""


@pytest.fixture(autouse=True, scope="module")
def registered():
    """Register the pump for this file alone."""
    registry.register("device", "pool_pump")(PoolPumpGroup)
    yield
    registry.forget(__name__)


@pytest.fixture(scope="module")
def pools(registered):
    scene = build.build(read.parse(SCENE))
    return scene, compare(scene, ["flat", "rtp", "central", "layered", "peer"])


def test_homes_own_what_its_keys_say(pools):
    table = pools[0].homes.owned["pool_pump"]
    assert len(table.home) == 3
    assert (table.rated_kw == 1.2).all()
    with pytest.raises(
        InputError, match=r"\[homes.pool_pump\] share: got 1.5, expected a share from 0 to 1"
    ) as caught:
        read.parse(SCENE.replace("0.5", "1.5").replace("1.2", "-1.0"))
    assert len(caught.value.problems) == 2
    with pytest.raises(
        InputError, match=r"an unknown key 'size', expected a key of the device 'pool_pump'"
    ):
        read.parse(SCENE, overrides=["homes.pool_pump.size=3"])
    with pytest.raises(
        InputError, match=r"unknown table \[homes.pool_pumps\].*Did you mean 'pool_pump'"
    ):
        read.parse(SCENE.replace("pool_pump", "pool_pumps"))


def test_its_keys_are_set_from_outside():
    scene = build.build(
        read.parse(SCENE, overrides=["homes.pool_pump.kw=0.9", "homes.pool_pump.share=1.0"])
    )
    assert (scene.homes.owned["pool_pump"].rated_kw == 0.9).all()
    assert len(scene.homes.owned["pool_pump"].home) == 6
    assert build.build(read.parse(scene.text)).homes.owned["pool_pump"].rated_kw[0] == 0.9


def test_it_is_planned_metered_and_settled(pools):
    """It draws its energy at cheaper hours once it hears prices, and every meter, bill and balance holds it."""
    scene, study = pools[0], prepare(pools[0])
    outcomes = {
        name: evaluate(name, simulate(scene.market(name), study), study)
        for name in ("flat", "rtp", "central", "layered")
    }
    for o in outcomes.values():
        assert o.device_kw["pool_pump"].max() > 0
        assert o.energy_balance_kwh <= 1e-9
        assert o.imbalance_uusd == 0
        np.testing.assert_allclose(
            o.fixed_kw + sum(o.device_kw.values()) + o.other_kw, o.load_kw, atol=1e-9
        )
    paid = {name: mean_price(o) for name, o in outcomes.items()}
    assert max(paid["rtp"], paid["central"], paid["layered"]) < paid["flat"] - 0.002


def mean_price(o):
    taken = o.device_kw["pool_pump"]
    return (taken * o.wholesale_per_kwh).sum() / taken.sum()


def test_the_bound_knows_it_and_no_design_is_above(pools):
    scene = pools[0]
    top = compute_bound(scene, prepare(scene))
    assert top.device_usd["pool_pump"] < 0
    assert top.feasible_usd <= top.welfare_usd
    assert top.gap_usd < 0.1 * abs(top.welfare_usd)


def test_the_report_shows_it(pools, tmp_path):
    result = pools[1]
    assert set(result.summary["architectures"]) == {"flat", "rtp", "central", "layered", "peer"}
    assert (result.tables["intervals"].pool_pump_kw > 0).any()
    assert "cloudy water" in set(result.tables["costs"].item)
    page = write(result, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Pool pumps" in page
