"""From a finished run to its outcome, by a run made by hand: two kinds of devices, three homes, a day of half hours."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from gridagora.core.device import DeviceKind, DeviceOutcome, DeviceRecord
from gridagora.core.place import Level, places
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.records import MemoryRecorder
from gridagora.core.rules import Residual
from gridagora.core.session import MessageCount, Topology
from gridagora.core.tables import Homes, Quality
from gridagora.mechanisms.retail.agents import GameCertificate
from gridagora.population.fleet import Fleet
from gridagora.results.outcome import LocalTrades, costs_usd
from gridagora.run import evaluate as run
from gridagora.run.comms import BidCache
from gridagora.run.forecast import WholesaleTerms
from gridagora.run.record import (
    columns_of_record,
    open_record,
    power_of,
    sum_interval,
    write_interval,
)
from gridagora.run.settle import Position, no_trades
from gridagora.run.simulate import live_through
from gridagora.run.state import FinishedRun, Setup
from gridagora.settlement import ledger as books
from gridagora.settlement.parties import run_parties

N, T, DT, START_S = 3, 48, 0.5, 90_000
OPERATOR = N
RNG = np.random.default_rng(8)
LOAD_KW = RNG.uniform(0.5, 2.0, (N, 26))  # two hours beyond the day
PV_KW = RNG.uniform(0.0, 3.0, (N, 26))
OTHER_KW = RNG.uniform(0.0, 1.0, 26)
WHOLESALE_PER_KWH = RNG.uniform(-0.05, 0.3, T)
PRICE_PER_KWH = RNG.uniform(0.1, 0.3, T)
PANELS_KW = np.stack([-RNG.uniform(0, 2, T), np.zeros(T), np.zeros(T)], axis=1)  # (t, n)
STORE_KW = np.stack([np.zeros(T), RNG.normal(0, 1, T), RNG.normal(0, 1, T)], axis=1)
CHARGE_KWH = RNG.uniform(0, 5, (T, 2))  # of the rows of the second kind
PARTIES = run_parties(["a", "b", "c"])
TERMS = WholesaleTerms(None, 0.05, 0.02, limit_kw=4.0, over_per_kwh=1.5, perfect=False)


@dataclass(frozen=True)
class Devices:
    """A kind by hand: each home loses a cent of wear by kWh either way, and values what its rows hold at the end."""

    about: DeviceKind
    home: np.ndarray

    def feel(self, record: DeviceRecord) -> DeviceOutcome:
        assert record.dt_h == DT
        wear = 0.01 * np.abs(record.home_kw).sum(1) * record.dt_h
        left = np.zeros(N)
        for name in self.about.series:
            np.add.at(left, self.home, record.series[name][:, -1])
        usd = {"wear": wear, f"{self.about.kind} missed": wear + 1.0}
        return DeviceOutcome(
            left,
            usd,
            {f"{self.about.kind}_k_h": left + 2.0},
            {f"{self.about.kind}_mean_k": record.home_kw},
            fine(PV_KW) if self.about.kind == "pv" else None,
        )


@dataclass(frozen=True)
class Still:
    """A kind that says what it was told to say."""

    about: DeviceKind
    home: np.ndarray
    outcome: DeviceOutcome

    def feel(self, record):
        return self.outcome


PANELS = Devices(DeviceKind("pv", "Panels"), np.array([0]))
STORES = Devices(
    DeviceKind(
        "store",
        "Stores",
        is_prosumer=True,
        series=("store_kwh",),
        measures={"store_k_h": "store felt"},
    ),
    np.array([2, 1]),
)
FLEET = Fleet((PANELS, STORES), N, DT)


def homes(**changed):
    plain = np.ones(1)
    quality = Quality(plain, np.zeros(1, int), plain, np.zeros(1), 0.0)
    columns = {
        "home_id": ("a", "b", "c"),
        "load_kw": LOAD_KW,
        "quality": quality,
        "owned": {},
    }
    return Homes(**columns | changed)


def setup(**changed):
    columns = {
        "homes": homes(),
        "days": 1,
        "start_s": START_S,
        "local_hour": np.arange(26) % 24,
        "wholesale": TERMS,
        "comfort_per_k2_h": 0.01,
        "flat_per_kwh": 0.1,
        "dt_h": DT,
        "window_h": 24,
        "rule": "continuous",
        "baseline_kw": None,
        "other_kw": OTHER_KW,
    }
    return Setup(**columns | changed)


def record(kind_kw=None, series=None, award_kw=None, fleet=FLEET, load_kw=LOAD_KW, **changed):
    """A run written interval by interval: kinds (g, t, n) and what they tell (t, r) as given, or by hand."""
    kind_kw = np.stack([PANELS_KW, STORE_KW]) if kind_kw is None else kind_kw
    series = {"store_kwh": CHARGE_KWH} if series is None else series
    columns = {
        "price_per_kwh": PRICE_PER_KWH,
        "credit_per_kwh": PRICE_PER_KWH / 2,
        "import_per_kwh": PRICE_PER_KWH[:, None],
        "export_per_kwh": PRICE_PER_KWH[:, None] / 2,
        "worst": np.array([1e-12, 0.003]),
    }
    groups, t = fleet.groups, kind_kw.shape[1]
    held = MemoryRecorder(t, columns_of_record(groups, len(load_kw)))
    track = open_record(groups, range(len(groups)), held, t)._replace(**columns | changed)
    for i in range(kind_kw.shape[1]):
        told = {name: values[i] for name, values in series.items()}
        award = None if award_kw is None else award_kw[i]
        load = load_kw[:, i * 24 // t]
        write_interval(held, i, groups, load, kind_kw[:, i], told, award)
        sum_interval(track, i, kind_kw[:, i], award)
    return track


def lived_of(track, fleet):
    """What the groups of a fleet went through, by the record of a run."""
    column, found = track.recorder.column, []
    for group in fleet.groups:
        series = {name: column(name) for name in group.about.series}
        felt = group.feel(DeviceRecord(column(power_of(group.about.kind)), series, DT))
        found.append(live_through(group, felt, slice(0, fleet.homes)))
    return tuple(found)


def finished(track=None, fleet=FLEET, **changed):
    track = record() if track is None else track
    columns = {
        "track": track,
        "lived": lived_of(track, fleet),
        "wholesale_per_kwh": WHOLESALE_PER_KWH,
        "traffic": MessageCount(messages=11, bytes=222, rounds=33, disclosed=20),
        "inbox": BidCache(),
        "parties": PARTIES,
        "positions": (),
        "trades": no_trades(),
        "unconverged": 4,
        "games": (),
        "wall_s": 1.5,
        "residual": Residual.OPERATOR,
        "lean_bits": 750,
    }
    return FinishedRun(**columns | changed)


def fine(hourly):
    return np.repeat(hourly[..., :24], 2, axis=-1)


HOME_KW = fine(LOAD_KW) + PANELS_KW.T + STORE_KW.T


@pytest.fixture(scope="module")
def outcome():
    return run.evaluate("by hand", finished(), setup())


def test_power_is_load_and_devices_and_the_substation_has_all_meters(outcome):
    np.testing.assert_allclose(outcome.home_kw, HOME_KW, atol=1e-12)
    np.testing.assert_allclose(outcome.other_kw, fine(OTHER_KW), atol=0)
    np.testing.assert_allclose(outcome.load_kw, HOME_KW.sum(0) + fine(OTHER_KW), atol=1e-12)
    np.testing.assert_allclose(outcome.fixed_kw, fine(LOAD_KW).sum(0), atol=1e-12)
    assert list(outcome.available_kw) == ["pv"]
    np.testing.assert_allclose(outcome.available_kw["pv"], fine(PV_KW), atol=0)
    assert list(outcome.device_kw) == ["pv", "store"]
    np.testing.assert_allclose(outcome.device_kw["pv"], PANELS_KW.sum(1), atol=1e-12)
    np.testing.assert_allclose(outcome.device_kw["store"], STORE_KW.sum(1), atol=1e-12)


def test_time_and_terms_are_those_of_the_scenario(outcome):
    assert outcome.name == "by hand"
    assert outcome.start_s.tolist() == [START_S + 1800 * i for i in range(T)]
    terms = (
        outcome.dt_h,
        outcome.limit_kw,
        outcome.over_per_kwh,
        outcome.delivery_per_kwh,
        outcome.export_credit_per_kwh,
    )
    assert terms == (DT, 4.0, 1.5, 0.05, 0.02)
    np.testing.assert_array_equal(outcome.wholesale_per_kwh, WHOLESALE_PER_KWH)


def test_prices_and_counts_are_those_of_the_run(outcome):
    np.testing.assert_array_equal(outcome.price_per_kwh, PRICE_PER_KWH)
    np.testing.assert_array_equal(outcome.credit_per_kwh, PRICE_PER_KWH / 2)
    assert outcome.place_per_kwh.shape == (0, T)
    assert tuple(outcome.exchange) == (11, 222, 33, 20 // 3, 750 / 3)
    assert (outcome.unconverged_sessions, outcome.wall_s) == (4, 1.5)
    assert (outcome.energy_balance_kwh, outcome.plan_gap_share) == (1e-12, 0.003)
    assert outcome.network is None
    assert outcome.reactive is None
    assert math.isnan(outcome.leader_gain_usd)


def test_what_devices_cost_adds_up_over_kinds(outcome):
    wear = [0.01 * np.abs(power).sum(0) * DT for power in (PANELS_KW, STORE_KW)]
    assert list(outcome.device_usd) == ["wear", "pv missed", "store missed"]
    np.testing.assert_allclose(outcome.device_usd["wear"], wear[0] + wear[1], atol=1e-12)
    np.testing.assert_allclose(outcome.device_usd["pv missed"], wear[0] + 1, atol=1e-12)
    np.testing.assert_allclose(outcome.device_usd["store missed"], wear[1] + 1, atol=1e-12)
    assert costs_usd(outcome)["wear"] == pytest.approx(float((wear[0] + wear[1]).sum()))


LEFT_KWH = np.array([0.0, CHARGE_KWH[-1, 1], CHARGE_KWH[-1, 0]])  # rows belong to homes c and b


def test_what_homes_felt_is_told_by_home_and_by_interval(outcome):
    assert sorted(outcome.felt) == ["pv_k_h", "store_k_h"]
    np.testing.assert_allclose(outcome.felt["store_k_h"], LEFT_KWH + 2, atol=1e-12)
    np.testing.assert_allclose(outcome.felt["pv_k_h"], 2.0, atol=1e-12)
    np.testing.assert_allclose(outcome.measures["store felt"], LEFT_KWH + 2, atol=1e-12)
    assert list(outcome.measures) == ["store felt"]
    assert sorted(outcome.series) == ["pv_mean_k", "store_mean_k"]
    np.testing.assert_array_equal(outcome.series["store_mean_k"], STORE_KW.T)


def test_what_several_kinds_count_towards_one_measure_adds_up():
    kinds = (
        DeviceKind("a", "A", measures={"a_starts": "starts"}),
        DeviceKind("b", "B", measures={"b_starts": "starts", "b_late_h": "lateness"}),
        DeviceKind("c", "C"),
    )
    one, two, late = np.array([1.0, 0, 2]), np.array([0.0, 5, 1]), np.array([0.5, 0, 0])
    felt = (
        DeviceOutcome(np.zeros(N), felt={"a_starts": one, "a_other": late}),
        DeviceOutcome(np.zeros(N), felt={"b_starts": two, "b_late_h": late}),
        DeviceOutcome(np.zeros(N), felt={"c_starts": one}),
    )
    got = run.sum_measures(kinds, felt)
    assert {name: column.tolist() for name, column in got.items()} == {
        "starts": [1.0, 5.0, 3.0],
        "lateness": [0.5, 0.0, 0.0],
    }
    assert one.tolist() == [1.0, 0.0, 2.0], "what a group told stays as it is"
    assert run.sum_measures((), ()) == {}


def test_what_is_left_is_worth_the_mean_import_price(outcome):
    assert outcome.left_usd == pytest.approx((WHOLESALE_PER_KWH.mean() + 0.05) * LEFT_KWH.sum())
    each = run.left_usd(finished(), setup())
    np.testing.assert_allclose(each, (WHOLESALE_PER_KWH.mean() + 0.05) * LEFT_KWH)


def test_only_kinds_that_make_a_prosumer_are_owned(outcome):
    assert {kind: flags.tolist() for kind, flags in outcome.owned.items()} == {
        "store": [False, True, True]
    }
    assert run.homes_with(PANELS, 5).tolist() == [True, False, False, False, False]


def test_bills_are_import_at_the_price_less_export_at_the_credit(outcome):
    bought, sold = HOME_KW.clip(min=0), (-HOME_KW).clip(min=0)
    by_hand = (bought * PRICE_PER_KWH - sold * PRICE_PER_KWH / 2).sum(1) * DT
    np.testing.assert_allclose(outcome.bill_usd, by_hand, atol=2e-6)
    assert outcome.bill_usd.shape == (N,)
    assert set(outcome.ledger.item) == {
        "energy",
        "credit",
        "wholesale energy",
        "delivery",
        "export credit",
        "other customers",
        "overload",
    }
    assert outcome.parties == PARTIES


def test_the_operator_keeps_bills_and_others_less_wholesale_and_wires(outcome):
    load, other = HOME_KW.sum(0) + fine(OTHER_KW), fine(OTHER_KW)
    costs = (
        load * WHOLESALE_PER_KWH + load.clip(min=0) * 0.05 - (-load).clip(min=0) * 0.02
    ).sum() * DT
    beyond, own = ((np.abs(each) - 4.0).clip(min=0).sum() * DT for each in (load, other))
    costs += 1.5 * (beyond - own)  # other customers pay what they would bring about alone
    kept = outcome.bill_usd.sum() + (other * (WHOLESALE_PER_KWH + 0.05)).sum() * DT - costs
    assert outcome.surplus_uusd / 1e6 == pytest.approx(kept, abs=1e-5)
    assert outcome.surplus_uusd == -books.paid_uusd(outcome.ledger, N + 4)[OPERATOR]
    assert isinstance(outcome.surplus_uusd, int)
    assert outcome.imbalance_uusd == 0


def test_bills_say_what_they_were_made_of(outcome):
    np.testing.assert_array_equal(outcome.paid.price_per_kwh, PRICE_PER_KWH[None])
    np.testing.assert_array_equal(outcome.paid.credit_per_kwh, PRICE_PER_KWH[None] / 2)
    assert outcome.paid.positions == ()
    assert len(outcome.paid.trades.usd) == 0


def test_a_settlement_is_of_the_whole_run():
    s = run.settlement(PARTIES, setup(days=3))
    assert s.period == Product(Commodity.P, START_S, 3 * 86400, Horizon.REAL_TIME)
    assert (s.parties, s.dt_h, s.terms) == (PARTIES, DT, TERMS)
    assert s.place.tolist() == [0, 0, 0]
    tree = places(["t", "root"], np.array([Level.TRANSFORMER, Level.FEEDER]), np.array([1, -1]))
    assert run.settlement(
        PARTIES, setup(site=Topology(tree, np.array([0, 1, 0])))
    ).place.tolist() == [0, 1, 0]


def test_a_position_is_settled_and_told():
    p_kw, price = np.full((N, 24), 1.0), np.full((N, 24), 0.2)
    ahead = Position(
        Product(Commodity.P, START_S, 3600, Horizon.DAY_AHEAD), p_kw, price, np.full(24, 0.15)
    )
    awards = np.full((T, N), 1.0)
    got = run.evaluate("ahead", finished(record(award_kw=awards), positions=(ahead,)), setup())
    assert {"day-ahead", "deviation"} <= set(got.ledger.item)
    cost = (HOME_KW.clip(min=0) + HOME_KW.clip(max=0) / 2) * PRICE_PER_KWH
    by_hand = 0.2 * 24 + (cost - 1.0 * PRICE_PER_KWH).sum(1) * DT
    np.testing.assert_allclose(got.bill_usd, by_hand, atol=3e-6)
    np.testing.assert_array_equal(got.award_kw, awards.T)
    np.testing.assert_array_equal(got.committed_kw, np.full(T, 3.0))
    (told,) = got.paid.positions
    assert told.product == ahead.product
    assert told.p_kw is p_kw
    assert told.price_per_kwh is price


def test_a_home_pays_the_tariff_for_what_it_did_not_buy_of_others():
    """Home b sells 0.5 kW to a in the third interval for a dollar."""
    one = np.array([0]), np.array([1]), np.array([0.5]), np.array([1.0]), np.array([False])
    trades = LocalTrades(np.array([2]), *one)
    got, plain = (
        run.evaluate("local", finished(trades=trades), setup()),
        run.evaluate("plain", finished(), setup()),
    )
    net = HOME_KW[:2, 2]

    def owed(p_kw):
        return PRICE_PER_KWH[2] * DT * (p_kw if p_kw > 0 else p_kw / 2)

    by_hand = [1 + owed(net[0] - 0.5) - owed(net[0]), -1 + owed(net[1] + 0.5) - owed(net[1]), 0.0]
    np.testing.assert_allclose(got.bill_usd - plain.bill_usd, by_hand, atol=3e-6)
    assert "local energy" in got.ledger.item
    assert got.paid.trades is trades
    assert got.imbalance_uusd == 0


def test_misses_of_awards_are_charged_where_the_scenario_prices_them():
    one = np.ones(1)
    priced = homes(quality=Quality(one, np.zeros(1, int), one, np.array([0.1]), 0.0))
    awards = HOME_KW.T - 1.0
    awards[:, 2] = math.nan
    got = run.evaluate("charged", finished(record(award_kw=awards)), setup(homes=priced))
    charges = books.only(got.ledger, "deviation charge")
    assert charges.payer.tolist() == [0, 1]
    assert (charges.amount_uusd / 1e6).tolist() == pytest.approx([0.1 * 24] * 2)


def test_prosumers_who_are_the_retailer_share_what_is_left():
    got, plain = (
        run.evaluate("r", finished(residual=residual), setup())
        for residual in (Residual.PROSUMERS, Residual.OPERATOR)
    )
    gained = plain.bill_usd - got.bill_usd
    assert gained[0] == 0.0
    assert gained[1] == pytest.approx(gained[2], abs=2e-6)
    assert gained.sum() == pytest.approx(plain.surplus_uusd / 1e6, abs=3e-6)
    assert abs(got.surplus_uusd) <= 1
    assert "retail margin" in got.ledger.item
    assert "retail margin" not in plain.ledger.item


def test_games_tell_what_the_party_who_could_gain_most_would_gain():
    lost = dict.fromkeys(GameCertificate._fields, 0)
    games = tuple(
        GameCertificate(
            **lost
            | {"gain_usd": g, "follower_gain_usd": 2 * g, "gain_share": g / 9, "tried_share": g / 7}
        )
        for g in (3.0, 1.0)
    )
    got = run.evaluate("game", finished(games=games), setup())
    assert (got.leader_gain_usd, got.follower_gain_usd) == (3.0, 6.0)
    assert (got.leader_gain_share, got.leader_tried_share) == pytest.approx((3 / 9, 3 / 7))
    assert any("could earn up to" in said for said in got.warnings)


def crowd_kw():
    """Return the power of stores of five homes that start at once in the third interval."""
    power = np.zeros((1, T, 5))
    power[:, 2:] = 4.0
    return power


@pytest.mark.parametrize(("awarded", "said"), [(False, 1), (True, 0)])
def test_devices_that_start_at_once_are_told_where_nobody_was_awarded(awarded, said):
    """Five homes follow a posted price; where a market awards, their power was meant."""
    five = homes(home_id=tuple("abcde"), load_kw=np.ones((5, 26)))
    awards = np.full((T, 5), 1.0 if awarded else math.nan)
    plain = DeviceOutcome(np.zeros(5), {"wear": np.zeros(5)})
    fleet = Fleet((Still(PANELS.about, np.arange(5), plain),), 5, DT)
    track = record(crowd_kw(), {}, awards, fleet, np.ones((5, 26)))
    got = run.evaluate(
        "crowd",
        finished(track, fleet=fleet, parties=run_parties(tuple("abcde"))),
        setup(homes=five),
    )
    assert len(got.warnings) == said
    assert all("01:00" in words for words in got.warnings)


def test_what_is_kept_of_each_home_is_told(outcome):
    assert outcome.kept == {}
    got = run.evaluate("kept", finished(), setup(keep=("device_power",)))
    np.testing.assert_array_equal(got.kept["device_power"]["store_kw"], STORE_KW.T)


def test_homes_without_devices_take_their_load_by_the_hour():
    """Hourly intervals, no groups: nothing is felt, worn or left, and an interval begins every 3600 s."""
    hourly = record(
        kind_kw=np.zeros((0, 24, N)),
        series={},
        fleet=Fleet((), N, 1.0),
        price_per_kwh=np.full(24, 0.2),
        credit_per_kwh=np.full(24, 0.2),
        award_kw=np.full((24, N), math.nan),
        import_per_kwh=np.full((24, 1), 0.2),
        export_per_kwh=np.full((24, 1), 0.2),
    )
    ran = finished(hourly, fleet=Fleet((), N, 1.0), wholesale_per_kwh=np.full(24, 0.1))
    got = run.evaluate("bare", ran, setup(dt_h=1.0))
    assert got.start_s.tolist() == [START_S + 3600 * i for i in range(24)]
    np.testing.assert_array_equal(got.home_kw, LOAD_KW[:, :24])
    np.testing.assert_allclose(got.bill_usd, 0.2 * LOAD_KW[:, :24].sum(1), atol=1e-6)
    assert (got.device_kw, got.device_usd, got.felt, got.owned) == ({}, {}, {}, {})
    assert got.left_usd == 0.0
