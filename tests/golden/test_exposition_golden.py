"""The whole body of a small fleet, to the letter, in both formats."""

from decimal import Decimal

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import AgentDeclared, BalanceRead, EscrowCreated, LedgerEntry, LedgerRead, SourceRead, Tick
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import run
from fleawatch.sinks.prometheus import Exposition

AT = 1_700_006_400.0


def _facts():
    who = {"agent_id": "a-1", "at": AT, "seen_at": AT, "source": "test"}
    money = {"service": "casino", "currency": "USDC"}
    yield AgentDeclared(fact_id="1", **who, strategy="kelly", version="2.0", collectors=("casino", "escrow"))
    rows = ("deposit", "100", "100", None), ("stake", "-2.5", "97.5", None), ("payout", "7.5", "105", None)
    for number, (entry, amount, after, reference) in enumerate((*rows, ("escrow_lock", "-20", "85", "e1"))):
        yield LedgerEntry(
            fact_id=f"row{number}", **who, **money, position=number, amount=Decimal(amount),
            balance_after=Decimal(after), entry=entry, reference=reference,
        )  # fmt: skip
    yield EscrowCreated(
        fact_id="2", **who, escrow_id="e1", creator="ag_1", counterparty="ag_2", amount_usd=Decimal(20),
        commission_usd=Decimal("0.2"), expires_at=AT + 3600,
    )  # fmt: skip
    yield LedgerRead(fact_id="3", **who, **money, rows=4, settled_bets=1)
    yield BalanceRead(fact_id="4", **who, **money, amount=Decimal(85), value_usd=Decimal(85))
    for collector in ("casino", "escrow"):
        yield SourceRead(fact_id=collector, **who, collector=collector, duration_s=0.125, valid_s=60.0)
    yield Tick(fact_id="5", agent_id="", at=AT + 15, seen_at=AT + 15, source="clock")


@pytest.fixture(name="state", scope="module")
def _state():
    return run(empty_fleet(), _facts(), Policy())[0]


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
def test_whole_body(state, openmetrics):
    """A small fleet's exposition is exactly this."""
    body = Exposition(CATALOG, process=dict).render(state, AT + 15, openmetrics).decode()
    assert body == (OPENMETRICS if openmetrics else TEXT)


