"""Notifications to a program of one's own: JSON, signed, timestamped, with an id that is the same on every try.

The receiver recomputes `hex(HMAC-SHA256(secret, timestamp + "." + body))` over the bytes it received, compares it in
constant time with the header behind `v1=`, refuses old timestamps, and keeps ids it has seen.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

import msgspec

from fleawatch.flow.outputs import Delivery
from fleawatch.notify.exchange import Exchange, refusal
from fleawatch.notify.wording import Links, clean
from fleawatch.ports import Receipt

DELIVERY_HEADER: Final = "X-Fleawatch-Delivery"
TIMESTAMP_HEADER: Final = "X-Fleawatch-Timestamp"
SIGNATURE_HEADER: Final = "X-Fleawatch-Signature"
VERSION: Final = 1


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The signature header of a body that is sent at `timestamp` (unix seconds as text)."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class WebhookNotifier:
    """Posts deliveries as JSON. Any 2xx is acceptance, whatever the body.

    Args:
        exchange: the way out; closed with this channel.
        url: where to; may hold a token and is therefore a secret too.
        secret: shared with the receiver.
        links: added to the alerts.
    """

    kind = "webhook"

    def __init__(self, exchange: Exchange, *, url: str, secret: str, links: Links | None = None) -> None:
        self._exchange = exchange
        self._url = url
        self._secret = secret
        self._links = links or Links()

    def __repr__(self) -> str:
        return "WebhookNotifier()"

    async def send(self, delivery: Delivery) -> Receipt:
        body = self._body(delivery)
        timestamp = str(int(self._exchange.now()))
        answer = await self._exchange.post(
            self._url,
            body,
            {
                DELIVERY_HEADER: _header(delivery.key),
                TIMESTAMP_HEADER: timestamp,
                SIGNATURE_HEADER: signature(self._secret, timestamp, body),
            },
        )
        refused = refusal(answer, self._exchange.now())
        if refused is not None:
            raise refused
        return Receipt(id=delivery.key, status_code=answer.status)

    async def close(self) -> None:
        await self._exchange.close()

    def _body(self, delivery: Delivery) -> bytes:
        alerts = [
            {**msgspec.to_builtins(note), "runbook_url": self._links.runbook(note.alert)} for note in delivery.alerts
        ]
        document = msgspec.to_builtins(delivery)
        del document["output"]
        document |= {"alerts": alerts, "page_url": self._links.agent(delivery.agent_id)}
        return msgspec.json.encode({"version": VERSION, **_cleaned(document)})


def _cleaned(value: Any) -> Any:
    """A document whose texts hold neither control characters nor platform keys."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _cleaned(inner) for name, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list | tuple) else value


def _header(key: str) -> str:
    """The delivery's id as a header may carry it; the body has it unchanged."""
    return key if key.isascii() and key.isprintable() else hashlib.sha256(key.encode()).hexdigest()
