"""Public names for parts of your own: markets, strategies, devices, metrics and sources.

    from gridagora.extend import POSTED_PRICE, Rulebook, plan_at, post, quote, register

What the how-to pages and the gallery import, they import from here, and what is listed here keeps its name when modules move.
Each name is imported when first used. `docs/reference/extend.md` lists them with what they are.
"""

import importlib
import inspect
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridagora.core.agents import Believed, DeviceAgents, HomeAgents, NoAgents, proposals
    from gridagora.core.agents import refuse as refuse_message
    from gridagora.core.capacity import CapacityTerms, share_of_month
    from gridagora.core.device import (
        ANY,
        CHARGE_KWH,
        DISCOMFORT_K_H,
        HOT_WATER,
        HOT_WATER_K_H,
        HOURLY,
        MOBILITY,
        RENEWABLE,
        STARTS,
        STORAGE,
        THERMAL,
        Beside,
        Blocks,
        BoundPart,
        Column,
        DeviceKind,
        DeviceOutcome,
        DeviceRecord,
        GroupBelief,
        Item,
        Metered,
        Moment,
        NoKeys,
        People,
        Setting,
        Turn,
        Window,
        check_above_zero,
        check_not_below_zero,
        check_share,
        check_within,
        held_kw,
        own,
        refuse,
        storeless,
        total_by_home,
    )
    from gridagora.core.errors import InputError, PartError, Problem
    from gridagora.core.exchange import (
        NETWORK,
        WIRES,
        ExportLimits,
        MeterFees,
        MeterLimits,
        Plans,
        Proposals,
        Quotes,
        Status,
        Tenders,
        Transactions,
        quote,
        sum_kw,
        take,
        tender,
    )
    from gridagora.core.exchange import join as join_tables
    from gridagora.core.feeder import Feeder
    from gridagora.core.limits import Bounds, Limits, bounds_of, keep_reserve
    from gridagora.core.place import Level, Places, lift_kw, places
    from gridagora.core.ports import Agents, DeviceGroup, Grid, Market, Source, Strategy
    from gridagora.core.product import Commodity, Horizon, Product, following
    from gridagora.core.registry import find, names, register
    from gridagora.core.request import Request
    from gridagora.core.rng import stream
    from gridagora.core.rules import (
        POSTED_PRICE,
        Bidder,
        Disclosure,
        LookAhead,
        Pricing,
        Residual,
        Rulebook,
    )
    from gridagora.core.session import (
        Baseline,
        BehindTheMeter,
        Clearing,
        Commitment,
        Costed,
        GateOpen,
        HourPlan,
        LayerMessages,
        Opening,
        PeerMessages,
        Planning,
        Posted,
        Preference,
        PricePath,
        Session,
        SpecRequest,
        SupplyOffer,
        Topology,
        limits_of,
        shift_path,
        site_of,
        supply_curve,
    )
    from gridagora.core.spec import Spec
    from gridagora.core.tables import (
        LEAD_H,
        TAIL_H,
        Col,
        Flag,
        Homes,
        Index,
        Prices,
        Quality,
        Weather,
    )
    from gridagora.kernels.coordination.dual import Answer
    from gridagora.kernels.curves.curve import Curves, clear, curves, power_at
    from gridagora.kernels.curves.internal_price import power_at_own
    from gridagora.kernels.stores.table import Stores, stores
    from gridagora.kernels.stores.value import best_response
    from gridagora.mechanisms.home_bid import bid_home, dispatch_home
    from gridagora.mechanisms.layers import descend, lift_space, lift_time, published
    from gridagora.population.charging import Sessions
    from gridagora.population.charging import owners as draw_owners
    from gridagora.results.load_shape import peak_kw, quarter_hours_kw
    from gridagora.results.metric import (
        COMFORT,
        DELIVERY,
        INFORMATION,
        POWER,
        VALUE,
        VOLTAGE,
        Metric,
        Reference,
        captured_share,
        metric,
    )
    from gridagora.results.outcome import (
        NetworkResult,
        Outcome,
        costs_usd,
        energy_cost_usd,
        over_limit_kwh,
        welfare_usd,
    )
    from gridagora.scenario.sky import Sky
    from gridagora.settlement.ledger import Ledger
    from gridagora.settlement.parties import Parties, Role
    from gridagora.settlement.tariff import (
        NET_METERING,
        Tariff,
        plan_at,
        plan_on,
        post,
        select_products,
        set_tariff,
        tariff_quotes,
    )
    from gridagora.sources.synthetic import texas as make_world
    from gridagora.sources.synthetic_feeder import make as make_feeder

