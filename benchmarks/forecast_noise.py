"""Welfare lost to noise in the outlook where homes form the price: bids (curve up, price down) against a broadcast price (T9).

python benchmarks/forecast_noise.py [--figure docs/_static/forecast_noise.svg]
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np

from gridagora.mechanisms.forecast_noise import (
    Lost,
    draw_case,
    find_optimum,
    measure_noise_loss,
    measure_sampling_loss,
    simulate_bids,
)
from gridagora.report.style import DESIGN_COLOURS

NOISES = (0.005, 0.01, 0.02, 0.04)  # $/kWh
WIDTH, HEIGHT = 720, 430  # [px]
LEFT, RIGHT, TOP, BOTTOM = 74, 178, 28, 58
FLOOR_USD, CEILING_USD = 0.003, 60.0
STYLE = (
    "text{font-family:Inter,'Segoe UI','Helvetica Neue',Roboto,'Liberation Sans',Arial,sans-serif;font-size:13px;fill:#454b57}"
    ".grid{stroke:#808896;stroke-opacity:.22}.ratio{stroke:#808896;stroke-opacity:.7;stroke-dasharray:3 4}"
    ".small{font-size:12px;fill:#5d6573}.name{font-weight:600}"
)


def across(noise_per_kwh: float) -> float:
    """Return the place of a noise on the logarithmic axis [px]."""
    low, high = math.log(NOISES[0] / 1.25), math.log(NOISES[-1] * 1.25)
    return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(noise_per_kwh) - low) / (high - low)


def down(lost_usd: float) -> float:
    """Return the place of a loss on the logarithmic axis [px]; losses beyond its ends lie on them."""
    share = math.log(min(max(lost_usd, FLOOR_USD), CEILING_USD) / FLOOR_USD) / math.log(
        CEILING_USD / FLOOR_USD
    )
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def text(
    x: float, y: float, words: str, kind: str = "", anchor: str = "start", fill: str = ""
) -> str:
    tone = f' style="fill:{fill}"' if fill else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{tone}>{words}</text>'
    )


def axes() -> list[str]:
    """Return grid, ticks and titles."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    drawn = []
    for lost in (0.01, 0.1, 1, 10):
        y = down(lost)
        drawn += [
            f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>',
            text(LEFT - 9, y + 4, f"{lost:g}", "", "end"),
        ]
    drawn.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    drawn += [
        text(across(noise), bottom + 21, f"{100 * noise:g}", "", "middle") for noise in NOISES
    ]
    drawn.append(
        text(
            (LEFT + right) / 2,
            HEIGHT - 12,
            "Noise in the forecast of every hour [ct/kWh]",
            "",
            "middle",
        )
    )
    middle = (TOP + bottom) / 2
    turned = f'<text x="20" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 20 {middle:.0f})">Welfare lost [$]</text>'
    return [*drawn, turned]


def line(lost: list[Lost], column: str, tone: str, name: str, note: str) -> list[str]:
    """Return one line with its points, its name and a note at its right end."""
    points = [(across(each.noise_per_kwh), down(getattr(each, column))) for each in lost]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{tone}"/>' for x, y in points]
    x, y = points[-1]
    ends = [text(x + 13, y + 1, name, "name", fill=tone), text(x + 13, y + 18, note, "small")]
    return [
        f'<polyline points="{path}" fill="none" stroke="{tone}" stroke-width="2.4"/>',
        *dots,
        *ends,
    ]


def ratios(lost: list[Lost]) -> list[str]:
    """Return what the broadcast loses over what bids lose, halfway between the two lines."""
    drawn = []
    for each in lost:
        x, high, low = across(each.noise_per_kwh), down(each.broadcast_usd), down(each.bids_usd)
        drawn.append(
            f'<line class="ratio" x1="{x:.1f}" x2="{x:.1f}" y1="{high + 8:.1f}" y2="{low - 8:.1f}"/>'
        )
        drawn.append(
            f'<rect x="{x - 25:.1f}" y="{(high + low) / 2 - 11:.1f}" width="50" height="22" rx="11" fill="#f3f1ec"/>'
        )
        drawn.append(
            text(
                x,
                (high + low) / 2 + 4.5,
                f"{each.broadcast_usd / each.bids_usd:.0f} ×",
                "name",
                "middle",
            )
        )
    return drawn


def svg(lost: list[Lost]) -> str:
    """Return the figure of losses over noise as one file: two lines on logarithmic axes, the ratio between them."""
    title = "Welfare lost to forecast noise: broadcast price against curves up, price down"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{title}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#ffffff"/>',
        *axes(),
        *ratios(lost),
        *line(
            lost,
            "broadcast_usd",
            DESIGN_COLOURS["rtp"],
            "Price broadcast",
            "homes act on the forecast",
        ),
        *line(
            lost,
            "bids_usd",
            DESIGN_COLOURS["layered"],
            "Curves up, price down",
            "homes look ahead and bid",
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main(figure: Path | None) -> None:
    began = time.perf_counter()
    homes = draw_case(np.random.default_rng(3))
    best = find_optimum(homes)
    exact = simulate_bids(homes, lambda t: best.price_per_kwh[t + 1 :])
    gap, off = (
        best.welfare_usd - exact.welfare_usd,
        np.abs(exact.price_per_kwh - best.price_per_kwh).max(),
    )
    print(
        f"optimum {best.welfare_usd:.6f} $, prices {best.price_per_kwh.min():.3f} to {best.price_per_kwh.max():.3f} $/kWh"
    )
    print(f"consistent forecasts: lost {gap:.1e} $, largest price difference {off:.1e} $/kWh")
    print("\nnoise $/kWh   bids $   broadcast $   ratio")
    found = [measure_noise_loss(homes, best, noise) for noise in NOISES]
    for lost in found:
        ratio = lost.broadcast_usd / lost.bids_usd
        print(
            f"{lost.noise_per_kwh:11.3f} {lost.bids_usd:8.4f} {lost.broadcast_usd:13.3f} {ratio:7.0f}"
        )
    print("\nbids known at K prices   lost $")
    for count in (5, 9, 17, 33):
        print(f"{count:22d} {measure_sampling_loss(homes, best, count):8.4f}")
    if figure is not None:
        figure.write_text(svg(found), encoding="utf-8", newline="\n")
        print(f"\n{figure}")
    print(f"\n{time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--figure", type=Path, help="write the losses as an SVG file")
    main(options.parse_args().figure)
