"""Messages by a Telegram bot: HTML with everything escaped, in one chat or topic, later ones as replies to a group's first.

Reference: https://core.telegram.org/bots/api#sendmessage, #making-requests and #responseparameters. The bot's token
stands in the path of the address by the vendor's design, so the address goes nowhere but into the call.
"""

from __future__ import annotations

import html
from typing import Any, Final

import msgspec

from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import Delivery
from fleawatch.notify.conversations import Conversations
from fleawatch.notify.exchange import Answer, Exchange, garbage, refusal
from fleawatch.notify.wording import Entry, Links, entries, text, title
from fleawatch.ports import Receipt

BASE: Final = "https://api.telegram.org"
LONGEST: Final = 4_096
"""UTF-16 units of a message after its tags are taken out."""
_ROOM: Final = 40
"""Of these, kept for the line that counts what was left out."""
_LONGEST_TITLE: Final = 300

_KNOWN: Final = {
    "chat not found": "chat_not_found",
    "bot was blocked by the user": "bot_blocked",
    "bot was kicked": "bot_kicked",
    "user is deactivated": "user_deactivated",
    "can't parse entities": "cannot_parse",
    "message is too long": "too_long",
    "message thread not found": "topic_not_found",
    "not enough rights": "no_rights",
    "upgraded to a supergroup": "chat_migrated",
}
"""What Telegram says in words, as words of ours; the rest is told by its status code."""


class TelegramNotifier:
    """Sends messages to one chat.

    Args:
        exchange: the way out; closed with this channel.
        token: the bot's.
        chat_id: number of the chat, or `@name` of a public channel.
        topic_id: topic of a forum, or None.
        base: address of the Bot API; a server of one's own differs.
        links: shown under the alerts.
    """

    kind = "telegram"

    def __init__(
        self,
        exchange: Exchange,
        *,
        token: str,
        chat_id: str,
        topic_id: int | None = None,
        base: str = BASE,
        links: Links | None = None,
    ) -> None:
        self._exchange = exchange
        self._url = f"{base.rstrip('/')}/bot{token}/sendMessage"
        self._chat_id = chat_id
        self._topic_id = topic_id
        self._links = links or Links()
        self._conversations: Conversations[int] = Conversations()

    def __repr__(self) -> str:
        return "TelegramNotifier()"

    async def send(self, delivery: Delivery) -> Receipt:
        answer = await self._exchange.post(self._url, msgspec.json.encode(self._document(delivery)))
        refused = _refusal(answer, self._exchange.now())
        if refused is not None:
            raise refused
        result = answer.document().get("result")
        message_id = result.get("message_id") if isinstance(result, dict) else None
        if answer.document().get("ok") is not True or not isinstance(message_id, int):
            raise garbage(answer)
        self._conversations.open(delivery.group, message_id)
        return Receipt(id=str(message_id), status_code=answer.status)

    async def close(self) -> None:
        await self._exchange.close()

    def _document(self, delivery: Delivery) -> dict[str, Any]:
        document: dict[str, Any] = {
            "chat_id": self._chat_id,
            "text": message(delivery, self._links),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
            "disable_notification": delivery.severity in ("info", "none"),
        }
        if self._topic_id is not None:
            document["message_thread_id"] = self._topic_id
        first = self._conversations.of(delivery.group)
        if first is not None:
            document["reply_parameters"] = {"message_id": first, "allow_sending_without_reply": True}
        return document


def message(delivery: Delivery, links: Links) -> str:
    """The message as Telegram's HTML, within its length. What does not fit is counted in the last line."""
    page = _Page(LONGEST - _ROOM)
    page.add(title(delivery)[:_LONGEST_TITLE], "<b>{}</b>")
    for line in text(delivery).splitlines():
        page.add(line)
    told = entries(delivery, links)
    for number, entry in enumerate(told):
        if not _told(page, entry):
            left = len(told) - number
            page.lines.append(f"... {left} more" if number else "... cut")
            break
    address = links.agent(delivery.agent_id)
    if address and page.room > len("Fleawatch") + 1:
        page.lines.append(f'<a href="{html.escape(address)}">Fleawatch</a>')
    return "\n".join(page.lines)


class _Page:
    """Lines of HTML, and the room that is left for what a reader sees of them."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.lines: list[str] = []

    def add(self, value: str, form: str = "{}") -> bool:
        """Add a line; one that is too long is cut, and False tells so."""
        size = _units(value) + 1
        if size <= self.room:
            self.room -= size
            self.lines.append(form.format(html.escape(value, quote=False)))
            return True
        kept = value
        while kept and _units(kept) + 4 > self.room:
            kept = kept[: min(len(kept) - 1, max(0, self.room - 4))]
        if kept:
            self.lines.append(form.format(html.escape(kept, quote=False) + "..."))
        self.room = 0
        return False


def _told(page: _Page, entry: Entry) -> bool:
    """Add an alert; whether all of it fitted."""
    page.lines.append("")
    page.room -= 1
    if not page.add(f"{entry.mark} {entry.summary}", "<b>{}</b>"):
        return False
    if not all(page.add(line) for detail in entry.details for line in detail.splitlines()):
        return False
    if entry.link and page.room > len("Runbook"):
        page.room -= len("Runbook") + 1
        page.lines.append(f'<a href="{html.escape(entry.link)}">Runbook</a>')
    return True


def _units(value: str) -> int:
    """Length as Telegram counts it."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def _refusal(answer: Answer, now: float) -> DeliveryError | None:
    """Telegram's status code is in its HTTP answer too; the wait stands in `parameters`."""
    document = answer.document()
    parameters, said = document.get("parameters"), document.get("description")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    known = next((name for words, name in _KNOWN.items() if isinstance(said, str) and words in said.lower()), "")
    return refusal(answer, now, reason=known, wait=float(wait) if isinstance(wait, int | float) else None)
