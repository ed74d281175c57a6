"""What the network operator does under a design stands in the summary as it ran, whatever the text of the scenario says."""

from dataclasses import replace

from gridagora.report.network_costs import network_variants
from gridagora.run import compare as runs
from gridagora.scenario import build, read

SMALL = ["homes.count=4", "scenario.days=1", "homes.water_heaters=false"]
VARIANT = """
[[design]]
name = "rtp with fees"
market = "rtp"
network = "fee"
"""


def test_the_summary_says_who_keeps_the_network_whole():
    keys = [*SMALL, 'market.tou.network="fee"']
    scene = build.build(read.parse(VARIANT, "small.toml", overrides=keys))
    result = runs.compare(scene, ["flat", "tou", "rtp", "rtp with fees"])
    told = {name: each["network"] for name, each in result.summary["architectures"].items()}
    assert told == {"flat": "none", "tou": "fee", "rtp": "none", "rtp with fees": "fee"}
    blank = replace(result, scenario_text="")
    assert [each.network for each in network_variants(blank)] == ["none", "fee"]
