"""An operation that ends badly and has no fact for it leaves one all the same: counted, logged and shipped, once."""

import asyncio

import httpx
import pytest
from scripted_platform import Scripted

from fleawatch import Handoff, Telemetry
from fleawatch.sdk.telemetry import words
from fleawatch.testing import capture
from fleawatch.testing.dogstatsd import DogStatsDServer

SILENT = {
    "wallet.balance_check": lambda telemetry: telemetry.balance_check(),
    "trade.confirmation_poll": lambda telemetry: telemetry.confirmation_poll("ord-1"),
    "escrow.complete": lambda telemetry: telemetry.escrow_complete("esc-1"),
    "escrow.release": lambda telemetry: telemetry.escrow_release("esc-1"),
    "escrow.dispute": lambda telemetry: telemetry.escrow_dispute("esc-1"),
    "escrow.timeout": lambda telemetry: telemetry.escrow_timeout("esc-1"),
}
"""Operations that have a fact for what they came to, and none for a failure."""
SPEAKING = {
    "cycle": lambda telemetry: telemetry.cycle(),
    "signal": lambda telemetry: telemetry.signal("BTC-USD"),
    "order": lambda telemetry: telemetry.order(market="BTC-USD", side="buy", notional_usd=5),
    "bet": lambda telemetry: telemetry.bet("dice", 1),
    "escrow_create": lambda telemetry: telemetry.escrow_create(amount_usd=1, counterparty="ag_1"),
}
"""Operations with a fact that says how they ended."""
ERRORS = pytest.mark.parametrize(
    ("error", "outcome"),
    [(ValueError("no"), "error"), (TimeoutError("slow"), "timeout"), (asyncio.CancelledError(), "cancelled")],
    ids=["error", "timeout", "cancelled"],
)


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


def ended_by(operation, error):
    """Have an error end the block of an operation."""
    with pytest.raises(type(error)), operation:
        raise error


def errors(seen):
    """What `pf_agent_errors_total` counts, by component."""
    return {
        name.partition('component="')[2].partition('"')[0]: value
        for name, value in seen.metrics().items()
        if name.startswith("pf_agent_errors_total{")
    }


@ERRORS
@pytest.mark.parametrize("component", SILENT)
def test_a_failure_without_a_fact_of_its_own_becomes_one(component, error, outcome):
    """A fact, a count and a line, all in the trace of the span that failed."""
    with capture() as seen:
        ended_by(SILENT[component](seen.telemetry), error)
    (fact,) = seen.facts()
    (line,) = seen.logs()
    (span,) = seen.spans()
    assert (fact["kind"], fact["component"], fact["error_type"]) == ("agent_error", component, type(error).__name__)
    assert fact.get("outcome", "error") == outcome
    assert fact["trace_id"] == span["trace_id"] == line["trace_id"]
    assert (line["event"], line["component"], line["outcome"]) == ("agent_error", component, outcome)
    assert (line["error.kind"], line["span_id"]) == (type(error).__name__, span["span_id"])
    assert line["level"] == ("warning" if outcome == "cancelled" else "error")
    assert errors(seen) == {component: 1}


@pytest.mark.parametrize("component", SILENT)
def test_what_ends_well_is_no_error(component):
    """Also where nothing was told of it."""
    with capture() as seen, SILENT[component](seen.telemetry):
        pass
    assert not seen.facts("agent_error")
    assert errors(seen) == {}


@ERRORS
@pytest.mark.parametrize("verb", SPEAKING)
def test_what_has_a_fact_of_its_own_is_not_told_twice(verb, error, outcome):
    """Its own fact says how it ended."""
    del outcome
    with capture() as seen:
        ended_by(SPEAKING[verb](seen.telemetry), error)
    assert len(seen.facts()) == 1
    assert not seen.facts("agent_error")
    assert errors(seen) == {}


