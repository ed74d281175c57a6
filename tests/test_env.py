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

from gridagora.core.errors import InputError  # noqa: E402
from gridagora.env import HomeEnv  # noqa: E402


def episode(env, policy):
    seen, _ = env.reset(seed=1)
    rewards, over = [], False
    while not over:
        seen, reward, _, over, told = env.step(policy(seen))
        rewards.append(reward)
    return np.array(rewards), told["outcome"]


@pytest.mark.parametrize("homes", [("home-0002",), None])
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
