"""Derived series that rules and boards read, named level:metric:operations.

`copies` are the names of the public guide; they are emitted only when asked for, scaled as that guide has them.
"""

from __future__ import annotations

from typing import Final

from fleawatch.catalog import limits
from fleawatch.catalog.api import error_share
from fleawatch.catalog.escrow import OPEN
from fleawatch.catalog.orders import ORDER_LATENCY, P99_AGENT, P99_FLEET
from fleawatch.catalog.performance import DRAWDOWN
from fleawatch.catalog.play import ROUNDS
from fleawatch.catalog.query import Count, Number, Quantile
from fleawatch.catalog.spec import Recording
from fleawatch.catalog.trading import LOSS, PNL, PROFIT
from fleawatch.catalog.wallet import REFERRAL
from fleawatch.units import DAY, HOUR, MINUTE

_BURN_WINDOWS: Final = {
    "30m": 30 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "6h": 6 * HOUR, "1d": DAY, "3d": 3 * DAY,
}  # fmt: skip

RECORDINGS: Final[tuple[Recording, ...]] = (
    Recording(
        name="strategy:pf_trade_pnl_usdc:sum",
        expression=PNL.where(pnl_type="realized").sum("strategy"),
        help="Booked profit or loss of the fleet by strategy.",
        copies=(("pf:fleet_pnl_usdc:sum_by_strategy", 1.0),),
    ),
    Recording(
        name="fleet:pf_order_latency_seconds:p95_5m",
        expression=Quantile(0.95, ORDER_LATENCY.where(), 5 * MINUTE),
        help="95th percentile of order latency over the fleet.",
        copies=(("pf:order_latency_p95:fleet", 1_000.0),),
    ),
    Recording(
        name="fleet:pf_order_latency_seconds:p99_5m",
        expression=P99_FLEET,
        help="99th percentile of order latency over the fleet.",
        copies=(("pf:order_latency_p99:fleet", 1_000.0),),
    ),
    Recording(
        name="agent_id:pf_order_latency_seconds:p99_5m",
        expression=P99_AGENT,
        help="99th percentile of order latency by agent.",
    ),
    Recording(
        name="fleet:pf_escrow_open:sum",
        expression=OPEN.where().sum().filled(Number(0.0)),
        help="Open escrows of the fleet; 0 when none.",
        copies=(("pf:escrow_open:fleet_total", 1.0),),
    ),
    Recording(
        name="fleet:pf_agents_at_risk:count",
        expression=Count(DRAWDOWN.where(window="all_time").max("agent_id") > limits.AGENTS_AT_RISK),
        help="Agents whose drawdown is above `agents_at_risk`; 0 when none.",
        copies=(("pf:agents_at_risk:count", 1.0),),
    ),
    Recording(
        name="game_type:pf_casino_rounds:win_ratio1h",
        expression=ROUNDS.where(outcome="win")
        .increase(HOUR)
        .sum("game_type")
        .over(ROUNDS.where(outcome=("loss", "win")).increase(HOUR).sum("game_type")),
        help="Wins as a share of the fleet's decided bets of an hour, by game; a ratio of sums, not a mean of ratios.",
        copies=(("pf:casino_win_rate:avg_by_game", 1.0),),
    ),
    Recording(
        name="agent_id:pf_api_requests:error_ratio5m",
        expression=error_share(5 * MINUTE, "agent_id"),
        help="Share of an agent's calls that failed.",
        copies=(("pf:api_error_rate:5m", 1.0),),
    ),
    Recording(
        name="fleet:pf_api_requests:error_ratio5m",
        expression=error_share(5 * MINUTE),
        help="Share of the fleet's calls that failed.",
    ),
    *(
        Recording(
            name=f"agent_id:pf_api_requests:error_ratio{window}",
            expression=error_share(seconds, "agent_id"),
            help=f"Share of an agent's calls that failed within {window}.",
        )
        for window, seconds in _BURN_WINDOWS.items()
    ),
    Recording(
        name="fleet:pf_referral_income_usdc:rate1h_per_hour",
        expression=REFERRAL.where().rate(HOUR).sum() * HOUR,
        help="Referral income of the fleet per hour.",
        copies=(("pf:referral_income_usdc_per_hour:fleet", 1.0),),
    ),
    Recording(
        name="agent_id:pf_trade_pnl_usdc:delta1h",
        expression=PROFIT.where().increase(HOUR).sum("agent_id").filled(LOSS.where().sum("agent_id"))
        - LOSS.where().increase(HOUR).sum("agent_id").filled(PROFIT.where().sum("agent_id")),
        help="Booked profit less loss of an agent within an hour.",
        copies=(("pf:agent_pnl_1h_increase:by_agent", 1.0),),
    ),
)
