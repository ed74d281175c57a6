"""What `gridagora check` says of a feeder's ratings: how many there are, since nothing limits what has none."""

from dataclasses import replace

import numpy as np

from gridagora.scenario.describe import feeder_lines
from gridagora.sources import synthetic_feeder


def test_ratings_are_counted_and_what_has_none_is_said():
    feeder = synthetic_feeder.make(3, 12)
    lines, units = feeder.lines, feeder.transformers
    count, kva = len(lines.name), units.kva.copy()
    whole = replace(
        feeder,
        lines=lines._replace(rating_a=np.full(count, 100.0), is_switch=np.zeros(count, bool)),
    )
    said = f"{count} of {count} lines and {len(kva)} of {len(kva)} transformers and regulators have one"
    assert feeder_lines(whole)["ratings"] == said
    rating_a, is_switch = np.full(count, 100.0), np.zeros(count, bool)
    rating_a[0], rating_a[1], is_switch[2] = np.nan, 0.0, True
    kva[0] = 1e6  # as of a regulator whose model states none
    some = replace(
        feeder,
        lines=lines._replace(rating_a=rating_a, is_switch=is_switch),
        transformers=units._replace(kva=kva),
    )
    said = f"{count - 3} of {count - 1} lines and {len(kva) - 1} of {len(kva)} transformers and regulators"
    assert feeder_lines(some)["ratings"] == f"{said} have one; nothing limits the others"
