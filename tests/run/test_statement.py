"""Statements: what one party pays line by line, equal to its bill, to the ledger, and to what the folder holds."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gridagora
from gridagora import cli
from gridagora.core.errors import InputError
from gridagora.scenario import build, read
from gridagora.settlement.ledger import UUSD_PER_USD, paid_uusd
from gridagora.settlement.parties import SINGLE, Role

TEXT = """
[scenario]
seed = 4
days = 1
[homes]
count = 6
pv_share = 0.5
battery_share = 0.5
[substation]
limit_share_of_flat_peak = 0.8
over_per_kwh = 1.0
[quality]
deviation_per_kwh = 0.05
[tariff]
credit_per_kwh = 0.01
[reactive]
power_factor = 0.98
[market.layered]
reactive = true
"""
DESIGNS = ["flat", "tou", "rtp", "central", "layered", "peer", "retailer", "auction"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a result of every kind of design and the folder that holds it."""
    folder = tmp_path_factory.mktemp("statement") / "out"
    scene = build.build(read.parse(TEXT))
    return gridagora.compare(scene, DESIGNS, out=folder), folder


@pytest.mark.parametrize("design", DESIGNS)
def test_the_total_of_every_home_is_its_bill(made, design: str) -> None:
    result, _ = made
    homes = result.tables["homes"].query("architecture == @design")
    for home, bill_usd in zip(homes.home_id, homes.bill_usd, strict=True):
        lines = result.statement(design, home)
        assert lines.item.iloc[-1] == "total"
        assert lines.amount_usd.iloc[-1] == bill_usd
        assert np.rint(lines.amount_usd[:-1] * UUSD_PER_USD).sum() == np.rint(
            bill_usd * UUSD_PER_USD
        )
        moved = lines[:-1].query("quantity != 0")
        assert (moved.price_per_unit * moved.quantity).to_numpy() == pytest.approx(
            moved.amount_usd.to_numpy(), abs=1e-12
        )


@pytest.mark.parametrize("design", DESIGNS)
def test_statements_of_all_parties_cancel_line_by_line(made, design: str) -> None:
    result, _ = made
    parties = result.parties(design)
    assert parties.role[-len(SINGLE) :] == SINGLE and set(parties.role[: -len(SINGLE)]) == {
        Role.HOME
    }
    every = pd.concat([result.statement(design, party).iloc[:-1] for party in parties.id])
    assert len(every) == 2 * len(result.ledger(design).payer)
    uusd = np.rint(every.amount_usd * UUSD_PER_USD)
    assert uusd.sum() == 0
    assert np.rint(every.quantity * 1e9).sum() == 0
    assert set(every.unit[every.commodity == "Q"]) <= {"kvarh"}


def test_the_ledger_is_that_of_the_run(scene, study) -> None:
    from gridagora.run.evaluate import evaluate
    from gridagora.run.result import _homes, _ledger
    from gridagora.run.simulate import simulate
    from gridagora.run.statement import ledger_of, parties_of

    outcome = evaluate("peer", simulate(scene.market("peer"), study), study)
    tables = {"ledger": _ledger(scene, outcome), "homes": _homes(scene, outcome)}
    assert parties_of(tables, "peer") == outcome.parties
    for mine, theirs in zip(ledger_of(tables, "peer"), outcome.ledger, strict=True):
        assert mine.dtype.kind == theirs.dtype.kind and np.array_equal(mine, theirs)
    bills = paid_uusd(ledger_of(tables, "peer"), len(outcome.parties.id))[: len(outcome.bill_usd)]
    assert (bills / UUSD_PER_USD == outcome.bill_usd).all()


@pytest.mark.parametrize("party", ["home-0002", "operator", "wires"])
def test_a_folder_says_what_memory_says(made, party: str) -> None:
    result, folder = made
    again = gridagora.open_result(folder)
    for design in DESIGNS:
        pd.testing.assert_frame_equal(
            again.statement(design, party), result.statement(design, party)
        )
        for mine, theirs in zip(again.ledger(design), result.ledger(design), strict=True):
            assert np.array_equal(mine, theirs)
        assert again.parties(design) == result.parties(design)


@pytest.mark.parametrize(
    ("design", "party", "words"),
    [
        ("layerd", "home-0001", "design: got 'layerd', expected one of flat, tou"),
        ("layerd", "home-0001", "Did you mean 'layered'?"),
        ("flat", "home-12", "Did you mean 'home-0001'?|Valid names|Did you mean 'home-000"),
        ("flat", "wire", "Did you mean 'wires'?"),
        (3, "wires", "design: got 3"),
        ("flat", 3, "party: got 3"),
        (
            "flat",
            None,
            "party: got None, expected a party of the design 'flat': a home, or operator, wholesale",
        ),
    ],
)
def test_an_unknown_design_or_party_is_named_with_the_nearest(made, design, party, words) -> None:
    with pytest.raises(InputError) as caught:
        made[0].statement(design, party)
    assert any(word in str(caught.value) for word in words.split("|")), str(caught.value)


def test_a_result_without_a_ledger_says_so() -> None:
    with pytest.raises(InputError, match="a result of `compare`, which has a ledger"):
        gridagora.Result({}, {"points": pd.DataFrame()}, "").statement("flat", "home-1")


def test_the_command_prints_what_the_function_returns(made) -> None:
    result, folder = made
    done = CliRunner().invoke(
        cli.app, ["statement", str(folder), "--design", "peer", "--party", "home-0001", "--json"]
    )
    assert done.exit_code == 0, done.stderr
    rows = json.loads(done.stdout)
    lines = result.statement("peer", "home-0001")
    assert [row["amount_usd"] for row in rows] == lines.amount_usd.tolist()
    assert rows[0]["start"] == "2024-07-15 06:00Z" and rows[-1]["place"] is None
    shown = CliRunner().invoke(
        cli.app, ["statement", str(folder), "--design", "peer", "--party", "home-0001"]
    )
    assert (
        shown.exit_code == 0
        and f"{lines.amount_usd.iloc[-1]:,.6f}" in shown.stdout
        and "total" in shown.stdout
    )
    wrong = CliRunner().invoke(
        cli.app, ["statement", str(folder), "--design", "per", "--party", "home-0001"]
    )
    assert wrong.exit_code == 2 and "Did you mean 'peer'?" in wrong.stderr
    nowhere = CliRunner().invoke(
        cli.app, ["statement", str(folder / "no"), "--design", "peer", "--party", "home-0001"]
    )
    assert nowhere.exit_code == 2 and "no such folder" in nowhere.stderr
