"""Homes whose loads are given and whose batteries rest, replayed hour by hour in CityLearn.

Run by the interpreter of the folder in which it is installed: run_citylearn.py WORK.json, prints one line of JSON. The data set
is written here from the loads of the work: CityLearn's own are fetched from elsewhere.
"""

import contextlib
import csv
import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

LOADS = [
    "month",
    "hour",
    "day_type",
    "daylight_savings_status",
    "indoor_dry_bulb_temperature",
    "average_unmet_cooling_setpoint_difference",
    "indoor_relative_humidity",
    "non_shiftable_load",
    "dhw_demand",
    "cooling_demand",
    "heating_demand",
    "solar_generation",
]
SKY = (
    "outdoor_dry_bulb_temperature",
    "outdoor_relative_humidity",
    "diffuse_solar_irradiance",
    "direct_solar_irradiance",
)
AHEAD = ("_predicted_1", "_predicted_2", "_predicted_3")
SEEN = ("month", "hour", "non_shiftable_load", "net_electricity_consumption")


def write(path, names, rows):
    """Write a table."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def data_set(folder, load_kwh):
    """Write the files of a data set and return its schema."""
    hours = len(load_kwh[0])
    sky = [name + end for end in ("", *AHEAD) for name in SKY]
    write(folder / "weather.csv", sky, [[30.0, 50.0, 0.0, 0.0] * 4] * hours)
    prices = ["electricity_pricing", *("electricity_pricing" + end for end in AHEAD)]
    write(folder / "pricing.csv", prices, [[0.1] * 4] * hours)
    write(folder / "carbon.csv", ["carbon_intensity"], [[0.4]] * hours)
    buildings = {}
    for i, load in enumerate(load_kwh):
        rows = [
            [7, h % 24 + 1, 1, 0, 24.0, 0.0, 50.0, kwh, 0.0, 0.0, 0.0, 0.0]
            for h, kwh in enumerate(load)
        ]
        write(folder / f"home{i}.csv", LOADS, rows)
        battery = {
            "capacity": 6.4,
            "efficiency": 0.95,
            "nominal_power": 5.0,
            "loss_coefficient": 0.0,
            "capacity_loss_coefficient": 0.0,
        }
        buildings[f"home{i}"] = {
            "include": True,
            "energy_simulation": f"home{i}.csv",
            "weather": "weather.csv",
            "pricing": "pricing.csv",
            "carbon_intensity": "carbon.csv",
            "inactive_observations": [],
            "inactive_actions": [],
            "electrical_storage": {
                "type": "citylearn.energy_model.Battery",
                "autosize": False,
                "attributes": battery,
            },
        }
    schema = {
        "random_seed": 0,
        "root_directory": str(folder),
        "central_agent": True,
        "simulation_start_time_step": 0,
        "simulation_end_time_step": hours - 1,
        "episode_time_steps": hours,
        "rolling_episode_split": False,
        "random_episode_split": False,
        "seconds_per_time_step": 3600,
        "observations": {
            name: {"active": True, "shared_in_central_agent": name in SEEN[:2]} for name in SEEN
        },
        "actions": {"electrical_storage": {"active": True}},
        "reward_function": {"type": "citylearn.reward_function.RewardFunction", "attributes": None},
        "buildings": buildings,
    }
    (folder / "schema.json").write_text(json.dumps(schema))
    return folder / "schema.json"


def main():
    """Time the replay; import and building are not counted."""
    work = json.loads(Path(sys.argv[1]).read_text())
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        from citylearn.citylearn import CityLearnEnv

        env = CityLearnEnv(
            str(data_set(Path(work["folder"]), work["load_kwh"])), central_agent=True
        )
        env.reset()
        rest, steps, done = [[0.0] * env.action_space[0].shape[0]], 0, False
        began = time.process_time()
        while not done:
            _, _, terminated, truncated, _ = env.step(rest)
            done = terminated or truncated
            steps += 1
        spent = time.process_time() - began
        kwh = float(sum(sum(building.net_electricity_consumption) for building in env.buildings))
    print(json.dumps({"version": version("citylearn"), "cpu_s": spent, "steps": steps, "kwh": kwh}))


if __name__ == "__main__":
    main()