TEXT = """\
# HELP pf_agent_info What is watched.
# TYPE pf_agent_info gauge
pf_agent_info{agent_id="a-1",strategy="kelly",environment="",version="2.0"} 1
# HELP pf_agent_last_action_timestamp_seconds Unix time at which the agent last did something useful.
# TYPE pf_agent_last_action_timestamp_seconds gauge
pf_agent_last_action_timestamp_seconds{agent_id="a-1"} 1700006400.0
# HELP pf_annotations_total Board annotations and how they ended.
# TYPE pf_annotations_total counter
pf_annotations_total{status="dropped"} 0.0
pf_annotations_total{status="failed"} 0.0
pf_annotations_total{status="ok"} 0.0
# HELP pf_anomalies_total Returns and results that stand out.
# TYPE pf_anomalies_total counter
pf_anomalies_total{agent_id="a-1",detector="robust_z",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="robust_z",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="robust_z",direction="none"} 0.0
pf_anomalies_total{agent_id="a-1",detector="absolute_loss",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="absolute_loss",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="absolute_loss",direction="none"} 0.0
pf_anomalies_total{agent_id="a-1",detector="mean_shift",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="mean_shift",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="mean_shift",direction="none"} 0.0
pf_anomalies_total{agent_id="a-1",detector="variance_shift",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="variance_shift",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="variance_shift",direction="none"} 0.0
# HELP pf_collector_duration_seconds Time one reading took.
# TYPE pf_collector_duration_seconds histogram
pf_collector_duration_seconds_bucket{collector="casino",le="0.002"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.005"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.01"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.025"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.05"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.1"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.25"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="0.5"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="1.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="2.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="2.5"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="3.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="5.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="10.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="20.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="+Inf"} 1
pf_collector_duration_seconds_count{collector="casino"} 1
pf_collector_duration_seconds_sum{collector="casino"} 0.125
pf_collector_duration_seconds_bucket{collector="escrow",le="0.002"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.005"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.01"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.025"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.05"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.1"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.25"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="0.5"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="1.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="2.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="2.5"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="3.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="5.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="10.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="20.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="+Inf"} 1
pf_collector_duration_seconds_count{collector="escrow"} 1
pf_collector_duration_seconds_sum{collector="escrow"} 0.125
# HELP pf_collector_last_success_timestamp_seconds Unix time of the last complete reading by the collector.
# TYPE pf_collector_last_success_timestamp_seconds gauge
pf_collector_last_success_timestamp_seconds{collector="casino"} 1700006400.0
pf_collector_last_success_timestamp_seconds{collector="escrow"} 1700006400.0
# HELP pf_conservation_residual_usdc Change of the balance that no booked fact explains.
# TYPE pf_conservation_residual_usdc gauge
pf_conservation_residual_usdc{agent_id="a-1",pf_service="casino",currency="USDC"} 0.0
# HELP pf_daily_loss_usdc Trading and casino loss since midnight UTC, marked positions included.
# TYPE pf_daily_loss_usdc gauge
pf_daily_loss_usdc{agent_id="a-1"} 0.0
# HELP pf_day_start_equity_usdc Equity at midnight UTC.
# TYPE pf_day_start_equity_usdc gauge
pf_day_start_equity_usdc{agent_id="a-1"} 105.0
# HELP pf_drawdown_max_ratio Deepest fall of the index within the window.
# TYPE pf_drawdown_max_ratio gauge
pf_drawdown_max_ratio{agent_id="a-1",window="1h"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="24h"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="7d"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="30d"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="all_time"} 0.0
# HELP pf_drawdown_ratio Fall of the index from its highest value in the window.
# TYPE pf_drawdown_ratio gauge
pf_drawdown_ratio{agent_id="a-1",window="1h"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="24h"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="7d"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="30d"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="all_time"} 0.0
# HELP pf_equity_epochs_total Total losses so far.
# TYPE pf_equity_epochs_total counter
pf_equity_epochs_total{agent_id="a-1"} 0
# HELP pf_equity_index_ratio Value of one unit of the agent: equity with all flows taken out.
# TYPE pf_equity_index_ratio gauge
pf_equity_index_ratio{agent_id="a-1"} 1.0
# HELP pf_equity_state 1 for how well equity is known now.
# TYPE pf_equity_state gauge
pf_equity_state{agent_id="a-1",state="known"} 1
pf_equity_state{agent_id="a-1",state="partial"} 0
pf_equity_state{agent_id="a-1",state="unknown"} 0
# HELP pf_equity_usdc What the agent owns: cash, positions at their mark, and its own money in escrow.
# TYPE pf_equity_usdc gauge
pf_equity_usdc{agent_id="a-1"} 105.0
# HELP pf_escrow_amount_usdc Amount of an escrow when it entered the state.
# TYPE pf_escrow_amount_usdc histogram
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="1.0"} 0
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="5.0"} 0
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="10.0"} 0
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="25.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="50.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="100.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="250.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="500.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="1000.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="2500.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="5000.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="10000.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="+Inf"} 1
pf_escrow_amount_usdc_count{agent_id="a-1",status="created"} 1
pf_escrow_amount_usdc_sum{agent_id="a-1",status="created"} 20.0
# HELP pf_escrow_at_risk_usdc The agent's own money in disputed escrows.
# TYPE pf_escrow_at_risk_usdc gauge
pf_escrow_at_risk_usdc{agent_id="a-1"} 0.0
# HELP pf_escrow_fees_usdc_total Commission the service charged on escrows.
# TYPE pf_escrow_fees_usdc_total counter
pf_escrow_fees_usdc_total{agent_id="a-1"} 0.0
# HELP pf_escrow_initiated_total Escrows the agent funded.
# TYPE pf_escrow_initiated_total counter
pf_escrow_initiated_total{agent_id="a-1"} 1.0
# HELP pf_escrow_initiated_usdc_total Money the agent put into escrow.
# TYPE pf_escrow_initiated_usdc_total counter
pf_escrow_initiated_usdc_total{agent_id="a-1"} 20.0
# HELP pf_escrow_locked_usdc Money in open escrows.
# TYPE pf_escrow_locked_usdc gauge
pf_escrow_locked_usdc{agent_id="a-1",role="creator"} 20.0
pf_escrow_locked_usdc{agent_id="a-1",role="counterparty"} 0.0
# HELP pf_escrow_next_expiry_timestamp_seconds Unix time at which the soonest open escrow is refunded by itself.
# TYPE pf_escrow_next_expiry_timestamp_seconds gauge
pf_escrow_next_expiry_timestamp_seconds{agent_id="a-1"} 1700010000.0
# HELP pf_escrow_open Escrows that are funded or completed and not yet ended.
# TYPE pf_escrow_open gauge
pf_escrow_open{agent_id="a-1",role="creator"} 1
pf_escrow_open{agent_id="a-1",role="counterparty"} 0
# HELP pf_escrow_settled_total Escrows that ended or were disputed.
# TYPE pf_escrow_settled_total counter
pf_escrow_settled_total{agent_id="a-1",outcome="settled"} 0.0
pf_escrow_settled_total{agent_id="a-1",outcome="timeout"} 0.0
pf_escrow_settled_total{agent_id="a-1",outcome="disputed"} 0.0
pf_escrow_settled_total{agent_id="a-1",outcome="failed"} 0.0
# HELP pf_escrow_transitions_total States that escrows entered.
# TYPE pf_escrow_transitions_total counter
pf_escrow_transitions_total{agent_id="a-1",status="created"} 1.0
pf_escrow_transitions_total{agent_id="a-1",status="completed"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="released"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="refunded"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="disputed"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="failed"} 0.0
# HELP pf_facts_duplicate_total Facts that were known already and merged.
# TYPE pf_facts_duplicate_total counter
pf_facts_duplicate_total 0
# HELP pf_facts_late_total Facts older than the last closed grid point.
# TYPE pf_facts_late_total counter
pf_facts_late_total 0
# HELP pf_facts_refused_total Facts that were refused at the door.
# TYPE pf_facts_refused_total counter
pf_facts_refused_total{reason="bad_number"} 0
pf_facts_refused_total{reason="newer_version"} 0
# HELP pf_facts_total Facts that were taken in.
# TYPE pf_facts_total counter
pf_facts_total{kind="agent_declared"} 1
pf_facts_total{kind="balance_read"} 1
pf_facts_total{kind="escrow_created"} 1
pf_facts_total{kind="ledger_entry"} 4
pf_facts_total{kind="ledger_read"} 1
pf_facts_total{kind="source_read"} 2
pf_facts_total{kind="tick"} 1
# HELP pf_faucet_claims_total Faucet claims and how they ended.
# TYPE pf_faucet_claims_total counter
pf_faucet_claims_total{agent_id="a-1",status="success"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="rejected"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="error"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="timeout"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="cancelled"} 0.0
# HELP pf_fleet_conservation_residual_usdc Money of the fleet that no booked fact explains, once what its agents pay each other is eliminated.
# TYPE pf_fleet_conservation_residual_usdc gauge
pf_fleet_conservation_residual_usdc 0.0
# HELP pf_key_accepted 1 while the service accepts the agent's key.
# TYPE pf_key_accepted gauge
pf_key_accepted{agent_id="a-1",pf_service="casino"} 1
pf_key_accepted{agent_id="a-1",pf_service="escrow"} 1
# HELP pf_market_pnl_usdc The same profit or loss by market; the market of a bet is its game.
# TYPE pf_market_pnl_usdc gauge
pf_market_pnl_usdc{agent_id="a-1",market="other",pnl_type="realized"} 5.0
# HELP pf_order_repeats Most orders within one of the last few minutes that ask for the same thing.
# TYPE pf_order_repeats gauge
pf_order_repeats{agent_id="a-1"} 0.0
# HELP pf_orders_busiest_minute Orders and bets in the busiest minute of the last few.
# TYPE pf_orders_busiest_minute gauge
pf_orders_busiest_minute{agent_id="a-1"} 1.0
# HELP pf_pnl_since_timestamp_seconds Unix time from which on profit and loss are known.
# TYPE pf_pnl_since_timestamp_seconds gauge
pf_pnl_since_timestamp_seconds{agent_id="a-1",pf_service="casino"} 1700006400.0
pf_pnl_since_timestamp_seconds{agent_id="a-1",pf_service="escrow"} 1700006400.0
# HELP pf_pnl_window_usdc Change of total profit or loss within the window.
# TYPE pf_pnl_window_usdc gauge
pf_pnl_window_usdc{agent_id="a-1",window="1h"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="24h"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="7d"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="30d"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="all_time"} 0.0
# HELP pf_reading_coverage_ratio Share of the hourly grid for which equity was known.
# TYPE pf_reading_coverage_ratio gauge
pf_reading_coverage_ratio{agent_id="a-1",window="1h"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="24h"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="7d"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="30d"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="all_time"} 1.0
# HELP pf_referral_income_usdc_total Referral commissions received.
# TYPE pf_referral_income_usdc_total counter
pf_referral_income_usdc_total{agent_id="a-1",pf_service="casino",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="casino",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="casino",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="trading",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="trading",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="trading",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="wallet",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="wallet",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="wallet",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="escrow",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="escrow",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="escrow",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="faucet",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="faucet",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="faucet",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="domains",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="domains",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="domains",referral_tier="3"} 0.0
# HELP pf_report_differences_total Bets and fills of which the agent told other money than the platform.
# TYPE pf_report_differences_total counter
pf_report_differences_total{agent_id="a-1",report_field="stake"} 0.0
pf_report_differences_total{agent_id="a-1",report_field="payout"} 0.0
pf_report_differences_total{agent_id="a-1",report_field="realized_pnl_usd"} 0.0
pf_report_differences_total{agent_id="a-1",report_field="fee_usd"} 0.0
# HELP pf_returns_in_window Hourly returns on which the ratios of the window rest.
# TYPE pf_returns_in_window gauge
pf_returns_in_window{agent_id="a-1",window="1h"} 0
pf_returns_in_window{agent_id="a-1",window="24h"} 0
pf_returns_in_window{agent_id="a-1",window="7d"} 0
pf_returns_in_window{agent_id="a-1",window="30d"} 0
pf_returns_in_window{agent_id="a-1",window="all_time"} 0
# HELP pf_returns_rejected_total Returns that were refused.
# TYPE pf_returns_rejected_total counter
pf_returns_rejected_total{agent_id="a-1",reason="nan"} 0.0
pf_returns_rejected_total{agent_id="a-1",reason="inf"} 0.0
pf_returns_rejected_total{agent_id="a-1",reason="zero_equity"} 0.0
# HELP pf_source_last_success_timestamp_seconds Unix time of the last complete reading of the agent by the collector.
# TYPE pf_source_last_success_timestamp_seconds gauge
pf_source_last_success_timestamp_seconds{agent_id="a-1",collector="casino"} 1700006400.0
pf_source_last_success_timestamp_seconds{agent_id="a-1",collector="escrow"} 1700006400.0
# HELP pf_source_up 1 when the last reading of the agent by the collector succeeded.
# TYPE pf_source_up gauge
pf_source_up{agent_id="a-1",collector="casino"} 1
pf_source_up{agent_id="a-1",collector="escrow"} 1
# HELP pf_stake_escalations How many times in a row a stake was raised steeply after a loss, at most of lately.
# TYPE pf_stake_escalations gauge
pf_stake_escalations{agent_id="a-1"} 0.0
# HELP pf_trade_pnl_usdc Net trading and casino profit or loss: booked since it is known, and marked now.
# TYPE pf_trade_pnl_usdc gauge
pf_trade_pnl_usdc{agent_id="a-1",strategy="kelly",pnl_type="realized"} 5.0
# HELP pf_trade_profit_usdc_total Sum of winning results.
# TYPE pf_trade_profit_usdc_total counter
pf_trade_profit_usdc_total{agent_id="a-1",strategy="kelly",asset="USD"} 5.0
# HELP pf_trades_in_window Wins and losses on which the win ratio of the window rests.
# TYPE pf_trades_in_window gauge
pf_trades_in_window{agent_id="a-1",window="1h"} 1
pf_trades_in_window{agent_id="a-1",window="24h"} 1
pf_trades_in_window{agent_id="a-1",window="7d"} 1
pf_trades_in_window{agent_id="a-1",window="30d"} 1
pf_trades_in_window{agent_id="a-1",window="all_time"} 1
# HELP pf_trades_total Closed trades: settled bets and positions that went from flat to flat.
# TYPE pf_trades_total counter
pf_trades_total{agent_id="a-1",strategy="kelly",outcome="win"} 1.0
# HELP pf_wallet_balance_native Balance in units of the currency; never to be added across currencies.
# TYPE pf_wallet_balance_native gauge
pf_wallet_balance_native{agent_id="a-1",currency="USDC",wallet_type="hot"} 85.0
# HELP pf_wallet_balance_usd Balance in USD.
# TYPE pf_wallet_balance_usd gauge
pf_wallet_balance_usd{agent_id="a-1",currency="USDC",wallet_type="hot"} 85.0
# HELP pf_wallet_deposits_usdc_total Money that came in from outside; never profit.
# TYPE pf_wallet_deposits_usdc_total counter
pf_wallet_deposits_usdc_total{agent_id="a-1",source="deposit"} 100.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="faucet"} 0.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="bonus"} 0.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="payment"} 0.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="transfer"} 0.0
# HELP pf_wallet_spendable_usdc Money the agent can act with now.
# TYPE pf_wallet_spendable_usdc gauge
pf_wallet_spendable_usdc{agent_id="a-1"} 85.0
# HELP pf_wallet_withdrawals_usdc_total Money that left to the outside; never loss.
# TYPE pf_wallet_withdrawals_usdc_total counter
pf_wallet_withdrawals_usdc_total{agent_id="a-1",kind="withdrawal"} 0.0
pf_wallet_withdrawals_usdc_total{agent_id="a-1",kind="payment"} 0.0
pf_wallet_withdrawals_usdc_total{agent_id="a-1",kind="transfer"} 0.0
"""

