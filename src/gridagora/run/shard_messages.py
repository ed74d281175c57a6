"""What crosses between the feeders of a shard and the layers above them, and what is left of a shard at the end of a run."""

from collections.abc import Mapping
from typing import NamedTuple

from gridagora.core.tables import Col, Index

UUSD = 1_000_000  # micro-dollars of a dollar


class FeederPlans(NamedTuple):
    """What the homes of c feeders would take over h hours, and what proves it: whole micro-watts and micro-dollars."""

    p_uw: Index  # (c, h)
    own_uusd: Index  # (c,)
    bound_uusd: Index  # (c,)


class FeederPrices(NamedTuple):
    """What comes down to c feeders in an interval: price and tie share of the place above each, and the power that it takes."""

    price_per_kwh: Col  # (c,)
    share: Col  # (c,)
    p_kw: Col  # (c,)


class ShardTotals(NamedTuple):
    """What an interval delivered, all homes of a shard: whole micro-watts; `kind_uw` by kind of device."""

    load_uw: int
    award_uw: int
    missed_uw: int  # |delivered less awarded|, home by home
    kind_uw: Mapping[str, int]


class ShardResult(NamedTuple):
    """What the homes of a shard had of a run: how many homes had which bill and which energy, and every interval of a sample."""

    homes: int
    bill_cents: Mapping[int, int]  # homes by bill in whole cents
    import_wh: Mapping[int, int]  # homes by energy in steps of 100 Wh
    bill_uusd: int  # of all
    sample: tuple[str, ...]  # (s,) names of homes
    sample_kw: Col  # (s, t) net power
    sample_degc: Col  # (s, t) air, nan where nothing heats or cools
