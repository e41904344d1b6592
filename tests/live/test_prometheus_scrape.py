"""A real Prometheus scrapes the service, and PromQL over what it stored gives the platform's own books."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.parse
import urllib.request
from decimal import Decimal

import pytest
from live_fleet import binary, free_port, settled, watched_fleet

SCRAPE_S = 1


def query(base, expression):
    """The single value of an instant query, or None without one."""
    url = f"{base}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


async def awaited(base, expression, expected):
    """Ask until the value is `expected` to half a cent, for as long as a few scrapes take; the last answer."""
    seen = None
    for _ in range(40):
        try:
            seen = await asyncio.to_thread(query, base, expression)
        except OSError:
            seen = None
        if seen is not None and abs(seen - expected) < 0.005:
            return seen
        await asyncio.sleep(0.25)
    return seen


@pytest.mark.live
def test_promql_sums_equal_the_books(tmp_path):
    """Sums over what Prometheus scraped equal the sandbox's journal: money to the cent, counts exactly."""
    program = binary("prometheus")

    async def run():
        async with watched_fleet(tmp_path, agents=12, seconds=12.0) as (service, base, simulator, books):
            port = free_port()
            config = {
                "global": {"scrape_interval": f"{SCRAPE_S}s", "scrape_timeout": f"{SCRAPE_S}s"},
                "scrape_configs": [
                    {"job_name": "fleawatch", "static_configs": [{"targets": [base.removeprefix("http://")]}]}
                ],
            }
            (tmp_path / "prometheus.yml").write_text(json.dumps(config))
            prometheus = subprocess.Popen(
                [
                    program, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
                ]
            )  # fmt: skip
            try:
                truth = await settled(service, simulator, books)
                server = f"http://127.0.0.1:{port}"
                return [
                    (expression, float(expected), await awaited(server, expression, float(expected)))
                    for expression, expected in expectations(truth).items()
                ]
            finally:
                prometheus.terminate()
                await asyncio.to_thread(prometheus.wait, 15)

    for expression, expected, seen in asyncio.run(run()):
        assert seen is not None, f"{expression} had no value, the books say {expected}"
        assert abs(seen - expected) < 0.005, f"{expression} was {seen}, the books say {expected}"


def expectations(truth):
    """PromQL expressions and what the books say they must be."""
    agents = truth.values()

    def total(kind):
        return sum((Decimal(agent[kind]) for agent in agents if agent[kind] is not None), Decimal(0))

    def nested(kind, key=None):
        return sum(
            (Decimal(value) for agent in agents for name, value in agent[kind].items() if key in (None, name)),
            Decimal(0),
        )

    return {
        "sum(pf_wallet_spendable_usdc)": total("balance"),
        "sum(pf_equity_usdc)": total("equity"),
        'sum(pf_trades_total{outcome="win"})': total("wins"),
        'sum(pf_trades_total{outcome="loss"})': total("losses"),
        'sum(pf_trades_total{outcome="push"})': total("pushes"),
        "sum(pf_casino_wagered_usdc_total)": total("wagered"),
        "sum(pf_casino_paid_usdc_total)": total("paid"),
        "sum(pf_casino_paid_usdc_total) - sum(pf_casino_wagered_usdc_total)": nested("net_pnl_by_game"),
        'sum(pf_escrow_open{role="creator"})': total("open_escrows"),
        'sum(pf_escrow_locked_usdc{role="creator"})': total("open_escrow_amount"),
        'sum(pf_escrow_settled_total{outcome="settled"})': nested("escrows_by_outcome", "settled"),
        'sum(pf_escrow_settled_total{outcome="timeout"})': nested("escrows_by_outcome", "timeout"),
        'sum(pf_escrow_settled_total{outcome="disputed"})': nested("escrows_by_outcome", "disputed"),
        "sum(pf_referral_income_usdc_total)": total("referral_income"),
        "sum(pf_faucet_claims_total)": total("faucet_claims"),
        "sum(abs(pf_conservation_residual_usdc))": Decimal(0),
        "pf_fleet_conservation_residual_usdc": Decimal(0),
        "count(pf_agent_info)": Decimal(len(truth)),
    }
