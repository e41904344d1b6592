"""Money an agent has, gets and sends: equity, balances, flows, faucet, referrals, and what cannot be explained."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import BY_HAND, alert, alias, by_monitor, clears_at, counter, gauge
from fleawatch.catalog.labels import (
    AGENT_ID,
    CURRENCY,
    EQUITY_STATE,
    INFLOW,
    OUTFLOW,
    REFERRAL_TIER,
    REPORT_FIELD,
    SERVICE,
    STATUS_FAUCET,
    WALLET_TYPE,
)
from fleawatch.catalog.query import event
from fleawatch.catalog.spec import Transform
from fleawatch.units import HOUR, MINUTE

_BOOKS = by_monitor("ledgers and balances read from the platform")

EQUITY = gauge(
    "pf_equity_usdc",
    "usdc",
    (AGENT_ID,),
    "What the agent owns: cash, positions at their mark, and its own money in escrow.",
    _BOOKS,
    aliases=(alias("purpleflea_balance_usd", ("agent_id",), "monitoring"),),
    doc="Absent while unknown; held at the last value of an unknown part while partial, see `pf_equity_state`.",
)
EQUITY_STATE_NOW = gauge(
    "pf_equity_state",
    "1",
    (AGENT_ID, EQUITY_STATE),
    "1 for how well equity is known now.",
    _BOOKS,
    doc="`partial`: at least one part is held at its last value. A part that nobody can report by design does not count.",
)
DEPOSITS = counter(
    "pf_wallet_deposits_usdc_total",
    "usdc",
    (AGENT_ID, INFLOW),
    "Money that came in from outside; never profit.",
    _BOOKS,
)
WITHDRAWALS = counter(
    "pf_wallet_withdrawals_usdc_total",
    "usdc",
    (AGENT_ID, OUTFLOW),
    "Money that left to the outside; never loss.",
    _BOOKS,
)
RESIDUAL = gauge(
    "pf_conservation_residual_usdc",
    "usdc",
    (AGENT_ID, SERVICE, CURRENCY),
    "Change of the balance that no booked fact explains.",
    _BOOKS,
    doc="Zero on clean books. Positive: money appeared. Absent while a part is unknown.",
)
FLEET_RESIDUAL = gauge(
    "pf_fleet_conservation_residual_usdc",
    "usdc",
    (),
    "Money of the fleet that no booked fact explains, once what its agents pay each other is eliminated.",
    _BOOKS,
    doc="Zero on clean books: of internal payments and escrows only the platform's fee stays. The agents' own residuals as one, and "
    "what the two sides of a payment or escrow inside the fleet do not agree on. Absent while a part is unknown.",
)
DIFFERENCES = counter(
    "pf_report_differences_total",
    "1",
    (AGENT_ID, REPORT_FIELD),
    "Bets and fills of which the agent told other money than the platform.",
    _BOOKS,
    doc="The platform's word is what counts everywhere; each fact is counted once, under the first number that differs.",
)
NATIVE = gauge(
    "pf_wallet_balance_native",
    "native",
    (AGENT_ID, CURRENCY, WALLET_TYPE),
    "Balance in units of the currency; never to be added across currencies.",
    _BOOKS,
    aliases=(alias("pf_wallet_balance", ("agent_id", "currency", "wallet_type"), "prometheus"),),
)
USD = gauge(
    "pf_wallet_balance_usd",
    "usd",
    (AGENT_ID, CURRENCY, WALLET_TYPE),
    "Balance in USD.",
    _BOOKS,
    aliases=(alias("pf_wallet_balance_usdc", ("agent_id", "currency"), "grafana", how=Transform(aggregate="sum")),),
    doc="A failed reading is absent, never zero.",
)
SPENDABLE = gauge(
    "pf_wallet_spendable_usdc",
    "usdc",
    (AGENT_ID,),
    "Money the agent can act with now.",
    _BOOKS,
    doc="Hot and trading balances; money in escrow or in flight is not spendable.",
)
FAUCET = counter("pf_faucet_claims_total", "1", (AGENT_ID, STATUS_FAUCET), "Faucet claims and how they ended.", _BOOKS)
REFERRAL = counter(
    "pf_referral_income_usdc_total",
    "usdc",
    (AGENT_ID, SERVICE, REFERRAL_TIER),
    "Referral commissions received.",
    _BOOKS,
    aliases=(
        alias("pf_referral_fees_usdc_total", ("agent_id",), "grafana", kind="counter", how=Transform(aggregate="sum")),
    ),
)
REFERRED = gauge("pf_referred_agents", "1", (AGENT_ID, REFERRAL_TIER), "Agents that the agent referred.", _BOOKS)

METRICS = (
    EQUITY, EQUITY_STATE_NOW, DEPOSITS, WITHDRAWALS, RESIDUAL, FLEET_RESIDUAL, NATIVE, USD, SPENDABLE, FAUCET, REFERRAL,
    REFERRED, DIFFERENCES,
)  # fmt: skip

OUTFLOW_1H = WITHDRAWALS.where(kind=("payment", "withdrawal")).increase(HOUR).sum("agent_id")

ALERTS = (
    alert(
        "PFWalletBalanceLow",
        "warning",
        SPENDABLE.where() < limits.BALANCE_LOW,
        family="balance",
        hold_s=2 * MINUTE,
        clear=clears_at((limits.BALANCE_LOW, limits.BALANCE_LOW_CLEAR)),
        summary="{agent_id} has {value:money} left to act with",
        description="The spendable balance of {agent_id} is below {limit:balance_low}. Money in escrow or in open positions is not "
        "counted, because it cannot be spent.",
    ),
    alert(
        "PFWalletBalanceCritical",
        "critical",
        SPENDABLE.where() < limits.BALANCE_CRITICAL,
        family="balance",
        hold_s=MINUTE,
        clear=clears_at((limits.BALANCE_CRITICAL, limits.BALANCE_CRITICAL_CLEAR)),
        summary="{agent_id} is nearly out of money: {value:money}",
        description="The spendable balance of {agent_id} is below {limit:balance_critical}. Find out where it went before topping "
        "it up: losses, locked escrows and withdrawals look alike here.",
    ),
    alert(
        "PFWalletBalanceExhausted",
        "critical",
        SPENDABLE.where() < limits.BALANCE_EXHAUSTED,
        family="balance",
        samples=2,
        clear=clears_at((limits.BALANCE_EXHAUSTED, limits.BALANCE_EXHAUSTED_CLEAR)),
        summary="{agent_id} cannot act any more: {value:money}",
        description="Two readings in a row put the spendable balance of {agent_id} below {limit:balance_exhausted}, less than it "
        "needs for its smallest action.",
    ),
    alert(
        "PFRiskUnknown",
        "critical",
        EQUITY_STATE_NOW.where(state=("partial", "unknown")).max("agent_id").equals(1),
        family="risk",
        hold_s=5 * MINUTE,
        action="reduce",
        summary="The equity of {agent_id} is not known",
        description="For five minutes at least one part of what {agent_id} owns could not be read, so no limit on its losses can be "
        "trusted. Its gate is told to allow closing only; that ends with a resume.",
    ),
    alert(
        "PFUnexplainedMoney",
        "critical",
        abs(RESIDUAL.where()) > limits.RESIDUAL,
        family="money",
        hold_s=2 * MINUTE,
        summary="{value:money} of {agent_id} at {pf_service} in {currency} cannot be explained",
        description="The balance of {agent_id} at {pf_service} changed by an amount that no bet, trade, fee, flow or lock accounts "
        "for: a missed or doubled fact, or somebody else using its key.",
    ),
    alert(
        "PFFleetUnexplainedMoney",
        "critical",
        # Money that one agent's books cannot explain is missing in the fleet's too, and told of there.
        (abs(FLEET_RESIDUAL.where()) > limits.RESIDUAL).unless(abs(RESIDUAL.where()).max() > limits.RESIDUAL),
        family="money",
        scope="fleet",
        hold_s=2 * MINUTE,
        summary="{value:money} between agents of the fleet cannot be explained",
        description="The two sides of a payment or escrow inside the fleet do not agree: what one agent sent, no other got, or got twice. "
        "Each agent's own books add up.",
    ),
    alert(
        "PFReportDiffers",
        "warning",
        event("report_differs"),
        family="money",
        keep_firing_s=30 * MINUTE,
        summary="{agent_id} tells another {report_field} than the platform, by {value:money}",
        description="{agent_id} reported a bet or a fill with another stake, payout, fee or result than the platform shows. The "
        "platform's word counts, so no number is wrong; but whatever the agent decides by its own is.",
    ),
    alert(
        "PFOutflowHigh",
        "critical",
        (OUTFLOW_1H.over(EQUITY.where() + OUTFLOW_1H.filled(EQUITY.where())) > limits.OUTFLOW_SHARE)
        | event("unlisted_recipient"),
        family="money",
        clear=BY_HAND,
        action="freeze_payments",
        summary="{agent_id} sends money away: {value:percent} of its equity within an hour",
        description="Withdrawals and payments of {agent_id} within an hour exceed {limit:outflow_share} of what it owned before, or "
        "went to a recipient that is not on its list. Its gate is told to let no money out; that ends with a resume.",
    ),
    alert(
        "PFWalletTopUp",
        "info",
        event("wallet_top_up"),
        family="flows",
        kind="annotation",
        summary="{agent_id} received {value:money} from outside",
        description="A deposit, bonus, faucet claim or payment arrived at {agent_id}. It is a flow and moves no ratio.",
    ),
    alert(
        "PFReferralIncome",
        "info",
        event("referral_income"),
        family="flows",
        kind="annotation",
        summary="{agent_id} earned {value:money} by referral",
        description="A commission from an agent that {agent_id} referred was booked.",
    ),
)
