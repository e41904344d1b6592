"""An order without an answer is looked for: found, absent, or unknown, and never sent again."""

import asyncio

import pytest

from fleawatch.testing import capture

ORDER = {"order_id": "ord-1", "coin": "BTC", "entry_price": "100.5"}


class Exchange:
    """Answers readings one after the other, on a clock that its pauses move; the last answer stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.at = 0.0
        self.asked = 0

    def read(self):
        """The next answer."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds):
        """Let time pass."""
        self.at += seconds


def looked(exchange, monkeypatch, how):
    """What comes of it, and the span of it; `how` is plain or with coroutines."""
    monkeypatch.setattr("fleawatch.sdk.telemetry.telemetry.elapsed_s", lambda: exchange.at)

    def is_it(row):
        return row["coin"] == "BTC"

    async def read():
        return exchange.read()

    async def sleep(seconds):
        exchange.sleep(seconds)

    with capture() as seen:
        if how == "plain":
            found = seen.telemetry.reconcile(exchange.read, is_it, sleep=exchange.sleep)
        else:
            found = asyncio.run(seen.telemetry.reconcile_async(read, is_it, sleep=sleep))
    (span,) = seen.spans("pf.trade.confirmation_poll")
    assert span["attributes"]["pf.order_status"] == found.status
    assert span["attributes"]["pf.poll_count"] == found.readings
    return found


both = pytest.mark.parametrize("how", ["plain", "async"])


@both
def test_it_is_found_when_it_appears(monkeypatch, how):
    """A row of another order is not it, and a reading that failed says nothing."""
    exchange = Exchange([], OSError("away"), [{"coin": "ETH"}], [{"coin": "ETH"}, ORDER])
    assert looked(exchange, monkeypatch, how) == ("found", ORDER, 3)


@both
def test_it_is_absent_only_when_a_late_reading_does_not_have_it(monkeypatch, how):
    """An early reading proves nothing: the order may be on its way."""
    exchange = Exchange([])
    found = looked(exchange, monkeypatch, how)
    assert (found.status, found.row) == ("absent", None)
    assert exchange.at >= 15.0


@both
def test_it_is_unknown_when_nobody_could_be_asked(monkeypatch, how):
    """Time is up, and nothing was proven: not absent."""
    exchange = Exchange(OSError("away"))
    assert looked(exchange, monkeypatch, how) == ("unknown", None, 0)
    assert 56.0 <= exchange.at <= 60.0


def test_early_readings_and_then_none_prove_nothing(monkeypatch):
    """That it was not there at first does not make it absent."""
    exchange = Exchange([], [], OSError("away"))
    assert looked(exchange, monkeypatch, "plain").status == "unknown"


def unanswered():
    """An order whose answer does not come."""
    raise TimeoutError


def test_an_order_that_was_found_is_a_filled_order_and_one_fact():
    """The attempt ends as what it came to, with what it took to find it."""
    with capture() as seen, seen.telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        try:
            unanswered()
        except TimeoutError:
            row = seen.telemetry.reconcile(lambda: [ORDER], lambda row: row["coin"] == "BTC").row
        order.filled(row["order_id"], price=row["entry_price"])
    (placed,) = seen.facts("order_placed")
    assert (placed["order_id"], placed["status"]) == ("ord-1", "success")


def test_an_order_that_was_not_found_counts_as_a_timeout():
    """Its own exception goes on."""

    def order(telemetry):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=500):
            try:
                unanswered()
            except TimeoutError:
                assert telemetry.reconcile(list, bool, within_s=0.0).status == "unknown"
                raise

    with capture() as seen, pytest.raises(TimeoutError):
        order(seen.telemetry)
    (placed,) = seen.facts("order_placed")
    assert placed["status"] == "timeout"
