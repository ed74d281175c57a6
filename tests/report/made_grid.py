"""Tables of a made-up feeder with a market on it: prices at homes, movements of controls, charges for losses."""

import numpy as np
import pandas as pd

HOUR_S = 3600
CONTROLS = (("reg1a", "regulator", 2), ("reg1b", "regulator", -1), ("cap83", "capacitor", 1))


def nodal_prices(designs: tuple[str, ...], homes: int, start_s: int, hours: int) -> pd.DataFrame:
    """Return prices by home and hour: losses rise with the number of the home, voltage binds at the last in the evening."""
    hour = np.arange(hours)
    energy = 0.03 + 0.02 * np.exp(-(((hour % 24 - 18) / 3.0) ** 2))
    evening = (hour % 24 >= 18) & (hour % 24 < 21)
    parts = []
    for rank, name in enumerate(designs):
        for home in range(homes):
            share = home / max(1, homes - 1)
            binds = 0.04 * evening * (share > 0.8) * (rank + 1)
            parts.append(
                pd.DataFrame(
                    {
                        "architecture": name,
                        "home_id": f"home_{home:04d}",
                        "start_s": start_s + HOUR_S * hour,
                        "energy_per_kwh": energy,
                        "loss_per_kwh": 0.1 * share * energy - 0.001,
                        "congestion_per_kwh": 0.0,
                        "voltage_per_kwh": binds,
                        "loss_per_kvarh": 0.01 * share * energy,
                        "congestion_per_kvarh": 0.0,
                        "voltage_per_kvarh": 0.5 * binds,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def control_moves(designs: tuple[str, ...], start_s: int) -> pd.DataFrame:
    """Return movements: the first design moves every control, later ones fewer; the last moves none."""
    rows = []
    for rank, name in enumerate(designs[:-1]):
        for place, (control, kind, first) in enumerate(CONTROLS):
            position = first
            for event in range(max(0, 4 - rank - place)):
                after = 1 - position if kind == "capacitor" else position + (-1) ** (event // 2)
                at = start_s + 300 * (12 * (3 + 5 * event) + rank)
                rows.append((name, at, control, kind, position, after))
                position = after
    columns = ["architecture", "start_s", "name", "kind", "position_before", "position_after"]
    return pd.DataFrame(rows, columns=columns)


def loss_entries(designs: tuple[str, ...], homes: int) -> pd.DataFrame:
    """Return charges for losses under all but the first design: each home 4 ct, 1 ct back; other customers 10 ct."""
    rows = []
    for name in designs[1:]:
        for home in range(homes):
            rows.append((name, f"home_{home:04d}", "wires", "loss charge", 40_000))
            rows.append((name, "wires", f"home_{home:04d}", "loss surplus", 10_000))
        rows.append((name, "other customers", "wires", "loss charge", 100_000))
    return pd.DataFrame(rows, columns=["architecture", "payer", "payee", "item", "amount_uusd"])
