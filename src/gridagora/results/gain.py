"""What a design gains over the flat one, in dollars a home and year, and the price of overload at which that is nothing."""

import numpy as np

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome, costs_usd, over_limit_kwh, welfare_usd
from gridagora.settlement.balanced import balance_bills
from gridagora.settlement.ledger import UUSD_PER_USD

DAYS_A_YEAR = 365
DAY_H = 24
MUCH_LEFT = 0.2  # of a gain: more than that left in stores is warned of


def gain_usd(outcome: Outcome, flat: Outcome) -> float:
    """Return welfare less that of the flat design [$], losses included."""
    return welfare_usd(outcome) - welfare_usd(flat)


def left_gain_usd(outcome: Outcome, flat: Outcome) -> float:
    """Return the part of the gain that is what stores hold at the end of the run, more than under the flat design [$]."""
    return outcome.left_usd - flat.left_usd


def per_home_year(usd: float, outcome: Outcome) -> float:
    """Return an amount of the run as one of a mean home and a year of such days [$/home/year]."""
    days = len(outcome.start_s) * outcome.dt_h / DAY_H
    return usd / len(outcome.bill_usd) / days * DAYS_A_YEAR


def break_even_per_kwh(outcome: Outcome, flat: Outcome) -> float:
    """Return the price of overload at which welfare is that of the flat design [$/kWh]; nan where both overload as much.

    Welfare falls by the price for every kWh beyond the limit, so that what a design gains without that term, over what it
    overloads more, is the price that takes the gain away. What the design did is not changed by it.
    """
    more_kwh = over_limit_kwh(outcome) - over_limit_kwh(flat)
    if more_kwh == 0.0:
        return float("nan")
    own, other = (costs_usd(each) for each in (outcome, flat))
    rest_usd = sum(usd for item, usd in other.items() if item != "over limit") - sum(
        usd for item, usd in own.items() if item != "over limit"
    )
    return rest_usd / more_kwh


def balanced_bill_usd(outcome: Outcome) -> Col:
    """Return the bill of every home if the operator kept nothing, shape (n,) [$]."""
    bill_uusd = np.rint(outcome.bill_usd * UUSD_PER_USD).astype(np.int64)
    return np.asarray(balance_bills(bill_uusd, outcome.surplus_uusd) / UUSD_PER_USD)


def warn_of_stores(outcome: Outcome, flat: Outcome) -> tuple[str, ...]:
    """Return a sentence where what is left in stores is much of a gain or of a loss; nothing elsewhere."""
    gain, left = gain_usd(outcome, flat), left_gain_usd(outcome, flat)
    if not abs(left) > MUCH_LEFT * abs(gain):
        return ()
    return (
        f"of a gain of {gain:+.2f} $ over flat, {left:+.2f} $ is what stores hold at the end, at the mean price of energy; more "
        "days make that part smaller, market.closes_stores next to nothing",
    )
