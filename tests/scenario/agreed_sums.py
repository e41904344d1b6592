"""Sums over what Prometheus would scrape, and what the sandbox's journal says that they are."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from prometheus_client.parser import text_string_to_metric_families


def series_of(page):
    """Every sample of a page: its name and sorted labels, and its value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page) for sample in family.samples
    }  # fmt: skip


def summed(pages, names, where=()):
    """`sum(name{where})` over pages, names added up."""
    return sum(
        value
        for page in pages for (name, labels), value in page.items()
        if name in names.split("+") and set(where) <= set(labels)
    )  # fmt: skip


def expectations(truth, told):
    """Expressions, as arguments of `summed`, and their values.

    Args:
        truth: the books.
        told: what agents told; None where nobody but the agents is asked, who know less.
    """
    agents = list(truth.values())

    def total(kind):
        return float(sum((Decimal(agent[kind]) for agent in agents), Decimal(0)))

    def nested(kind, key=None):
        return float(sum((Decimal(v) for a in agents for k, v in a[kind].items() if key in (None, k)), Decimal(0)))

    realized = ("pnl_type", "realized")
    found = {
        ("pf_casino_wagered_usdc_total",): total("wagered"),
        ("pf_casino_paid_usdc_total",): total("paid"),
        ("pf_casino_rounds_total",): total("bets"),
        ("pf_trades_total",): total("bets") + total("trades"),
        **{("pf_trades_total", (("outcome", name),)): total(kind) for name, kind in OUTCOMES.items()},
        ("pf_trade_fees_usdc_total+pf_escrow_fees_usdc_total",): total("fees"),
        ("pf_trade_pnl_usdc", (realized,)): nested("net_pnl_by_game") + nested("net_pnl_by_market"),
        **{
            ("pf_escrow_settled_total", (("outcome", name),)): nested("escrows_by_outcome", name)
            for name in ("settled", "timeout", "failed")
        },
        ("pf_escrow_initiated_total",): nested("escrows_by_outcome") + total("open_escrows"),
        ("pf_escrow_hold_duration_seconds_count",): nested("escrows_by_outcome") - nested("escrows_by_outcome", "disputed"),
    }  # fmt: skip
    if told is None:
        return found
    orders = Counter(line["status"] for line in told if line["kind"] == "order_placed")
    claims = Counter(line["status"] for line in told if line["kind"] == "faucet_claimed")
    return found | {
        ("pf_equity_usdc",): total("equity"),
        ("pf_wallet_spendable_usdc",): total("balance"),
        ("pf_referral_income_usdc_total",): total("referral_income"),
        ("pf_faucet_claims_total", (("status", "success"),)): total("faucet_claims"),
        ("pf_faucet_claims_total", (("status", "rejected"),)): claims["rejected"],
        ("pf_escrow_settled_total", (("outcome", "disputed"),)): nested("escrows_by_outcome", "disputed"),
        ("pf_escrow_open", (("role", "creator"),)): total("open_escrows"),
        ("pf_escrow_locked_usdc", (("role", "creator"),)): total("open_escrow_amount"),
        ("pf_trade_volume_usdc_total",): notional(told),
        **{("pf_orders_total", (("status", status),)): count for status, count in orders.items()},
        ("pf_order_latency_seconds_count",): sum(orders.values()),
        ("pf_conservation_residual_usdc",): 0.0,
        ("pf_fleet_conservation_residual_usdc",): 0.0,
    }


OUTCOMES = {"win": "wins", "loss": "losses", "push": "pushes"}


def notional(told):
    """USD filled, opening and closing, by what agents told."""
    return sum(float(line["notional_usd"]) for line in told if line["kind"] == "order_filled")