# Functions that look at the module that calls them; they refuse other kinds themselves.
ASKS_WHO_CALLS = frozenset({"register"})
# By what they are for: where each name stands, and after = its name there where that is another.
_NAMES = MappingProxyType(
    {
        "of every part": (
            ("gridagora.core.errors", "InputError PartError Problem"),
            ("gridagora.core.registry", "find names register"),
            ("gridagora.core.rng", "stream"),
            ("gridagora.core.tables", "LEAD_H TAIL_H Col Flag Homes Index Prices Quality"),
            ("gridagora.core.tables", "Weather"),
            ("gridagora.core.ports", "Agents DeviceGroup Grid Market Source Strategy"),
        ),
        "of a market": (
            ("gridagora.core.capacity", "CapacityTerms share_of_month"),
            (
                "gridagora.core.exchange",
                "NETWORK WIRES ExportLimits MeterFees MeterLimits Plans Proposals Quotes",
            ),
            ("gridagora.core.exchange", "Status Tenders"),
            ("gridagora.core.exchange", "Transactions join_tables=join quote sum_kw take"),
            ("gridagora.core.exchange", "tender"),
            ("gridagora.core.limits", "Bounds Limits bounds_of keep_reserve"),
            ("gridagora.core.place", "Level Places lift_kw places"),
            ("gridagora.core.product", "Commodity Horizon Product following"),
            ("gridagora.core.rules", "POSTED_PRICE Bidder Disclosure LookAhead Pricing"),
            ("gridagora.core.rules", "Residual Rulebook"),
            ("gridagora.core.session", "Baseline Clearing Commitment Costed GateOpen"),
            ("gridagora.core.session", "LayerMessages Opening PeerMessages HourPlan"),
            ("gridagora.core.session", "Planning Posted Preference PricePath Session"),
            ("gridagora.core.session", "Topology SpecRequest SupplyOffer limits_of"),
            ("gridagora.core.session", "shift_path site_of supply_curve"),
            ("gridagora.core.spec", "Spec"),
            ("gridagora.settlement.tariff", "NET_METERING Tariff plan_at plan_on post"),
            ("gridagora.settlement.tariff", "select_products set_tariff tariff_quotes"),
            ("gridagora.mechanisms.layers", "descend lift_space lift_time published"),
            ("gridagora.kernels.curves.curve", "Curves power_at clear curves"),
        ),
        "of a strategy": (
            ("gridagora.core.agents", "Believed DeviceAgents HomeAgents NoAgents"),
            ("gridagora.core.agents", "proposals refuse_message=refuse"),
            ("gridagora.mechanisms.home_bid", "bid_home dispatch_home"),
            ("gridagora.core.session", "BehindTheMeter"),
            ("gridagora.kernels.curves.internal_price", "power_at_own"),
        ),
        "of a device": (
            ("gridagora.population.charging", "draw_owners=owners"),
            ("gridagora.core.device", "Beside Blocks BoundPart DeviceKind DeviceOutcome"),
            ("gridagora.core.device", "DeviceRecord GroupBelief Metered Moment NoKeys"),
            ("gridagora.core.device", "People Setting Turn Window check_above_zero"),
            ("gridagora.core.device", "check_not_below_zero check_share check_within held_kw own"),
            ("gridagora.core.device", "refuse storeless total_by_home Column Item"),
            ("gridagora.core.device", "ANY HOURLY CHARGE_KWH DISCOMFORT_K_H HOT_WATER_K_H"),
            ("gridagora.core.device", "STARTS HOT_WATER MOBILITY RENEWABLE STORAGE THERMAL"),
            ("gridagora.kernels.coordination.dual", "Answer"),
            ("gridagora.kernels.stores.table", "Stores stores"),
            ("gridagora.kernels.stores.value", "best_response"),
        ),
        "of a metric": (
            ("gridagora.results.metric", "COMFORT DELIVERY INFORMATION POWER VALUE VOLTAGE"),
            ("gridagora.results.metric", "Metric Reference captured_share metric"),
            ("gridagora.results.outcome", "NetworkResult Outcome costs_usd energy_cost_usd"),
            ("gridagora.results.outcome", "over_limit_kwh welfare_usd"),
            ("gridagora.results.load_shape", "peak_kw quarter_hours_kw"),
            ("gridagora.settlement.ledger", "Ledger"),
            ("gridagora.settlement.parties", "Parties Role"),
        ),
        "of a source": (
            ("gridagora.population.charging", "Sessions"),
            ("gridagora.core.feeder", "Feeder"),
            ("gridagora.core.request", "Request"),
            ("gridagora.scenario.sky", "Sky"),
            ("gridagora.sources.synthetic", "make_world=texas"),
            ("gridagora.sources.synthetic_feeder", "make_feeder=make"),
        ),
    }
)

