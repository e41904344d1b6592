"""What every channel must do, as tests: one table of answers that every channel over HTTP passes.

Subclass `HttpNotifierContract`, say how the channel is made for a server and what the vendor answers when it accepts,
and run it under pytest. Status codes as RFC 9110 has them (https://www.rfc-editor.org/rfc/rfc9110#section-15),
`Retry-After` by section 10.2.3.
"""

# ruff: noqa: S101 - a contract speaks in asserts, as pytest does

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from email.utils import formatdate
from typing import ClassVar, Final, Literal, NamedTuple
from urllib.parse import quote

import pytest

from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import AlertNote, Delivery
from fleawatch.notify.exchange import Exchange
from fleawatch.ports import Notifier, Receipt
from fleawatch.testing.doubles import Answer, HttpDouble, Misbehaviour, Request

NOW: Final = 1_800_000_000.0
DEADLINE_S: Final = 0.3

Ending = Literal["permanent", "again"]


class Row(NamedTuple):
    """One row of the table: an answer, how it is taken, and the seconds that it asks to wait."""

    status: int
    ending: Ending
    retry_after: str = ""
    wait: float = 0.0


REFUSALS: Final = (
    Row(301, "permanent"), Row(302, "permanent"), Row(307, "permanent"),
    Row(400, "permanent"), Row(401, "permanent"), Row(403, "permanent"), Row(404, "permanent"), Row(405, "permanent"),
    Row(409, "permanent"), Row(410, "permanent"), Row(413, "permanent"), Row(422, "permanent"),
    Row(408, "again"), Row(425, "again"), Row(429, "again"),
    Row(429, "again", "7", 7.0), Row(429, "again", formatdate(NOW + 90, usegmt=True), 90.0),
    Row(429, "again", formatdate(NOW - 90, usegmt=True), 0.0), Row(429, "again", "soon", 0.0),
    Row(429, "again", "-5", 0.0), Row(429, "again", "99999999", 3_600.0),
    Row(500, "again"), Row(502, "again"), Row(503, "again", "30", 30.0), Row(504, "again"), Row(529, "again"),
)  # fmt: skip
"""The table: answers that are no acceptance."""

SILENCES: Final[tuple[Misbehaviour, ...]] = ("hang", "reset", "garbage", "cut")

HOSTILE: Final = (
    "</b><!channel> & *x* _y_ [z](http://evil.example) \r\nBcc: thief@evil.example\u202e\x00 {{7*7}} ' \" `"
)
"""Text that wants to be markup, a header, a mention."""


def note(alert: str = "PFDrawdownCritical", *, ended_at: float | None = None, **changes: object) -> AlertNote:
    """One alert of an agent."""
    given: dict[str, object] = {
        "alert": alert, "fingerprint": "0123456789abcdef", "severity": "critical",
        "labels": {"alertname": alert, "agent_id": "a-1"}, "summary": "a-1 lost 16 % from its peak",
        "description": "Drawdown is 0.16, the limit 0.15.", "started_at": NOW - 60, "value": 0.16, "ended_at": ended_at,
    }  # fmt: skip
    return AlertNote(**{**given, **changes})  # type: ignore[arg-type]  # the fields of a note by name


def delivery(key: str = "d-1", **changes: object) -> Delivery:
    """A page about one agent."""
    given: dict[str, object] = {
        "key": key, "agent_id": "a-1", "at": NOW, "channel": "ops", "kind": "alert", "group": "g-1",
        "severity": "critical", "title": "a-1: drawdown critical", "reason": "fired", "alerts": (note(),),
    }  # fmt: skip
    return Delivery(**{**given, **changes})  # type: ignore[arg-type]  # the fields of a delivery by name


class Outcome(NamedTuple):
    """How a send ended, and what the server saw of it."""

    receipt: Receipt | None
    error: DeliveryError | None
    requests: list[Request]


