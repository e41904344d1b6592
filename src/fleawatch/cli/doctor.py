"""`fleawatch doctor`: try everything a service will need, and say what to do about what fails."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click

from fleawatch.cli.output import config_option, json_option, print_json, table
from fleawatch.clock import SystemClock
from fleawatch.errors import FleawatchError, SourceError
from fleawatch.events import HealthRead
from fleawatch.ports import Source
from fleawatch.service.build import keys_of, platform_of
from fleawatch.service.config import Config
from fleawatch.service.load import load
from fleawatch.sources.build import Platform, sources_for
from fleawatch.sources.poller import FOLLOWERS
from fleawatch.sources.routes import SERVICE_HEALTH
from fleawatch.store import FILE_NAME, open_store

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

    Reads only, and makes no store. Exits with 1 when something failed.
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
    findings = [_port(config), await asyncio.to_thread(_store, config.store.path)]
    platform = platform_of(config, SystemClock())
    try:
        limit = asyncio.Semaphore(_AT_ONCE)
        by_agent = {agent.agent_id: sources_for(agent, platform) for agent in keys_of(config)}
        findings += [_unread(agent_id) for agent_id, sources in by_agent.items() if not sources]
        sources = [source for found in by_agent.values() for source in found]
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
    if source.collector in FOLLOWERS:
        return Finding(
            what, ok=True, detail="is read once the casino's ledger names something; its key is the casino's"
        )
    try:
        facts = await source.read(None, SystemClock().now())
    except SourceError as error:
        return Finding(what, ok=False, detail=str(error), remedy=_REMEDIES[error.reason])
    if any(isinstance(fact, HealthRead) and not fact.up for fact in facts):
        return Finding(
            what,
            ok=False,
            detail="its own server answers that it is not well, or not as an agent",
            remedy="look at the agent's log, or mend its health_url",
        )
    return Finding(what, ok=True, detail=f"read {len(facts)} facts")


def _unread(agent_id: str) -> Finding:
    return Finding(
        f"agent {agent_id}",
        ok=False,
        detail="nothing reads it",
        remedy="give it keys of services that platform.layout reads, or a health_url",
    )


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


def _store(directory: Path) -> Finding:
    """Whether a service could keep its state there. Nothing is made; a store that is there is only read."""
    what = f"store {directory}"
    remedy = "make the directory writable for this user, or set store.path"
    database = directory / FILE_NAME
    if not database.exists():
        place = directory
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            return Finding(what, ok=False, detail=f"cannot be made: {place} is no writable directory", remedy=remedy)
        return Finding(what, ok=True, detail=f"is not there yet; {place} is writable, the service will make it")
    try:
        store = open_store(str(directory), mode="reader")
        try:
            agents = len(store.agents())
        finally:
            store.close()
    except FleawatchError as error:
        return Finding(what, ok=False, detail=str(error), remedy=remedy)
    if _in_use(database):
        return Finding(what, ok=True, detail=f"in use by a running service, {agents} agents recorded")
    if not (os.access(directory, os.W_OK | os.X_OK) and os.access(database, os.W_OK)):
        return Finding(what, ok=False, detail="can be read, but not written", remedy=remedy)
    return Finding(what, ok=True, detail=f"can be read and is writable, {agents} agents recorded")


def _in_use(database: Path) -> bool:
    """Whether a service holds the store's lock. Tried with a shared lock for an instant, on the file that is there."""
    try:
        descriptor = os.open(database.with_name(database.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
