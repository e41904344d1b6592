"""Short stories of an agent's money, told fact by fact, each with the numbers a person would expect."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fleawatch.events import (
    AgentDeclared,
    BalanceRead,
    LedgerEntry,
    LedgerRead,
    SourceRead,
    SourceUnavailable,
    Tick,
    fact_id,
    ledger_id,
    reading_id,
)
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step

START = 1_800_000_000.0 - 1_800_000_000.0 % 86_400


class Story:
    """Tells the belt what happens to one casino player, a minute a sentence."""

    def __init__(self):
        self.state = empty_fleet()
        self.at = START
        self.balance = Decimal(0)
        self.rows = 0
        self._tell(
            AgentDeclared(
                fact_id=fact_id("config", "agent_declared", "p"),
                agent_id="p",
                at=self.at,
                seen_at=self.at,
                source="config",
                strategy="flat",
                collectors=("casino",),
            )
        )

    def _tell(self, event):
        self.state, _ = step(self.state, event, Policy())

    def _said(self, kind):
        return {
            "fact_id": reading_id("casino", kind, "p", self.at),
            "agent_id": "p",
            "at": self.at,
            "seen_at": self.at,
            "source": "casino",
        }

    def row(self, entry, amount, *, shown=None):
        """A ledger row; `shown` is what the row says it moved when that is not what the balance did."""
        self.balance += Decimal(amount)
        said = {**self._said("ledger_entry"), "fact_id": ledger_id("casino", "p", self.rows)}
        self._tell(
            LedgerEntry(
                **said,
                service="casino",
                currency="USD",
                position=self.rows,
                amount=Decimal(shown or amount),
                balance_after=self.balance,
                entry=entry,
            )
        )
        self.rows += 1
        return self

    def bet(self, stake, payout):
        """A bet: a stake, and a payout unless it was lost."""
        self.row("stake", f"-{stake}")
        return self.row("payout", payout) if Decimal(payout) else self

    def read(self):
        """The casino is read to its end, and a minute passes."""
        self._tell(
            BalanceRead(
                **self._said("balance_read"),
                service="casino",
                currency="USD",
                amount=self.balance,
                value_usd=self.balance,
            )
        )
        self._tell(
            LedgerRead(
                **self._said("ledger_read"), service="casino", currency="USD", rows=self.rows, settled_bets=10_000
            )
        )
        self._tell(SourceRead(**self._said("source_read"), collector="casino", duration_s=0.1, valid_s=90.0))
        return self.minutes(1)

    def fail(self, reason="timeout"):
        """The casino cannot be read, and a minute passes."""
        self._tell(
            SourceUnavailable(**self._said("source_unavailable"), collector="casino", reason=reason, duration_s=5.0)
        )
        return self.minutes(1)

    def minutes(self, count):
        """Time passes."""
        self.at += 60 * count
        self._tell(
            Tick(
                fact_id=fact_id("monitor", "tick", f"{self.at}"),
                agent_id="",
                at=self.at,
                seen_at=self.at,
                source="monitor",
            )
        )
        return self

    @property
    def agent(self):
        return self.state.agents["p"]

    def summary(self, window="24h"):
        return self.agent.performance.summary(window)


def test_a_deposit_hides_no_loss():
    """After losing a fifth and being topped up, the balance is as before and the drawdown is still a fifth."""
    story = Story().row("deposit", "100").read().bet("20", "0").read().row("deposit", "20").read()
    assert story.agent.equity == 100
    assert story.summary().drawdown == pytest.approx(0.2)
    assert story.agent.flows == pytest.approx(20)


def test_a_withdrawal_makes_no_loss():
    """Taking half of the money out is no drawdown."""
    story = Story().row("deposit", "100").read().row("payment_sent", "-50").read()
    assert story.agent.equity == 50
    assert story.summary().drawdown == 0
    assert story.summary().pnl == pytest.approx(0)


def test_an_outage_is_not_a_loss_and_not_a_calm():
    """While nothing can be read the numbers stay, are named unknown, and come back when reading does."""
    story = Story().row("deposit", "100").read().bet("10", "25").read()
    before = (story.agent.equity, story.summary().drawdown, story.summary().high)
    story.fail().fail().fail()
    assert (story.agent.equity, story.summary().drawdown, story.summary().high) == before
    assert story.agent.unknown == {"casino": "timeout"}
    story.read()
    assert story.agent.unknown == {}
    assert story.agent.equity == 115


def test_everything_lost_is_a_drawdown_of_one_and_an_end():
    """Betting it all away ends an epoch; new money begins another at 1.0, without forgetting the worst."""
    story = Story().row("deposit", "50").read().bet("50", "0").read()
    assert story.summary().drawdown == 1.0
    assert story.agent.performance.nav.total_losses == 1
    story.row("deposit", "30").read()
    assert story.agent.performance.nav.value == 1.0
    assert story.summary().drawdown == 0.0
    assert story.summary().drawdown_max == 1.0


def test_a_cent_that_nobody_explains_is_named():
    """A row that moved a cent more than it says leaves a residual of a cent at the casino of that agent."""
    story = Story().row("deposit", "100").read().row("payment_received", "10.01", shown="10.00").read()
    assert abs(story.agent.books["casino:USD"].conservation.residual()) == pytest.approx(0.01)


def test_clean_books_leave_nothing_over():
    """After deposits, bets, a payment and a bonus, every cent is explained."""
    story = (
        Story().row("deposit", "100").bet("10", "25").bet("5", "0").row("payment_sent", "-7").row("bonus", "0.5").read()
    )
    assert story.agent.books["casino:USD"].conservation.residual() == 0
    assert (story.agent.casino.wins, story.agent.casino.losses) == (1, 1)


def test_yesterdays_loss_is_not_todays():
    """The daily loss begins anew at midnight UTC, the drawdown does not."""
    story = Story().row("deposit", "100").read().bet("30", "0").read()
    assert story.summary().daily_loss == pytest.approx(30)
    story.minutes(24 * 60).read()
    assert story.summary().daily_loss == pytest.approx(0)
    assert story.summary("7d").drawdown == pytest.approx(0.3)


def test_income_does_not_mask_a_daily_loss():
    """Referral income the same day leaves the trading loss what it is."""
    story = Story().row("deposit", "100").read().bet("30", "0").row("referral", "40").read()
    assert story.summary().daily_loss == pytest.approx(30)
    assert story.summary().pnl == pytest.approx(10)
