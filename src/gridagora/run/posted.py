"""Prices posted for the intervals of an hour at once, by designs whose rules say that they can."""

from gridagora.core.agents import refuse
from gridagora.core.exchange import Quotes
from gridagora.core.session import Clearing, MessageCount, count_posted, drive
from gridagora.run.opening import interval_product, open_clear
from gridagora.run.state import RunState
from gridagora.run.unsound import check_generator, posted_quotes


def post_interval(desk: RunState, i: int, parties: int) -> Clearing:
    """Return the price posted for interval i to so many parties, and write it to the record; its messages are counted.

    The session opens once an hour, over all its intervals.
    """
    per = round(1 / desk.study.dt_h)
    if i % per == 0 or desk.posted is None or len(desk.posted.party) != parties:
        desk.posted = _post_hour(desk, i - i % per, parties, per)
    hour, k, track = desk.posted, i % per, desk.track
    columns = (column[:, k : k + 1] for column in hour[2:])
    quotes = Quotes(interval_product(desk, i), hour.party, *columns)
    desk.traffic = count_posted(desk.traffic, quotes)
    buy, sell = hour.buy_per_kwh[0, k], hour.sell_per_kwh[0, k]
    track.price_per_kwh[i], track.credit_per_kwh[i] = buy, sell
    track.import_per_kwh[i], track.export_per_kwh[i] = buy, sell
    return Clearing(posted=quotes)


def _post_hour(desk: RunState, first: int, parties: int, per: int) -> Quotes:
    opening = open_clear(desk, interval_product(desk, first), parties, per)
    session = check_generator(desk, desk.market.clear(opening, desk.state))
    found = drive(
        session, lambda message: refuse(message, "a price that is Posted"), MessageCount()
    )
    return posted_quotes(desk, found.result, opening)