def test_an_error_counts_once_whatever_it_passes_through():
    """The innermost operation tells of it; a decision between them tells how it ended, and the outermost nothing more."""
    with capture() as seen:
        telemetry = seen.telemetry
        with (
            pytest.raises(ValueError, match="no"),
            telemetry.confirmation_poll("ord-1"),
            telemetry.cycle(),
            telemetry.balance_check(),
        ):
            raise ValueError("no")
    assert errors(seen) == {"wallet.balance_check": 1}
    assert [fact["kind"] for fact in seen.facts()] == ["agent_error", "decision_cycle"]
    assert [span["error_type"] for span in seen.spans()] == ["ValueError"] * 3


def test_another_error_that_follows_from_one_counts_for_itself():
    """What the outer operation makes of it is a failure of its own, and so is one that comes after."""
    with capture() as seen:
        telemetry = seen.telemetry
        with pytest.raises(RuntimeError), telemetry.confirmation_poll("ord-1"):  # noqa: PT012 - what raises is the point
            try:
                with telemetry.balance_check():
                    raise ValueError("no")  # noqa: TRY301 - as a client raises it
            except ValueError as error:
                raise RuntimeError("no balance") from error
    assert errors(seen) == {"wallet.balance_check": 1, "trade.confirmation_poll": 1}


def test_the_failure_of_an_order_within_does_not_hide_that_of_what_is_around():
    """The order has its own counter, the poll around it has none."""
    with capture() as seen:
        telemetry = seen.telemetry
        with pytest.raises(ValueError, match="no"), telemetry.confirmation_poll("ord-1"), SPEAKING["order"](telemetry):
            raise ValueError("no")
    assert errors(seen) == {"trade.confirmation_poll": 1}
    assert [fact["status"] for fact in seen.facts("order_placed")] == ["error"]


def test_a_step_that_was_not_answered_is_a_time_out(platform):
    """Though the block ends without an error: nobody knows whether it was done."""
    platform.says = ["drop"]
    with (
        capture() as seen,
        httpx.Client() as client,
        seen.telemetry.escrow_release("esc-1"),
        pytest.raises(httpx.TransportError),
    ):
        seen.telemetry.client(client).post(f"{platform.url}/escrow/release/esc-1")
    (fact,) = seen.facts("agent_error")
    assert (fact["component"], fact["outcome"], fact["error_type"]) == (
        "escrow.release", "timeout", "RemoteProtocolError",
    )  # fmt: skip
    assert errors(seen) == {"escrow.release": 1}


@pytest.mark.parametrize(
    ("verb", "kind", "tell"),
    [
        ("escrow_complete", "escrow_completed", lambda step: step.completed()),
        ("escrow_release", "escrow_released", lambda step: step.released(9, commission_usd=1)),
        ("escrow_dispute", "escrow_disputed", lambda step: step.disputed()),
        ("escrow_timeout", "escrow_refunded", lambda step: step.refunded(9, commission_usd=1)),
        ("balance_check", "balance_read", lambda check: check.read("USDC", 5)),
    ],
)
def test_what_was_told_holds_whatever_ends_the_block_after_it(verb, kind, tell):
    """The money has moved: its fact is told, and no failure of the step."""
    with capture() as seen:
        arguments = () if verb == "balance_check" else ("esc-1",)
        with pytest.raises(ValueError, match="later"):  # noqa: PT012, SIM117 - what is told before it raises is the point
            with getattr(seen.telemetry, verb)(*arguments) as step:
                tell(step)
                raise ValueError("later")
    assert [fact["kind"] for fact in seen.facts()] == [kind]
    assert errors(seen) == {}
    assert [span["error_type"] for span in seen.spans()] == ["ValueError"]


def test_a_refund_that_failed_is_none():
    """Its span does not say that the money came back."""
    with capture() as seen:
        ended_by(seen.telemetry.escrow_timeout("esc-1"), ValueError("no"))
    (span,) = seen.spans()
    assert "pf.escrow_status" not in span["attributes"]


class Unspeakable(Exception):
    """An error that cannot say what it is."""

    def __str__(self):
        raise RuntimeError("str")


def test_an_error_that_cannot_say_what_it_is_is_known_by_its_class():
    """It costs neither the span nor the fact."""
    with capture() as seen:
        ended_by(seen.telemetry.balance_check(), Unspeakable())
        (fact,) = seen.facts("agent_error")
        (span,) = seen.spans()
        assert seen.telemetry.dropped == {}
    assert (fact["error_type"], fact["message"], span["error_message"]) == ("Unspeakable",) * 3


