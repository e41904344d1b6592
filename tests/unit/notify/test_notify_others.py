"""Apprise, the log, the twin, and what they share: wording, threads, conversations."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.errors import DeliveryError
from fleawatch.notify import apprise, conversations
from fleawatch.notify.apprise import AppriseNotifier
from fleawatch.notify.conversations import Conversations
from fleawatch.notify.log import LogNotifier
from fleawatch.notify.memory import MemoryNotifier
from fleawatch.notify.threads import in_thread
from fleawatch.notify.wording import Links, clean, plain
from fleawatch.testing.doubles import Answer, HttpDouble
from fleawatch.testing.notifier_contract import HOSTILE, NOW, delivery, note

SECRET = "secretapprisetoken"


def send(notifier, *deliveries):
    """Send; the last receipt or the error."""

    async def work():
        try:
            for one in deliveries or (delivery(),):
                receipt = await notifier.send(one)
        except DeliveryError as error:
            return error
        return receipt

    return asyncio.run(work())


# One of the library's modules imports one that Python 3.11 calls old.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
class TestApprise:
    def through(self, answer):
        """Send by Apprise's own JSON service to a double; the end and the requests."""

        async def work():
            async with HttpDouble([answer]) as double:
                url = double.url.replace("http://", "json://") + f"/{SECRET}"
                try:
                    return await AppriseNotifier(url=url).send(delivery()), double.requests
                except DeliveryError as error:
                    return error, double.requests

        return asyncio.run(work())

    def test_the_real_library_sends(self):
        """The title and the text arrive: https://github.com/caronc/apprise/wiki/Notify_Custom_JSON."""
        receipt, (request,) = self.through(Answer(200))
        assert receipt.id == ""
        assert request.path == f"/{SECRET}"
        assert b"a-1: drawdown critical" in request.body
        assert b"a-1 lost 16 % from its peak" in request.body

    @pytest.mark.parametrize("answer", [Answer(500), Answer(403), "reset"])
    def test_a_no_is_tried_again_without_a_secret(self, answer, caplog):
        """Apprise does not say why; what it logs about addresses goes nowhere."""
        caplog.set_level(logging.DEBUG)
        error, _ = self.through(answer)
        assert (error.reason, error.retry_after) == ("refused", 0.0)
        assert error.__context__ is None
        assert SECRET not in caplog.text + str(error) + repr(AppriseNotifier(url=SECRET))

    def test_an_address_it_does_not_know_is_permanent(self):
        """No service, no retry, and the address is not repeated."""
        error = send(AppriseNotifier(url=f"nosuch://{SECRET}"))
        assert (error.reason, error.retry_after) == ("bad_address", None)
        assert SECRET not in str(error) + apprise.complaint(f"nosuch://{SECRET}")
        assert apprise.complaint("json://127.0.0.1/x") == ""

    def test_without_the_extra_it_says_what_to_install(self, monkeypatch):
        """The library is imported when it is needed, and its absence names the remedy."""
        monkeypatch.setitem(sys.modules, "apprise", None)
        error = send(AppriseNotifier(url="json://127.0.0.1/x"))
        assert (error.reason, error.retry_after) == ("not_installed", None)
        assert "pip install 'fleawatch[apprise]'" in str(error)
        assert "pip install 'fleawatch[apprise]'" in apprise.complaint("json://x")

    def test_a_service_that_raises_is_tried_again(self, monkeypatch):
        """Whatever one of its services raises, only the kind of error is told."""

        class Raising:
            def add(self, url):
                return True

            def notify(self, **_):
                raise RuntimeError(SECRET)

        monkeypatch.setitem(sys.modules, "apprise", types.SimpleNamespace(Apprise=Raising))
        error = send(AppriseNotifier(url="sms://x"))
        assert (error.reason, str(error), error.__context__) == ("internal_error", "failed (RuntimeError)", None)


