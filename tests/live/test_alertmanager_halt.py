"""A real Prometheus judges what the service exposes, a real Alertmanager tells the service, and an agent is halted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess

import pytest
from live_agents import Member, disobedient, until
from live_fleet import binary, free_port

from fleawatch.catalog.fleet import CATALOG
from fleawatch.render.halts import alertmanager_config, halt_files, halt_rules

pytestmark = pytest.mark.live

EVERY = "200ms"
MARGIN_S = 4.0
LIMIT = 0.04
"""The drawdown at which the rules of this test halt: twenty bets."""
BLIND = dict.fromkeys(
    (
        "drawdown_warning",
        "drawdown_critical",
        "drawdown_halt",
        "drawdown_stop",
        "drawdown_fast",
        "daily_loss_ratio",
        "daily_loss_usdc",
    )
)
"""Limits of which the service and the gates hear nothing: whatever halts here, halts by way of Prometheus."""


@pytest.mark.parametrize("path", sorted(halt_files(CATALOG)))
def test_the_rendered_files_pass_the_programs_own_checks(tmp_path, path):
    """Without a complaint."""
    file = tmp_path / "file.yml"
    file.write_text(halt_files(CATALOG)[path])
    command = ["amtool", "check-config"] if "alertmanager" in path else ["promtool", "check", "rules"]
    done = subprocess.run([binary(command[0]), *command[1:], file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.asynccontextmanager
async def prometheus_and_alertmanager(directory, url):
    """Both programs, configured by what is rendered: the service is scraped, and told what fires."""
    scraped, told = free_port(), free_port()
    (directory / "rules.yml").write_text(halt_rules(CATALOG, {"drawdown_halt": LIMIT}, interval_s=0.2))
    config = alertmanager_config(CATALOG, url=f"{url}/halt", credentials_file=str(directory / "alertmanager.token"))
    (directory / "alertmanager.yml").write_text(config)
    prometheus = {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(directory / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{told}"]}]}]},
        "scrape_configs": [{"job_name": "fleawatch", "static_configs": [{"targets": [url.removeprefix("http://")]}]}],
    }
    (directory / "prometheus.yml").write_text(json.dumps(prometheus))
    commands = (
        [
            binary("prometheus-alertmanager"), f"--config.file={directory / 'alertmanager.yml'}",
            f"--storage.path={directory / 'alertmanager'}", f"--web.listen-address=127.0.0.1:{told}",
            "--cluster.listen-address=", "--log.level=warn",
        ],
        [
            binary("prometheus"), f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'tsdb'}", f"--web.listen-address=127.0.0.1:{scraped}", "--log.level=error",
        ],
    )  # fmt: skip
    running = [subprocess.Popen(command) for command in commands]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            await asyncio.to_thread(process.wait, 15)


def test_a_rule_that_fires_halts_an_agent_and_the_halt_is_confirmed(tmp_path):
    """From a loss at the platform to a closed gate and the platform's own proof: not one order is in its journal after the halt."""
    for name in ("prometheus", "prometheus-alertmanager"):
        binary(name)

    async def run():
        loser = Member("loser", "obedient", stake=2.2)
        actuate = {"alerts": False, "margin_s": MARGIN_S}
        async with (
            disobedient(tmp_path, [loser], limits=BLIND, actuate=actuate) as world,
            prometheus_and_alertmanager(tmp_path, world.url),
        ):
            world.start(loser)
            await until(lambda: world.halt("loser"), 60, "no halt was ordered")
            await until(lambda: "confirmed" in world.halt("loser").steps, 30, "the halt was not confirmed")
            halted_at, told = world.halt("loser").ordered_at, len(loser.said)
            await until(lambda: len(loser.said) > told + 10)
            after = world.accepted("loser", halted_at + MARGIN_S)
            return (
                await world.facts("halt_ordered", "halt_acknowledged", "halt_confirmed"),
                after,
                loser,
                world.accepted("loser"),
            )

    facts, after, loser, before = asyncio.run(run())
    ordered, acknowledged, confirmed = facts
    assert (ordered.actor, ordered.source, ordered.note, ordered.mode) == (
        "alertmanager",
        "webhook",
        "PFDrawdownHalt",
        "halt",
    )
    assert ordered.halt_id == acknowledged.halt_id == confirmed.halt_id
    assert len(before) > 10
    assert after == []
    assert [(one["state"], one["reason"], one["sent"]) for one in loser.said[-10:]] == [
        ("halted", "ordered", False)
    ] * 10
