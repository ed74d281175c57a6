"""The seams: what a part must offer to be used by the rooms above. A part inherits from none of these, it only fits."""

from collections.abc import Callable
from typing import Any, Protocol

from gridagora.core.exchange import Quotes, Tenders, Transactions
from gridagora.core.session import Call, Session
from gridagora.core.tables import Col
from gridagora.kernels.curve import Curves
from gridagora.kernels.value import Stores


class Device(Protocol):
    """A module of `devices`: the belief of its rows as stores, and the step of their true physics.

    The arguments of both are the device's own; the table it registers is their first one.
    """

    spec: Callable[..., Stores]
    step: Callable[..., Any]


class Market(Protocol):
    """A market design: the prices homes plan on, and one generator that reads like its algorithm."""

    @property
    def strategy(self) -> str:
        """Name of the strategy its homes follow."""

    def outlook(self, call: Call) -> Col:
        """Return the prices homes plan on, shape (h,) [$/kWh]."""

    def session(self, call: Call) -> Session:
        """Yield quotes, receive tenders, return transactions."""


class Strategy(Protocol):
    """How the resources of a home meet a market; it knows curves, never devices."""

    @property
    def plans(self) -> bool:
        """Whether homes look ahead at all."""

    def tender(self, call: Call, curves: Curves) -> Tenders | None:
        """Return what is offered, one curve a row, or None where nothing is."""

    def dispatch(self, curves: Curves, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return the power of each row, shape (r,) [kW], or None where every device follows its own switch."""


class Carrier(Protocol):
    """What moves rows between market and parties: in process here, a network in a live service."""

    def __call__(self, quotes: Quotes, /) -> Tenders | None:
        """Take quotes to the parties and bring their tenders, or None where the design lets nobody answer."""


class Source(Protocol):
    """A function that reads, or draws by seed, one canonical table of `core.tables` or a feeder."""

    def __call__(self, *args: Any, **keys: Any) -> Any:
        """Return the table; every problem of the input is raised at once as an InputError."""
