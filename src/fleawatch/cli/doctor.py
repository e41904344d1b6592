"""`fleawatch doctor`: try everything a service will need, and say what to do about what fails."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click

from fleawatch.cli.output import config_option, json_option, print_json, table
from fleawatch.clock import SystemClock
from fleawatch.errors import FleawatchError, SourceError
from fleawatch.ports import Source
from fleawatch.service.build import keys_of, platform_of
from fleawatch.service.config import Config
from fleawatch.service.load import load
from fleawatch.sources.build import Platform, sources_for
from fleawatch.sources.routes import SERVICE_HEALTH
from fleawatch.store import open_store

MOST_SKEW_S: Final = 5.0
_AT_ONCE: Final = 16

_REMEDIES: Final = {
    "unauthorized": "the key is refused: put the agent's present key into its file",
    "timeout": "check the network, or raise collect.timeout_s",
    "network": "check platform.bases and the network",
    "rate_limited": "another reader uses up the limit of this address; try again in a minute",
    "http_5xx": "the service is failing; nothing to do here but to wait",
    "http_4xx": "check platform.bases and platform.layout",
    "invalid_body": "what answers is not the platform; check platform.bases",
    "schema": "the platform's answers have another shape than this release knows",
    "upstream": "the service cannot reach its own upstream; its numbers stay unknown until it can",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    what: str
    ok: bool
    detail: str
    remedy: str = ""


@click.command()
@config_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, config_path: Path, *, as_json: bool) -> None:
    """Try each service, each key, the clock, the store and the port, and say what to do.

    Reads only. Exits with 1 when something failed.
    """
    findings = asyncio.run(examine(load(config_path)))
    failed = [finding for finding in findings if not finding.ok]
    if as_json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        click.echo(
            table(
                ("", "what", "found", "remedy"),
                [["ok" if f.ok else "FAILED", f.what, f.detail, f.remedy] for f in findings],
            )
        )
        click.echo(f"{len(findings)} things tried, {len(failed)} failed")
    ctx.exit(1 if failed else 0)


async def examine(config: Config) -> list[Finding]:
    """Try everything once; findings in a stable order."""
    findings = [_port(config), *(await asyncio.to_thread(_store, config))]
    platform = platform_of(config, SystemClock())
    try:
        limit = asyncio.Semaphore(_AT_ONCE)
        sources = [source for agent in keys_of(config) for source in sources_for(agent, platform)]
        findings += await asyncio.gather(
            *(_limited(limit, _service, platform, service) for service in _services_used(platform, sources)),
            *(_limited(limit, _source, source) for source in sources),
        )
    finally:
        await platform.session.close()
    return findings


async def _limited(limit: asyncio.Semaphore, work: Callable[..., Awaitable[Finding]], *arguments: Any) -> Finding:
    async with limit:
        return await work(*arguments)


def _services_used(platform: Platform, sources: list[Source]) -> list[str]:
    used = {"casino" if source.collector == "bets" else source.collector for source in sources}
    return [service for service in platform.bases if service in used and service in SERVICE_HEALTH]


async def _service(platform: Platform, service: str) -> Finding:
    client = platform.client(service, None)
    try:
        answer, _ = await client.get(SERVICE_HEALTH[service], dict[str, Any])
    except SourceError as error:
        return Finding(f"service {service}", ok=False, detail=str(error), remedy=_REMEDIES[error.reason])
    if answer.get("database") == "error":
        return Finding(
            f"service {service}", ok=False, detail="answers, but its database does not", remedy=_REMEDIES["http_5xx"]
        )
    skew = client.clock_offset
    if skew is not None and abs(skew) > MOST_SKEW_S:
        return Finding(
            f"service {service}",
            ok=False,
            detail=f"its clock is {skew:+.0f} s from ours",
            remedy="synchronise this machine's clock (NTP)",
        )
    return Finding(
        f"service {service}", ok=True, detail="answers" if skew is None else f"answers, clock {skew:+.1f} s from ours"
    )


async def _source(source: Source) -> Finding:
    what = f"agent {source.agent_id}: {source.collector}"
    try:
        facts = await source.read(None, SystemClock().now())
    except SourceError as error:
        return Finding(what, ok=False, detail=str(error), remedy=_REMEDIES[error.reason])
    return Finding(what, ok=True, detail=f"read {len(facts)} facts")


def _port(config: Config) -> Finding:
    listen = config.listen
    what = f"port {listen.address}:{listen.port}"
    with socket.socket(socket.AF_INET6 if ":" in listen.address else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((listen.address, listen.port))
        except OSError as error:
            return Finding(
                what, ok=False, detail=str(error.strerror), remedy="stop what listens there, or set another listen.port"
            )
    return Finding(what, ok=True, detail="is free")


def _store(config: Config) -> list[Finding]:
    what = f"store {config.store.path}"
    try:
        store = open_store(str(config.store.path))
        agents = len(store.agents())
        store.close()
    except FleawatchError as error:
        return [
            Finding(
                what, ok=False, detail=str(error), remedy="make the directory writable for this user, or set store.path"
            )
        ]
    return [Finding(what, ok=True, detail=f"opens and is writable, {agents} agents recorded")]
