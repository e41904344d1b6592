"""A fleet that was watched for four hours, shared by tests that only look, and facts from which others are made."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from fleawatch.events import (
    AgentDeclared,
    BalanceRead,
    EscrowCreated,
    LedgerEntry,
    LedgerRead,
    OrderPlaced,
    SourceRead,
    SourceUnavailable,
    Tick,
    fact_id,
    ledger_id,
    reading_id,
)
from fleawatch.testing.asgi import call
from fleawatch.testing.watched import example_watched, hand_watched
from fleawatch.web.app import create_app

AT = 1_800_000_000.0


@pytest.fixture(scope="session", name="example")
def _example():
    """The example fleet of twelve after four hours; for reading only."""
    watched = asyncio.run(example_watched(12, 4))
    yield watched
    asyncio.run(watched.close())


@pytest.fixture(name="get")
def _get(example):
    """Ask the example fleet's application."""
    app = create_app(example)
    return lambda path, **more: asyncio.run(call(app, path, **more))


@pytest.fixture(name="asked")
def _asked():
    """Answers of an application over a fleet that has booked some facts."""

    def ask(facts, *paths, at=AT, prepare=lambda _: None, **more):
        async def run():
            watched = await hand_watched(facts, at)
            prepare(watched)
            try:
                app = create_app(watched)
                return [await call(app, path, **more) for path in paths]
            finally:
                await watched.close()

        found = asyncio.run(run())
        return found[0] if len(found) == 1 else found

    return ask


class Book:
    """Makes facts about one agent."""

    def __init__(self, agent_id="solo", at=AT, **declared):
        self.agent_id = agent_id
        self.at = at
        self.rows = 0
        self.balance = Decimal(0)
        self.declared = declared

    def declare(self, *collectors, strategy="flat", **more):
        """Watch the agent with these collectors."""
        return AgentDeclared(
            fact_id=fact_id("config", "agent_declared", f"{self.agent_id}:{self.at}"), **self.who("config"),
            strategy=strategy, collectors=collectors, **more,
        )  # fmt: skip

    def row(self, amount, entry="deposit", reference=None, after=None):
        """A ledger row; `after` falsifies the balance it states."""
        self.balance = self.balance + Decimal(amount) if after is None else Decimal(after)
        self.rows += 1
        return LedgerEntry(
            fact_id=ledger_id("casino", self.agent_id, self.rows - 1), **self.who("casino"), service="casino",
            currency="USD", position=self.rows - 1, amount=Decimal(amount), balance_after=self.balance, entry=entry,
            reference=reference,
        )  # fmt: skip

    def read(self, collector="casino", valid_s=60.0):
        """A reading that worked, until it is `valid_s` old."""
        return SourceRead(
            fact_id=reading_id(collector, "source_read", self.agent_id, self.at), **self.who(collector),
            collector=collector, duration_s=0.02, valid_s=valid_s,
        )  # fmt: skip

    def failed(self, collector="casino", reason="timeout", code=None, at=None):
        """A reading that did not work."""
        return SourceUnavailable(
            fact_id=reading_id(collector, "source_unavailable", self.agent_id, at or self.at),
            **{**self.who(collector), "at": at or self.at, "seen_at": at or self.at}, collector=collector,
            reason=reason, duration_s=5.0, status_code=code,
        )  # fmt: skip

    def ledger_read(self, settled=None):
        """The ledger was read to its end."""
        return LedgerRead(
            fact_id=reading_id("casino", "ledger_read", self.agent_id, self.at), **self.who("casino"),
            service="casino", currency="USD", rows=self.rows, settled_bets=settled,
        )  # fmt: skip

    def balance_read(self):
        """The balance as the ledger has it was read."""
        return BalanceRead(
            fact_id=reading_id("casino", "balance_read", self.agent_id, self.at), **self.who("casino"),
            service="casino", currency="USD", amount=self.balance, value_usd=self.balance,
        )  # fmt: skip

    def escrow(self, escrow_id="esc_1", amount="40", expires_in=600.0, counterparty="ag_stranger"):
        """An escrow of the agent's that is announced."""
        return EscrowCreated(
            fact_id=fact_id("escrow", "escrow_created", escrow_id), **self.who("escrow"), escrow_id=escrow_id,
            creator=f"ag_{self.agent_id}", counterparty=counterparty, amount_usd=Decimal(amount),
            commission_usd=Decimal("0.4"), expires_at=self.at + expires_in,
        )  # fmt: skip

    def order(self, number, latency_s):
        """An order with its latency."""
        return OrderPlaced(
            fact_id=fact_id("trading", "order_placed", f"{self.agent_id}_{number}"), **self.who("sdk"),
            order_id=f"{self.agent_id}_{number}", market="BTC-USD", side="buy", order_type="market", status="success",
            endpoint="trade/open", notional_usd=Decimal(10), latency_s=latency_s,
        )  # fmt: skip

    def known(self, amount="100"):
        """Facts after which its equity is `amount`, read just now."""
        return [self.declare("casino"), self.row(amount), self.ledger_read(0), self.balance_read(), self.read()]

    def who(self, source):
        """Whose facts they are."""
        return {"agent_id": self.agent_id, "at": self.at, "seen_at": self.at, "source": source}


def tick(at=AT):
    """Time passed."""
    return Tick(fact_id=fact_id("monitor", "tick", f"{at:.3f}"), agent_id="", at=at, seen_at=at, source="monitor")


@pytest.fixture(name="book")
def _book():
    """Makes the facts of an agent."""
    return Book


@pytest.fixture(name="tick")
def _tick():
    """Makes ticks."""
    return tick
