"""A program that ends: it closes what is open, pushes its metrics to a Pushgateway, and takes them away when it is done.

    AGENT_ID=momentum-01 PF_PUSHGATEWAY=http://127.0.0.1:9091 TRADING_URL=... TRADING_KEY_FILE=... python rebalance.py

With `PF_PUSHGATEWAY_KEEP=1` the metrics stay until the next run, for programs that are shorter than a scrape's interval.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import requests

from fleawatch import Telemetry


def main(environ: Mapping[str, str] = os.environ) -> None:
    """Close every position once."""
    headers = {"Authorization": f"Bearer {Path(environ['TRADING_KEY_FILE']).read_text().strip()}"}
    base, result = environ["TRADING_URL"], 0.0
    with Telemetry(environ["AGENT_ID"], strategy="rebalance", service_name="rebalance", environ=environ) as telemetry:
        with telemetry.cycle() as cycle, requests.Session() as session:
            client = telemetry.client(session)
            answer = client.get(f"{base}/v1/trade/positions", headers=headers, timeout=10)
            answer.raise_for_status()
            held = [one for one in answer.json()["positions"] if one.get("position_id")]
            for one in held:
                market = f"{one['coin']}-USD"
                side = "sell" if one["side"] == "long" else "buy"
                with telemetry.order(
                    market=market, side=side, notional_usd=one["size_usd"], endpoint="trade/close", opens=False
                ) as order:
                    # Not sent again without an answer: it may have been done. The next run sees what is left.
                    answer = client.post(
                        f"{base}/v1/trade/close", json={"position_id": one["position_id"]}, headers=headers, timeout=10
                    )
                    closed = answer.json()
                    if not answer.ok:
                        order.rejected(closed["error"])
                        continue
                    order.filled(
                        one["position_id"],
                        price=closed["exit_price"],
                        fee_usd=closed["fee"],
                        realized_pnl_usd=closed["pnl"],
                    )
                    result += closed["pnl"]
            if not held:
                cycle.ended("no_action")
        telemetry.flush()
    print(json.dumps({"closed": len(held), "pnl_usd": round(result, 6)}))


if __name__ == "__main__":
    main()
