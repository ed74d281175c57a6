"""What a run records: homes and devices in a recorder, in memory where there is room, else in files; the rest as series."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.ports import DeviceGroup
from gridagora.core.records import Derived, MemoryRecorder, Recorder, RunColumn
from gridagora.core.tables import Col, Flag, Index
from gridagora.files.recorder import ParquetRecorder

HELD_VALUES = (
    1 << 23
)  # numbers of a run that are held in memory; a longer record is written to files
HOME, AWARD = (
    "home_kw",
    "award_kw",
)  # names of columns: net power of every home, what it was awarded
FOLLOWED = "followed_kvar"  # what inverters that follow voltage drew, where any does
OFFERED = "followed_sun_kw"  # what these could have given
OpenRecorder = Callable[[int, Mapping[str, int]], Recorder]


class Record(NamedTuple):
    """What a run recorded: homes and devices in a recorder, sums over them and prices by interval, shape (t,) unless stated."""

    kinds: tuple[str, ...]  # of the groups of the fleet that have rows in the run, in its order
    group: Index  # (g,) row of each among the groups of the fleet
    recorder: Recorder  # power of every kind, what groups tell of their rows, net power and awards of homes
    device_kw: Col  # (g, t) of every group, all homes
    committed_kw: Col  # what homes were awarded, nan where nothing is
    has_award: Flag  # whether any home was awarded anything
    price_per_kwh: Col
    credit_per_kwh: Col  # for what leaves a home
    place_per_kwh: Col  # (m, t) price at every place; no rows where all homes see one price
    import_per_kwh: Col  # (t, 1) what meters are charged, (t, n) where every home pays the price of its own transactions
    export_per_kwh: Col  # likewise, what they are credited
    network_per_kwh: Col  # the network operator's part of both
    worst: Col  # (2,) largest energy imbalance [kWh], largest plan gap, nan where none is certified

    @property
    def kind_kw(self) -> Col:
        """Power of every group in every home, shape (g, t, n) [kW], read whole."""
        return np.array([np.asarray(self.recorder.column(power_of(kind))).T for kind in self.kinds])

    @property
    def award_kw(self) -> Col:
        """What every home was awarded, shape (t, n) [kW], read whole; nan where nothing is."""
        return np.asarray(self.recorder.column(AWARD)).T


def power_of(kind: str) -> str:
    """Return the name of the column that holds the power of a kind of device."""
    return f"{kind}_kw"


def open_recorder(intervals: int, rows: Mapping[str, int]) -> Recorder:
    """Return the recorder of a run, given its intervals and the number of rows of each column by name."""
    if intervals * sum(rows.values()) <= HELD_VALUES:
        return MemoryRecorder(intervals, rows)
    return ParquetRecorder(intervals, rows)


def columns_of_record(
    groups: Sequence[DeviceGroup], homes: int, *, follow: bool = False
) -> dict[str, int]:
    """Return the number of rows of every column that the homes and groups of a demand side write, by name."""
    rows = {name: len(group.home) for group in groups for name in group.about.series}
    powers = [power_of(group.about.kind) for group in groups]
    own = [FOLLOWED, OFFERED] if follow else []
    return rows | dict.fromkeys([*powers, HOME, AWARD, *own], homes)


def open_record(
    groups: Sequence[DeviceGroup],
    own: Sequence[int],
    recorder: Recorder,
    intervals: int,
    *,
    places: int = 0,
    meter_prices: int = 1,
) -> Record:
    """Return an empty record of a run.

    Parameters
    ----------
    groups
        Of the fleet, in its order.
    own
        Rows of the groups that the run has.
    recorder
        Holds the columns of these homes.
    intervals
        How many there are.
    places
        Places with a price of their own.
    meter_prices
        Prices of an interval at meters: one, or one for each home.
    """
    t = intervals
    return Record(
        tuple(groups[row].about.kind for row in own),
        np.array(own, np.int64),
        recorder,
        device_kw=np.zeros((len(own), t)),
        committed_kw=np.full(t, np.nan),
        has_award=np.zeros(t, dtype=np.bool_),
        price_per_kwh=np.zeros(t),
        credit_per_kwh=np.zeros(t),
        place_per_kwh=np.zeros((places, t)),
        import_per_kwh=np.zeros((t, meter_prices)),
        export_per_kwh=np.zeros((t, meter_prices)),
        network_per_kwh=np.zeros(t),
        worst=np.array([0.0, np.nan]),
    )


def price_meters(track: Record, homes: int) -> Record:
    """Return a record that holds a price of each of so many homes, where one of all stood so far."""
    columns = (track.import_per_kwh, track.export_per_kwh)
    each, credit = (np.repeat(column, homes, axis=1) for column in columns)
    return track._replace(import_per_kwh=each, export_per_kwh=credit)


def device_rows(home: Index, rows: slice) -> slice:
    """Return the rows of a group, whose homes (r,) stand run by run, that belong to some homes; 0 to 0 where none does."""
    own = np.flatnonzero((home >= rows.start) & (home < rows.stop))
    return slice(int(own[0]), int(own[-1]) + 1) if own.size else slice(0, 0)


class RowsRecorder:
    """Some rows of every column of another recorder, to be read.

    Parameters
    ----------
    whole
        The recorder that holds all rows.
    rows
        Those of each column, by its name.
    """

    def __init__(self, whole: Recorder, rows: Mapping[str, slice]) -> None:
        self.whole, self.rows = whole, dict(rows)

    def write(self, interval: int, name: str, values: Col) -> None:
        """Refuse values (n,) [any unit]: all rows are written at once.

        Raises
        ------
        PartError
            Always.
        """
        raise PartError(
            f"interval {interval} of {name}, {len(values)} rows: write to the whole recorder"
        )

    def column(self, name: str) -> RunColumn:
        """Return the rows of a column, shape (n, t)."""
        whole, own = self.whole.column(name), self.rows[name]
        if isinstance(whole, np.ndarray):
            return whole[own]

        def read(rows: slice, times: slice) -> Col:
            return np.asarray(whole[own.start + rows.start : own.start + rows.stop, times])

        return Derived((own.stop - own.start, whole.shape[1]), read)


def record_rows(
    whole: Recorder,
    groups: Sequence[DeviceGroup],
    rows: slice,
    homes: int,
    *,
    follow: bool = False,
) -> Recorder:
    """Return what is recorded of some of so many homes and of their devices; the recorder itself where that is all of them."""
    if rows == slice(0, homes):
        return whole
    own = dict.fromkeys(columns_of_record(groups, homes, follow=follow), rows)
    for group in groups:
        own |= dict.fromkeys(group.about.series, device_rows(group.home, rows))
    return RowsRecorder(whole, own)


def write_interval(
    recorder: Recorder,
    i: int,
    groups: Sequence[DeviceGroup],
    load_kw: Col,
    kind_kw: Col,
    series: Mapping[str, Col],
    award_kw: Col | None = None,
) -> Col:
    """Write an interval of all homes to a recorder and return their net power, shape (n,) [kW].

    Parameters
    ----------
    groups
        Of the fleet.
    load_kw
        Load of homes without devices, shape (n,) [kW].
    kind_kw
        Power of every group in every home, shape (g, n) [kW].
    series
        What groups tell of their rows, by name, shape (r,) each [unit of the name].
    award_kw
        What homes were awarded, shape (n,) [kW], nan where nothing is; left out: nobody was.
    """
    home_kw: Col = load_kw + kind_kw.sum(0)
    recorder.write(i, HOME, home_kw)
    for group, power in zip(groups, kind_kw, strict=True):
        recorder.write(i, power_of(group.about.kind), power)
    for name, values in series.items():
        recorder.write(i, name, values)
    if award_kw is not None:
        recorder.write(i, AWARD, award_kw)
    return home_kw


def sum_interval(track: Record, i: int, kind_kw: Col, award_kw: Col | None) -> None:
    """Write the sums of an interval over the homes of a run: power of all groups (g, n) and awards (n,) [kW], None: no awards."""
    track.device_kw[:, i] = kind_kw.sum(1)[track.group]
    if award_kw is not None:
        track.committed_kw[i], track.has_award[i] = award_kw.sum(), np.isfinite(award_kw).any()
