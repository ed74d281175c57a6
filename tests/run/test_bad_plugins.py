"""Plugins that go wrong in every way we could think of: each is named with its part and method, and none gives a figure."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridagora import cli, extend
from gridagora.core import registry
from gridagora.scenario import plugins

PUMP = (Path(__file__).parents[1] / "laws" / "test_pool_pump.py").read_text(encoding="utf-8")
PUMP = PUMP[PUMP.index("FLOOR_KWH,") : PUMP.index("GROUP: type")]
IMPORTS = (
    "from dataclasses import dataclass\nfrom typing import ClassVar\nimport numpy as np\n"
    f"from gridagora.extend import {', '.join(extend.__all__)}\n"
)
CASE = """
[scenario]
days = 1
architectures = {designs}
[plugins]
installed = false
files = ["mine.py"]
[homes]
count = 3
{more}
"""


@pytest.fixture(autouse=True)
def as_before():
    yield
    plugins.show(())
    for module in [name for name in registry.modules() if name.startswith(plugins.PREFIX)]:
        registry.forget(module)


def put(folder: Path, text: str, designs: list[str] | None = None, more: str = "") -> Path:
    """Write a plugin and a scenario that names it; return the scenario."""
    (folder / "mine.py").write_text(IMPORTS + text, encoding="utf-8")
    case = CASE.format(designs=json.dumps(designs or ["flat"]), more=more)
    (folder / "case.toml").write_text(case, encoding="utf-8")
    return folder / "case.toml"


def refused(case: Path) -> str:
    """Check a scenario, and return what is said."""
    done = CliRunner().invoke(cli.app, ["check", str(case)])
    said = " ".join(done.stderr.split())
    assert done.exit_code == 2, (done.stdout, said, done.exception)
    assert "nothing was run or written" in said and "Traceback" not in said
    return said


STEP = "return Metered(done / now.dt_h, done - drained)"
DEVICES = {
    "positive for export": (
        STEP,
        "return Metered(-done / now.dt_h, done - drained)",
        "step(p_target_kw, now, beside): got -",
    ),
    "belief outside truth": (
        "p_max_kw=table.rated_kw[:, None]",
        "p_max_kw=0.2 * table.rated_kw[:, None]",
        "what it tendered",
    ),
    "negative capacity": (
        "x_max=capacity_kwh(table)[:, None]",
        "x_max=-1e4",
        "believe(window): got an error, ValueError: stores",
    ),
    "nan": (
        STEP,
        "return Metered(done * np.nan, done - drained)",
        "p_kw nan in row 0, expected finite numbers",
    ),
    "rows": (
        STEP,
        "return Metered(done[1:], done - drained)",
        "got p_kw shape (2,), expected shape (3,)",
    ),
    "text": (STEP, "return Metered(done.astype(str), done)", "got p_kw an array of str"),
    "bare": (
        STEP,
        "return done / now.dt_h",
        "step(p_target_kw, now, beside): got ndarray, expected a Metered",
    ),
    "account": (STEP, "return Metered(done / now.dt_h, 2 * done)", "by which stored_kwh() of row"),
    "series": (
        STEP,
        'return Metered(done / now.dt_h, done - drained, {"t_degc": done})',
        "series t_degc, expected those that about",
    ),
    "raises": (
        STEP,
        "return self.no_such_thing",
        "step(p_target_kw, now, beside): got an error, AttributeError",
    ),
    "read a list": (
        'return {"clear_kwh": self.x_kwh.copy()}',
        "return [1.0]",
        "observe(now): got list, expected a mapping",
    ),
    "read rows": (
        "self.x_kwh.copy()}",
        "self.x_kwh[1:]}",
        "observe(now): got clear_kwh shape (2,)",
    ),
    "no group": (
        "return cls(table, FLOOR",
        "return 'pumps' or cls(table, FLOOR",
        "of(setting): got str with no",
    ),
    "of raises": (
        "return cls(table, FLOOR",
        "return {}['x'] or cls(table, FLOOR",
        "of(setting): got an error, KeyError",
    ),
    "home": (
        "return self.table.home",
        "return self.table.home + 99",
        "home: got home 101, expected rows from 0 to 2",
    ),
    "home float": (
        "return self.table.home",
        "return self.table.home * 1.0",
        "home: got home an array of float64",
    ),
    "belief": (
        "return GroupBelief(\n",
        "return (\n",
        "got tuple, expected a GroupBelief",
    ),
    "rows twice": (
        "GroupBelief(\n            np.arange",
        "GroupBelief(\n            0 * np.arange",
        "got a row twice",
    ),
    "hours": (
        "np.ones(window.hours), worth",
        "np.ones(1 + window.hours), worth",
        "believe(window): got dt_h shape (4,)",
    ),
    "tender": (
        "return belief(self.table, self.x_kwh, np.array([now.dt_h]), 0.0)",
        "return None",
        "tender(now, rows): got NoneType",
    ),
    "stored list": (
        "return self.x_kwh.copy()\n",
        "return self.x_kwh.tolist()\n",
        "stored_kwh(): got list",
    ),
    "no bound": (
        "return BoundPart(answer, none, most, most,",
        "return (answer, none, most, most,",
        "bound(blocks): got tuple",
    ),
    "unproved": (
        "found.bound_usd)\n",
        "found.bound_usd + 9.0)\n",
        "an answer that costs less than its bound_usd",
    ),
    "least above most": (
        "BoundPart(answer, none, most, most",
        "BoundPart(answer, most + 1, most, most",
        "least_kw above most_kw",
    ),
    "beyond the bound": (
        "BoundPart(answer, none, most, most",
        "BoundPart(answer, none, 0 * most, most",
        "beyond least_kw and most_kw",
    ),
    "orders": (
        "return held_kw(block_kw, steps)",
        "return block_kw",
        "orders_kw shape (3, 12), expected shape (3, 36)",
    ),
    "feel": (
        "return DeviceOutcome(total_by_home(self.x_kwh",
        "return (total_by_home(self.x_kwh",
        "feel(lived) of tuple",
    ),
    "feel rows": (
        "DeviceOutcome(total_by_home(self.x_kwh, self.home, n)",
        "DeviceOutcome(np.zeros(n + 1)",
        "left_kwh shape (4,)",
    ),
    "feel nan": (
        "DeviceOutcome(total_by_home(self.x_kwh, self.home, n)",
        "DeviceOutcome(np.full(n, np.nan)",
        "left_kwh nan in row 0",
    ),
    "nan rows": (
        "asked = np.where(np.isnan(p_target_kw), asked, p_target_kw)",
        "asked = p_target_kw",
        "p_kw nan in row",
    ),
    "feel by the hour": (
        "n = len(lived.home_kw)\n",
        "n = len(lived.home_kw.reshape(len(lived.home_kw), -1, 12))\n",
        "step(p_target_kw, now, beside): got an error, ValueError: cannot reshape",
    ),
    "not observed": ("def observe(self, now", "def look(self, now", "got no method observe(now)"),
}


@pytest.mark.parametrize("case", DEVICES)
def test_a_bad_device_is_named_with_its_method_before_anything_runs(
    case: str, tmp_path: Path
) -> None:
    before, after, words = DEVICES[case]
    assert before in PUMP
    text = PUMP.replace(before, after) + '\nregister("device", "pool_pump")(PoolPumpGroup)\n'
    said = refused(put(tmp_path, text, more="[homes.pool_pump]\nshare = 1.0\n"))
    assert "device 'pool_pump' of mine.py" in said and words in said, said


def test_the_good_device_passes(tmp_path: Path) -> None:
    case = put(
        tmp_path,
        PUMP + '\nregister("device", "pool_pump")(PoolPumpGroup)\n',
        more="[homes.pool_pump]\nshare = 1.0\n",
    )
    done = CliRunner().invoke(cli.app, ["check", str(case)])
    assert done.exit_code == 0, done.stderr


def test_generation_above_zero_is_refused(tmp_path: Path) -> None:
    text = PUMP.replace('"#11aaaa", keys', '"#11aaaa", is_generation=True, keys')
    said = refused(
        put(
            tmp_path,
            text + '\nregister("device", "pool_pump")(PoolPumpGroup)\n',
            more="[homes.pool_pump]\nshare = 1.0\n",
        )
    )
    assert "kW of a kind that generates, expected power of at most 0" in said


SOURCE = '''
@register("source", "{key}=mine")
def mine(request):
    """Mine."""
    hours = 48 + request.hours
    prices = Prices(request.start_s, np.full(hours, 0.03), np.full(4 * hours, 0.03))
    return {made}
'''
WORLD = "make_world(1, request.start_s, request.days, 3)"
SOURCES = {
    "rows": (
        "prices.source",
        "prices._replace(day_ahead_per_kwh=prices.day_ahead_per_kwh[1:])",
        "day_ahead_per_kwh",
    ),
    "text": (
        "prices.source",
        "prices._replace(day_ahead_per_kwh=prices.day_ahead_per_kwh.astype(str))",
        "an array of str",
    ),
    "nan": (
        "prices.source",
        "prices._replace(real_time_per_kwh=prices.real_time_per_kwh * np.nan)",
        "got nan at",
    ),
    "unit": (
        "prices.source",
        "prices._replace(real_time_per_kwh=prices.real_time_per_kwh * 1e3)",
        "$/kWh",
    ),
    "start": ("prices.source", "prices._replace(start_s=request.start_s + 3600)", "a start at"),
    "start none": ("prices.source", "prices._replace(start_s=None)", "whole seconds since 1970"),
    "another table": ("prices.source", f"{WORLD}.weather", "got Weather, expected a table Prices"),
    "nothing": ("prices.source", "None", "got NoneType, expected a table Prices"),
    "raises": ("prices.source", "prices.no_such_column", "got an error, AttributeError"),
    "weather alone": ("weather.source", f"{WORLD}.weather", "got Weather, expected a table Sky"),
    "latitude": ("weather.source", f'Sky({WORLD}.weather, "north")', "the latitude north"),
    "kelvin": (
        "weather.source",
        f"Sky((w := {WORLD}.weather)._replace(t_out_degc=w.t_out_degc + 273.15), 30.0)",
        "t_out_degc",
    ),
    "no weather": ("weather.source", "Sky(None, 30.0)", "a Sky whose weather is a table Weather"),
    "homes": (
        "homes.source",
        f"(h := {WORLD}.homes)._replace(load_kw=-1.0 - h.load_kw)",
        "homes.load_kw: got -",
    ),
    "homes rows": (
        "homes.source",
        f"(h := {WORLD}.homes)._replace(load_kw=h.load_kw[:, :-1])",
        "homes.load_kw: got shape",
    ),
    "battery": (
        "homes.source",
        f"(h := {WORLD}.homes)._replace(owned={{**h.owned, 'battery': BATTERY}})".replace(
            "BATTERY", "__import__('gridagora').Batteries(np.array([0]), 'ten', 5.0, 0.95)"
        ),
        "battery.cap_kwh: got 'ten'",
    ),
    "count": (
        "homes.source",
        "make_world(1, request.start_s, request.days, 2).homes",
        "got 2 homes, expected 3",
    ),
    "feeder": ("feeder.source", "make_feeder(1, 3).__class__", "expected a table Feeder"),
    "feeder rows": (
        "feeder.source",
        "__import__('dataclasses').replace(f := make_feeder(1, 3), meters=f.meters._replace(p_kw=f.meters.p_kw[1:]))",
        "meters.p_kw",
    ),
    "feeder nan": (
        "feeder.source",
        "__import__('dataclasses').replace(f := make_feeder(1, 3), lines=f.lines._replace(blocks="
        "f.lines.blocks._replace(y_siemens=f.lines.blocks.y_siemens * np.nan)))",
        "lines.blocks.y_siemens",
    ),
    "feeder node": (
        "feeder.source",
        "__import__('dataclasses').replace(f := make_feeder(1, 3), loads=f.loads._replace(to_node=f.loads.to_node + 999))",
        "loads.to_node",
    ),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_bad_table_is_named_with_its_source(case: str, tmp_path: Path) -> None:
    key, made, words = SOURCES[case]
    table = key.partition(".")[0]
    more = 'source = "mine"\n' if table == "homes" else f'[{table}]\nsource = "mine"\n'
    said = refused(put(tmp_path, SOURCE.format(key=key, made=made), more=more))
    assert f"source '{key}=mine'" in said and words in said, said


MARKET = '''
@register("market", "{name}")
@dataclass(frozen=True)
class {title}:
    """Bad."""

    rules: ClassVar[Rulebook] = {rules}
    strategy: str = "{strategy}"

    def start(self, baseline):
        {start}

    def plan(self, opening, state):
        {plan}

    def clear(self, opening, state):
        {clear}
'''
POSTED = {
    "rules": "POSTED_PRICE",
    "strategy": "price_taker",
    "start": "return None",
    "plan": "return plan_at(quote(opening.product, opening.party, opening.supply.import_per_kwh), state)",
    "clear": "return post(quote(opening.product, opening.party, opening.supply.import_per_kwh))",
}
BIDS = POSTED | {
    "rules": 'Rulebook(("look_ahead",), Bidder.DEVICE, Disclosure.CURVES, LookAhead.POSTED, Pricing.UNIFORM)',
    "strategy": "look_ahead",
}
HEARD = """t = yield GateOpen(opening.product)
        n = np.arange(len(t.party))
        p, price = np.zeros((len(n), 1)), np.full((len(n), 1), 0.05)
        return """
Q = "q = quote(opening.product, opening.party, opening.supply.import_per_kwh)\n        "
MARKETS = {
    "never_yields": (
        POSTED,
        {"clear": "return None"},
        "the market NeverYields gave a session of type NoneType",
    ),
    "no_clearing": (
        POSTED,
        {"clear": "yield Posted(quote(opening.product, opening.party, 0.05))"},
        "returned NoneType",
    ),
    "no_table": (
        POSTED,
        {"clear": "yield Posted(None)"},
        "holds NoneType, expected a table such as",
    ),
    "no_end": (
        POSTED,
        {
            "clear": "while True:\n            yield Posted(quote(opening.product, opening.party, 0.05))"
        },
        "did not end",
    ),
    "odd_message": (
        BIDS,
        {"clear": "yield 'hello'"},
        "session yields str, expected GateOpen, Quotes",
    ),
    "asks_specs": (BIDS, {"clear": "yield SpecRequest(opening.product)"}, "yields SpecRequest"),
    "nan_price": (
        POSTED,
        {"clear": Q + "q = q._replace(buy_per_kwh=q.buy_per_kwh * np.nan)\n        return post(q)"},
        "buy_per_kwh nan",
    ),
    "inf_credit": (
        POSTED,
        {
            "clear": Q
            + "q = q._replace(sell_per_kwh=q.sell_per_kwh + np.inf)\n        return post(q)"
        },
        "sell_per_kwh inf",
    ),
    "text_price": (
        POSTED,
        {
            "clear": Q
            + "q = q._replace(buy_per_kwh=q.buy_per_kwh.astype(str))\n        return post(q)"
        },
        "buy_per_kwh of str",
    ),
    "flat_price": (
        POSTED,
        {"clear": Q + "q = q._replace(buy_per_kwh=q.buy_per_kwh[:, 0])\n        return post(q)"},
        "buy_per_kwh of shape",
    ),
    "few_quotes": (
        POSTED,
        {"clear": "return post(quote(opening.product, opening.party[1:], 0.05))"},
        "quoted no price to all",
    ),
    "short_plan": (
        POSTED,
        {
            "plan": Q
            + "return (yield from plan_at(q, state))._replace(price_per_kwh=q.buy_per_kwh[0, 1:])"
        },
        "price_per_kwh of shape",
    ),
    "nan_plan": (
        POSTED,
        {
            "plan": Q
            + "return (yield from plan_at(q, state))._replace(price_per_kwh=q.buy_per_kwh[0] * np.nan)"
        },
        "price_per_kwh nan",
    ),
    "no_plan": (
        POSTED,
        {
            "plan": "yield Posted(quote(opening.product, opening.party, opening.supply.import_per_kwh))"
        },
        "returned NoneType, expected a",
    ),
    "key_error": (POSTED, {"plan": "return {}['no']"}, "KeyError"),
    "bad_start": (POSTED, {"start": "return 1 / 0"}, "ZeroDivisionError"),
    "own_error": (POSTED, {"start": "raise type('Mine', (Exception,), {})('so')"}, "Mine: so"),
    "no_rows": (
        BIDS,
        {
            "clear": HEARD
            + "Clearing(Transactions(t.product, n[1:], n[1:], p[1:], price[1:], n[1:]))"
        },
        "transactions, expected one for each",
    ),
    "objects": (
        BIDS,
        {"clear": HEARD + "Clearing(Transactions(t.product, n, n, p.astype(object), price, n))"},
        "p_kw of object",
    ),
    "nan_award": (
        BIDS,
        {"clear": HEARD + "Clearing(Transactions(t.product, n, n, p * np.nan, price, n))"},
        "p_kw nan in row 0",
    ),
    "sold": (
        BIDS,
        {"clear": HEARD + "Clearing(Transactions(t.product, n, n, p - 1e3, price, n))"},
        "withdrawal is positive",
    ),
    "nan_paid": (
        BIDS,
        {"clear": HEARD + "Clearing(Transactions(t.product, n, n, p, price * np.nan, n))"},
        "price_per_kwh nan",
    ),
    "two_prices": (
        BIDS,
        {
            "clear": HEARD
            + "Clearing(Transactions(t.product, n, n, np.clip(p, *ends(t)), price + n[:, None], n))"
        },
        "different prices",
    ),
    "no_status": (
        BIDS,
        {
            "clear": HEARD
            + "Clearing(Transactions(t.product, n, n, np.clip(p, *ends(t)), price, None))"
        },
        "status of type NoneType",
    ),
    "a_tuple": (BIDS, {"clear": HEARD + "(n, p)"}, "returned tuple, expected a Clearing"),
    "bad_local": (
        BIDS,
        {
            "clear": HEARD
            + "Clearing(a := Transactions(t.product, n, n, np.clip(p, *ends(t)), price, n), None, a._replace(p_kw=p * np.nan))"
        },
        "local p_kw nan",
    ),
    "nan_network": (
        BIDS,
        {
            "clear": HEARD
            + "Clearing(Transactions(t.product, n, n, np.clip(p, *ends(t)), price, n), network_per_kwh=np.nan)"
        },
        "network_per_kwh nan, expected a finite price",
    ),
    "other_network": (
        BIDS,
        {
            "clear": HEARD
            + "Clearing(Transactions(t.product, n, n, np.clip(p, *ends(t)), price, n), network_per_kwh=0.1)"
        },
        "network_per_kwh 0.1, expected none",
    ),
    "undeclared": (
        POSTED,
        {
            "plan": Q
            + "c = (Commitment(following(opening.product), 24, q.buy_per_kwh, q.buy_per_kwh[0]),)\n        "
            "return (yield from plan_at(q, state))._replace(commitments=c)"
        },
        "which its rules do not declare",
    ),
    "bad_tender": (
        BIDS,
        {
            "rules": BIDS["rules"].replace('"look_ahead",', '"rising",'),
            "strategy": "rising",
            "clear": HEARD + "None",
        },
        "tender of the strategy",
    ),
    "few_tenders": (
        BIDS,
        {
            "rules": BIDS["rules"].replace('"look_ahead",', '"few",'),
            "strategy": "few",
            "clear": HEARD + "None",
        },
        "party of shape",
    ),
    "nan_tender": (
        BIDS,
        {
            "rules": BIDS["rules"].replace('"look_ahead",', '"nans",'),
            "strategy": "nans",
            "clear": HEARD + "None",
        },
        "p_kw nan",
    ),
    "no_tenders": (
        BIDS,
        {
            "rules": BIDS["rules"].replace('"look_ahead",', '"tuples",'),
            "strategy": "tuples",
            "clear": HEARD + "None",
        },
        "returned tuple, expected Tenders",
    ),
}
STRATEGIES = '''
def ends(t):
    return t.p_kw[t.offset[:-1], None], t.p_kw[t.offset[1:] - 1, None]


def offers(name, spoil):
    @register("strategy", name)
    @dataclass(frozen=True)
    class Offers:
        """Spoils a tender."""

        plans: ClassVar[bool] = True
        bidder: ClassVar[Bidder] = Bidder.DEVICE

        def agents(self, believed):
            return NoAgents()

        def tender(self, opening, behind):
            return spoil(tender(opening.product, opening.party, behind.curves))

        def dispatch(self, behind, clearing):
            return clearing.transactions.p_kw[:, 0]


offers("rising", lambda t: t._replace(price_per_kwh=np.arange(len(t.p_kw)) * 1.0))
offers("few", lambda t: take(t, t.party[1:]))
offers("nans", lambda t: t._replace(p_kw=t.p_kw * np.nan))
offers("tuples", lambda t: (t.p_kw, t.price_per_kwh))


def metric(name, compute, applies=lambda outcome: True):
    register("metric", name)(Metric(name, name, "kWh", "up", compute, "What.", applies=applies))


metric("X1", lambda o, y: "12 kWh")
metric("X2", lambda o, y: o.home_kw)
metric("X3", lambda o, y: float("inf"))
metric("X4", lambda o, y: True)
metric("X5", lambda o, y: None)
metric("X6", lambda o, y: 1 + 2j)
metric("X7", lambda o, y: o.no_such_column)
metric("X8", lambda o, y: 1.0, lambda o: 1 / 0)
metric("X9", lambda o, y: 1.0, lambda o: "yes")
'''
METRICS = {
    "X1": "it returned an object of type str",
    "X2": "it returned an array of shape (3, 288)",
    "X3": "it returned inf",
    "X4": "it returned an object of type bool",
    "X5": "it returned an object of type NoneType",
    "X6": "it returned an object of type complex",
    "X7": "AttributeError",
    "X8": "applies: ZeroDivisionError",
    "X9": "applies: it returned an object of type str",
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Return what is said of every bad market, strategy and metric in one comparison with `flat`."""
    from gridagora.run.compare import compare
    from gridagora.scenario import build

    text = STRATEGIES
    for name, (base, change, _) in MARKETS.items():
        title = name.title().replace("_", "")
        text += MARKET.format(name=name, title=title, **(base | change))
    case = put(tmp_path_factory.mktemp("bad"), text, ["flat", *MARKETS])
    found = compare(build.load(case))
    plugins.show(())
    return found


