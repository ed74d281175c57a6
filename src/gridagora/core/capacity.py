"""What a design charges for power rather than energy, and the part of a market that says so."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from gridagora.core.tables import Col, Flag

MONTHS_A_YEAR, DAYS_A_YEAR = 12, 365.25


class CapacityTerms(NamedTuple):
    """Charges for power at the meters of n homes over a whole run; every power is the mean of an hour, import less export.

    A home pays `subscription_per_kw` for each kW it has subscribed and `over_per_kwh` for each kWh beyond that, and
    `demand_per_kw` for its largest import in the local hours of day that count.
    """

    subscribed_kw: Col  # (n,); inf without a subscription
    subscription_per_kw: float  # for the run
    over_per_kwh: float
    demand_per_kw: float  # for the run
    counted: Flag  # (24,) local hours of day in which demand counts


@runtime_checkable
class CapacityMarket(Protocol):
    """A market that charges for power as well."""

    def capacity(self, state: Any) -> CapacityTerms:
        """Return the terms, given what the design remembers at the start of a run."""


def share_of_month(days: float) -> float:
    """Return how many months a run of so many days is billed for: a year has twelve equal ones."""
    return days * MONTHS_A_YEAR / DAYS_A_YEAR
