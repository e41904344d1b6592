"""A claim at the faucet, as a block, a decorator and a word: however it ends, it is told."""

import asyncio

import httpx
import pytest
from scripted_platform import Scripted

from fleawatch.testing import capture

CLAIM = "/api/v1/faucet/claim"


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


def claims(seen):
    """Claims as metrics count them, by status; without those that are 0."""
    return {
        name.partition('status="')[2].partition('"')[0]: value
        for name, value in seen.metrics().items()
        if name.startswith("pf_faucet_claims_total") and value
    }


def test_a_claim_that_paid_is_a_fact_a_span_and_a_line():
    """With what was credited, in one trace."""
    with capture() as seen, seen.telemetry.faucet_claim() as claim:
        claim.claimed("1.00")
    (fact,) = seen.facts("faucet_claimed")
    (span,) = seen.spans("pf.faucet.claim")
    (line,) = seen.logs("faucet_claim")
    assert (fact["status"], fact["amount_usd"]) == ("success", "1.00")
    assert span["attributes"] == {
        "pf.agent_id": "agent-under-test", "pf.claim_status": "success", "pf.amount_usd": 1.0,
    }  # fmt: skip
    assert (line["claim.status"], line["amount_usd"], line["level"]) == ("success", 1.0, "info")
    assert line["span_id"] == span["span_id"]
    assert claims(seen) == {"success": 1}


def test_a_refusal_is_told_with_its_reason():
    """It is no error of the agent, and moves nothing."""
    with capture() as seen, seen.telemetry.faucet_claim() as claim:
        claim.rejected("already_claimed")
    (span,) = seen.spans()
    (line,) = seen.logs("faucet_claim")
    assert span["error_type"] == "already_claimed"
    assert (line["claim.status"], line["level"]) == ("rejected", "info")
    assert claims(seen) == {"rejected": 1}


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("no"), "error"), (TimeoutError("slow"), "timeout"), (asyncio.CancelledError(), "cancelled")],
)
def test_a_claim_that_fails_is_told_as_what_it_was(error, status):
    """Fact, count, span and line; and not a second time as an error of the agent."""
    with capture() as seen, pytest.raises(type(error)), seen.telemetry.faucet_claim():
        raise error
    (fact,) = seen.facts()
    (span,) = seen.spans()
    (line,) = seen.logs()
    assert (fact["kind"], fact["status"], fact["amount_usd"]) == ("faucet_claimed", status, "0")
    assert (span["attributes"]["pf.claim_status"], span["error_type"]) == (status, type(error).__name__)
    assert (line["claim.status"], line["level"], line["error.kind"]) == (status, "error", type(error).__name__)
    assert claims(seen) == {status: 1}


@pytest.mark.parametrize(
    ("says", "expected"), [(["drop"], "timeout"), (["drop", 409], "rejected"), ([409], "rejected")]
)
def test_a_claim_that_was_not_answered_is_settled_by_the_next_answer(says, expected, platform):
    """The platform pays once; what it said of the second one says what became of the first."""
    platform.says = list(says)
    with capture() as seen, httpx.Client() as client, seen.telemetry.faucet_claim() as claim:
        seen.telemetry.client(client)
        for _ in says:
            try:
                if client.post(platform.url + CLAIM).is_error:
                    claim.rejected("already_claimed")
            except httpx.TransportError:
                continue
    assert claims(seen) == {expected: 1}


def test_a_claim_of_which_nobody_said_what_it_paid_is_no_fact():
    """What is not known is not 0."""
    with capture() as seen, seen.telemetry.faucet_claim():
        pass
    assert not seen.facts()
    (span,) = seen.spans()
    assert "pf.claim_status" not in span["attributes"]


def test_what_was_paid_holds_whatever_ends_the_block():
    """The money is there."""
    with capture() as seen:
        with pytest.raises(KeyError), seen.telemetry.faucet_claim() as claim:  # noqa: PT012 - what is told first is the point
            claim.claimed(1)
            raise KeyError("later")
        assert claims(seen) == {"success": 1}


def test_as_a_decorator_and_with_coroutines():
    """Each call is a claim of its own."""
    with capture() as seen:

        @seen.telemetry.faucet_claim()
        def plain():
            raise TimeoutError

        @seen.telemetry.faucet_claim()
        async def waiting():
            await asyncio.sleep(0)
            raise ValueError

        async def block():
            async with seen.telemetry.faucet_claim() as claim:
                claim.claimed(1)

        for _ in range(2):
            with pytest.raises(TimeoutError):
                plain()
        with pytest.raises(ValueError, match=r"^$"):
            asyncio.run(waiting())
        asyncio.run(block())
    assert claims(seen) == {"timeout": 2, "error": 1, "success": 1}


def test_the_word_stays_a_word():
    """A fact at once, without a span."""
    with capture() as seen:
        assert seen.telemetry.faucet_claim("success", 10) is None
        seen.telemetry.faucet_claim("rejected")
    assert [fact["status"] for fact in seen.facts("faucet_claimed")] == ["success", "rejected"]
    assert not seen.spans()
