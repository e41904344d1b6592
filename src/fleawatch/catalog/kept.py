"""Names of the public guides that the catalog kept, so that a reader of a guide finds every name it mentions."""

from __future__ import annotations

from typing import Final

from fleawatch.catalog.assembly import Kept

KEPT: Final[tuple[Kept, ...]] = (
    Kept(name="pf_trade_pnl_usdc", scheme="prometheus", labels=("agent_id", "strategy", "pnl_type")),
    Kept(name="pf_api_errors_total", scheme="prometheus", labels=("agent_id", "endpoint", "status_code")),
    Kept(name="pf_escrow_initiated_total", scheme="prometheus", labels=("agent_id",)),
    Kept(name="pf_escrow_settled_total", scheme="prometheus", labels=("agent_id", "outcome")),
    Kept(name="pf_escrow_open", scheme="prometheus", labels=("agent_id",)),
    Kept(name="pf_referral_income_usdc_total", scheme="prometheus", labels=("agent_id", "referral_tier")),
    Kept(name="pf_trades_total", scheme="grafana", labels=("agent_id", "outcome")),
    Kept(name="pf_api_request_duration_seconds", scheme="grafana", labels=("agent_id", "endpoint", "status")),
    Kept(name="pf_faucet_claims_total", scheme="grafana", labels=("agent_id", "status")),
)
