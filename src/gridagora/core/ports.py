"""Interfaces that a part must implement to be used by the packages above. Parts conform by structure, not by inheritance."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from gridagora.core.agents import Believed
from gridagora.core.device import (
    Beside,
    Blocks,
    BoundPart,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Metered,
    Moment,
    Setting,
    Window,
)
from gridagora.core.exchange import Tenders
from gridagora.core.feeder import Feeder
from gridagora.core.flow import ControlState, Flow
from gridagora.core.inverters import Infeed
from gridagora.core.limits import Limits
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.nodal_prices import NodalPrices, RowDuals, SourcePrices
from gridagora.core.records import RunColumn
from gridagora.core.rules import Bidder, Rulebook
from gridagora.core.session import Baseline, BehindTheMeter, Clearing, Opening, Planning, Session
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.stores.value import Stores

State = TypeVar("State")


class DeviceGroup(Protocol):
    """All devices of one kind in a run, r rows, with their true state; what is done to them changes it in place."""

    about: ClassVar[DeviceKind]

    @classmethod
    def of(cls, setting: Setting) -> "DeviceGroup | None":
        """Return the group at the start of a run, or None where no home owns such a device."""

    @property
    def home(self) -> Index:
        """Home of every row, shape (r,)."""

    def believe(self, window: Window) -> GroupBelief:
        """Return what the rows that take part in the first hour of a window believe of it."""

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return what the rows of `believe` take at a price path (h,) or (k, h), shape (k, h) [kW]; of kinds not planned."""

    def tender(self, now: Moment, rows: Index) -> Stores | Curves:
        """Return what rows (k,) believe of the next interval, to be bid by the plan; their curves where no plan values them."""

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Step the true physics of an interval by the orders of all rows (r,) [kW]; a row of nan, or any of None, is free."""

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return what the home can read off its devices at the start of an interval, (r,) each; names end in their [unit]."""

    def rated_kva(self) -> Col:
        """Return the rating of every inverter, shape (r,) [kVA]; asked of kinds that have one."""

    def stored_kwh(self) -> Col:
        """Return the energy in every store, shape (r,) [kWh], as a new array; zero where there is none."""

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return the comfort and other outcomes of the group so far; `lived.is_over` says whether the run now ends."""

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return what answers for the group in the certified bound of welfare, from its present state on."""

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> RunColumn:
        """Return the orders (r, steps) of all rows by which a schedule of the bound's rows (k, b) is played [kW]."""


class Market(Protocol[State]):
    """A market design: a declaration, and two generators that read like its algorithm.

    What they yield is a message of `core.session`, or of the design's own that its strategy answers. `State` is what the design
    remembers between openings; it holds no private data of homes.
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
        """Clear one interval: receive tenders and return transactions, or post a price.

        A design whose homes bid may remember what it cleared: `Clearing.state` is then the state of the next opening.
        """


class Agents(Protocol):
    """The parties of one opening of a look-ahead."""

    def answer(self, message: Any) -> Any:
        """Answer a message of the market; refuse what it does not know with a PartError."""

    def certify(self, price_per_kwh: Col, p_kw: Col | None) -> Any:
        """Return what parties alone can prove of a plan at prices (h,) or (n, h) [$/kWh] and powers (n, h) [kW], or None."""


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

    def tender(self, opening: Opening, behind: BehindTheMeter) -> Tenders | None:
        """Return what is offered, one curve a row, or None where nothing is."""

    def dispatch(self, behind: BehindTheMeter, clearing: Clearing) -> Col | None:
        """Return the power of each row, shape (r,) [kW], or None where every device follows its own switch."""


class Grid(Protocol):
    """A network that answers with its exact state; it sees meters, neither homes nor prices."""

    @property
    def feeder(self) -> Feeder:
        """Nodes, meters and what hangs where."""

    def flow(
        self,
        p_kw: Col,
        q_kvar: Col,
        before: ControlState | None = None,
        infeed: Infeed | None = None,
    ) -> Flow:
        """Return the flow of what every meter draws, shape (j,) of one interval or (t, j) of a batch [kW], [kvar].

        Inverters of `infeed` follow the voltage at their meter and give beside that.

        Steps follow each other in time, from the state of the controls `before`; left out: as the source of the feeder leaves
        them. An interval has the same flow alone, after the one before it, and in a batch, within the tolerance of the solver.
        One without solution holds nan, and `converged` is false for it.
        """

    def limits(
        self,
        at: Flow,
        near_share: float = ...,
        kept: Collection[str] = ...,
        band_pu: tuple[float, float] = ...,
        prices: RowPrices = ...,
    ) -> Limits:
        """Return what the network can carry as rows over its j meters and the steps of a flow, linear around it.

        Voltages are rows in pu, currents of lines in A, loadings of transformers in kVA. Rows further from their limit than a
        share are left out, unless they are kept by name.
        """

    def prices(self, at: Flow, source: SourcePrices, duals: RowDuals | None = None) -> NodalPrices:
        """Return the prices of active and reactive power at every meter and node in the t steps of a flow.

        A price is what the cost of a step rises by for a unit more: power at the substation at its price there, and every
        magnitude that a limit holds times its dual. They are nan in a step that did not converge.
        """

    def soft_duals(self, at: Flow, rules: NetworkRules) -> RowDuals:
        """Return the duals of limits in the t steps of a flow: the price beyond where it is beyond them, nil within."""

    def loss_factor(self, at: Flow, meter: Index) -> Col:
        """Return the second order of losses with reactive power of u meters in the first step of a flow, (r, u) [kW^0.5/kvar]."""


class Source(Protocol):
    """A function that reads, or draws by seed, one canonical table of `core.tables` or a feeder."""

    def __call__(self, *args: Any, **keys: Any) -> Any:
        """Return the table; every problem of the input is raised at once as an InputError."""
