"""The seams: what a part must offer to be used by the rooms above. A part inherits from none of these, it only fits."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from gridagora.core.agents import Believed
from gridagora.core.exchange import Tenders
from gridagora.core.rules import Bidder, Rulebook
from gridagora.core.session import Baseline, Behind, Clearing, Opening, Planning, Session
from gridagora.core.tables import Col
from gridagora.kernels.value import Stores

State = TypeVar("State")


class Device(Protocol):
    """A module of `devices`: the belief of its rows as stores, and the step of their true physics.

    The arguments of both are the device's own; the table it registers is their first one.
    """

    spec: Callable[..., Stores]
    step: Callable[..., Any]


class Market(Protocol[State]):
    """A market design: a declaration, and two generators that read like its algorithm.

    What they yield is a message of `core.session`, or of the design's own that its strategy answers. `State` is what the design
    remembers between openings; it holds no home's secrets.
    """

    @property
    def strategy(self) -> str:
        """Name of the strategy its homes follow, one of `rules.strategies`."""

    @property
    def rules(self) -> Rulebook:
        """What the design is; no scenario can change it but by the design's own keys."""

    def start(self, baseline: Baseline) -> State:
        """Return what is remembered at first: a tariff, or None."""

    def plan(self, opening: Opening, state: State) -> Planning[State]:
        """Find the prices that homes plan on over the window, and what binds before delivery."""

    def clear(self, opening: Opening, state: State) -> Session:
        """Clear one interval: hear tenders and return transactions, or post a price."""


class Agents(Protocol):
    """The parties of one opening of a look-ahead."""

    def answer(self, message: Any) -> Any:
        """Answer a message of the market; refuse what it does not know with a PartError."""

    def certify(self, price_per_kwh: Col, p_kw: Col | None) -> Any:
        """Return what can be proved of the plan from what parties alone know, or None."""


class Strategy(Protocol):
    """How the resources of a home meet a market; it knows curves, never devices."""

    @property
    def plans(self) -> bool:
        """Whether homes look ahead at all."""

    @property
    def bidder(self) -> Bidder:
        """Who tenders; it must be the bidder of the market."""

    def agents(self, believed: Believed) -> Agents:
        """Return the parties of a look-ahead."""

    def tender(self, opening: Opening, behind: Behind) -> Tenders | None:
        """Return what is offered, one curve a row, or None where nothing is."""

    def dispatch(self, behind: Behind, clearing: Clearing) -> Col | None:
        """Return the power of each row, shape (r,) [kW], or None where every device follows its own switch."""


class Source(Protocol):
    """A function that reads, or draws by seed, one canonical table of `core.tables` or a feeder."""

    def __call__(self, *args: Any, **keys: Any) -> Any:
        """Return the table; every problem of the input is raised at once as an InputError."""