class HttpNotifierContract:
    """Everything that the port `Notifier` promises of a channel over HTTP.

    Attributes:
        make: makes the channel for the base address of a server.
        accepted: what the vendor answers when it accepts.
        secrets: texts that nobody but the vendor may see.
        strict: whether a 2xx with another body than the vendor's proves nothing.
    """

    make: ClassVar[Callable[[Exchange, str], Notifier]]
    accepted: ClassVar[Answer]
    secrets: ClassVar[tuple[str, ...]]
    strict: ClassVar[bool] = True

    def test_an_acceptance_gives_a_receipt(self) -> None:
        """The vendor's acceptance is a receipt with its status code, after one request."""
        outcome = self.sent(self.accepted)
        assert outcome.error is None
        assert outcome.receipt is not None
        assert outcome.receipt.status_code == self.accepted.status
        assert len(outcome.requests) == 1

    @pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row.status} {row.retry_after}".strip())
    def test_a_refusal_is_permanent_or_passes(self, row: Row) -> None:
        """The table: what each status code means, with a body that is no vendor's, and how long to wait."""
        headers = (("Retry-After", row.retry_after),) if row.retry_after else ()
        if 300 <= row.status < 400:
            headers = (("Location", "/elsewhere"),)
        outcome = self.sent(Answer(row.status, b"<html>proxy</html>", headers))
        assert outcome.error is not None
        assert outcome.error.status_code == row.status
        assert outcome.error.retry_after == (None if row.ending == "permanent" else row.wait)
        assert len(outcome.requests) == 1  # no redirect is followed, nothing is tried again here

    @pytest.mark.parametrize("misbehaviour", SILENCES)
    def test_a_server_that_does_not_answer_is_tried_again(self, misbehaviour: Misbehaviour) -> None:
        """Silence, a reset, noise and half an answer can be tried again, and have no status code."""
        outcome = self.sent(misbehaviour)
        assert outcome.error is not None
        assert (outcome.error.retry_after, outcome.error.status_code) == (0.0, None)
        assert outcome.error.reason == ("timeout" if misbehaviour == "hang" else "network")

    def test_a_server_that_is_not_there_is_tried_again(self) -> None:
        """A refused connection passes."""
        outcome = self.sent(None)
        assert outcome.error is not None
        assert (outcome.error.reason, outcome.error.retry_after) == ("network", 0.0)

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff\x00", b'{"ok":', b"<html>", b"x" * 1_000_000])
    def test_a_body_that_is_not_the_vendors_proves_nothing(self, body: bytes) -> None:
        """200 with garbage, however long, is tried again, unless the receiver is free to answer what it likes."""
        outcome = self.sent(Answer(200, body))
        if self.strict:
            assert outcome.error is not None
            assert (outcome.error.reason, outcome.error.retry_after) == ("invalid_answer", 0.0)
        else:
            assert outcome.receipt is not None

    def test_several_can_be_sent_at_once(self) -> None:
        """Sends do not wait for one another."""

        async def work() -> list[Receipt]:
            async with HttpDouble([self.accepted]) as double:
                notifier = self.opened(double.url)
                try:
                    return await asyncio.gather(*(notifier.send(delivery(f"d-{n}", group=f"g-{n}")) for n in range(5)))
                finally:
                    await notifier.close()
                    await notifier.close()

        assert len(asyncio.run(work())) == 5

    def test_hostile_text_is_carried_and_nothing_else(self) -> None:
        """Text that wants to be markup or a header is sent as one request with the vendor's own headers."""
        outcome = self.sent(
            self.accepted, delivery(title=HOSTILE, alerts=(note(summary=HOSTILE, description=HOSTILE),))
        )
        (request,) = outcome.requests
        assert outcome.receipt is not None
        assert "bcc" not in request.headers
        assert b"\x00" not in request.body

    def test_a_platform_key_in_a_text_is_not_sent(self) -> None:
        """What looks like a platform key never leaves, whoever wrote it into an alert."""
        key = "sk_live_0123456789abcdef"
        outcome = self.sent(self.accepted, delivery(title=f"failed with {key}"))
        assert all(key.encode() not in request.raw for request in outcome.requests)

    def test_secrets_stay_between_us_and_the_vendor(self, caplog: pytest.LogCaptureFixture) -> None:
        """No log line, error, traceback, receipt or `repr` holds a secret, however the send ends."""
        caplog.set_level(logging.DEBUG)
        bodies = b" ".join(secret.encode() for secret in self.secrets)  # a server that repeats what it was told
        answers: list[Answer | Misbehaviour | None] = [
            self.accepted, None, *SILENCES, *(Answer(row.status, bodies) for row in REFUSALS), Answer(200, bodies),
        ]  # fmt: skip
        said = [repr(self.opened("http://127.0.0.1:9"))]
        for answer in answers:
            outcome = self.sent(answer)
            said += [repr(outcome.receipt), *_told(outcome.error)]
        said += [record.getMessage() + str(record.exc_info) for record in caplog.records]
        for secret in self.secrets:
            for form in {secret, quote(secret, safe="")}:
                assert not [line for line in said if form in line]

    def opened(self, base: str) -> Notifier:
        """The channel for a server at this base address."""
        return type(self).make(Exchange(deadline_s=DEADLINE_S, now=lambda: NOW), base)

    def sent(self, answer: Answer | Misbehaviour | None, *deliveries: Delivery) -> Outcome:
        """Send one delivery, or several in order, to a server that answers so; None is a server that is not there."""
        return asyncio.run(self._sent(answer, deliveries or (delivery(),)))

    async def _sent(self, answer: Answer | Misbehaviour | None, deliveries: tuple[Delivery, ...]) -> Outcome:
        receipt, error = None, None
        async with HttpDouble([answer or self.accepted]) as double:
            base = double.url
            if answer is None:
                await double.__aexit__()
            notifier = self.opened(base)
            try:
                for one in deliveries:
                    receipt = await notifier.send(one)
            except DeliveryError as raised:
                error = raised
            finally:
                await notifier.close()
            return Outcome(receipt if error is None else None, error, double.requests)


def _told(error: DeliveryError | None) -> list[str]:
    """Everything that can be read off an error, and what it was raised from."""
    if error is None:
        return []
    assert error.__cause__ is None
    assert error.__context__ is None
    return [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
