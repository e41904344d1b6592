"""Pings to a service outside that raises the alarm when they stop: the one alert this process cannot send itself.

Written for Healthchecks.io and its likes (https://healthchecks.io/docs/http_api/). Its answer to a ping of a check that
it does not have is 200 with `OK (not found)`, and `OK (rate limited)` when pings come too often: neither is a success.
"""

from __future__ import annotations

from typing import Literal

from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import Delivery
from fleawatch.notify.exchange import Exchange, refusal
from fleawatch.notify.wording import title
from fleawatch.ports import Receipt


class DeadmanNotifier:
    """Pings an address, whatever the delivery says.

    Args:
        exchange: the way out; closed with this channel.
        url: the ping address; whoever knows it can keep the alarm quiet, so it is a secret.
        method: `POST` sends the title along, `GET` nothing.
    """

    kind = "deadman"

    def __init__(self, exchange: Exchange, *, url: str, method: Literal["GET", "POST"] = "POST") -> None:
        self._exchange = exchange
        self._url = url
        self._method = method

    def __repr__(self) -> str:
        return "DeadmanNotifier()"

    async def send(self, delivery: Delivery) -> Receipt:
        if self._method == "GET":
            answer = await self._exchange.get(self._url)
        else:
            body = title(delivery).encode()
            answer = await self._exchange.post(self._url, body, {"Content-Type": "text/plain; charset=utf-8"})
        refused = refusal(answer, self._exchange.now())
        if refused is not None:
            raise refused
        if b"(not found)" in answer.body:
            raise DeliveryError("not_found", "does not know the check", retry_after=None, status_code=answer.status)
        if b"(rate limited)" in answer.body:
            raise DeliveryError("rate_limited", "is pinged too often", retry_after=60.0, status_code=answer.status)
        return Receipt(status_code=answer.status)

    async def close(self) -> None:
        await self._exchange.close()
