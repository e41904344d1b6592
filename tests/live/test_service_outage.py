"""One service of the platform goes away: its numbers grow old, none becomes 0, and the others go on."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import pytest
from live_fleet import settled, watched_fleet
from prometheus_client.parser import text_string_to_metric_families

OUTAGES = [
    ("casino", "error"),
    ("trading", "drop"),
    ("escrow", "hang"),
    ("wallet", "false_zero"),
    ("domains", "garbage"),
]


def fetch(url, body=None, token=None):
    request = urllib.request.Request(
        url, data=None if body is None else json.dumps(body).encode(), method="GET" if body is None else "POST"
    )
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def scrape(base):
    """Every sample of /metrics by name and labels, and the type of its family."""
    families = text_string_to_metric_families(fetch(f"{base}/metrics").decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): (family.type, sample.value)
        for family in families
        for sample in family.samples
    }


def fell_to_zero(before, after):
    """Samples that were something and are 0 now, apart from those whose 0 is the message."""
    told = {"pf_source_up", "pf_agent_up", "pf_health_check_ok", "pf_key_accepted", "pf_equity_state"}
    return [
        key
        for key, (_, value) in after.items()
        if value == 0 and key[0] not in told and before.get(key, (None, 0))[1] != 0 and not legitimate(key[0])
    ]


def legitimate(name):
    """Numbers that may become 0 by what agents do while they are watched: nothing open, no drawdown, no result."""
    return name.startswith(
        (
            "pf_open_positions",
            "pf_escrow_open",
            "pf_escrow_locked",
            "pf_drawdown",
            "pf_pnl_window",
            "pf_daily_loss",
            "pf_trade_pnl",
            "pf_market_pnl",
            "pf_stake",
            "process_",
            "pf_collector_duration",
        )
    )


@pytest.mark.live
@pytest.mark.parametrize(("service", "kind"), OUTAGES, ids=lambda value: value)
def test_an_outage_makes_numbers_old_and_none_of_them_zero(tmp_path, service, kind):
    """While a service fails its source is down, no sample falls to 0, no counter goes back, and other sources go on."""

    async def run():
        async with watched_fleet(tmp_path, agents=20, speed=20.0, seconds=18.0) as (watch, base, simulator, books):
            control = simulator.ready["control"]
            await asyncio.sleep(4)
            before = await asyncio.to_thread(scrape, base)
            fault = {"service": service, "kind": kind, "seconds": 200.0}
            await asyncio.to_thread(fetch, f"{control['base']}/faults", fault, control["token"])
            seen = []
            for _ in range(6):
                await asyncio.sleep(1)
                seen.append(await asyncio.to_thread(scrape, base))
            await asyncio.to_thread(fetch, f"{control['base']}/faults/clear", {}, control["token"])
            truth = await settled(watch, simulator, books)
            return before, seen, truth

    before, seen, truth = asyncio.run(run())
    assert truth
    down = {
        key
        for key, (_, value) in seen[-1].items()
        if key[0] == "pf_source_up" and ("collector", service) in key[1] and value == 0
    }
    assert down, f"no source of {service} was seen failing"
    for earlier, later in zip([before, *seen], seen, strict=False):
        assert fell_to_zero(earlier, later) == []
        back = [
            key
            for key, (kind_, value) in later.items()
            if kind_ == "counter" and value < earlier.get(key, (None, 0))[1]
        ]
        assert back == []
    other = "trading" if service != "trading" else "casino"
    success = ("pf_collector_last_success_timestamp_seconds", (("collector", other),))
    assert seen[-1][success][1] > before[success][1]
    alive = [
        key
        for key, (_, value) in seen[-1].items()
        if key[0] == "pf_source_up" and ("collector", other) in key[1] and value == 1
    ]
    assert alive
