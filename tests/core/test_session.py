"""How a session is driven and counted, and what an opening means where it leaves something out."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.exchange import (
    Plans,
    Proposals,
    Status,
    Transactions,
    count_bytes,
    count_messages,
    quote,
    tender,
)
from gridagora.core.limits import limit_substation
from gridagora.core.place import Level
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    Clearing,
    Costed,
    GateOpen,
    HourPlan,
    LayerMessages,
    MessageCount,
    Opening,
    PeerMessages,
    Posted,
    PricePath,
    SpecRequest,
    SupplyOffer,
    Topology,
    drive,
    drive_together,
    limits_of,
    shift_path,
    site_of,
)
from gridagora.core.spec import count_bytes as spec_bytes
from gridagora.core.spec import disclosed, spec
from gridagora.kernels.curves.curve import curves
from gridagora.kernels.stores.value import stores

PRODUCT = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
PARTY = np.arange(2)
QUOTES = quote(PRODUCT, PARTY, np.array([0.1, 0.2]))
TENDERS = tender(PRODUCT, PARTY, curves([([0, 1, 2], [3, 2, 1]), ([5], [0])]))
PLANS = Plans(PRODUCT, PARTY, np.ones((2, 2)))
PROPOSALS = Proposals(PRODUCT, PARTY, np.ones((2, 2)), np.ones(2), np.ones(2))
AWARDS = Transactions(
    PRODUCT, PARTY, PARTY, np.ones((2, 1)), np.ones((2, 1)), np.full(2, Status.FILLED)
)
SPECS = (
    spec(PRODUCT, PARTY, stores([1.0, 2.0], [1.0, 1.0])),
    spec(PRODUCT, PARTY[:1], stores([1.0], [1.0, 1.0])),
)


def said(*messages, result=None):
    """Return a session that says these messages; it keeps the answers."""
    answers: list = []

    def session():
        nonlocal answers
        for message in messages:
            answer = yield message
            answers += [answer]
        return result

    return session(), answers


def counted(*tables):
    return sum(count_messages(table) for table in tables), sum(
        count_bytes(table) for table in tables
    )


@pytest.mark.parametrize(
    ("message", "answer", "heard", "rounds", "told"),
    [
        (
            GateOpen(PRODUCT),
            TENDERS,
            (TENDERS,),
            1,
            2 * 4,
        ),  # the clock opens the gate: no message; price and power of 4 points
        (QUOTES, PLANS, (QUOTES, PLANS), 1, 4),
        (Costed(QUOTES), PROPOSALS, (QUOTES, PROPOSALS), 1, 4 + 2 * 2),
    ],
)
def test_questions_and_answers_are_counted_row_by_row(message, answer, heard, rounds, told):
    session, answers = said(message)
    driven = drive(session, lambda got: answer if got is message else None, MessageCount())
    assert answers == [answer]
    assert driven.traffic == MessageCount(*counted(*heard), rounds, told)


def test_specifications_are_counted_kind_by_kind():
    session, _ = said(SpecRequest(PRODUCT))
    traffic = drive(session, lambda _: SPECS, MessageCount()).traffic
    told = sum(int(disclosed(table).sum()) for table in SPECS)
    assert traffic == MessageCount(3, sum(spec_bytes(table) for table in SPECS), 0, told)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Posted(QUOTES), MessageCount(*counted(QUOTES), 1, 0)),
        (LayerMessages(PLANS, QUOTES), MessageCount(*counted(PLANS, QUOTES), 0, 0)),
        (PeerMessages(3, 40, 5, 7), MessageCount(3, 40, 5, 7)),
    ],
)
def test_what_nobody_answers_is_counted_and_not_carried(message, expected):
    session, answers = said(message)
    driven = drive(session, lambda _: pytest.fail("nobody is asked"), MessageCount())
    assert answers == [None]
    assert driven.traffic == expected


def test_private_answers_stay_with_the_parties():
    """The gate and prices are heard by all; what a home answers is told only to itself."""
    session, answers = said(GateOpen(PRODUCT), QUOTES)
    driven = drive(
        session,
        lambda got: TENDERS if isinstance(got, GateOpen) else PLANS,
        MessageCount(),
        private=True,
    )
    assert answers == [TENDERS, PLANS]
    assert driven.traffic == MessageCount(*counted(QUOTES), 2, 0)


def test_an_outcome_is_a_message_to_each_and_a_plan_is_none():
    session, _ = said(result=Clearing(AWARDS))
    driven = drive(session, lambda _: None, MessageCount(1, 2, 3, 4))
    assert driven.traffic == MessageCount(1 + 2, 2 + count_bytes(AWARDS), 3, 4)
    assert driven.result.transactions is AWARDS
    for result in (Clearing(posted=QUOTES), HourPlan(np.zeros(1), None), None):
        session, _ = said(result=result)
        assert drive(session, lambda _: None, MessageCount(1, 2, 3, 4)).traffic == MessageCount(
            1, 2, 3, 4
        )


def test_a_message_of_the_designs_own_is_carried_and_not_counted():
    session, answers = said("how much?")
    driven = drive(session, lambda got: got + " so much", MessageCount())
    assert answers == ["how much? so much"]
    assert driven.traffic == MessageCount()


def test_counts_go_on_where_the_last_session_ended():
    session, _ = said(GateOpen(PRODUCT), result=Clearing(AWARDS))
    first = drive(session, lambda _: TENDERS, MessageCount()).traffic
    session, _ = said(GateOpen(PRODUCT), result=Clearing(AWARDS))
    assert drive(session, lambda _: TENDERS, first).traffic == MessageCount(
        *(2 * count for count in first)
    )


def test_a_session_that_does_not_end_is_ended():
    def endless():
        while True:
            yield PeerMessages(0, 0, 0, 0)

    with pytest.raises(PartError, match="a market session did not end within 10000 rounds"):
        drive(endless(), lambda _: None, MessageCount())


# ------------------------------------------------------------------------------- openings


def opened(**more) -> Opening:
    return Opening(
        PRODUCT, np.arange(3), SupplyOffer(np.ones(2), np.zeros(2), np.array([4.0, 5.0])), **more
    )


def test_without_a_site_all_stand_at_one_root():
    found = site_of(opened())
    assert found.tree.level.tolist() == [Level.FEEDER] and found.tree.parent.tolist() == [-1]
    assert found.place.tolist() == [0, 0, 0]
    own = Topology(found.tree, np.zeros(3, np.int64))
    assert site_of(opened(site=own)) is own


def test_without_limits_the_substation_carries_anything_beside_its_base_load():
    found = limits_of(opened())
    assert found.name == ("substation",)
    assert (found.high == np.inf).all() and (found.low == -np.inf).all()
    assert found.c.tolist() == [[4.0, 5.0]]
    own = limit_substation(3, np.zeros(2), 5.0, 1.0)
    assert limits_of(opened(limits=own)) is own


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0, [1, 2, 3]), (1, [2, 3, None]), (2, [3, None, None]), (3, [None] * 3), (9, [None] * 3)],
)
def test_a_path_is_read_from_the_start_of_an_opening_on(hours, expected):
    path = PricePath(600, np.array([[1.0, 2, 3], [10, 20, 30]]))
    later = opened()._replace(product=PRODUCT._replace(start_s=600 + 300 * hours))
    found = shift_path(path, later)
    assert found.shape == (2, 3)
    assert [None if np.isnan(value) else value for value in found[0]] == expected
    assert [None if np.isnan(value) else value / 10 for value in found[1]] == expected


def asking(times):
    """A session that opens its gate so often and returns how often it heard something."""
    heard = 0
    for _ in range(times):
        heard += (yield GateOpen(Product(Commodity.P, 0, 300, Horizon.REAL_TIME))) is not None
    return heard


def test_sessions_in_step_are_counted_as_alone_and_wait_until_they_are_answered():
    """The carrier answers one run at a time here: the others wait, and every run still ends by itself."""
    waited = []

    def one_by_one(asked):
        waited.append(sorted(asked))
        run = max(asked)
        return {run: "tenders"}

    together = drive_together(
        [asking(times) for times in (2, 0, 1)], one_by_one, [MessageCount(rounds=5)] * 3
    )
    alone = [
        drive(asking(times), lambda _: "tenders", MessageCount(rounds=5)) for times in (2, 0, 1)
    ]
    assert together == alone
    assert waited == [[0, 2], [0], [0]]


def test_a_result_is_refused_by_the_number_of_its_run():
    seen = []
    accept = lambda run, found: seen.append((run, found))  # noqa: E731
    drive_together([asking(0), asking(1)], dict, [MessageCount()] * 2, accept=accept)
    assert seen == [(0, 0), (1, 1)]
