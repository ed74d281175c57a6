"""Every bill of every design, computed anew from the tables of meters, positions and trades."""

from dataclasses import replace

import pytest

from gridagora.core.registry import names
from gridagora.run.compare import compare

ITEMS = (
    "deviation charge",
    "retail margin",
    "subscribed power",
    "excess energy",
    "demand charge",
    "beyond limit",
)  # by the ledger: charges for misses and for power, and what prosumers share as the retailer


@pytest.fixture(scope="module")
def audited(scene):
    """Return a comparison of every design that keeps what bills are made of."""
    case = scene.scenario.scenario.model_copy(update={"per_home": True})
    due = {"delivery_share": 0.4}  # so that homes trade and owe delivery
    local = {"peer": due, "auction": due}
    keys = scene.scenario.model_copy(update={"scenario": case, "parts": local})
    return compare(replace(scene, scenario=keys), names("market"))


def bills_usd(tables, name, home_ids):
    """Return each home's bill: supplier and positions, trades, and what only the ledger knows."""
    of = {
        key: tables[key][tables[key].architecture == name]
        for key in ("meters", "positions", "trades", "ledger", "intervals")
    }
    meters, positions = of["meters"].set_index("home_id"), of["positions"]
    per_kw = _loss_usd_per_kw(of["meters"], of["intervals"])
    return {
        home: _bill(home, meters.loc[home], positions, of["trades"], of["ledger"])
        + _loss_usd(meters.loc[home], per_kw)
        for home in home_ids
    }


def _loss_usd_per_kw(meters, intervals):
    """Return what a kW withdrawn owes for losses, by interval: their cost on what homes and others withdraw in it."""
    flow = intervals.set_index("start_s")
    dt_h = (flow.index[1] - flow.index[0]) / 3600
    taken = meters.net_kw.clip(lower=0).groupby(meters.start_s).sum() + flow.other_kw
    return flow.losses_kw * flow.wholesale_per_kwh * dt_h / taken


def _loss_usd(meter, per_kw):
    taken = meter.set_index("start_s").net_kw.clip(lower=0)
    return (taken * per_kw).sum()


def _bill(home, meter, positions, trades, ledger):
    dt_h = (meter.start_s.iloc[1] - meter.start_s.iloc[0]) / 3600
    bought, sold = trades[trades.buyer == home], trades[trades.seller == home]
    net = (meter.set_index("start_s").net_kw * dt_h).copy()
    for rows, sign in ((bought, -1), (sold, 1)):
        moved = rows[~rows.charge].groupby("start_s").energy_kwh.sum()
        net = net.add(sign * moved, fill_value=0.0)
    price, credit = meter.price_per_kwh.to_numpy(), meter.credit_per_kwh.to_numpy()
    energy = net.to_numpy()
    usd = (energy.clip(min=0) * price).sum() - ((-energy).clip(min=0) * credit).sum()
    own = positions[positions.home_id == home].sort_values(["order", "start_s"])
    held, hours = None, (meter.start_s - meter.start_s.iloc[0]).to_numpy() // 3600
    for _, rows in own.groupby("order"):
        p_kw = rows.p_kw.to_numpy()
        usd += ((p_kw - (0.0 if held is None else held)) * rows.price_per_kwh.to_numpy()).sum()
        held = p_kw
    if held is not None:
        usd -= (held[hours] * price).sum() * dt_h
    usd += bought.paid_usd.sum() - sold.paid_usd.sum()
    extra = ledger[ledger.item.isin(ITEMS)]
    return (
        usd
        + (
            extra[extra.payer == home].amount_uusd.sum()
            - extra[extra.payee == home].amount_uusd.sum()
        )
        / 1e6
    )


@pytest.mark.parametrize("name", names("market"))
def test_a_bill_is_what_the_tables_say(audited, name):
    """To the rounding of each entry: energy and credit, a position, a partner of the home."""
    rows, ledger = (
        audited.tables[key][audited.tables[key].architecture == name] for key in ("homes", "ledger")
    )
    homes = rows.set_index("home_id").bill_usd
    own = bills_usd(audited.tables, name, homes.index)
    for home, bill in homes.items():
        pairs = ledger[(ledger.payer == home) | (ledger.payee == home)]
        assert own[home] == pytest.approx(bill, abs=max(1e-6, 0.5e-6 * len(pairs))), home


def test_tables_of_homes_are_kept_only_where_asked(scene, audited):
    assert {"meters", "positions", "trades"} <= set(audited.tables)
    assert len(audited.tables["trades"].query("architecture == 'peer'")) > 0
    assert set(audited.tables["positions"].architecture) >= {"central", "layered"}
    plain = compare(scene, ["flat"])
    assert not {"meters", "positions", "trades"} & set(plain.tables)
