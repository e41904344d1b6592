"""Every verb, plain and async: a cancellation is `cancelled` and a time-out `timeout`, wherever the facts say how it ended."""

import asyncio
import signal

import pytest

from fleawatch.sdk.telemetry.operation import outcome_of
from fleawatch.testing import capture

SOON = 0.001
LONG = 30


VERBS = {
    "cycle": (lambda one: one.cycle(), "decision_cycle", "result"),
    "signal": (lambda one: one.signal("BTC-USD"), "signal_computed", "result"),
    "order": (lambda one: one.order(market="BTC-USD", side="buy", notional_usd=5), "order_placed", "status"),
    "bet": (lambda one: one.bet("dice", 1), "order_placed", "status"),
    "faucet_claim": (lambda one: one.faucet_claim(), "faucet_claimed", "status"),
    "escrow_create": (lambda one: one.escrow_create(amount_usd=1, counterparty="ag_1"), "escrow_failed", "unknown"),
    "balance_check": (lambda one: one.balance_check(), "agent_error", "outcome"),
    "confirmation_poll": (lambda one: one.confirmation_poll("o-1"), "agent_error", "outcome"),
    "escrow_complete": (lambda one: one.escrow_complete("esc-1"), "agent_error", "outcome"),
    "escrow_release": (lambda one: one.escrow_release("esc-1"), "agent_error", "outcome"),
    "escrow_dispute": (lambda one: one.escrow_dispute("esc-1"), "agent_error", "outcome"),
    "escrow_timeout": (lambda one: one.escrow_timeout("esc-1"), "agent_error", "outcome"),
}
"""Verb: how to begin it, the fact that says how it ended, and where in it."""
every = pytest.mark.parametrize("verb", VERBS)


def told(seen, verb):
    """How a verb ended, by its one fact; `unknown` of an escrow that may exist."""
    _, kind, field = VERBS[verb]
    (fact,) = seen.facts()
    assert fact["kind"] == kind
    return fact[field]


def expected(verb, outcome):
    return True if verb == "escrow_create" else outcome


async def as_a_block(operation):
    async with operation:
        await asyncio.sleep(LONG)


async def as_a_plain_block(operation):
    with operation:
        await asyncio.sleep(LONG)


async def decorated(operation):
    @operation
    async def work():
        await asyncio.sleep(LONG)

    await work()


async def decorated_stream(operation):
    @operation
    async def stream():
        yield 1
        await asyncio.sleep(LONG)

    async for _ in stream():
        pass


shapes = pytest.mark.parametrize("shape", [as_a_block, as_a_plain_block, decorated, decorated_stream])


@every
@shapes
def test_a_time_out_around_the_block_is_a_cancellation_within_it(verb, shape):
    """The agent gets its TimeoutError outside; what the operation saw is that somebody ended it."""

    async def work(operation):
        async with asyncio.timeout(SOON):
            await shape(operation)

    with capture() as seen, pytest.raises(TimeoutError):
        asyncio.run(work(VERBS[verb][0](seen.telemetry)))
    assert told(seen, verb) == expected(verb, "cancelled")
    assert [span["error_type"] for span in seen.spans()] == ["CancelledError"]


@every
@shapes
def test_a_task_that_is_cancelled_cancels_what_it_does(verb, shape):
    """As `asyncio.wait_for`, a task group or the end of a program does."""

    async def work(operation):
        task = asyncio.create_task(shape(operation))
        await asyncio.sleep(SOON)
        task.cancel()
        await task

    with capture() as seen, pytest.raises(asyncio.CancelledError):
        asyncio.run(work(VERBS[verb][0](seen.telemetry)))
    assert told(seen, verb) == expected(verb, "cancelled")
    assert [span["error_type"] for span in seen.spans()] == ["CancelledError"]


@every
def test_a_time_out_within_the_block_is_one(verb):
    """Its end is inside: a TimeoutError leaves the block."""

    async def work(operation):
        async with operation, asyncio.timeout(SOON):
            await asyncio.sleep(LONG)

    with capture() as seen, pytest.raises(TimeoutError):
        asyncio.run(work(VERBS[verb][0](seen.telemetry)))
    assert told(seen, verb) == expected(verb, "timeout")
    assert [span["error_type"] for span in seen.spans()] == ["TimeoutError"]


@every
def test_a_time_out_that_the_block_gets_over_is_none(verb):
    """What it goes on with is how it ended."""

    async def work(operation):
        async with operation:
            try:
                async with asyncio.timeout(SOON):
                    await asyncio.sleep(LONG)
            except TimeoutError:
                pass

    with capture() as seen:
        asyncio.run(work(VERBS[verb][0](seen.telemetry)))
    assert [span["error_type"] for span in seen.spans()] == [""]
    assert not seen.facts("agent_error")


@every
@pytest.mark.parametrize("decorates", [True, False])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [(TimeoutError(), "timeout"), (KeyboardInterrupt(), "cancelled"), (SystemExit(3), "cancelled")],
    ids=["timeout", "interrupt", "exit"],
)
def test_without_a_loop_it_is_the_same(verb, decorates, error, outcome):
    """A time-out of a blocking call, Ctrl-C, and a handler of SIGTERM that ends the program."""

    def broken():
        raise error

    def within(operation):
        with operation:
            broken()

    with capture() as seen:
        operation = VERBS[verb][0](seen.telemetry)
        with pytest.raises(type(error)):
            operation(broken)() if decorates else within(operation)
    assert told(seen, verb) == expected(verb, outcome)


def test_an_order_that_a_signal_broke_off_is_no_known_failure():
    """The program was told to end while it waited for the answer: the order may exist."""
    with capture() as seen:
        before = signal.signal(signal.SIGTERM, lambda *_: exit_now())
        try:
            with pytest.raises(SystemExit), VERBS["order"][0](seen.telemetry):
                signal.raise_signal(signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, before)
    assert told(seen, "order") == "cancelled"
    assert not seen.facts("order_filled")


def exit_now():
    raise SystemExit(0)


class Cancelled(BaseException):
    """As trio names it."""


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "success"), (asyncio.CancelledError(), "cancelled"), (Cancelled(), "cancelled"), (GeneratorExit(), "cancelled"),
        (TimeoutError(), "timeout"), (ValueError(), "error"),
    ],
)  # fmt: skip
def test_what_an_error_says_of_an_attempt(error, outcome):
    """Three words, whatever the library."""
    assert outcome_of(error) == outcome


def test_results_of_signals_and_decisions_keep_their_words():
    """Metrics know them: none becomes `other`."""
    with capture() as seen:
        for verb in ("cycle", "signal"):
            for error in (TimeoutError(), asyncio.CancelledError()):
                with pytest.raises(type(error)), VERBS[verb][0](seen.telemetry):
                    raise error
        counted = [
            name for name in seen.metrics() if "cycle_duration_seconds_count" in name or "pf_signals_total" in name
        ]
    for word in ("timeout", "cancelled"):
        assert sum(f'result="{word}"' in name for name in counted) == 2
    assert not [name for name in counted if 'result="other"' in name]
