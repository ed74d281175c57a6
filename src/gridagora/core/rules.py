"""Declaration of a market design: who bids, what is disclosed, how prices form, what binds. A scenario cannot change it."""

from enum import Enum
from typing import NamedTuple

from gridagora.core.product import Commodity, Horizon


class Bidder(Enum):
    """Who tenders in real time, and is awarded."""

    NOBODY = "nobody"  # a price is posted
    DEVICE = "device"
    HOME = "home"  # the whole meter: load and panels too


class Disclosure(Enum):
    """What leaves a home for the market or its partners."""

    NOTHING = "nothing"  # curves and plans stay inside; only agreed trades leave the home
    CURVES = "curves"  # tenders and plans
    SPECS = "specs"  # the specification of every device


class LookAhead(Enum):
    """How the prices that homes plan on are found."""

    POSTED = "posted"  # known or forecast, without a message from the homes
    NEGOTIATED = "negotiated"  # prices down, plans up
    OPTIMISED = "optimised"  # by an operator from specifications


class Pricing(Enum):
    """Which price a home pays for an interval."""

    POSTED = "posted"  # the quoted import price, and the quoted credit for export
    UNIFORM = "uniform"  # one clearing price for all
    BY_PLACE = "by place"  # the clearing price at the place of the home
    NODAL = "nodal"  # the clearing price at the meter of the home, whichever of its devices tenders
    BY_PARTY = "by party"  # that of its own transaction
    BILATERAL = "bilateral"  # that of each trade with a partner, the supplier's for the rest


class Residual(Enum):
    """Who keeps the payments of homes in excess of the cost of their energy."""

    OPERATOR = "operator"
    PROSUMERS = "prosumers"  # who are the retailer, in equal parts


class Rulebook(NamedTuple):
    """The declaration of one design.

    Every design plans before it clears; `commits` are the horizons whose positions bind before delivery, `commodities` what it
    clears. `sees_limit` says whether the substation limit changes what the design does; `sees_flow` whether it receives
    the power flow of the interval before; `is_tariff` whether its prices are set before the run to
    earn what the baseline costs, and so cannot ask panels to stop in an hour. `posts_hours` says that an opening over several
    intervals is posted each its own price, and each home its own, so that a run may ask for those of an hour at once.
    `posts_windows` says that its prices are dear in windows known long before, so that people can act on them by hand; its
    state is then a `Tariff`, or holds one by class of homes.
    """

    strategies: tuple[str, ...]  # those of homes that it can run with
    bidder: Bidder
    discloses: Disclosure
    look_ahead: LookAhead
    pricing: Pricing
    commits: tuple[Horizon, ...] = ()
    commodities: tuple[Commodity, ...] = (Commodity.P,)
    sees_limit: bool = False
    sees_flow: bool = False
    is_tariff: bool = False
    residual: Residual = Residual.OPERATOR
    posts_hours: bool = False
    posts_windows: bool = False


POSTED_PRICE = Rulebook(
    strategies=("habit", "price_taker"),
    bidder=Bidder.NOBODY,
    discloses=Disclosure.NOTHING,
    look_ahead=LookAhead.POSTED,
    pricing=Pricing.POSTED,
)
