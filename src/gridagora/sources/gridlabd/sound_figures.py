"""Figures that no equipment has: of each class of a GridLAB-D model which properties, and what becomes of a figure beyond.

A figure of the wrong sign or size gives voltages that look like those of a feeder, so it is told where it stands.
"""

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

from gridagora.sources.gridlabd.loads import LOADS
from gridagora.sources.gridlabd.model import Model
from gridagora.sources.gridlabd.quantities import read_complex

AS_IT_STANDS = "It is read as it stands."
AS_NONE = "It counts as none."
AS_NOUGHT = "It is taken as 0."
WHOLE_PART = "Its whole part is taken, as in GridLAB-D."
PART = r"(?:summer|winter)\.(?:continuous|emergency)"


class SoundFigure(NamedTuple):
    """What figures of some properties are like, and what becomes of others."""

    keys: str  # pattern of the properties, which ends with their names
    unit: str
    is_sound: Callable[[complex], bool]
    expected: str
    consequence: str


def _not_below(number: complex) -> bool:
    return number.real >= 0


def _above(number: complex) -> bool:
    return number.real > 0


def _share(number: complex) -> bool:
    return 0 <= number.real <= 1


def _shares(number: complex) -> bool:
    return abs(number.real) <= 1 and abs(number.imag) <= 1


def _positive_shares(number: complex) -> bool:
    return _shares(number) and number.real >= 0 and number.imag >= 0


def _factor(number: complex) -> bool:
    return -1 <= number.real <= 1


def _whole(number: complex) -> bool:
    return number.real == int(number.real)


def _count(number: complex) -> bool:
    return _whole(number) and number.real >= 1


RATINGS = SoundFigure(rf"rating\.{PART}", "A", _not_below, "a current of 0 or more [A]", AS_NONE)
DRAWN = (
    SoundFigure(
        r"(?:power|current|impedance)_pf_\w+", "pu", _factor, "a power factor of -1 to 1",
        "It is taken as 1, with its sign.",
    ),
    SoundFigure(
        r"(?:power|current|impedance)_fraction_\w+", "pu", _share, "a part of 0 to 1", AS_IT_STANDS
    ),
    SoundFigure(
        r"(?:constant_)?impedance_(?:[abc]|ab|bc|ca|[abc]n|1|2|12)(?:_real)?", "Ohm", _not_below,
        "a resistance of 0 or more [Ohm]", "It feeds power in.",
    ),
)  # fmt: skip
NOMINAL = SoundFigure("nominal_voltage", "V", _above, "a voltage above 0 [V]", AS_NONE)
MATRIX = (
    SoundFigure(
        r"z(?:11|22|33)", "Ohm/mile", _not_below, "a resistance of 0 or more [Ohm/mile]",
        "It is read as it stands, and the line gives power.",
    ),
    SoundFigure(r"c(?:11|22|33)", "nF/mile", _not_below, "a capacitance of 0 or more [nF/mile]", AS_IT_STANDS),
    RATINGS,
)  # fmt: skip
TAPS = SoundFigure(
    r"tap(?:_pos)?_[abc]", "1", _whole, "the number of a tap, which is whole", WHOLE_PART
)
CONTACTS = (
    SoundFigure(r"(?:switch|fuse)_resistance", "Ohm", _not_below, "a resistance of 0 or more [Ohm]", AS_NONE),
    SoundFigure("current_limit", "A", _not_below, "a current of 0 or more [A]", AS_NONE),
)  # fmt: skip
COUNT, AT_LEAST_ONE = (
    "how many taps, a whole number of 1 or more",
    "It is taken as its whole part, at least 1.",
)
OF_LEG = "a share of the rating below 1, as 0.02 for 2 %"
OF_RATING = "a share of the rating of 0 to 1, as 0.02 for 2 %"
SOUND = MappingProxyType(
    {
        **dict.fromkeys(LOADS, (NOMINAL, *DRAWN)),
        **dict.fromkeys(("line_configuration", "triplex_line_configuration"), MATRIX),
        **dict.fromkeys(
            ("overhead_line_conductor", "underground_line_conductor", "triplex_line_conductor"),
            (RATINGS,),
        ),
        **dict.fromkeys(("switch", "fuse", "recloser", "sectionalizer"), CONTACTS),
        "line_spacing": (
            SoundFigure("distance_[abcn]e", "ft", _not_below, "a height of 0 or more [ft]", AS_NONE),
        ),
        "capacitor": (
            NOMINAL,
            SoundFigure("capacitor_[abc]", "VA", _not_below, "a rating of 0 or more [VAr]", "Its phase is left out."),
            SoundFigure("cap_nominal_voltage", "V", _not_below, "a voltage above 0 [V]", "It has no bank."),
            SoundFigure("dwell_time|time_delay", "s", _not_below, "a time of 0 or more [s]", AS_NOUGHT),
        ),
        "transformer_configuration": (
            SoundFigure("(?:resistance|reactance|impedance)", "pu", _positive_shares, OF_RATING, AS_IT_STANDS),
            SoundFigure("(?:resistance|reactance|impedance)[12]", "pu", _shares, OF_LEG, AS_IT_STANDS),
            SoundFigure("(?:full|no)_load_loss", "pu", _share, OF_RATING, AS_IT_STANDS),
            SoundFigure("power[abc]?_rating", "kVA", _not_below, "a rating of 0 or more [kVA]", AS_NONE),
        ),
        "regulator": (TAPS,),
        "regulator_configuration": (
            TAPS,
            SoundFigure("raise_taps|lower_taps", "1", _count, COUNT, AT_LEAST_ONE),
            SoundFigure("regulation", "1", _share, "the share that all taps raise, as 0.1 for 10 %", AS_IT_STANDS),
            SoundFigure("band_width", "V", _not_below, "a band of 0 or more [V]", AS_NOUGHT),
            SoundFigure("time_delay", "s", _not_below, "a time of 0 or more [s]", AS_NOUGHT),
            SoundFigure("power_transducer_ratio", "pu", _above, "a ratio above 0", "It is taken as 1."),
        ),
    }
)  # fmt: skip


def tell_beyond(model: Model) -> None:
    """Tell of figures that no equipment has; what is no number at all is told by who reads it."""
    found = {
        kind: [(re.compile(one.keys), one) for one in figures] for kind, figures in SOUND.items()
    }
    for each in model.of(*SOUND):
        for key, (said, _) in each.values.items():
            bound = next((of for keys, of in found[each.kind] if keys.fullmatch(key)), None)
            number = None if bound is None else read_complex(said, bound.unit)
            if bound is not None and number is not None and not bound.is_sound(number):
                model.tell(each, f"{key} {said}", bound.expected, bound.consequence, key)