class TestLog:
    def test_a_notification_is_one_line_at_its_level(self, caplog):
        """Line ends of a hostile text do not begin a line of their own."""
        caplog.set_level(logging.INFO)
        receipt = send(LogNotifier(), delivery(title=HOSTILE), delivery("d-2", kind="resolved"))
        first, second = caplog.records
        assert (first.levelno, second.levelno, receipt.id) == (logging.CRITICAL, logging.INFO, "d-2")
        assert "\n" not in first.getMessage()
        assert "runbook: fleawatch runbook PFDrawdownCritical" in second.getMessage()


class TestMemory:
    def test_a_key_is_kept_once_and_failures_come_in_turn(self):
        """The twin can fail as it is told, and shows what was tried."""
        notifier = MemoryNotifier([DeliveryError("network", "is away", retry_after=0.0), None])
        assert send(notifier).reason == "network"
        assert send(notifier, delivery(), delivery()).id == "d-1"
        assert ([one.key for one in notifier.deliveries], len(notifier.attempts)) == (["d-1"], 3)

    def test_a_closed_one_refuses(self):
        """After closing nothing is taken."""
        notifier = MemoryNotifier()
        asyncio.run(notifier.close())
        assert send(notifier).retry_after is None


class TestThreads:
    def test_what_hangs_is_left_behind(self):
        """A thread that does not return is a timeout, and its late result goes nowhere."""
        release = threading.Event()

        async def work():
            with pytest.raises(DeliveryError) as caught:
                await in_thread(lambda: release.wait(5), 0.05, "test")
            release.set()
            await asyncio.sleep(0.05)
            return caught.value

        error = asyncio.run(work())
        assert (error.reason, error.retry_after) == ("timeout", 0.0)

    def test_errors_come_as_they_are(self):
        """What the work raises is raised where it is awaited."""

        def work():
            raise KeyError("x")

        with pytest.raises(KeyError):
            asyncio.run(in_thread(work, 1.0, "test"))


class TestWording:
    @given(st.text(max_size=400), st.text(max_size=400), st.integers(20, 600))
    def test_plain_text_has_its_length(self, title, text, limit):
        """Whatever is told, the text is no longer than asked for."""
        assert len(plain(delivery(title=title, text=text), Links("https://p.example"), limit)) <= limit

    def test_a_message_tells_everything(self):
        """Title, text, alerts with times, who acknowledged, links."""
        notes = note(acknowledged_by="ann"), note("PFAgentDown", ended_at=NOW, summary="a-1 was down")
        told = plain(
            delivery(text="by the way", alerts=notes), Links("https://p.example/", "https://r.example/", ".md"), 9_999
        )
        assert told == (
            "a-1: drawdown critical\n\nby the way\n\n"
            "ACKNOWLEDGED a-1 lost 16 % from its peak\nDrawdown is 0.16, the limit 0.15.\n"
            "since 2027-01-15 07:59:00 UTC\nacknowledged by ann\nhttps://r.example/PFDrawdownCritical.md\n\n"
            "RESOLVED a-1 was down\nDrawdown is 0.16, the limit 0.15.\n"
            "since 2027-01-15 07:59:00 UTC until 2027-01-15 08:00:00 UTC\nhttps://r.example/PFAgentDown.md\n\n"
            "https://p.example/agents/a-1"
        )

    def test_control_characters_and_keys_are_taken_out(self):
        """Bells, escape codes and overrides of writing direction are spaces; a platform key takes its text along."""
        assert clean("a\x1b[31mb\u202ec\x07") == "a [31mb c "
        assert clean("my key is sk_live_abc") == "[redacted]"


def test_conversations_are_bounded(monkeypatch):
    """Old groups are forgotten, those in use are not."""
    monkeypatch.setattr(conversations, "MOST", 2)
    known: Conversations[int] = Conversations()
    known.open("a", 1)
    known.open("b", 2)
    assert known.of("a") == 1
    known.open("c", 3)
    known.open("a", 9)
    assert (known.of("a"), known.of("b"), known.of("c")) == (1, None, 3)
    known.forget("a")
    assert known.of("a") is None