__all__ = [
    "ANY",
    "CHARGE_KWH",
    "COMFORT",
    "DELIVERY",
    "DISCOMFORT_K_H",
    "HOT_WATER",
    "HOT_WATER_K_H",
    "HOURLY",
    "INFORMATION",
    "LEAD_H",
    "MOBILITY",
    "NETWORK",
    "NET_METERING",
    "POSTED_PRICE",
    "POWER",
    "RENEWABLE",
    "STARTS",
    "STORAGE",
    "TAIL_H",
    "THERMAL",
    "VALUE",
    "VOLTAGE",
    "WIRES",
    "Agents",
    "Answer",
    "Baseline",
    "BehindTheMeter",
    "Believed",
    "Beside",
    "Bidder",
    "Blocks",
    "BoundPart",
    "Bounds",
    "CapacityTerms",
    "Clearing",
    "Col",
    "Column",
    "Commitment",
    "Commodity",
    "Costed",
    "Curves",
    "DeviceAgents",
    "DeviceGroup",
    "DeviceKind",
    "DeviceOutcome",
    "DeviceRecord",
    "Disclosure",
    "ExportLimits",
    "Feeder",
    "Flag",
    "GateOpen",
    "Grid",
    "GroupBelief",
    "HomeAgents",
    "Homes",
    "Horizon",
    "HourPlan",
    "Index",
    "InputError",
    "Item",
    "LayerMessages",
    "Ledger",
    "Level",
    "Limits",
    "LookAhead",
    "Market",
    "MeterFees",
    "MeterLimits",
    "Metered",
    "Metric",
    "Moment",
    "NetworkResult",
    "NoAgents",
    "NoKeys",
    "Opening",
    "Outcome",
    "PartError",
    "Parties",
    "PeerMessages",
    "People",
    "Places",
    "Planning",
    "Plans",
    "Posted",
    "Preference",
    "PricePath",
    "Prices",
    "Pricing",
    "Problem",
    "Product",
    "Proposals",
    "Quality",
    "Quotes",
    "Reference",
    "Request",
    "Residual",
    "Role",
    "Rulebook",
    "Session",
    "Sessions",
    "Setting",
    "Sky",
    "Source",
    "Spec",
    "SpecRequest",
    "Status",
    "Stores",
    "Strategy",
    "SupplyOffer",
    "Tariff",
    "Tenders",
    "Topology",
    "Transactions",
    "Turn",
    "Weather",
    "Window",
    "best_response",
    "bid_home",
    "bounds_of",
    "captured_share",
    "check_above_zero",
    "check_not_below_zero",
    "check_share",
    "check_within",
    "clear",
    "costs_usd",
    "curves",
    "descend",
    "dispatch_home",
    "draw_owners",
    "energy_cost_usd",
    "find",
    "following",
    "held_kw",
    "join_tables",
    "keep_reserve",
    "lift_kw",
    "lift_space",
    "lift_time",
    "limits_of",
    "make_feeder",
    "make_world",
    "metric",
    "names",
    "over_limit_kwh",
    "own",
    "peak_kw",
    "places",
    "plan_at",
    "plan_on",
    "post",
    "power_at",
    "power_at_own",
    "proposals",
    "published",
    "quarter_hours_kw",
    "quote",
    "refuse",
    "refuse_message",
    "register",
    "select_products",
    "set_tariff",
    "share_of_month",
    "shift_path",
    "site_of",
    "storeless",
    "stores",
    "stream",
    "sum_kw",
    "supply_curve",
    "take",
    "tariff_quotes",
    "tender",
    "total_by_home",
    "welfare_usd",
]


def _places() -> dict[str, tuple[str, str]]:
    """Return module and attribute of every public name."""
    found = {}
    for rows in _NAMES.values():
        for module, words in rows:
            for word in words.split():
                name, _, attribute = word.partition("=")
                found[name] = module, attribute or name
    return found


def public_names() -> dict[str, tuple[str, ...]]:
    """Return the public names by what they are for."""
    return {
        purpose: tuple(word.partition("=")[0] for _, words in rows for word in words.split())
        for purpose, rows in _NAMES.items()
    }


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    places = _places()
    if name not in places:
        raise AttributeError(f"module 'gridagora.extend' has no public name '{name}'")
    module, attribute = places[name]
    value = getattr(importlib.import_module(module), attribute)
    if inspect.isfunction(value) and name not in ASKS_WHO_CALLS:
        explain = importlib.import_module("gridagora.core.arguments").explained
        value = explain(value, __name__, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
