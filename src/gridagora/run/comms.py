"""Messages that are lost, late or sent twice, and what stands in for them: the last curve heard, else the metered power.

Rules. A tender counts when its gate closes; one that is under way longer is late and counts for the next gate that it makes. Of
two tenders of a party the one sent last counts, so a duplicate changes nothing. A party that nothing was ever heard of is cleared
at the power it was last metered at. A party that does not hear its award keeps to the last price that it heard.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.exchange import Tenders, join, take, tender
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Flag
from gridagora.kernels.curves.curve import Curves
from gridagora.run.outages import Outages


class CommsFaults(NamedTuple):
    """Every message is lost with `loss_share` and sent twice with `duplicate_share`; tenders are `delay` intervals late."""

    loss_share: float = 0.0
    duplicate_share: float = 0.0
    delay: int = 0
    seed: int = 0
    outages: Outages | None = None  # of the agents of homes, at both ends of a message

    @property
    def lose_awards(self) -> bool:
        """Whether any award is not heard."""
        return self.loss_share > 0.0 or self.outages is not None


class BidCache(NamedTuple):
    """What the market holds: tenders under way, the last one heard of each party, and how often a rule was needed."""

    under_way: tuple[Tenders, ...] = ()
    last: Tenders | None = None
    missing: int = 0  # party intervals cleared on an older curve
    silent: int = 0  # party intervals cleared at the metered power
    twice: int = 0


PERFECT = CommsFaults()


def deliver(
    links: CommsFaults, inbox: BidCache, sent: Tenders, metered_kw: Col
) -> tuple[BidCache, Tenders]:
    """Carry the tenders of one gate and return what the market clears: one curve a party, in the order of `sent`.

    Parameters
    ----------
    sent
        One curve of each of n parties, numbered 0..n-1.
    metered_kw
        Power of each party in the interval before, shape (n,) [kW].
    """
    if not (links.loss_share or links.duplicate_share or links.delay or links.outages):
        return inbox, sent
    n = len(sent.party)
    draw = stream(links.seed, "links", sent.product.start_s)
    kept = draw.random(n) >= links.loss_share
    arrives = np.flatnonzero(kept & _online(links, n, sent.product.start_s))
    twice = arrives[draw.random(len(arrives)) < links.duplicate_share]
    under_way = (*inbox.under_way, take(sent, np.concatenate([arrives, twice])))
    heard, under_way = (
        (under_way[0], under_way[1:])
        if len(under_way) > links.delay
        else (take(sent, []), under_way)
    )
    last = _newest(
        heard if inbox.last is None else join([inbox.last._replace(product=heard.product), heard])
    )
    silent = np.setdiff1d(sent.party, last.party)
    flat = Curves(np.arange(len(silent) + 1), metered_kw[silent], np.zeros(len(silent)))
    whole = join([last, tender(last.product, silent, flat)])
    cleared = take(whole, np.argsort(whole.party, kind="stable"))._replace(product=sent.product)
    fresh = len(np.unique(heard.party)) if links.delay == 0 else 0
    counts = (
        inbox.missing + n - len(silent) - fresh,
        inbox.silent + len(silent),
        inbox.twice + len(twice),
    )
    return BidCache(under_way, last, *counts), cleared


def draw_heard(links: CommsFaults, n: int, start_s: int) -> Flag:
    """Return which of n parties hear the award of the interval that starts at `start_s`, shape (n,)."""
    kept = stream(links.seed, "awards", start_s).random(n) >= links.loss_share
    return np.asarray(kept & _online(links, n, start_s))


def _online(links: CommsFaults, n: int, start_s: int) -> Flag:
    if links.outages is None:
        return np.ones(n, np.bool_)
    return ~links.outages.offline(start_s)


def _newest(tenders: Tenders) -> Tenders:
    """Return the last row of every party, parties rising."""
    _, from_end = np.unique(tenders.party[::-1], return_index=True)
    return take(tenders, len(tenders.party) - 1 - from_end)