def test_errors_of_a_program_with_many_classes_stay_few_words():
    """The fact has the bounded word of the span; the message has no secrets."""
    key = "sk_live_0123456789abcdef0123456789abcdef"
    with capture() as seen:
        for number in range(60):
            ended_by(seen.telemetry.balance_check(), type(f"Error{number}", (Exception,), {})(key))
    words = {fact["error_type"] for fact in seen.facts("agent_error")}
    assert len(words) == 41
    assert "other" in words
    assert not any(key in str(fact) for fact in seen.facts())
    assert errors(seen) == {"wallet.balance_check": 60}


def test_a_word_about_an_error_says_what_it_was():
    """`telemetry.error` tells class and outcome of what it is given, and has a line."""
    with capture() as seen:
        seen.telemetry.error("feed", TimeoutError("slow"))
        seen.telemetry.error("feed", "gone")
    timed_out, gone = seen.facts("agent_error")
    assert (timed_out["outcome"], timed_out["error_type"]) == ("timeout", "TimeoutError")
    assert "error_type" not in gone
    assert [line["error.message"] for line in seen.logs("agent_error")] == ["slow", "gone"]


def test_every_backend_counts_the_same_failures(monkeypatch):
    """Datagrams by component as the metrics have them."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with DogStatsDServer() as server:
        telemetry = Telemetry("a-1", statsd=f"udp://127.0.0.1:{server.port}", heartbeat_s=None, environ={})
        for make in SILENT.values():
            for error in (ValueError("no"), TimeoutError("slow")):
                ended_by(make(telemetry), error)
        assert telemetry.shutdown(10)
        found = {
            point.tags["component"]: point.value for point in server.points() if point.name == "agent.errors_total"
        }
    assert found == dict.fromkeys(SILENT, 2)


def test_looking_for_an_order_may_be_broken_off():
    """Its readings are a poll, which leaves what any other poll does."""

    def interrupted(_):
        raise TimeoutError

    with capture() as seen, pytest.raises(TimeoutError):
        seen.telemetry.reconcile(list, bool, sleep=interrupted)
    assert errors(seen) == {"trade.confirmation_poll": 1}


def test_a_task_that_fails_is_a_failure_of_the_task_on_both_ends(tmp_path):
    """What the worker does within it tells of its own failures, and an order of it hides nothing."""
    (tmp_path / "key").write_text("k" * 64)
    with capture() as seen:
        handoff = Handoff(seen.telemetry, key_file=str(tmp_path / "key"))
        ended_by(handoff.create("dig", worker="w-1"), ValueError("no"))
        with (
            pytest.raises(ValueError, match="no"),
            handoff.execute("nothing", escrow_id="esc-1"),
            SPEAKING["order"](seen.telemetry),
        ):
            raise ValueError("no")
        with (
            pytest.raises(ValueError, match="no"),
            handoff.execute("nothing", escrow_id="esc-1"),
            seen.telemetry.escrow_complete("esc-1"),
        ):
            raise ValueError("no")
    assert errors(seen) == {"task.create": 1, "task.execute": 1, "escrow.complete": 1}


class Endless(Exception):
    """An error with a page of text."""

    def __str__(self):
        return "line 1; " * 1_000_000


class Ending(Exception):
    """An error whose text ends whoever asks for it."""

    def __str__(self):
        raise SystemExit(3)


def test_an_error_in_one_word_costs_its_caller_little_and_never_ends_it(monkeypatch):
    """Of a long text a beginning is looked at, and what cannot be said is told as its class."""
    looked = []
    within = words.scrub_within
    monkeypatch.setattr(words, "scrub_within", lambda text, most: looked.append(most) or within(text, most))
    with capture() as seen:
        seen.telemetry.error("feed", Endless())
        seen.telemetry.error("feed", Ending())
        long, ended = (fact["message"] for fact in seen.facts("agent_error"))
    assert (len(long), ended) == (300, "Ending")
    assert looked == [4_096]