OPENMETRICS = """\
# HELP pf_agent What is watched.
# TYPE pf_agent info
pf_agent_info{agent_id="a-1",strategy="kelly",environment="",version="2.0"} 1
# HELP pf_agent_last_action_timestamp_seconds Unix time at which the agent last did something useful.
# TYPE pf_agent_last_action_timestamp_seconds gauge
# UNIT pf_agent_last_action_timestamp_seconds seconds
pf_agent_last_action_timestamp_seconds{agent_id="a-1"} 1700006400.0
# HELP pf_annotations Board annotations and how they ended.
# TYPE pf_annotations counter
pf_annotations_total{status="dropped"} 0.0
pf_annotations_total{status="failed"} 0.0
pf_annotations_total{status="ok"} 0.0
# HELP pf_anomalies Returns and results that stand out.
# TYPE pf_anomalies counter
pf_anomalies_total{agent_id="a-1",detector="robust_z",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="robust_z",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="robust_z",direction="none"} 0.0
pf_anomalies_total{agent_id="a-1",detector="absolute_loss",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="absolute_loss",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="absolute_loss",direction="none"} 0.0
pf_anomalies_total{agent_id="a-1",detector="mean_shift",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="mean_shift",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="mean_shift",direction="none"} 0.0
pf_anomalies_total{agent_id="a-1",detector="variance_shift",direction="loss"} 0.0
pf_anomalies_total{agent_id="a-1",detector="variance_shift",direction="gain"} 0.0
pf_anomalies_total{agent_id="a-1",detector="variance_shift",direction="none"} 0.0
# HELP pf_collector_duration_seconds Time one reading took.
# TYPE pf_collector_duration_seconds histogram
# UNIT pf_collector_duration_seconds seconds
pf_collector_duration_seconds_bucket{collector="casino",le="0.002"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.005"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.01"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.025"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.05"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.1"} 0
pf_collector_duration_seconds_bucket{collector="casino",le="0.25"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="0.5"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="1.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="2.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="2.5"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="3.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="5.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="10.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="20.0"} 1
pf_collector_duration_seconds_bucket{collector="casino",le="+Inf"} 1
pf_collector_duration_seconds_count{collector="casino"} 1
pf_collector_duration_seconds_sum{collector="casino"} 0.125
pf_collector_duration_seconds_bucket{collector="escrow",le="0.002"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.005"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.01"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.025"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.05"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.1"} 0
pf_collector_duration_seconds_bucket{collector="escrow",le="0.25"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="0.5"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="1.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="2.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="2.5"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="3.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="5.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="10.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="20.0"} 1
pf_collector_duration_seconds_bucket{collector="escrow",le="+Inf"} 1
pf_collector_duration_seconds_count{collector="escrow"} 1
pf_collector_duration_seconds_sum{collector="escrow"} 0.125
# HELP pf_collector_last_success_timestamp_seconds Unix time of the last complete reading by the collector.
# TYPE pf_collector_last_success_timestamp_seconds gauge
# UNIT pf_collector_last_success_timestamp_seconds seconds
pf_collector_last_success_timestamp_seconds{collector="casino"} 1700006400.0
pf_collector_last_success_timestamp_seconds{collector="escrow"} 1700006400.0
# HELP pf_conservation_residual_usdc Change of the balance that no booked fact explains.
# TYPE pf_conservation_residual_usdc gauge
# UNIT pf_conservation_residual_usdc usdc
pf_conservation_residual_usdc{agent_id="a-1",pf_service="casino",currency="USDC"} 0.0
# HELP pf_daily_loss_usdc Trading and casino loss since midnight UTC, marked positions included.
# TYPE pf_daily_loss_usdc gauge
# UNIT pf_daily_loss_usdc usdc
pf_daily_loss_usdc{agent_id="a-1"} 0.0
# HELP pf_day_start_equity_usdc Equity at midnight UTC.
# TYPE pf_day_start_equity_usdc gauge
# UNIT pf_day_start_equity_usdc usdc
pf_day_start_equity_usdc{agent_id="a-1"} 105.0
# HELP pf_drawdown_max_ratio Deepest fall of the index within the window.
# TYPE pf_drawdown_max_ratio gauge
# UNIT pf_drawdown_max_ratio ratio
pf_drawdown_max_ratio{agent_id="a-1",window="1h"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="24h"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="7d"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="30d"} 0.0
pf_drawdown_max_ratio{agent_id="a-1",window="all_time"} 0.0
# HELP pf_drawdown_ratio Fall of the index from its highest value in the window.
# TYPE pf_drawdown_ratio gauge
# UNIT pf_drawdown_ratio ratio
pf_drawdown_ratio{agent_id="a-1",window="1h"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="24h"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="7d"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="30d"} 0.0
pf_drawdown_ratio{agent_id="a-1",window="all_time"} 0.0
# HELP pf_equity_epochs Total losses so far.
# TYPE pf_equity_epochs counter
pf_equity_epochs_total{agent_id="a-1"} 0
# HELP pf_equity_index_ratio Value of one unit of the agent: equity with all flows taken out.
# TYPE pf_equity_index_ratio gauge
# UNIT pf_equity_index_ratio ratio
pf_equity_index_ratio{agent_id="a-1"} 1.0
# HELP pf_equity_state 1 for how well equity is known now.
# TYPE pf_equity_state gauge
pf_equity_state{agent_id="a-1",state="known"} 1
pf_equity_state{agent_id="a-1",state="partial"} 0
pf_equity_state{agent_id="a-1",state="unknown"} 0
# HELP pf_equity_usdc What the agent owns: cash, positions at their mark, and its own money in escrow.
# TYPE pf_equity_usdc gauge
# UNIT pf_equity_usdc usdc
pf_equity_usdc{agent_id="a-1"} 105.0
# HELP pf_escrow_amount_usdc Amount of an escrow when it entered the state.
# TYPE pf_escrow_amount_usdc histogram
# UNIT pf_escrow_amount_usdc usdc
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="1.0"} 0
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="5.0"} 0
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="10.0"} 0
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="25.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="50.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="100.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="250.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="500.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="1000.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="2500.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="5000.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="10000.0"} 1
pf_escrow_amount_usdc_bucket{agent_id="a-1",status="created",le="+Inf"} 1
pf_escrow_amount_usdc_count{agent_id="a-1",status="created"} 1
pf_escrow_amount_usdc_sum{agent_id="a-1",status="created"} 20.0
# HELP pf_escrow_at_risk_usdc The agent's own money in disputed escrows.
# TYPE pf_escrow_at_risk_usdc gauge
# UNIT pf_escrow_at_risk_usdc usdc
pf_escrow_at_risk_usdc{agent_id="a-1"} 0.0
# HELP pf_escrow_fees_usdc Commission the service charged on escrows.
# TYPE pf_escrow_fees_usdc counter
# UNIT pf_escrow_fees_usdc usdc
pf_escrow_fees_usdc_total{agent_id="a-1"} 0.0
# HELP pf_escrow_initiated Escrows the agent funded.
# TYPE pf_escrow_initiated counter
pf_escrow_initiated_total{agent_id="a-1"} 1.0
# HELP pf_escrow_initiated_usdc Money the agent put into escrow.
# TYPE pf_escrow_initiated_usdc counter
# UNIT pf_escrow_initiated_usdc usdc
pf_escrow_initiated_usdc_total{agent_id="a-1"} 20.0
# HELP pf_escrow_locked_usdc Money in open escrows.
# TYPE pf_escrow_locked_usdc gauge
# UNIT pf_escrow_locked_usdc usdc
pf_escrow_locked_usdc{agent_id="a-1",role="creator"} 20.0
pf_escrow_locked_usdc{agent_id="a-1",role="counterparty"} 0.0
# HELP pf_escrow_next_expiry_timestamp_seconds Unix time at which the soonest open escrow is refunded by itself.
# TYPE pf_escrow_next_expiry_timestamp_seconds gauge
# UNIT pf_escrow_next_expiry_timestamp_seconds seconds
pf_escrow_next_expiry_timestamp_seconds{agent_id="a-1"} 1700010000.0
# HELP pf_escrow_open Escrows that are funded or completed and not yet ended.
# TYPE pf_escrow_open gauge
pf_escrow_open{agent_id="a-1",role="creator"} 1
pf_escrow_open{agent_id="a-1",role="counterparty"} 0
# HELP pf_escrow_settled Escrows that ended or were disputed.
# TYPE pf_escrow_settled counter
pf_escrow_settled_total{agent_id="a-1",outcome="settled"} 0.0
pf_escrow_settled_total{agent_id="a-1",outcome="timeout"} 0.0
pf_escrow_settled_total{agent_id="a-1",outcome="disputed"} 0.0
pf_escrow_settled_total{agent_id="a-1",outcome="failed"} 0.0
# HELP pf_escrow_transitions States that escrows entered.
# TYPE pf_escrow_transitions counter
pf_escrow_transitions_total{agent_id="a-1",status="created"} 1.0
pf_escrow_transitions_total{agent_id="a-1",status="completed"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="released"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="refunded"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="disputed"} 0.0
pf_escrow_transitions_total{agent_id="a-1",status="failed"} 0.0
# HELP pf_facts_duplicate Facts that were known already and merged.
# TYPE pf_facts_duplicate counter
pf_facts_duplicate_total 0
# HELP pf_facts_late Facts older than the last closed grid point.
# TYPE pf_facts_late counter
pf_facts_late_total 0
# HELP pf_facts_refused Facts that were refused at the door.
# TYPE pf_facts_refused counter
pf_facts_refused_total{reason="bad_number"} 0
pf_facts_refused_total{reason="newer_version"} 0
# HELP pf_facts Facts that were taken in.
# TYPE pf_facts counter
pf_facts_total{kind="agent_declared"} 1
pf_facts_total{kind="balance_read"} 1
pf_facts_total{kind="escrow_created"} 1
pf_facts_total{kind="ledger_entry"} 4
pf_facts_total{kind="ledger_read"} 1
pf_facts_total{kind="source_read"} 2
pf_facts_total{kind="tick"} 1
# HELP pf_faucet_claims Faucet claims and how they ended.
# TYPE pf_faucet_claims counter
pf_faucet_claims_total{agent_id="a-1",status="success"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="rejected"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="error"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="timeout"} 0.0
pf_faucet_claims_total{agent_id="a-1",status="cancelled"} 0.0
# HELP pf_fleet_conservation_residual_usdc Money of the fleet that no booked fact explains, once what its agents pay each other is eliminated.
# TYPE pf_fleet_conservation_residual_usdc gauge
# UNIT pf_fleet_conservation_residual_usdc usdc
pf_fleet_conservation_residual_usdc 0.0
# HELP pf_key_accepted 1 while the service accepts the agent's key.
# TYPE pf_key_accepted gauge
pf_key_accepted{agent_id="a-1",pf_service="casino"} 1
pf_key_accepted{agent_id="a-1",pf_service="escrow"} 1
# HELP pf_market_pnl_usdc The same profit or loss by market; the market of a bet is its game.
# TYPE pf_market_pnl_usdc gauge
# UNIT pf_market_pnl_usdc usdc
pf_market_pnl_usdc{agent_id="a-1",market="other",pnl_type="realized"} 5.0
# HELP pf_order_repeats Most orders within one of the last few minutes that ask for the same thing.
# TYPE pf_order_repeats gauge
pf_order_repeats{agent_id="a-1"} 0.0
# HELP pf_orders_busiest_minute Orders and bets in the busiest minute of the last few.
# TYPE pf_orders_busiest_minute gauge
pf_orders_busiest_minute{agent_id="a-1"} 1.0
# HELP pf_pnl_since_timestamp_seconds Unix time from which on profit and loss are known.
# TYPE pf_pnl_since_timestamp_seconds gauge
# UNIT pf_pnl_since_timestamp_seconds seconds
pf_pnl_since_timestamp_seconds{agent_id="a-1",pf_service="casino"} 1700006400.0
pf_pnl_since_timestamp_seconds{agent_id="a-1",pf_service="escrow"} 1700006400.0
# HELP pf_pnl_window_usdc Change of total profit or loss within the window.
# TYPE pf_pnl_window_usdc gauge
# UNIT pf_pnl_window_usdc usdc
pf_pnl_window_usdc{agent_id="a-1",window="1h"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="24h"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="7d"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="30d"} 0.0
pf_pnl_window_usdc{agent_id="a-1",window="all_time"} 0.0
# HELP pf_reading_coverage_ratio Share of the hourly grid for which equity was known.
# TYPE pf_reading_coverage_ratio gauge
# UNIT pf_reading_coverage_ratio ratio
pf_reading_coverage_ratio{agent_id="a-1",window="1h"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="24h"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="7d"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="30d"} 1.0
pf_reading_coverage_ratio{agent_id="a-1",window="all_time"} 1.0
# HELP pf_referral_income_usdc Referral commissions received.
# TYPE pf_referral_income_usdc counter
# UNIT pf_referral_income_usdc usdc
pf_referral_income_usdc_total{agent_id="a-1",pf_service="casino",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="casino",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="casino",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="trading",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="trading",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="trading",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="wallet",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="wallet",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="wallet",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="escrow",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="escrow",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="escrow",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="faucet",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="faucet",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="faucet",referral_tier="3"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="domains",referral_tier="1"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="domains",referral_tier="2"} 0.0
pf_referral_income_usdc_total{agent_id="a-1",pf_service="domains",referral_tier="3"} 0.0
# HELP pf_report_differences Bets and fills of which the agent told other money than the platform.
# TYPE pf_report_differences counter
pf_report_differences_total{agent_id="a-1",report_field="stake"} 0.0
pf_report_differences_total{agent_id="a-1",report_field="payout"} 0.0
pf_report_differences_total{agent_id="a-1",report_field="realized_pnl_usd"} 0.0
pf_report_differences_total{agent_id="a-1",report_field="fee_usd"} 0.0
# HELP pf_returns_in_window Hourly returns on which the ratios of the window rest.
# TYPE pf_returns_in_window gauge
pf_returns_in_window{agent_id="a-1",window="1h"} 0
pf_returns_in_window{agent_id="a-1",window="24h"} 0
pf_returns_in_window{agent_id="a-1",window="7d"} 0
pf_returns_in_window{agent_id="a-1",window="30d"} 0
pf_returns_in_window{agent_id="a-1",window="all_time"} 0
# HELP pf_returns_rejected Returns that were refused.
# TYPE pf_returns_rejected counter
pf_returns_rejected_total{agent_id="a-1",reason="nan"} 0.0
pf_returns_rejected_total{agent_id="a-1",reason="inf"} 0.0
pf_returns_rejected_total{agent_id="a-1",reason="zero_equity"} 0.0
# HELP pf_source_last_success_timestamp_seconds Unix time of the last complete reading of the agent by the collector.
# TYPE pf_source_last_success_timestamp_seconds gauge
# UNIT pf_source_last_success_timestamp_seconds seconds
pf_source_last_success_timestamp_seconds{agent_id="a-1",collector="casino"} 1700006400.0
pf_source_last_success_timestamp_seconds{agent_id="a-1",collector="escrow"} 1700006400.0
# HELP pf_source_up 1 when the last reading of the agent by the collector succeeded.
# TYPE pf_source_up gauge
pf_source_up{agent_id="a-1",collector="casino"} 1
pf_source_up{agent_id="a-1",collector="escrow"} 1
# HELP pf_stake_escalations How many times in a row a stake was raised steeply after a loss, at most of lately.
# TYPE pf_stake_escalations gauge
pf_stake_escalations{agent_id="a-1"} 0.0
# HELP pf_trade_pnl_usdc Net trading and casino profit or loss: booked since it is known, and marked now.
# TYPE pf_trade_pnl_usdc gauge
# UNIT pf_trade_pnl_usdc usdc
pf_trade_pnl_usdc{agent_id="a-1",strategy="kelly",pnl_type="realized"} 5.0
# HELP pf_trade_profit_usdc Sum of winning results.
# TYPE pf_trade_profit_usdc counter
# UNIT pf_trade_profit_usdc usdc
pf_trade_profit_usdc_total{agent_id="a-1",strategy="kelly",asset="USD"} 5.0
# HELP pf_trades_in_window Wins and losses on which the win ratio of the window rests.
# TYPE pf_trades_in_window gauge
pf_trades_in_window{agent_id="a-1",window="1h"} 1
pf_trades_in_window{agent_id="a-1",window="24h"} 1
pf_trades_in_window{agent_id="a-1",window="7d"} 1
pf_trades_in_window{agent_id="a-1",window="30d"} 1
pf_trades_in_window{agent_id="a-1",window="all_time"} 1
# HELP pf_trades Closed trades: settled bets and positions that went from flat to flat.
# TYPE pf_trades counter
pf_trades_total{agent_id="a-1",strategy="kelly",outcome="win"} 1.0
# HELP pf_wallet_balance_native Balance in units of the currency; never to be added across currencies.
# TYPE pf_wallet_balance_native gauge
# UNIT pf_wallet_balance_native native
pf_wallet_balance_native{agent_id="a-1",currency="USDC",wallet_type="hot"} 85.0
# HELP pf_wallet_balance_usd Balance in USD.
# TYPE pf_wallet_balance_usd gauge
# UNIT pf_wallet_balance_usd usd
pf_wallet_balance_usd{agent_id="a-1",currency="USDC",wallet_type="hot"} 85.0
# HELP pf_wallet_deposits_usdc Money that came in from outside; never profit.
# TYPE pf_wallet_deposits_usdc counter
# UNIT pf_wallet_deposits_usdc usdc
pf_wallet_deposits_usdc_total{agent_id="a-1",source="deposit"} 100.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="faucet"} 0.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="bonus"} 0.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="payment"} 0.0
pf_wallet_deposits_usdc_total{agent_id="a-1",source="transfer"} 0.0
# HELP pf_wallet_spendable_usdc Money the agent can act with now.
# TYPE pf_wallet_spendable_usdc gauge
# UNIT pf_wallet_spendable_usdc usdc
pf_wallet_spendable_usdc{agent_id="a-1"} 85.0
# HELP pf_wallet_withdrawals_usdc Money that left to the outside; never loss.
# TYPE pf_wallet_withdrawals_usdc counter
# UNIT pf_wallet_withdrawals_usdc usdc
pf_wallet_withdrawals_usdc_total{agent_id="a-1",kind="withdrawal"} 0.0
pf_wallet_withdrawals_usdc_total{agent_id="a-1",kind="payment"} 0.0
pf_wallet_withdrawals_usdc_total{agent_id="a-1",kind="transfer"} 0.0
# EOF
"""
