"""Homes as an environment: the checker of Gymnasium passes, rewards are the outcome's, nothing is known that cannot be."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

gymnasium = pytest.importorskip(
    "gymnasium", reason="Gymnasium is not installed: pip install 'gridagora[rl]'"
)

from gridagora.core.device import DeviceRecord  # noqa: E402
from gridagora.core.errors import InputError  # noqa: E402
from gridagora.env import HomeEnv  # noqa: E402
from gridagora.run.step import Run  # noqa: E402


def episode(env, policy):
    seen, _ = env.reset(seed=1)
    rewards, over = [], False
    while not over:
        seen, reward, _, over, told = env.step(policy(seen))
        rewards.append(reward)
    return np.array(rewards), told["outcome"]


@pytest.mark.parametrize("homes", [("home-0002",), ["home-0003", "home-0001"], "all", None])
def test_the_checker_of_gymnasium_passes(homes, scene, study):
    from gymnasium.utils.env_checker import check_env

    check_env(HomeEnv(scene, "rtp", homes, study=study), skip_render_check=True)


@pytest.mark.parametrize("design", ["flat", "layered"])
def test_rewards_sum_to_the_terms_of_the_outcome(design, scene, study):
    env = HomeEnv(scene, design, ("home-0001", "home-0004"), study=study)
    env.action_space.seed(3)
    rewards, outcome = episode(env, lambda _: env.action_space.sample())
    terms = outcome.bill_usd + sum(outcome.device_usd.values())
    assert len(rewards) == len(outcome.start_s)
    assert rewards.sum() == pytest.approx(-terms[[0, 3]].sum(), abs=1e-9)
    assert np.ptp(rewards) > 0


@pytest.mark.parametrize(
    ("kinds", "design"),
    [(("ev",), "flat"), (("pv",), "flat"), (("ev", "pv"), "flat"), (("pv",), "tou")],
)
def test_a_policy_by_hand_that_does_what_homes_do_pays_their_bill(kinds, design, scene, study):
    """Under a tariff of net metering cars charge as soon as they can and panels give all they can: so does the policy."""
    env = HomeEnv(scene, design, "all", kinds, study=study)
    full = np.array([1.0 if lever.kind == "ev" else -1.0 for lever in env.levers])
    rewards, outcome = episode(env, lambda _: full)
    alone = Run(scene, design, study).finish()
    assert np.array_equal(outcome.bill_usd, alone.bill_usd)
    for item, usd in alone.device_usd.items():
        assert np.array_equal(outcome.device_usd[item], usd), item
    terms = alone.bill_usd + sum(alone.device_usd.values())
    assert rewards.sum() == pytest.approx(-terms.sum(), abs=1e-9)


def test_a_step_is_rewarded_with_what_its_own_interval_cost(scene, study):
    """Money, wear and discomfort by hand, from power, price and temperature of the interval; a car at its departure."""
    env = HomeEnv(scene, "flat", "all", ("battery", "hvac"), study=study)
    env.action_space.seed(4)
    env.reset()
    n, dt, group = len(env.rows), study.dt_h, {g.about.kind: g for g in env.run.desk.fleet.groups}
    houses, cars = group["hvac"].table, group["ev"]
    departs = np.ceil(cars.table.depart_s / 300).astype(int)
    quarter: list[np.ndarray] = []
    felt_before, usual = np.zeros(n), np.zeros(n)
    for i in range(60):
        _, reward, _, _, told = env.step(env.action_space.sample())
        track = env.run.desk.track
        price = study.flat_per_kwh
        np.testing.assert_allclose(told["bill_usd"], told["meter_kw"] * price * dt, atol=1e-12)
        battery = track.recorder.column("each_battery_kw")[:, i]
        wear = np.bincount(group["battery"].home, 0.01 * np.abs(battery) * dt, n)
        if i % 3 == 0:
            quarter, felt_before = [], np.zeros(n)
        hour = i // 12
        served = houses.rated_kw[:, hour] > 0
        quarter.append(
            np.where(
                served, track.recorder.column("t_air_degc")[:, i] - houses.best_degc[:, hour], 0.0
            )
        )
        felt = houses.comfort_per_k2_h / 2 * np.mean(quarter, 0) ** 2 * len(quarter) * dt
        left = np.flatnonzero(departs == i + 1)
        lacks = (
            np.maximum(cars.table.need_kwh - cars.e_kwh, 0)[left] * cars.table.missing_per_kwh[left]
        )
        unmet = np.bincount(cars.home[left], lacks, n)
        tanks = sum(group["water_heater"].feel(record(env)).device_usd.values()) - usual
        usual = usual + tanks
        np.testing.assert_allclose(
            told["device_usd"], wear + felt - felt_before + unmet + tanks, atol=1e-9
        )
        felt_before = felt
        assert reward == pytest.approx(-(told["bill_usd"] + told["device_usd"]).sum(), abs=1e-12)


def record(env):
    """What has been recorded of tanks, which keep an account of their own."""
    return DeviceRecord(np.zeros((len(env.rows), 0)), {}, env.study.dt_h, is_over=False)


def test_a_car_is_no_cost_before_it_leaves(scene, study):
    """A car that is never charged costs nothing until it departs, and then all it lacks."""
    env = HomeEnv(scene, "flat", "all", ("ev",), study=study)
    env.reset()
    cars = next(g for g in env.run.desk.fleet.groups if g.about.kind == "ev")
    departs = np.ceil(cars.table.depart_s / 300).astype(int)
    items = []
    for _ in range(env.run.intervals - 1):
        before = cars.feel(
            DeviceRecord(
                np.zeros((len(env.rows), env.run.desk.interval)), {}, study.dt_h, is_over=False
            )
        )
        env.step(np.zeros(len(env.levers)))
        cars_now = cars.feel(
            DeviceRecord(
                np.zeros((len(env.rows), env.run.desk.interval)), {}, study.dt_h, is_over=False
            )
        )
        gone = departs == env.run.desk.interval
        want = np.bincount(
            cars.home[gone], (cars.table.need_kwh * cars.table.missing_per_kwh)[gone], len(env.rows)
        )
        items.append(cars_now.device_usd["ev unmet"] - before.device_usd["ev unmet"] - want)
    assert np.abs(items).max() < 1e-9


def test_an_episode_is_truncated_at_its_end_and_begins_again_as_it_was(scene, study):
    env = HomeEnv(scene, "rtp", "home-0002", study=study)
    first, info = env.reset(seed=3)
    assert info == {} and env.observation_space.contains(first)
    done = [env.step(np.ones(len(env.levers))) for _ in range(env.run.intervals)]
    assert [over for *_, over, _ in done] == [False] * (env.run.intervals - 1) + [True]
    assert not any(ended for _, _, ended, _, _ in done)
    with pytest.raises(
        InputError, match=r"an episode that is over, expected at most 288 steps. Call reset\(\)"
    ):
        env.step(np.ones(len(env.levers)))
    again, _ = env.reset(seed=99)
    assert np.array_equal(first, again)
    for seen, reward, _, _, _ in done[:20]:
        now, same, *_ = env.step(np.ones(len(env.levers)))
        assert np.array_equal(now, seen) and same == reward


def test_all_homes_by_word_by_list_and_left_out_are_the_same(scene, study):
    every = [
        HomeEnv(scene, "rtp", homes, study=study)
        for homes in (None, "all", list(scene.homes.home_id))
    ]
    assert len({env.levers for env in every}) == 1
    assert np.array_equal(every[0].reset()[0], every[1].reset()[0])
    assert [
        HomeEnv(scene, "rtp", homes, study=study).rows
        for homes in ("home-0002", ["home-0003", "home-0001"])
    ] == [[1], [2, 0]]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (np.zeros(3), "shape (3,), expected numbers of shape"),
        ("up", "expected numbers of shape"),
        (3.0, "expected numbers of shape"),
        (None, "expected numbers of shape"),
    ],
)
def test_an_action_that_is_none_is_a_sentence(action, words, scene, study):
    env = HomeEnv(scene, "rtp", "home-0001", study=study)
    with pytest.raises(InputError) as caught:
        env.step(action if not isinstance(action, np.ndarray) else np.zeros(len(env.levers) + 3))
    assert words.replace("(3,)", f"({len(env.levers) + 3},)") in str(caught.value)
    with pytest.raises(InputError, match="got nan in row 0"):
        env.step(np.full(len(env.levers), np.nan))


def test_what_is_seen_is_named_and_knows_no_car_to_come(scene, study):
    env = HomeEnv(scene, "rtp", study=study)
    seen, _ = env.reset()
    table = dict(zip(env.names, seen.reshape(len(env.rows), -1).T, strict=True))
    assert table["battery_stored_share"].max() == 0.5
    assert (np.abs(table["hvac_t_air_degc"] - 24) < 8).all()
    cars = scene.homes.owned["ev"]
    here = set(cars.home[cars.arrive_s <= 0].tolist())
    assert set(np.flatnonzero(table["ev_need_kwh"])) <= here
    assert (
        table["price_per_kwh"][0] == env.run.step().price_per_kwh[0]
    )  # a posted price is known before


def test_a_home_or_a_kind_that_is_none_is_refused(scene, study):
    with pytest.raises(InputError, match="homes: got 'home-99', expected one of home-0001"):
        HomeEnv(scene, "rtp", ("home-99",), study=study)
    with pytest.raises(InputError, match="homes: got 'home-0001' twice"):
        HomeEnv(scene, "rtp", ("home-0001", "home-0001"), study=study)
    with pytest.raises(InputError, match="homes: got no name"):
        HomeEnv(scene, "rtp", (), study=study)
    with pytest.raises(InputError, match="homes: got 3"):
        HomeEnv(scene, "rtp", 3, study=study)
    with pytest.raises(InputError, match="kinds: got 'boiler', expected one of hvac"):
        HomeEnv(scene, "rtp", kinds=("boiler",), study=study)


def test_without_the_extra_a_sentence_says_what_to_install():
    code = "import sys; sys.modules['gymnasium'] = None; import gridagora; import gridagora.env"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "needs Gymnasium, which is not installed: pip install 'gridagora[rl]'" in done.stderr


def test_the_page_runs():
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "own-controller.md").read_text(
        encoding="utf-8"
    )
    scope: dict[str, object] = {}
    for body in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(body, "own-controller.md", "exec"), scope)
    assert scope["outcome"].bill_usd.shape == (6,)
    assert scope["total"] < 0
