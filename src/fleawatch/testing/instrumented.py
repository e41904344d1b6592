"""Agents of the sandbox that are instrumented: they act over HTTP, as any program would, and tell it to a `Telemetry`.

Nobody in their world acts by itself. What a test has them do is in the sandbox's books, on the platform's pages and in what
they tell: three accounts of one history, which must agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol

import aiohttp

from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.characters.cast import Role, Troupe
from fleawatch.sandbox.people import Person
from fleawatch.sdk.telemetry.telemetry import Telemetry
from fleawatch.units import from_iso

STRATEGY: Final = "steady"
CAPITAL: Final = Decimal(20_000)


class Passive(Character):
    """Has its first deposit, and does only what comes over HTTP."""

    funds = 500.0

    def begin(self, origin: float) -> None:
        del origin
        self.platform.kernel.later(60.0, self._fund)

    def act(self) -> None:
        """Nothing by itself."""


ROLES: Final = {
    "sponsor": Role(Passive, STRATEGY, ("trading",)),
    "player": Role(Passive, STRATEGY, sponsor="sponsor"),
    "trader": Role(Passive, STRATEGY, ("trading",), sponsor="sponsor"),
    "hirer": Role(Passive, STRATEGY, sponsor="player"),
    "worker": Role(Passive, STRATEGY, works=True),
}
"""Characters of such a fleet: who is sponsored brings income to the first of those who sponsor."""


def troupe(characters: Sequence[str]) -> Troupe:
    """A fleet of these characters, in order; its agents are called `player-0`, `player-1`, `trader-0` ..."""
    count: dict[str, int] = {}
    people: list[Person] = []
    for character in characters:
        number = count[character] = count.get(character, -1) + 1
        trades = "trading" in ROLES[character].services
        person = Person(
            name=f"{character}-{number}",
            character=character,
            strategy=STRATEGY,
            capital=CAPITAL if trades else Decimal(0),
        )
        people.append(person)
    return Troupe(tuple(people), ROLES)


class Answer(NamedTuple):
    """Status and decoded body."""

    status: int
    body: Any


class Caller(Protocol):
    """Sends requests to a sandbox; a `Visitor` is one."""

    async def ask(
        self, method: str, service: str, path: str, *, key: str | None, body: Any, headers: dict[str, str]
    ) -> Any:
        """Send one request; what comes back has a decoded `body`."""
        ...


class Distant:
    """A caller of a sandbox in another process, by the addresses of its servers."""

    def __init__(self, bases: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        self._bases, self._session = bases, session

    async def ask(
        self, method: str, service: str, path: str, *, key: str | None, body: Any, headers: dict[str, str]
    ) -> Answer:
        """Send one request."""
        sent = headers if key is None else {**headers, "Authorization": f"Bearer {key}"}
        content = {} if body is None else {"json": body}
        async with self._session.request(method, self._bases[service] + path, headers=sent, **content) as response:
            return Answer(response.status, await response.json())


class Instrumented:
    """One agent.

    Args:
        caller: of its sandbox.
        person: who it is there.
        telemetry: what it tells of itself to.

    Attributes:
        refused: codes of what the platform refused, in order.
    """

    def __init__(self, caller: Caller, person: Person, telemetry: Telemetry) -> None:
        self.person = person
        self.telemetry = telemetry
        self.refused: list[str] = []
        self._caller = caller
        self._open: list[dict[str, Any]] = []
        self._income = Decimal(0)

    @property
    def platform_id(self) -> str:
        """Its id at the casino, under which others hire it."""
        return self.person.platform_ids["casino"]

    async def bet(self, game: str, stake: float, **params: Any) -> dict[str, Any]:
        """Place a bet and tell how it ended."""
        with self.telemetry.bet(game, stake) as bet:
            answer = await self._post("casino", f"/api/v1/games/{game.replace('_', '-')}", {"amount": stake, **params})
            if "error" in answer:
                bet.rejected(answer["error"])
            else:
                bet.settled(answer["bet_id"], answer["amount_won"])
        return answer

    async def parlay(self, stake: float) -> dict[str, Any]:
        """Combine two games."""
        legs = [
            {"game": "coin_flip", "params": {"side": "heads"}},
            {"game": "dice", "params": {"direction": "over", "threshold": 50}},
        ]
        answer = await self._post("casino", "/api/v1/games/parlay", {"bets": legs, "amount": stake})
        if "error" not in answer:
            self.telemetry.parlay(answer["parlay_id"], legs=2, stake=stake, payout=answer["payout"])
        return answer

    async def enter(self, coin: str, side: str, usd: float) -> dict[str, Any]:
        """Open a position, expecting the price a little better than it comes."""
        market, order_side = f"{coin}-USD", "buy" if side == "long" else "sell"
        price = (await self._get("trading", f"/v1/markets/{coin}/price"))["price"]
        with self.telemetry.order(
            market=market, side=order_side, notional_usd=usd, expected_price=price, opens=True
        ) as order:
            answer = await self._post("trading", "/v1/trade/open", {"coin": coin, "side": side, "size_usd": usd})
            if "error" in answer:
                order.rejected(answer["error"])
            else:
                # The platform tells the id of the order and not that of the fill.
                order.filled(
                    answer["order_id"],
                    price=answer["entry_price"],
                    fee_usd=answer["fee"],
                    notional_usd=answer["size_usd"],
                )
                self._open.append(answer)
        if "error" not in answer:
            self.telemetry.position_opened(
                answer["position_id"], market=market, side=order_side, notional_usd=answer["size_usd"],
                quantity=answer["size_usd"] / answer["entry_price"], entry_price=answer["entry_price"],
                leverage=answer["leverage"], margin_usd=answer["margin_used"],
            )  # fmt: skip
        return answer

    async def leave(self) -> dict[str, Any] | None:
        """Close the oldest open position; None when there is none."""
        if not self._open:
            return None
        position = self._open.pop(0)
        market, side = f"{position['coin']}-USD", "sell" if position["side"] == "long" else "buy"
        with self.telemetry.order(
            market=market, side=side, notional_usd=position["size_usd"], endpoint="trade/close", opens=False
        ) as order:
            answer = await self._post("trading", "/v1/trade/close", {"position_id": position["position_id"]})
            order.filled(
                str(answer["hl_order_id"]),
                price=answer["exit_price"],
                fee_usd=answer["fee"],
                realized_pnl_usd=answer["pnl"],
            )
        self.telemetry.position_closed(
            position["position_id"], market=market, side="buy" if side == "sell" else "sell",
            notional_usd=answer["size_usd"], entry_price=answer["entry_price"], exit_price=answer["exit_price"],
            realized_pnl_usd=answer["pnl"], fee_usd=position["fee"] + answer["fee"], opened_at=self.telemetry.now_ns() / 1e9,
        )  # fmt: skip
        return answer

    async def hire(self, worker: Instrumented, usd: float, *, hours: int = 24) -> str:
        """Lock money for a worker; the escrow's id, empty when it could not be created."""
        with self.telemetry.escrow_create(
            amount_usd=usd, counterparty=worker.platform_id, timeout_hours=hours, commission_usd=round(usd / 100, 6)
        ) as escrow:
            body = {
                "amount_usd": usd, "description": "Label 200 images", "counterparty_agent_id": worker.platform_id,
                "timeout_hours": hours,
            }  # fmt: skip
            answer = await self._post("escrow", "/escrow/create", body)
            if "error" not in answer:
                escrow.created(
                    answer["creator_id"], answer["escrow_id"], expires_at=from_iso(answer["auto_release_at"])
                )
        return str(answer["escrow_id"]) if "error" not in answer else ""

    async def finish(self, escrow_id: str) -> None:
        """Say that the work is done."""
        with self.telemetry.escrow_complete(escrow_id):
            await self._post("escrow", f"/escrow/complete/{escrow_id}", {})

    async def pay(self, escrow_id: str) -> None:
        """Release what is locked."""
        with self.telemetry.escrow_release(escrow_id) as release:
            answer = await self._post("escrow", f"/escrow/release/{escrow_id}", {})
            release.released(answer["amount_released"], commission_usd=answer["commission"])

    async def dispute(self, escrow_id: str) -> None:
        """Dispute it."""
        with self.telemetry.escrow_dispute(escrow_id, actor=self.platform_id):
            await self._post("escrow", f"/escrow/dispute/{escrow_id}", {"reason": "Not what was asked for"})

    async def look_back(self, escrow_id: str) -> None:
        """Tell of an escrow that has timed out."""
        escrow = await self._get("escrow", f"/escrow/{escrow_id}")
        with self.telemetry.escrow_timeout(escrow_id) as timeout:
            timeout.refunded(escrow["net_to_counterparty"], commission_usd=escrow["commission_usd"])

    async def claim(self) -> str:
        """Ask the faucet; `success` or `rejected`."""
        with self.telemetry.faucet_claim() as claim:
            answer = await self._post("faucet", "/faucet/claim", {"agent_casino_id": self.platform_id})
            if "error" in answer:
                claim.rejected(answer["error"])
            else:
                claim.claimed(answer["credited"])
        return claim.status()

    async def pay_out(self, other: Instrumented, usd: float) -> None:
        """Send money to another agent."""
        answer = await self._post("casino", "/api/v1/stats/pay", {"to_agent_id": other.platform_id, "amount": usd})
        self.telemetry.payment(str(answer.get("payment_id", "payment")), "sent", usd, counterparty=other.platform_id)

    async def look_at_income(self) -> None:
        """Tell the referral income that its ledger shows since it last looked."""
        key = self.person.keys["casino"]
        curve = (await self._get("casino", "/api/v1/kelly/history", key))["bankroll_curve"]
        prefixes = ("referral_commission_", "escrow_referral_commission")
        total = sum((Decimal(str(row["change"])) for row in curve if row["reason"].startswith(prefixes)), Decimal(0))
        if total > self._income:
            self.telemetry.referral_income("casino", total - self._income)
            self._income = total

    async def _post(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The platform's answer, which names its `error` when it refuses. Each agent has an address of its own."""
        key = None if service == "faucet" else self.person.keys["casino" if service == "escrow" else service]
        answer = await self._ask("POST", service, path, key, body)
        if "error" in answer:
            self.refused.append(answer["error"])
        return answer

    async def _get(self, service: str, path: str, key: str | None = None) -> dict[str, Any]:
        return await self._ask("GET", service, path, key, None)

    async def _ask(self, method: str, service: str, path: str, key: str | None, body: Any) -> dict[str, Any]:
        headers = {"X-Forwarded-For": f"agent:{self.person.name}"}
        found = await self._caller.ask(method, service, path, key=key, body=body, headers=headers)
        answer: dict[str, Any] = found.body
        return answer
