"""An agent's server: it trades, hires and decides when it is asked, and tells what it does and how it is.

    AGENT_ID=momentum-01 AGENT_TOKEN_FILE=token TRADING_URL=... TRADING_KEY_FILE=... CASINO_URL=... CASINO_KEY_FILE=... \
    ESCROW_URL=... uvicorn agent:create_app --factory --host 127.0.0.1 --port 8080

`/metrics`, `/health` and `/-/healthy` are for everybody on this machine; what spends money needs the token of the file. Where its
facts go and who may halt it is said by the environment (`PF_SERVICE`, `PF_TOKEN_FILE`, `DD_AGENT_HOST` ...).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

from fleawatch import Gate, Health, Order, Telemetry, TradingHalted


class Trade(BaseModel):
    """What to open."""

    coin: Literal["BTC", "ETH", "SOL"]
    side: Literal["long", "short"]
    size_usd: float = Field(gt=0, le=1_000)


class Task(BaseModel):
    """What to hire another agent for."""

    counterparty: str = Field(pattern=r"^ag_[0-9a-f]{12}$")
    description: str = Field(min_length=3, max_length=500)
    amount_usd: float = Field(ge=0.1, le=100)


class Agent:
    """One agent of the platform: its telemetry, its gate, and its client."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ["AGENT_ID"]
        self._environ = environ
        self._keys = {one: Path(environ[f"{one}_KEY_FILE"]).read_text().strip() for one in ("CASINO", "TRADING")}
        self.telemetry = Telemetry(name, strategy="momentum", environ=environ)
        self.gate = Gate(
            name,
            limits={"order_notional": 500.0, "order_rate": 60.0},
            service=environ.get("PF_SERVICE"),
            token_file=environ.get("PF_TOKEN_FILE"),
            state_file=environ.get("PF_GATE_STATE", "gate.json"),
        )
        self.health = Health(name)
        self.client = self.telemetry.client(httpx.AsyncClient(timeout=10.0))

    async def trade(self, wanted: Trade) -> dict[str, Any]:
        """Open a position, if the gate lets it."""
        market = f"{wanted.coin}-USD"
        with self.gate.opening(Order(market=market, notional_usd=wanted.size_usd)):
            side: Literal["buy", "sell"] = "buy" if wanted.side == "long" else "sell"
            with self.telemetry.order(market=market, side=side, notional_usd=wanted.size_usd, opens=True) as order:
                answer = await self._call("TRADING", "/v1/trade/open", wanted.model_dump())
                if "error" in answer:
                    order.rejected(answer["error"])
                else:
                    order.filled(
                        answer["order_id"],
                        price=answer["entry_price"],
                        notional_usd=answer["size_usd"],
                        fee_usd=answer["fee"],
                    )
        if "error" in answer:
            raise HTTPException(422, answer["error"])
        self.health.acted()
        return answer

    async def hire(self, task: Task) -> dict[str, Any]:
        """Lock money for somebody's work, if the gate lets it."""
        if not (answer := self.gate.may_pay()):
            raise TradingHalted(answer.reason, answer.state, answer.epoch)
        with self.telemetry.escrow_create(amount_usd=task.amount_usd, counterparty=task.counterparty) as escrow:
            body = {
                "amount_usd": task.amount_usd,
                "description": task.description,
                "counterparty_agent_id": task.counterparty,
            }
            made = await self._call("ESCROW", "/escrow/create", body)
            if "error" in made:
                raise HTTPException(422, made["error"])
            escrow.created(made["creator_id"], made["escrow_id"], expires_at=_unix(made["auto_release_at"]))
        self.health.acted()
        return made

    async def cycle(self) -> str:
        """Look at the balance, decide, act: one pass."""
        with self.telemetry.cycle(market="BTC-USD") as cycle:
            with self.telemetry.balance_check(service="casino") as check:
                balance = await self._read("CASINO", "/api/v1/auth/balance")
                check.read("USD", balance["balance_usd"])
            with self.telemetry.signal("BTC-USD") as signal:
                held = await self._read("TRADING", "/v1/trade/positions")
                act = balance["balance_usd"] > 10 and held["count"] == 0
                signal.computed("buy" if act else "hold", confidence=0.8 if act else 0.2)
            if not act:
                cycle.ended("no_action")
                return "no_action"
            try:
                await self.trade(Trade(coin="BTC", side="long", size_usd=50))
            except TradingHalted:
                cycle.ended("halted")
                return "halted"
            return "acted"

    async def close(self) -> None:
        """Tell what waits, and let go."""
        await self.client.aclose()
        self.health.stop()
        self.gate.close()
        self.telemetry.shutdown()

    async def _read(self, service: str, path: str) -> dict[str, Any]:
        """What the platform knows; a refusal, of the key say, is no answer to decide by."""
        answer = await self._call(service, path)
        if "error" in answer:
            raise HTTPException(502, f"{service.lower()} refused: {answer['error']}")
        return answer

    async def _call(self, service: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The platform's answer, which names its `error` when it refuses."""
        key = self._keys["CASINO" if service == "ESCROW" else service]
        url, headers = self._environ[f"{service}_URL"] + path, {"Authorization": f"Bearer {key}"}
        response = await self.client.request("GET" if body is None else "POST", url, json=body, headers=headers)
        if response.status_code >= 500:
            raise HTTPException(502, f"{service.lower()} answered {response.status_code}")
        return dict(response.json())


def create_app(environ: Mapping[str, str] = os.environ) -> FastAPI:
    """The server of one agent."""
    agent = Agent(environ)
    secret = Path(environ["AGENT_TOKEN_FILE"]).read_text().strip().encode()
    if len(secret) < 32:
        raise ValueError(
            "AGENT_TOKEN_FILE holds fewer than 32 characters; write a longer token, such as of openssl rand -hex 32"
        )

    async def authorized(authorization: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(authorization.encode(), b"Bearer " + secret):
            raise HTTPException(401, "no valid token", {"WWW-Authenticate": "Bearer"})

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        del app
        agent.health.start(serve=False)
        yield
        await agent.close()

    app = FastAPI(lifespan=living, title=environ["AGENT_ID"], docs_url=None, redoc_url=None, openapi_url=None)
    writes = [Depends(authorized)]

    @app.post("/trade", dependencies=writes)
    async def trade(wanted: Trade) -> dict[str, Any]:
        try:
            return await agent.trade(wanted)
        except TradingHalted as halted:
            raise HTTPException(409, f"halted: {halted.reason}") from None

    @app.post("/escrow", dependencies=writes)
    async def escrow(task: Task) -> dict[str, Any]:
        try:
            return await agent.hire(task)
        except TradingHalted as halted:
            raise HTTPException(409, f"halted: {halted.reason}") from None

    @app.post("/cycle", dependencies=writes)
    async def cycle() -> dict[str, str]:
        return {"result": await agent.cycle()}

    app.mount("/metrics", agent.telemetry.metrics_app())
    app.mount("/", agent.health)
    return app


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
