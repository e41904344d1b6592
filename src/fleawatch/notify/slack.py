"""Messages in Slack: blocks with a plain-text fallback, by an incoming webhook or by a bot that keeps threads.

References: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/reference/methods/chat.postMessage, https://docs.slack.dev/messaging/formatting-message-text and
https://docs.slack.dev/reference/block-kit/blocks. A webhook answers by status code and a word, the Web API by 200 and
`ok: false`. A webhook's address is its secret.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import Delivery
from fleawatch.notify.conversations import Conversations
from fleawatch.notify.exchange import Answer, Exchange, garbage, refusal, retry_after
from fleawatch.notify.wording import Entry, Links, cut, entries, plain, text, title
from fleawatch.ports import Receipt

BASE: Final = "https://slack.com"
LONGEST_HEADER: Final = 150
LONGEST_SECTION: Final = 3_000
LONGEST_TEXT: Final = 4_000
"""Slack cuts at 40,000 and asks for no more than this."""
MOST_ALERTS: Final = 40
"""A message has at most 50 blocks."""

_PASSING: Final = frozenset({
    "fatal_error", "internal_error", "rate_limited", "ratelimited", "request_timeout", "rollup_error",
    "service_unavailable", "team_added_to_org",
})  # fmt: skip
"""Errors that Slack documents as its own, or as passing."""
_LOST_THREAD: Final = frozenset({"thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"})
_WORD: Final = re.compile(r"[a-z][a-z_]{1,40}")


class SlackWebhook:
    """Posts to one incoming webhook, which knows no threads and gives no receipt.

    Args:
        exchange: the way out; closed with this channel.
        url: the webhook's address.
        links: shown under the alerts.
    """

    kind = "slack"

    def __init__(self, exchange: Exchange, *, url: str, links: Links | None = None) -> None:
        self._exchange = exchange
        self._url = url
        self._links = links or Links()

    def __repr__(self) -> str:
        return "SlackWebhook()"

    async def send(self, delivery: Delivery) -> Receipt:
        answer = await self._exchange.post(self._url, msgspec.json.encode(message(delivery, self._links)))
        said = answer.body.decode("utf-8", "replace").strip()
        refused = refusal(answer, self._exchange.now(), reason=said if _WORD.fullmatch(said) else "")
        if refused is not None:
            raise refused
        if said != "ok":
            raise garbage(answer)
        return Receipt(status_code=answer.status)

    async def close(self) -> None:
        await self._exchange.close()


class SlackBot:
    """Posts to one conversation with a bot's token, what belongs to one group in one thread.

    Args:
        exchange: the way out; closed with this channel.
        token: the bot's, with the scope `chat:write`.
        channel: id of the conversation.
        base: address of the Web API.
        links: shown under the alerts.
    """

    kind = "slack"

    def __init__(
        self, exchange: Exchange, *, token: str, channel: str, base: str = BASE, links: Links | None = None
    ) -> None:
        self._exchange = exchange
        self._url = f"{base.rstrip('/')}/api/chat.postMessage"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        self._channel = channel
        self._links = links or Links()
        self._conversations: Conversations[str] = Conversations()

    def __repr__(self) -> str:
        return "SlackBot()"

    async def send(self, delivery: Delivery) -> Receipt:
        document = {"channel": self._channel, **message(delivery, self._links)}
        first = self._conversations.of(delivery.group)
        if first is not None:
            document["thread_ts"] = first
            # The end and what gets worse is shown in the channel too: a thread alone alarms nobody.
            document["reply_broadcast"] = delivery.kind in ("resolved", "escalation", "alert")
        answer = await self._exchange.post(self._url, msgspec.json.encode(document), self._headers)
        return self._accepted(answer, delivery.group)

    async def close(self) -> None:
        await self._exchange.close()

    def _accepted(self, answer: Answer, group: str) -> Receipt:
        now, document = self._exchange.now(), answer.document()
        said = document.get("error")
        word = said if isinstance(said, str) and _WORD.fullmatch(said) else ""
        refused = refusal(answer, now, reason=word)
        if refused is not None:
            raise refused
        if document.get("ok") is False:
            if word in _LOST_THREAD:
                self._conversations.forget(group)
            again = word in _PASSING or word in _LOST_THREAD
            raise DeliveryError(
                word or "refused",
                f"answered ok: false ({word or 'no reason'})",
                retry_after=retry_after(answer.headers.get("retry-after", ""), now) if again else None,
                status_code=answer.status,
            )
        stamp = document.get("ts")
        if document.get("ok") is not True or not isinstance(stamp, str):
            raise garbage(answer)
        self._conversations.open(group, stamp)
        return Receipt(id=stamp, status_code=answer.status)


def message(delivery: Delivery, links: Links) -> dict[str, Any]:
    """Blocks, and the plain text that notifications on a phone show."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(title(delivery), LONGEST_HEADER), "emoji": False}}
    ]
    if delivery.text:
        blocks.append(_section(escape(text(delivery))))
    told = entries(delivery, links)
    blocks += [_section(_alert(entry)) for entry in told[:MOST_ALERTS]]
    if len(told) > MOST_ALERTS:
        blocks.append(_section(f"... {len(told) - MOST_ALERTS} more"))
    page = links.agent(delivery.agent_id)
    if page:
        blocks.append(_section(f"<{_href(page)}|Fleawatch>"))
    # Markup is read in the fallback too, and escaping makes it longer.
    fallback = escape(plain(delivery, Links(), LONGEST_TEXT // 2))
    return {"text": cut(fallback, LONGEST_TEXT), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def escape(value: str) -> str:
    """Text in which Slack finds no markup: neither `<!channel>` nor links."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _alert(entry: Entry) -> str:
    link = f"\n<{_href(entry.link)}|Runbook>" if entry.link else ""
    told = "\n".join((f"*{entry.mark}* {escape(entry.summary)}", *map(escape, entry.details)))
    return cut(told, LONGEST_SECTION - len(link)) + link


def _href(address: str) -> str:
    return escape(address).replace("|", "%7C")


def _section(markdown: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(markdown, LONGEST_SECTION), "verbatim": True}}
