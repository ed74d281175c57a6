"""How much of their ratings lines and transformers carried over a run."""

from typing import NamedTuple

from gridagora.core.tables import Col, Index


class LoadingSeries(NamedTuple):
    """Loading of the r branches that came nearest to their rating at any time, fullest first, in s slots of some intervals."""

    branch: Index  # (r,) row of the branch
    first_steps: Index  # (s,) first interval of each slot
    share: Col  # (r, s) largest of the slot, of the rating [1]; nan where no power flow converged


class BranchLoading(NamedTuple):
    """Loading of k lines and transformers with a known rating; nan where no power flow converged."""

    name: tuple[str, ...]  # (k,)
    kind: tuple[str, ...]  # (k,) LINE or TRANSFORMER
    from_bus: Index  # (k,) row of the bus, -1 where that end is not fed
    to_bus: Index  # (k,)
    rating: Col  # (k,) of a line [A], of a transformer [kVA]
    most_share: Col  # (k,) largest of any interval, of the rating [1]
    at_peak_share: Col  # (k,) in the interval of the largest power at the source [1]
    over_steps: Index  # (k,) intervals above the rating
    series: LoadingSeries | None = None  # None where it was not kept
