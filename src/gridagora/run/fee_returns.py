"""What nodal fees bring beyond losses goes back to homes, so that the wires gain nothing by them.

Of what homes pay by `network = "fee"` the wires keep what losses cost where nobody else pays for these (`[network] losses`
"none"), but no more than there is. All else is returned at the end of the run in proportion to what each home withdrew in it,
whenever and wherever, so that the return moves with no fee; where homes were paid more than they paid, it is charged so.

References
----------
Surplus of marginal prices returned by load ratio share: PJM Manual 28, Operating Agreement Accounting.
"""

import numpy as np

from gridagora.core.records import row_blocks
from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome, settlement_period
from gridagora.run.loss_charges import NONE, with_entries
from gridagora.run.settle import FEE, LOSSES
from gridagora.settlement.ledger import UUSD_PER_USD, book, join, only, paid_uusd
from gridagora.settlement.parties import Role, row_of, rows_of

RETURN = "network fee return"


def return_fees(outcome: Outcome, rule: str) -> Outcome:
    """Return the outcome with what fees brought beyond losses given back to homes; as it is where nobody paid any.

    Parameters
    ----------
    outcome
        With its fees and losses in the ledger.
    rule
        Who pays for losses, one of `LOSSES` of `run.loss_charges`.
    """
    paid = only(outcome.ledger, FEE)
    if not paid.item.size:
        return outcome
    parties = outcome.parties
    homes, wires = rows_of(parties, Role.HOME), row_of(parties, Role.WIRES)
    count = len(parties.id)
    collected_usd = -paid_uusd(paid, count)[wires] / UUSD_PER_USD
    lost_usd = paid_uusd(only(outcome.ledger, LOSSES), count)[wires] / UUSD_PER_USD
    kept_usd = min(max(lost_usd, 0.0), max(collected_usd, 0.0)) if rule == NONE else 0.0
    back_usd = (collected_usd - kept_usd) * _withdrawn_share(outcome)
    entry = book(wires, homes, RETURN, back_usd, settlement_period(outcome))
    return with_entries(outcome, join([outcome.ledger, entry]))


def _withdrawn_share(outcome: Outcome) -> Col:
    """Return what each home withdrew of what all did, (n,) [1]; even parts where nobody did."""
    home_kw = outcome.home_kw
    taken = np.concatenate(
        [np.asarray(home_kw[rows]).clip(min=0).sum(1) for rows in row_blocks(home_kw.shape)]
    )
    total = taken.sum()
    return np.asarray(taken / total if total > 0 else np.full(len(taken), 1.0 / len(taken)))
