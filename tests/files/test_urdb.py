"""Tariffs of the Utility Rate Database: what is taken of a record, and what is refused by the name of its key."""

import json

import pytest

from gridagora.core.errors import InputError
from gridagora.files.retail_tariff_file import read_tariff

EVERY = [[0] * 24 for _ in range(12)]
PEAK = [[1 if 16 <= hour < 21 else 0 for hour in range(24)] for _ in range(12)]
RECORD = {
    "label": "539f6a23ec4f024411ec8bc9",
    "utility": "City of Example",
    "name": "Residential",
    "energyratestructure": [
        [{"rate": 0.08, "adj": 0.02, "max": 500, "unit": "kWh"}, {"rate": 0.12, "adj": 0.02}],
        [{"rate": 0.20, "max": 500}, {"rate": 0.25}],
    ],
    "energyweekdayschedule": PEAK,
    "energyweekendschedule": EVERY,
    "fixedchargefirstmeter": 0.4,
    "fixedchargeunits": "$/day",
    "mincharge": 60,
    "minchargeunits": "$/year",
    "flatdemandstructure": [[{"rate": 0}], [{"rate": 4.0, "adj": 0.5}]],
    "flatdemandmonths": [0] * 5 + [1] * 4 + [0] * 3,
    "demandratestructure": [[{"rate": 0.0}], [{"rate": 7.0}]],
    "demandweekdayschedule": PEAK,
    "demandweekendschedule": EVERY,
    "demandwindow": 15,
    "dgrules": "Net Metering",
    "demandratchetpercentage": [0] * 12,
    "startdate": 1700000000,
}


@pytest.fixture
def read(tmp_path):
    def of(record):
        file = tmp_path / "record.json"
        file.write_text(record if isinstance(record, str) else json.dumps(record), encoding="utf-8")
        return read_tariff(file)

    return of


@pytest.mark.parametrize("wrap", [lambda r: r, lambda r: [r], lambda r: {"items": [r]}])
def test_a_record_is_taken_as_it_stands(read, wrap):
    found = read(wrap(RECORD))
    assert found.name == "City of Example, Residential"
    assert [rate.per_kwh for rate in found.energy] == [(0.10, 0.14), (0.20, 0.25)]
    assert {rate.upto_kwh for rate in found.energy} == {(500.0,)}
    assert (found.weekday[0][16], found.weekday[0][21], found.weekend[0][16]) == (1, 0, 0)
    assert (found.fixed, found.minimum) == ((0.0, 0.4), (5.0, 0.0))
    assert found.export == "net_metering"
    flat, peak = found.demand
    assert (flat.per_kw_month, peak.per_kw_month, peak.window_minutes) == (4.5, 7.0, 15)
    assert [any(month) for month in flat.weekday] == [False] * 5 + [True] * 4 + [False] * 3
    assert sum(peak.weekday[3]) == 5
    assert not any(peak.weekend[3])


def test_blocks_of_a_day_and_a_rate_for_export_are_read(read):
    tiers = [
        {"rate": 0.1, "max": 10, "unit": "kWh daily", "sell": 0.03},
        {"rate": 0.2, "unit": "kWh daily", "sell": 0.03},
    ]
    own = {"energyratestructure": [tiers], "energyweekdayschedule": EVERY}
    found = read({**own, "energyweekendschedule": EVERY})
    assert found.blocks_by_day
    assert (found.export, found.energy[0].export_per_kwh) == ("rate", 0.03)


def changed(**keys):
    return {**RECORD, **keys}


def tier(**keys):
    return changed(energyratestructure=[[{"rate": 0.1, **keys}], [{"rate": 0.1}]])


WRONG = [
    ("{", "text that is not JSON"),
    ({"items": []}, "0 tariffs"),
    ([RECORD, RECORD], "2 tariffs"),
    ({"name": "none"}, "no energyratestructure"),
    (changed(demandratchetpercentage=[0.8] * 12), "demandratchetpercentage: got a ratchet"),
    (changed(lookbackPercent=0.5), "lookbackPercent: got demand of months before"),
    (changed(coincidentratestructure=[[{"rate": 2}]]), "coincidentratestructure"),
    (changed(fueladjustmentsmonthly=[0.01] * 12), "fueladjustmentsmonthly"),
    (changed(demandreactivepowercharge=0.3), "demandreactivepowercharge"),
    (changed(surcharge=1.0), "surcharge: got 1.0, expected a key that is read"),
    (changed(dgrules="Buy All Sell All"), "dgrules: got 'Buy All Sell All'"),
    (changed(dgrules="Net Billing Instantaneous"), "no sell beside dgrules"),
    (tier(unit="kWh/kW"), "'kWh/kW', expected 'kWh' or 'kWh daily'. Blocks that depend on demand"),
    (tier(unit="kWh daily"), "one unit throughout"),
    (tier(sell=0.05), "net metering beside sell"),
    (tier(max=500), "a last block that ends at 500"),
    (tier(rate="dear"), "rate: got 'dear', expected a number"),
    (tier(discount=0.1), "a key 'discount'"),
    (changed(energyratestructure=[[], [{"rate": 0.1}]]), "each a list of blocks"),
    (changed(energyweekdayschedule=[[2] * 24] * 12), "energyweekdayschedule[0][0]: got 2"),
    (changed(energyweekdayschedule=[[0] * 23] * 12), "energyweekdayschedule[0]: got 23 entries"),
    (changed(energyweekendschedule=[[0] * 24] * 11), "energyweekendschedule: got 11 entries"),
    (changed(demandweekdayschedule=None), "demandweekdayschedule: got nothing"),
    (changed(flatdemandmonths=[3] * 12), "flatdemandmonths: got 3, expected 12 numbers"),
    (changed(flatdemandunit="hp"), "flatdemandunit: got 'hp', expected 'kW'"),
    (changed(demandratestructure=[[{"rate": 1, "max": 5}, {"rate": 2}]]), "differ by kW"),
    (changed(demandwindow=7), "a mean over 7 minutes"),
    (changed(fixedchargeunits="$/week"), "fixedchargeunits: got '$/week'"),
    (changed(demandwindow=20.5), "demandwindow: got a mean over 20.5 minutes"),
    (tier(rate=float("inf")), "rate: got inf, expected a number"),
    (changed(energyratestructure="x"), "energyratestructure: got 'x'"),
    (changed(mincharge="some"), "mincharge: got 'some'"),
]


@pytest.mark.parametrize(("record", "said"), WRONG)
def test_what_is_not_understood_is_refused_by_its_key(read, record, said):
    with pytest.raises(InputError) as caught:
        read(record)
    assert said in str(caught.value)


def test_what_is_taken_for_granted_is_said(read):
    record = {key: each for key, each in RECORD.items() if key not in {"demandwindow"}}
    record |= {"energyattrs": [{"Fuel": "varies"}]}
    notes = " ".join(read(record).notes)
    assert "an hour is taken" in notes
    assert "energyattrs" in notes
    assert "in force from 2023-11-14" in notes
