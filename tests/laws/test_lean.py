"""Every design in the leanest form: what it may not exceed, and what it is in closed form, counted again from its tables."""

import numpy as np
import pytest

from gridagora.core import session
from gridagora.core.exchange import Plans, Proposals, Tenders
from gridagora.core.lean import NUMBER_BITS, POINTS_BITS, STEP
from gridagora.core.registry import find, names
from gridagora.core.rules import Disclosure
from gridagora.core.session import PeerMessages
from gridagora.core.spec import TIMED, Spec
from gridagora.core.spec import disclosed as spec_numbers
from gridagora.markets.auction import lean_order_bits
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate

EVERY = pytest.mark.parametrize("name", names("market"))
SENT_BITS = 64  # of a number in the format that is counted in bytes


@EVERY
def test_the_leanest_form_is_no_larger_than_what_is_sent(outcomes, name):
    """A flag and a place may be added to a number, but a number is three bytes in place of eight."""
    crossed = outcomes[name].exchange
    assert crossed.lean_bits <= SENT_BITS * (crossed.disclosed + 1)
    assert (crossed.lean_bits > 0) == (crossed.disclosed > 0)


@EVERY
def test_a_posted_price_hears_nothing_of_a_home(outcomes, name):
    rules = find("market", name)().rules
    if rules.bidder.value == "nobody":
        assert outcomes[name].exchange.lean_bits == 0


def test_specifications_sent_once_bring_central_near_designs_of_curves(outcomes):
    """By numbers sent central tells several times as much; in the leanest form they are of one size."""
    central, layered = outcomes["central"].exchange, outcomes["layered"].exchange
    assert central.lean_bits < 2 * layered.lean_bits


def test_peers_whom_prices_leave_nothing_to_trade_tell_nothing(outcomes):
    """Delivery in full and exports at wholesale: no offer is sent."""
    assert outcomes["peer"].exchange.lean_bits == outcomes["peer"].exchange.disclosed == 0


class Recount:
    """The closed form by a dictionary and Python numbers, message by message."""

    def __init__(self):
        self.said, self.bits = {}, 0

    def hear(self, answer):
        if isinstance(answer, Tenders):
            self.curves(answer)
        elif isinstance(answer, Plans | Proposals):
            for party, row in zip(answer.party.tolist(), whole(answer.p_kw), strict=True):
                key = ("plan", answer.product.horizon, party)
                self.row(key, answer.product, [], [row], len(row))
            if isinstance(answer, Proposals):
                self.bits += 2 * NUMBER_BITS * len(answer.party)
        elif isinstance(answer, tuple):
            for kind, table in enumerate(each for each in answer if isinstance(each, Spec)):
                self.specs(kind, table)

    def specs(self, kind, table):
        held, seen = table.stores, {}
        columns = [whole(getattr(held, name)) for name in TIMED]
        still = [whole(each) for each in (held.x0[:, None], held.end_x, held.end_mu)]
        for i, party in enumerate(table.party.tolist()):
            seen[party] = seen.get(party, 0) + 1
            stands = [n for each in still for n in each[i]] + [whole(table.q_max_kvar)[i]]
            key = ("spec", kind, party, seen[party])
            self.row(key, table.product, stands, [c[i] for c in columns], len(held.dt_h))

    def row(self, key, product, stands, columns, hours):
        level = [len(set(column.tolist())) == 1 for column in columns]
        full = len(columns) + NUMBER_BITS * (
            len(stands) + sum(1 if same else hours for same in level)
        )
        before = self.said.get(key)
        self.said[key] = product.start_s, stands, columns
        if before is None or (len(before[1]), len(before[2][0])) != (len(stands), hours):
            self.bits += full
            return
        passed = min((product.start_s - before[0]) // product.duration_s, hours)
        moved = sum(a != b for a, b in zip(stands, before[1], strict=True))
        for column, old, same in zip(columns, before[2], level, strict=True):
            guess = [*old[passed:], *column[hours - passed - 1 : -1]][:hours]
            guess = guess if passed < hours else [old[-1], *column[:-1]]
            differ = sum(a != b for a, b in zip(column, guess, strict=True))
            moved += min(differ, 1) if same else differ
        place = (len(stands) + len(columns) * hours).bit_length()
        told = place + moved * (NUMBER_BITS + place) if moved else 0
        self.bits += 1 + min(told, full)

    def curves(self, table):
        power, price = whole(table.p_kw).tolist(), whole(table.price_per_kwh).tolist()
        for i, party in enumerate(table.party.tolist()):
            own = slice(table.offset[i], table.offset[i + 1])
            points = list(zip(power[own], price[own], strict=True))
            key = ("curve", table.product.horizon, party)
            bits = POINTS_BITS
            for at, point in enumerate(points):
                new = [not at or a != b for a, b in zip(point, points[at - 1], strict=True)]
                bits += 2 + NUMBER_BITS * sum(new)
            if key in self.said:
                bits = 1 + (0 if self.said[key] == points else bits)
            self.said[key] = points
            self.bits += bits

    def peers(self, said):
        if isinstance(said.lean, Tenders):
            self.curves(said.lean)
        elif said.lean is None:
            self.bits += NUMBER_BITS * said.disclosed
        else:
            self.bits += said.lean


def whole(values):
    top = 2 ** (NUMBER_BITS - 1) - 1  # what is beyond stands at the end of the range
    return np.rint(np.asarray(values) / STEP).clip(-top, top).astype(np.int64)


@EVERY
def test_a_run_counted_message_by_message_has_the_same_bits(scene, study, name, monkeypatch):
    """Every answer that the count hears is counted again without a compiled line."""
    market, heard = scene.market(name), []
    again = Recount()
    hear, exchange = session.LeanCount.hear, session.LeanCount.hear_exchange

    def listen(self, answer):
        if not heard:
            again.hear(answer)
        hear(self, answer)

    def overhear(self, lean, numbers):
        again.peers(PeerMessages(0, 0, 0, numbers, lean))
        heard.append(True)  # what it hears within is counted
        exchange(self, lean, numbers)
        heard.pop()

    monkeypatch.setattr(session.LeanCount, "hear", listen)
    monkeypatch.setattr(session.LeanCount, "hear_exchange", overhear)
    found = evaluate(name, simulate(market, study), study)
    assert found.exchange.lean_bits * len(found.bill_usd) == pytest.approx(again.bits, abs=0.5)
    told = find("market", name)().rules.discloses
    assert (again.bits > 0) == (found.exchange.disclosed > 0) or told is not Disclosure.SPECS


def test_an_order_of_the_auction_is_a_side_a_price_and_a_quantity():
    assert lean_order_bits(1000) == 1 + 10 + NUMBER_BITS
    assert lean_order_bits(2) == 1 + 2 + NUMBER_BITS


def test_numbers_of_a_specification_are_those_that_are_disclosed_less_the_lengths_of_steps():
    """The one that is sent whole says what the other counts, but for the steps, which the product says."""
    from gridagora.core.lean import LeanCount
    from gridagora.core.product import Commodity, Horizon, Product
    from gridagora.core.spec import spec
    from gridagora.kernels.stores.value import stores

    held = stores([1.0], np.ones(3), inflow=[[0.1, 0.2, 0.3]])
    table = spec(Product(Commodity.P, 0, 3600, Horizon.DAY_AHEAD, 0), np.zeros(1, int), held)
    count = LeanCount()
    count.hear((table,))
    sent = int(spec_numbers(table)[0]) - 3
    assert count.bits == NUMBER_BITS * sent + len(TIMED)
