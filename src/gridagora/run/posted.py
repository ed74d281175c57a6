"""Prices posted for the intervals of an hour at once, by designs whose rules say that they can."""

import numpy as np

from gridagora.core.agents import refuse
from gridagora.core.exchange import Quotes
from gridagora.core.session import Clearing, MessageCount, count_posted, drive
from gridagora.core.tables import Col, Index
from gridagora.run.opening import interval_product, open_clear
from gridagora.run.record import price_meters
from gridagora.run.state import RunState
from gridagora.run.unsound import check_generator, posted_quotes


def post_interval(desk: RunState, i: int, home: Index) -> Clearing:
    """Return the price of interval i as devices in homes `home` (r,) hear it, and write it to the record; messages are counted.

    The session opens once an hour, over all its intervals, and posts a price to each home.
    """
    per = round(1 / desk.study.dt_h)
    if i % per == 0 or desk.posted is None:
        desk.posted = _post_hour(desk, i - i % per, per)
    buy, sell, share = (column[:, i % per] for column in desk.posted[2:])
    heard = (_heard_by(column, home) for column in (buy, sell, share))
    quotes = Quotes(interval_product(desk, i), np.arange(len(home)), *heard)
    desk.traffic = count_posted(desk.traffic, quotes)
    _record_posted(desk, i, buy, sell)
    return Clearing(posted=quotes)


def _is_one(column: Col) -> bool:
    """Return whether all homes are posted one number (n,); `quote` then holds it once."""
    return column.strides[0] == 0 or bool((column == column[0]).all())


def _heard_by(column: Col, home: Index) -> Col:
    """Return what devices (r,) are posted, (r, 1), from what their homes are (n,) [any unit]."""
    if _is_one(column):
        return np.broadcast_to(column[:1, None], (len(home), 1))
    return column[home, None]


def _record_posted(desk: RunState, i: int, buy: Col, sell: Col) -> None:
    """Write import price and credit of every home, (n,) each [$/kWh], and what homes see on average, to the record."""
    if not (_is_one(buy) and _is_one(sell)) and desk.track.import_per_kwh.shape[1] < len(buy):
        desk.track = price_meters(desk.track, len(buy))
    track, meters = desk.track, desk.track.import_per_kwh.shape[1]
    track.import_per_kwh[i], track.export_per_kwh[i] = buy[:meters], sell[:meters]
    track.price_per_kwh[i] = buy[0] if _is_one(buy) else buy.mean()
    track.credit_per_kwh[i] = sell[0] if _is_one(sell) else sell.mean()


def _post_hour(desk: RunState, first: int, per: int) -> Quotes:
    opening = open_clear(desk, interval_product(desk, first), desk.expected_kw.shape[1], per)
    session = check_generator(desk, desk.market.clear(opening, desk.state))
    found = drive(
        session, lambda message: refuse(message, "a price that is Posted"), MessageCount()
    )
    return posted_quotes(desk, found.result, opening)
