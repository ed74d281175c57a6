"""Numbers by which tables and kernels name what a control measures and does."""

from enum import IntEnum

HIGHEST_PHASE, LOWEST_PHASE, MEAN_PHASE = -1, -2, -3  # of several; else the phase, from 0


class ReverseMode(IntEnum):
    """What a regulator does once power runs against it."""

    NONE = 0  # looks forward all the time
    REVERSE = 1  # holds the voltage on its other side
    COGENERATION = 2  # looks forward, by other settings


class SwitchedBy(IntEnum):
    """What a control of a capacitor bank measures."""

    CURRENT = 0  # [A] of the secondary
    VOLTAGE = 1  # [V] of the secondary
    REACTIVE_POWER = 2  # [kvar]
    TIME = 3  # [h] of the day
    POWER_FACTOR = 4  # 0 to 1 lagging, 1 to 2 leading
