"""`fleawatch doctor`: try everything a service will need, and say what to do about what fails."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from fleawatch.cli.output import config_option, json_option, print_json, table
from fleawatch.clock import SystemClock
from fleawatch.errors import BadConfig, FleawatchError, SourceError
from fleawatch.events import HealthRead
from fleawatch.ports import Source
from fleawatch.service.build import keys_of, platform_of
from fleawatch.service.channels import channel_of
from fleawatch.service.config import Config
from fleawatch.service.load import load
from fleawatch.sources.build import Platform, sources_for
from fleawatch.sources.poller import FOLLOWERS
from fleawatch.sources.routes import SERVICE_HEALTH
from fleawatch.store import FILE_NAME, open_store

MOST_SKEW_S: Final = 5.0
_AT_ONCE: Final = 16
_ANSWER_S: Final = 5.0
_ANSWER_BYTES: Final = 1 << 20

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
    findings = [await asyncio.to_thread(_port, config), await asyncio.to_thread(_store, config.store.path)]
    findings += await asyncio.to_thread(_channels, config)
    findings += await asyncio.to_thread(_grafana, config)
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


def _channels(config: Config) -> list[Finding]:
    """Whether each channel could be used, as far as that shows without sending anything."""
    findings = []
    for name, channel in config.notify.channels.items():
        what = f"channel {name}: {channel.kind}"
        try:
            channel_of(name, config.notify)
        except BadConfig as error:
            problem = error.problems[0]
            findings.append(Finding(what, ok=False, detail=problem.what, remedy=problem.remedy))
        else:
            findings.append(Finding(what, ok=True, detail=f"is complete; fleawatch notify test --channel {name} sends"))
    return findings


def _grafana(config: Config) -> list[Finding]:
    """Whether Grafana is there, where it is drawn on. Nothing is drawn to find out whether it may be."""
    if config.grafana.url is None:
        return []
    what, parts = f"grafana {config.grafana.url}", urlsplit(config.grafana.url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/api/health")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return [Finding(what, ok=False, detail=f"does not answer: {reason}", remedy="start it, or set grafana.url")]
    finally:
        connection.close()
    if status != HTTPStatus.OK:
        remedy = "set grafana.url to its address with the path it is served under"
        return [Finding(what, ok=False, detail=f"answers {status} where its health should be", remedy=remedy)]
    return [Finding(what, ok=True, detail="answers; pf_annotations_total tells what becomes of marks")]


def _unread(agent_id: str) -> Finding:
    return Finding(
        f"agent {agent_id}",
        ok=False,
        detail="nothing reads it",
        remedy="give it keys of services that platform.layout reads, or a health_url",
    )


def _port(config: Config) -> Finding:
    """Whether a service can listen there, or the one of this configuration does."""
    listen = config.listen
    what = f"port {listen.address}:{listen.port}"
    with socket.socket(socket.AF_INET6 if ":" in listen.address else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((listen.address, listen.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_fleawatch(listen.address, listen.port):
                remedy = "stop what listens there, or set another listen.port"
                return Finding(what, ok=False, detail=str(error.strerror), remedy=remedy)
            if not _in_use(config.store.path / FILE_NAME):
                return Finding(
                    what, ok=False, detail="a Fleawatch service of another store listens there",
                    remedy="set another listen.port, or store.path to its store",
                )  # fmt: skip
            return Finding(what, ok=True, detail="the running service listens there")
    return Finding(what, ok=True, detail="is free")


def _is_fleawatch(address: str, port: int) -> bool:
    """Whether what listens there answers as a service of ours does when it is asked for its health."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - where a wildcard is reached from here
    connection = HTTPConnection(host, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/health")
        document = json.loads(connection.getresponse().read(_ANSWER_BYTES))
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(document, dict) and document.keys() >= {"status", "started_at", "checks"}


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
    in_use = _in_use(database)
    # A log that was not folded back belongs to a store that did not end cleanly: only a reader sees what is in it.
    still = not in_use and not database.with_name(database.name + "-wal").exists()
    try:
        store = open_store(str(directory), mode="still" if still else "reader")
        try:
            agents = len(store.agents())
        finally:
            store.close()
    except FleawatchError as error:
        return Finding(what, ok=False, detail=str(error), remedy=remedy)
    if in_use:
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
