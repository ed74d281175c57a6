"""What stands behind the meters of each of several runs in step: devices run by run, and back in the order of their groups."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.exchange import Quotes, Tenders, Transactions
from gridagora.core.product import Product
from gridagora.core.session import BehindTheMeter
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.curve import Curves, take_rows


class DevicesByRun(NamedTuple):
    """Devices of every run; `order` (r,) are their rows run by run, None where there is one run, whose order is that of all."""

    parts: tuple[BehindTheMeter, ...]
    order: Index | None

    def join(self, values: Sequence[Col | None]) -> Col | None:
        """Return the values of the devices of each run in the order of all, (r,) [any unit]; None where a run has none."""
        found = [each for each in values if each is not None]
        if len(found) < len(values):
            return None
        if self.order is None:
            return found[0]
        joined = np.empty(len(self.order))
        joined[self.order] = np.concatenate(found)
        return joined

    def of_run(self, values: Flag, run: int) -> Flag:
        """Return the values of the devices of a run out of those of all, (r,), in its own order."""
        if self.order is None:
            return values
        first = sum(len(part.home) for part in self.parts[:run])
        return values[self.order[first : first + len(self.parts[run].home)]]


def split_devices(behind: BehindTheMeter, first_home: Index) -> DevicesByRun:
    """Return what each run has behind its meters; its homes are first_home[k] to first_home[k + 1], (w + 1,), numbered anew."""
    if len(first_home) == 2:
        return DevicesByRun((behind,), None)
    run = np.searchsorted(first_home, behind.home, side="right") - 1
    order = np.argsort(run, kind="stable")
    curves = take_rows(behind.curves, order) if len(behind.curves.offset) > 1 else behind.curves
    ends = np.cumsum(np.bincount(run, minlength=len(first_home) - 1))
    home, parts, start = behind.home[order], [], 0
    for at, stop in enumerate(ends.tolist()):
        first, last = first_home[at], first_home[at + 1]
        net_kw = behind.net_kw[first:last]
        limits = (None if each is None else each[first:last] for each in behind[3:])
        own = _some(curves, start, stop), home[start:stop] - first
        parts.append(BehindTheMeter(*own, net_kw, *limits))
        start = stop
    return DevicesByRun(tuple(parts), order)


def _some(curves: Curves, start: int, stop: int) -> Curves:
    """Return neighbouring rows; none where there are no curves at all."""
    if len(curves.offset) == 1:
        return curves
    offset = curves.offset[start : stop + 1]
    points = slice(int(offset[0]), int(offset[-1]))
    return Curves(offset - offset[0], curves.p_kw[points], curves.price_per_kwh[points])


def join_quotes(quotes: Sequence[Quotes], among: DevicesByRun) -> Quotes:
    """Return the quotes to the devices of each run as those to all, in the order of all."""
    if among.order is None:
        return quotes[0]
    first, rows = quotes[0], len(among.order)
    columns = [
        among.join([getattr(each, name)[:, 0] for each in quotes])
        for name in ("buy_per_kwh", "sell_per_kwh", "share")
    ]
    return Quotes(
        first.product,
        np.arange(rows),
        *(np.zeros((rows, 1)) + each[:, None] for each in columns if each is not None),
    )


def split_tenders(
    tenders: Tenders, first_home: Index, products: Sequence[Product]
) -> list[Tenders]:
    """Return the tenders of the homes of all runs as those of each, for a product each; homes are numbered anew.

    Those of run k are rows first_home[k] to first_home[k + 1], (w + 1,).
    """
    ends = first_home.tolist()
    points = tenders.offset[first_home].tolist()
    return [
        Tenders(
            product,
            np.arange(ends[k + 1] - ends[k]),
            tenders.offset[ends[k] : ends[k + 1] + 1] - points[k],
            tenders.p_kw[points[k] : points[k + 1]],
            tenders.price_per_kwh[points[k] : points[k + 1]],
        )
        for k, product in enumerate(products)
    ]


def join_awards(awards: Sequence[Transactions]) -> Transactions:
    """Return what the homes of each run were awarded as awards of all homes, numbered on."""
    if len(awards) == 1:
        return awards[0]
    columns = (
        np.concatenate(column) for column in zip(*(each[2:] for each in awards), strict=True)
    )
    homes = np.arange(sum(len(each.party) for each in awards))
    return Transactions(awards[0].product, homes, *columns)
