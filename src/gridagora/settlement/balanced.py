"""Bills that balance the budget: what the operator is left with, or lacks, goes back to homes in equal parts (theory 9.5)."""

import numpy as np

from gridagora.core.tables import Index


def balance_bills(bill_uusd: Index, margin_uusd: int) -> Index:
    """Return what homes would pay if the operator kept nothing, shape (n,) [micro-dollars].

    Every home gets the same part of the margin; the micro-dollars that do not divide go one each to the first homes. So the
    sum is that of the bills less the margin, to the micro-dollar: what the energy and the wires of all homes cost.

    Parameters
    ----------
    bill_uusd
        Bills as booked, shape (n,) [micro-dollars].
    margin_uusd
        What the ledger leaves with the operator [micro-dollars]; below zero where it pays more than it earns.
    """
    count = len(bill_uusd)
    if not count:
        return bill_uusd
    part, rest = divmod(margin_uusd, count)
    return np.asarray(bill_uusd - part - (np.arange(count) < rest), dtype=np.int64)
