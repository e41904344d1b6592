"""What an agent tells in another type, with another word, or with a secret in it: never raised, never shown, never counted wrong."""

import logging
from uuid import UUID

import pytest

from fleawatch import Telemetry
from fleawatch.errors import BadEvent
from fleawatch.events import decode, encode
from fleawatch.mnemonic import WORDS
from fleawatch.sdk.telemetry.creations import Creations
from fleawatch.sinks.recorder import Recorder
from fleawatch.testing import capture

KEY = "sk_live_" + "0123456789abcdef" * 3
PHRASE = " ".join(sorted(WORDS)[:12])


@pytest.fixture(name="told")
def _told():
    """A telemetry as in production, and what its sinks got."""
    recorder = Recorder()
    telemetry = Telemetry("a-1", sinks=[recorder], heartbeat_s=None, environ={})
    telemetry.shield._raises = False
    yield telemetry, recorder
    telemetry.shutdown()


@pytest.mark.parametrize("order_id", [12345, UUID(int=7), None])
def test_an_id_need_not_be_text(told, order_id):
    """A platform may say a number, or nothing: the facts are such as the service takes."""
    telemetry, recorder = told
    for _ in range(2):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            order.filled(order_id, price=1)
    telemetry.flush()
    assert telemetry.dropped == {}
    facts = [decode(encode(fact)) for fact in recorder.facts]
    assert facts == recorder.facts
    placed = [fact.order_id for fact in facts if type(fact).__name__ == "OrderPlaced"]
    if order_id is None:
        assert len(set(placed)) == len({fact.fact_id for fact in facts}) - 2 == 2
    else:
        assert placed == [str(order_id)] * 2


@pytest.mark.parametrize("escrow_id", [77, None, object(), ["esc_1"]])
def test_an_escrow_that_exists_never_raises(told, escrow_id):
    """Its money is locked: an id of another type reaches the agent as no error."""
    telemetry, _ = told
    with telemetry.escrow_create(amount_usd=5, counterparty="ag_1") as escrow:
        escrow.created("ag_2", escrow_id, expires_at=2e9)
    with telemetry.escrow_release(escrow_id) as release:
        release.released(4, commission_usd=1)
    telemetry.limits(None)
    telemetry.flush()


def test_an_escrow_by_its_number_is_linked():
    """Whether it is written as a number or as text."""
    creations = Creations()
    creations.remember(77, 1, 2, 3.0)
    assert creations.link("77") == creations.link(77) is not None


@pytest.mark.parametrize(
    ("field", "word"), [("side", "long"), ("order_type", "LIMIT"), ("side", KEY), ("market", None), ("side", None)]
)
def test_a_word_that_the_service_refuses_counts_nowhere(told, field, word):
    """Otherwise the agent's numbers and the service's would differ, and a label could say anything."""
    telemetry, recorder = told
    with telemetry.order(**{"market": "BTC-USD", "side": "buy", "notional_usd": 5, field: word}):
        pass
    telemetry.flush()
    assert (telemetry.dropped["refused"], recorder.facts) == (1, [])
    assert "pf_orders_total{" not in telemetry.metrics().decode()


def test_under_pytest_it_is_heard():
    """With the words that it may be."""
    with pytest.raises(BadEvent, match="give buy or sell"), capture() as seen:  # noqa: PT012 - it is raised at the end
        with seen.telemetry.order(market="BTC-USD", side="long", notional_usd=5):
            pass
        seen.facts()


def test_a_number_that_is_none_costs_the_span_alone(told):
    """The order counts, and its P&L."""
    telemetry, recorder = told
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=5, quantity="a few") as order:
        order.filled("o-1", price=1, realized_pnl_usd=3)
    telemetry.flush()
    assert [type(fact).__name__ for fact in recorder.facts] == ["OrderPlaced", "OrderFilled"]
    assert telemetry.dropped == {"span": 1}


@pytest.mark.parametrize("secret", [KEY, PHRASE])
def test_no_fact_span_line_or_error_holds_a_secret(told, secret, caplog, tmp_path):
    """Wherever it was put; ids stay different from each other, so that no fact passes for another."""
    telemetry, recorder = told
    with telemetry.cycle(market=secret, cycle_id=secret) as cycle:
        cycle.note(secret, reason=secret)
        for number in (1, 2):
            with telemetry.order(market=secret, side="buy", notional_usd=5, strategy=secret) as order:
                order.filled(secret + str(number), price=1)
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=secret) as order:
        order.rejected(secret)
    telemetry.strategy_switch(secret, reason=secret)
    handler = telemetry.log_handler(str(tmp_path / "log"))
    handler.handle(logging.makeLogRecord({"msg": "one line"}))
    handler.close()
    telemetry.flush()
    seen = "\n".join(
        (*map(repr, recorder.facts), *map(repr, recorder.spans), caplog.text, (tmp_path / "log").read_text())
    )
    assert secret not in seen
    assert "[redacted]" in seen
    fills = [fact.fact_id for fact in recorder.facts if type(fact).__name__ == "OrderFilled"]
    assert len(set(fills)) == 2


def test_what_an_id_may_be_stays():
    """The hash of a transaction looks like a key, and under the name of an id it is public."""
    with capture() as seen:
        tx = "0x" + "ab" * 32
        with seen.telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            order.filled(tx, price=1)
        assert seen.facts("order_filled")[0]["order_id"] == tx
