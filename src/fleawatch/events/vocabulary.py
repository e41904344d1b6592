"""The whole vocabulary of facts, in one union: what can be recorded, sent, replayed and folded."""

from __future__ import annotations

from typing import Final

from fleawatch.events import agent, amend, base, control, escrow, play, readings, referral, trading, wallet

AnyEvent = (
    agent.AgentDeclared | agent.AgentError | agent.AgentIdentified | agent.AgentRetired | agent.ApiCall | agent.ClockRead | agent.DecisionCycle
    | agent.HealthRead | agent.Heartbeat | agent.SignalComputed | agent.SlowSpan | agent.SpanErrors | agent.StrategySwitched
    | amend.Amended
    | control.AlertAcknowledged | control.AlertCleared | control.ConfigChanged | control.Delivered | control.GateChanged
    | control.HaltAcknowledged | control.HaltConfirmed | control.HaltDelivered | control.HaltOrdered
    | control.HaltOverdue | control.HaltProbed | control.LeaseGranted | control.LimitsDeclared | control.LimitsInForce | control.Resumed
    | control.RulesDeclared
    | control.SilenceEnded | control.Silenced
    | escrow.EscrowCompleted | escrow.EscrowCreated | escrow.EscrowDisputed | escrow.EscrowFailed
    | escrow.EscrowRefunded | escrow.EscrowReleased
    | play.BetSettled | play.ChallengeOpened | play.ChallengeSettled | play.GameTotals | play.ParlaySettled
    | play.TournamentEntered | play.TournamentPaid
    | readings.SchemaSurprise | readings.SourceRead | readings.SourceUnavailable | readings.Tick
    | referral.ReferralIncome | referral.ReferralTotals
    | trading.CapitalReported | trading.CollateralMoved | trading.FundingPaid | trading.MarketTick
    | trading.OrderBookSnapshot | trading.OrderFilled | trading.OrderPlaced | trading.PositionClosed
    | trading.PositionMarked | trading.PositionOpened | trading.PositionsRead
    | wallet.BalanceRead | wallet.BonusGranted | wallet.DepositCredited | wallet.DomainBought | wallet.FaucetClaimed
    | wallet.LedgerEntry | wallet.LedgerRead | wallet.PaymentMoved | wallet.Swapped | wallet.WithdrawalChanged
)  # fmt: skip
"""Every kind of fact of this schema version."""

KINDS: Final[dict[str, type[base.Event]]] = {base.kind_of(kind.__name__): kind for kind in AnyEvent.__args__}
"""Wire tag to class, for every kind of fact."""
