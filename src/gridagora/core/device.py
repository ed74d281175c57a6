"""What a run and its device groups tell each other: how a group is made, what it is asked, what it answers.

Homes own a table of devices of each kind; a group holds all devices of one kind in a run, a row each, with their true state. It
is a `core.ports.DeviceGroup`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.errors import InputError, Problem
from gridagora.core.forecast_error import NO_ERRORS, ForecastErrors
from gridagora.core.records import Derived, RunColumn
from gridagora.core.registry import find
from gridagora.core.tables import Col, Flag, Homes, Index, Weather
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.stores.table import Stores, stores

REFERENCE_PER_KWH = (
    0.072  # import price at which homes chose their set points, where nothing says another
)
NONE: Mapping[str, Col] = MappingProxyType({})
NO_WORDS: Mapping[str, str] = MappingProxyType({})
NO_STORE = 1e9  # beyond any state that a row without a store comes to
# Families of kinds: what homes have of them, whatever the device. Metrics and sentences ask for a family, not for a kind.
RENEWABLE = "renewable generation"
STORAGE = "storage"
THERMAL = "thermal comfort"
HOT_WATER = "hot water"
MOBILITY = "mobility"
# What columns of the table of homes count towards, beside money; kinds of a family add up.
DISCOMFORT_K_H = "discomfort"
HOT_WATER_K_H = "hot-water shortfall"
CHARGE_KWH = "charge missing"
STARTS = "starts"
HOURLY, ANY = -1, -2  # axes of a column: the hours of the run, any number


class Turn(IntEnum):
    """When a group steps within an interval, and so what it knows of the others of its home."""

    FIRST = 0  # its own orders alone
    SECOND = 1  # how far the first fell short of their orders
    LAST = 2  # the meter of its home without those that step last


@dataclass(frozen=True)
class NoKeys:
    """The keys of a kind that homes own by other tables of the scenario: none."""


class People(NamedTuple):
    """Who may own a device: the homes so far, the weather of the run, and the seed of every draw.

    `observed` holds what was measured of devices of a kind, to draw from; `latitude_deg` is nan where nobody says.
    """

    homes: Homes
    weather: Weather
    seed: int
    observed: Mapping[str, Any] = NONE
    latitude_deg: float = np.nan


def as_they_are(keys: Any, people: People) -> Homes:
    """Return the homes as they are: no key gives them more."""
    del keys
    return people.homes


@dataclass(frozen=True)
class NoTable:
    """The table of a kind that says nothing of it."""


class Column(NamedTuple):
    """What a column of a table of devices holds: its axes after the rows, and its range; `is_open` leaves `least` itself out."""

    name: str
    axes: tuple[int, ...] = ()
    least: float = -np.inf
    most: float = np.inf
    is_open: bool = False
    unit: str = ""


class Item(NamedTuple):
    """A cost of devices beside energy: its name in tables, what figures call it, and whether the table of homes has a column."""

    name: str
    label: str
    color: str
    is_by_home: bool = False


def find_nothing(table: Any, home_id: Sequence[str], where: str) -> list[Problem]:
    """Return no problem."""
    del table, home_id, where
    return []


def say_nothing(table: Any, hours: int) -> str:
    """Return no words."""
    del table, hours
    return ""


class DeviceKind(NamedTuple):
    """What a kind of device is, the same in every run."""

    kind: str  # name of columns, keys and tables
    label: str  # in figures, plural
    color: str = ""  # in figures; empty: the next free one
    noun: str = ""  # in sentences, plural; empty: the label
    rank: int = 100  # place among the kinds in tables; equal ranks by name
    turn: Turn = Turn.FIRST
    is_valued: bool = True  # whether rows store energy, which a plan values; if not, a group tenders curves of its own
    is_prosumer: bool = False  # whether it makes a prosumer of its home
    has_inverter: bool = (
        False  # whether it can draw and give reactive power, as far as its active power leaves room
    )
    is_generation: bool = False  # whether tables show its power as generation, above zero
    series: tuple[str, ...] = ()  # names of what a step tells of every row beside its power
    keys: type[Any] = (
        NoKeys  # dataclass of the keys of `[homes.KIND]`; the kind draws its owners where the table stands there
    )
    draw: Callable[[Any, People], Homes] = (
        as_they_are  # homes with the devices of this kind that its keys give them
    )
    family: str = ""  # what homes have of it
    table: type[Any] = NoTable  # dataclass of what homes own, a row each, with a column `home`
    columns: tuple[Column, ...] = ()  # of that table
    check: Callable[[Any, Sequence[str], str], list[Problem]] = (
        find_nothing  # what is wrong between columns of a table
    )
    describe: Callable[[Any, int], str] = (
        say_nothing  # more to say of a table and the hours of a run, beside who owns it
    )
    items: tuple[Item, ...] = ()  # costs of `feel` that figures name
    measures: Mapping[str, str] = NO_WORDS  # columns of `feel` by what they count towards


class DearWindows(NamedTuple):
    """Dear windows of a posted price, as people know them who act on it by hand: in which hour the one ends that an hour lies in.

    `row` (n,) is the row of each home in `end_h` (g, H), hours of the run; what lies in no window ends with itself.
    """

    row: Index
    end_h: Index

    def end_of(self, home: Index, hour: int) -> Index:
        """Return the hour in which the window of some homes (r,) ends, (r,); `hour` itself where it lies in none."""
        return np.asarray(self.end_h[self.row[home], hour])


class Setting(NamedTuple):
    """What a group is made of at the start of a run."""

    homes: Homes
    local_hour: Index  # (H,) local hour of day of every hour of the homes
    dt_h: float  # length of a real-time interval
    comfort_per_k2_h: float  # of a standard home
    reference_per_kwh: float  # import price at which set points were chosen
    dispatch: str  # how on/off units follow a dispatch
    rest_min: int  # least minutes between two switches of an on/off unit
    are_draws_known: bool  # whether plans know the hot water to come
    group: Index  # (n,) service transformer of every home: what is rationed among homes is rationed within it
    errors: ForecastErrors = NO_ERRORS  # of what plans believe; what happens knows none of it
    dear: DearWindows | None = None  # what people know who act by hand; None: nobody does


class Window(NamedTuple):
    """Hours of a plan: the first, how many, and the mean price that it expects, (n,) by home where homes of several runs plan."""

    hour: int
    hours: int
    value_per_kwh: float | Col = 0.0

    def value_of(self, home: Index) -> float | Col:
        """Return the mean price that the devices of some homes (r,) expect, one number or (r,) [$/kWh]."""
        value = self.value_per_kwh
        return value[home] if isinstance(value, np.ndarray) else value


SomeRows = slice | Index  # of a table, by place


class Draws(Protocol):
    """Equally likely extra inflows (k, S, h): an array, or what makes those of some rows when they are asked for."""

    def __getitem__(self, rows: SomeRows, /) -> Col:
        """Return those of some rows."""

    def mean(self, axis: int, /) -> Col:
        """Return the mean over S, axis 1, shape (k, h) [unit of the store]."""


class GroupBelief(NamedTuple):
    """What a group believes of a window: k rows that take part in plans and bids of its first hour, an hour a step.

    `draws` are equally likely extra inflows (k, S, h) in the [unit of the store] an hour, None where nothing is left to chance.
    `every` are the rows that would take part if all homes did, None where all do; a group need not set it.
    """

    rows: Index
    stores: Stores
    draws: Draws | None = None
    every: Index | None = None


class Moment(NamedTuple):
    """A real-time interval: its hour, its start after that of the run, its length, and the share of the hour at its end."""

    hour: int
    now_s: float
    dt_h: float
    end_share: float


def moment_at(interval: int, dt_h: float) -> Moment:
    """Return an interval of a run, counted from 0, of length dt_h [h]."""
    per = round(1 / dt_h)
    hour, within = divmod(interval, per)
    return Moment(hour, 3600.0 * (hour + within * dt_h), dt_h, (within + 1) / per)


class Beside(NamedTuple):
    """What a group sees of its homes in an interval.

    `meter_kw` (n,) is the power of every home so far, its load included, `short_kw` (n,) what groups that stepped before were
    asked for less what they took. `way` (n,) is 1 where a home means to import, -1 to export, 0 neither; None where export
    earns what import costs. `curtails` says whether generation follows its orders or gives all it can. `outside` (r,) marks rows
    of the group whose orders come from outside the home, and are followed as they are; None: no row. `least_kw` (n,) is the least
    that groups of this turn may take together for the meter to keep a limit of export, below zero to give; None: no home has one.
    """

    meter_kw: Col
    short_kw: Col
    way: Index | None
    curtails: bool
    outside: Flag | None = None
    least_kw: Col | None = None


T = TypeVar("T")


@dataclass
class LastHour(Generic[T]):
    """What a group works out once an hour for all its intervals: the hour and rows asked for last, and the answer."""

    hour: int = -1
    rows: Index | None = None  # (k,)
    held: T | None = None

    def of(self, hour: int, make: Callable[[int], T], rows: Index | None = None) -> T:
        """Return the answer of an hour for all rows, or for the very array `rows` (k,), made when it is first asked for."""
        if self.held is None or hour != self.hour or rows is not self.rows:
            self.hour, self.rows, self.held = hour, rows, make(hour)
        return self.held


class Metered(NamedTuple):
    """What r devices did in an interval.

    `p_kw` (r,) at the meter, withdrawal positive; `stored_kwh` (r,) what that and the losses of the interval must have added to
    each store by the account of the device; `series` (r,) each, by the names of its kind, which end in the [unit].
    """

    p_kw: Col
    stored_kwh: Col
    series: Mapping[str, Col] = NONE


class DeviceRecord(NamedTuple):
    """A kind over t intervals from the start of a run; while the run goes on they may end within an hour.

    `home_kw` (n, t) power of the kind in every home; `series` (r, t) each, in the [unit] of its name; `dt_h` of a step.
    `is_over` says whether the run ends with them: what is still due then, as the charge of a car, counts as not given.
    """

    home_kw: RunColumn
    series: Mapping[str, RunColumn]
    dt_h: float
    is_over: bool = True


class DeviceOutcome(NamedTuple):
    """What homes felt of a kind over a run, shape (n,) unless stated.

    `device_usd` is what using it cost beside energy, "wear", and what service it did not give was worth, by item of the costs.
    `felt` are columns of the table of homes; `series` (n, t) columns of the table of intervals, as means over homes; both in
    the [unit] of their names. `left_kwh` is the electricity that what is left in the stores displaces. `available_kw` (n, t) is
    what generation that may be curtailed could have given; None of any other kind.
    """

    left_kwh: Col
    device_usd: Mapping[str, Col] = NONE
    felt: Mapping[str, Col] = NONE
    series: Mapping[str, RunColumn] = NONE
    available_kw: RunColumn | None = None


class Blocks(NamedTuple):
    """Blocks of a bound from the start of a run: how many an hour, the hour of each (b,), physical steps in each.

    `left_per_kwh` is what electricity is worth that the last stores displace.
    """

    blocks_h: int
    hour: Index
    steps: int
    left_per_kwh: float


class BoundPart(NamedTuple):
    """What a group is in a bound over b blocks, k rows: a superset of what any run can do with it.

    `answer` takes a price (b,) [$/kWh] and a number of threads to the best answer of all rows. `least_kw`, `most_kw` (b,) are
    what they can take together as means of a block, `reach_kw` (b,) the most within it. Rows of near values of `alike` (k,) [any
    unit] mix with less loss, in at most `mixes_count` mixtures. `gain_in` and `gain_out` (k,) are the energy stored of a kWh in,
    and given of a kWh stored [kWh/kWh], where energy and not power is to be mixed.
    """

    answer: Callable[[Col, int], Answer]
    least_kw: Col
    most_kw: Col
    reach_kw: Col
    alike: Col
    mixes_count: int
    gain_in: Col
    gain_out: Col


def own(homes: Homes, kind: str, table: Any) -> Homes:
    """Return the homes with a table of devices of one kind, in place of one that they had."""
    return homes._replace(owned={**homes.owned, kind: table})


def homes_of_family(homes: Homes, family: str) -> Flag:
    """Return which homes own a device of a family, shape (n,)."""
    return _owners(
        homes, [kind for kind in homes.owned if find("device", kind).about.family == family]
    )


def homes_with_inverter(homes: Homes) -> Flag:
    """Return which homes own a device with an inverter, shape (n,)."""
    return _owners(homes, [kind for kind in homes.owned if find("device", kind).about.has_inverter])


def _owners(homes: Homes, kinds: Sequence[str]) -> Flag:
    own = np.zeros(len(homes.home_id), dtype=np.bool_)
    for kind in kinds:
        own[homes.owned[kind].home] = True
    return own


def held_hours(hourly: Col, intervals: int, dt_h: float) -> RunColumn:
    """Return hourly values (n, H) [any unit] in every interval of length dt_h of a run, (n, t), laid out when they are read."""
    per = round(1 / dt_h)

    def read(rows: slice, times: slice) -> Col:
        return np.repeat(hourly[rows, : intervals // per], per, axis=1)[:, times]

    return Derived((len(hourly), intervals), read)


def spread(values: RunColumn, home: Index, count: int) -> RunColumn:
    """Return the sums of series (r, t) of devices over those of each home, shape (count, t), added up when they are read."""
    if np.array_equal(home, np.arange(count)):
        return values

    def read(rows: slice, times: slice) -> Col:
        own = np.flatnonzero((home >= rows.start) & (home < rows.stop))
        wide = np.zeros((rows.stop - rows.start, times.stop - times.start))
        if own.size:
            some = slice(int(own[0]), int(own[-1]) + 1)
            np.add.at(wide, home[own] - rows.start, values[some, times][own - own[0]])
        return wide

    return Derived((count, values.shape[1]), read)


def storeless(count: int, dt_h: Col, **columns: ArrayLike) -> Stores:
    """Return rows that store nothing, over steps of dt_h (h,) [h]: a state wide enough never to bind, worth nothing."""
    return stores(
        np.zeros(count),
        dt_h,
        x_min=-NO_STORE,
        x_max=NO_STORE,
        end_x=(-NO_STORE, NO_STORE),
        **columns,
    )


def check_share(where: str, value: float) -> list[Problem]:
    """Return the problem of a share outside 0 to 1, or nothing."""
    return (
        []
        if 0 <= value <= 1
        else [
            Problem(where, f"{value:g}", "a share from 0 to 1", "A share of 50 % is written 0.5.")
        ]
    )


def check_within(where: str, value: float, least: float, most: float) -> list[Problem]:
    """Return the problem of a number outside two others, or nothing."""
    if least <= value <= most:
        return []
    return [Problem(where, f"{value:g}", f"a number from {least:g} to {most:g}")]


def check_above_zero(where: str, value: float) -> list[Problem]:
    """Return the problem of a number that is not above zero, or nothing."""
    return [] if value > 0 else [Problem(where, f"{value:g}", "a number above 0")]


def check_not_below_zero(where: str, value: float) -> list[Problem]:
    """Return the problem of a number below zero, or nothing."""
    return [] if value >= 0 else [Problem(where, f"{value:g}", "a number of at least 0")]


def refuse(*problems: list[Problem]) -> None:
    """Raise all problems at once, if there are any.

    Raises
    ------
    InputError
        The problems.
    """
    found = [each for some in problems for each in some]
    if found:
        raise InputError(found)


def held_kw(block_kw: Col, steps: int) -> RunColumn:
    """Return the power (k, steps) of rows that hold block_kw (k, b) through each block [kW], laid out when it is read."""
    n, b = block_kw.shape

    def read(rows: slice, times: slice) -> Col:
        return np.asarray(block_kw[rows][:, np.arange(times.start, times.stop) * b // steps])

    return Derived((n, steps), read)


def total_by_home(values: Col, home: Index, count: int) -> Col:
    """Return the sums of the values (r,) of devices over those of each home, shape (count,)."""
    return np.asarray(np.bincount(home, values, count), dtype=np.float64)