@pytest.mark.parametrize("name", MARKETS)
def test_a_bad_market_or_strategy_ends_its_own_run_and_is_named(name: str, failed) -> None:
    assert name not in failed.summary["architectures"]
    said = failed.summary["failed"][name]
    assert MARKETS[name][2] in said, said
    assert f"market '{name}' of mine.py" in said


@pytest.mark.parametrize("name", METRICS)
def test_a_bad_metric_has_no_figure_and_is_named(name: str, failed) -> None:
    cells = failed.summary["architectures"]["flat"]["metrics"]
    assert name not in cells or cells[name]["value"] is None
    assert METRICS[name] in failed.summary["failed"][f"metric {name}"]


def test_the_good_design_beside_them_has_its_figures(failed) -> None:
    assert failed.summary["architectures"]["flat"]["metrics"]["E1"]["value"] is not None


GOOD = MARKET.format(name="mine", title="Mine", **POSTED)
TAKER = STRATEGIES[STRATEGIES.index("def offers") : STRATEGIES.index('offers("rising"')]
BEFORE = {
    "rules text": (
        GOOD.replace("= POSTED_PRICE", '= POSTED_PRICE._replace(strategies="price_taker")'),
        "rules.strategies = 'price_taker'",
    ),
    "rules word": (
        GOOD.replace("= POSTED_PRICE", '= POSTED_PRICE._replace(pricing="uniform")'),
        "rules.pricing = 'uniform'",
    ),
    "rules flag": (
        GOOD.replace("= POSTED_PRICE", "= POSTED_PRICE._replace(sees_limit=1)"),
        "rules.sees_limit = 1",
    ),
    "no strategies": (
        GOOD.replace("= POSTED_PRICE", "= POSTED_PRICE._replace(strategies=())"),
        "rules.strategies without a name",
    ),
    "strategy": (
        GOOD.replace('strategy: str = "price_taker"', "strategy: int = 3"),
        "strategy of type int",
    ),
    "registered twice": (
        GOOD + GOOD,
        "market 'mine' of mine.py: got a name that it registers twice",
    ),
    "number as name": (
        GOOD.replace('"market", "mine"', '"market", 3'),
        "the name of the part, as text",
    ),
    "signature": (GOOD.replace("def start(self, baseline)", "def start(self)"), "start(baseline)"),
    "bidder": (
        TAKER.replace(
            "bidder: ClassVar[Bidder] = Bidder.DEVICE", 'bidder: ClassVar[str] = "device"'
        )
        + 'offers("s", None)',
        "bidder = 'device'",
    ),
    "plans": (
        TAKER.replace("plans: ClassVar[bool] = True", "plans: ClassVar[int] = 1")
        + 'offers("s", None)',
        "plans = 1, expected true or false",
    ),
    "order": (
        'register("metric", "X1")(Metric("X1", "a", "b", "up", lambda o, y: 1.0, "c", order="first"))',
        "the order first",
    ),
    "explanation": (
        'register("metric", "X1")(Metric("X1", "a", "b", "up", lambda o, y: 1.0, 3))',
        "explanation of type int",
    ),
    "applies": (
        'register("metric", "X1")(Metric("X1", "a", "b", "up", lambda o, y: 1.0, "c", applies=lambda: True))',
        "applies(outcome)",
    ),
    "brief": (
        'register("metric", "X1")(Metric("X1", "a", "b", "up", lambda o, y: 1.0, "c", in_brief="no"))',
        "in_brief = 'no'",
    ),
    "two parameters": (
        SOURCE.format(key="prices.source", made="prices").replace(
            "mine(request)", "mine(request, hours)"
        ),
        "one parameter",
    ),
}


@pytest.mark.parametrize("case", BEFORE)
def test_what_can_be_known_of_a_part_is_told_before_anything_runs(
    case: str, tmp_path: Path
) -> None:
    text, words = BEFORE[case]
    said = refused(put(tmp_path, text))
    assert words in said and "mine.py" in said, said


def test_a_strategy_that_bids_otherwise_than_its_market_hears_is_refused(tmp_path: Path) -> None:
    market = GOOD.replace("= POSTED_PRICE", '= POSTED_PRICE._replace(strategies=("s",))').replace(
        '"price_taker"', '"s"'
    )
    case = put(
        tmp_path, TAKER + '\noffers("s", None)\n' + market, ["flat", "mine"], "[market.mine]\n"
    )
    said = refused(case)
    assert "'s', whose bidder is DEVICE, expected a strategy whose bidder is NOBODY" in said
