"""Controls of an OpenDSS model: regulators with their settings and the tap that they stand at."""

from collections.abc import Iterator, Sequence

from gridagora.core.feeder import Feeder


def write_regulators(feeder: Feeder, units: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield the regulators; `units` are names of transformers, `names` of the k regulators."""
    own = feeder.regulators
    for row, name in enumerate(names):
        unit = int(own.transformer[row])
        if unit < 0:
            continue
        yield (
            f"New RegControl.{name} transformer={units[unit]} winding={int(own.winding[row]) + 1} "
            f"vreg={float(own.set_v[row])!r} band={float(own.band_v[row])!r} "
            f"ptratio={float(own.voltage_ratio[row])!r} ctprim={float(own.current_a[row])!r} "
            f"R={float(own.r_v[row])!r} X={float(own.x_v[row])!r} delay={float(own.delay_s[row])!r}"
        )
