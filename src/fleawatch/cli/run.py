"""`fleawatch run`: watch a fleet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from fleawatch.cli.output import config_option, json_option, message, print_json
from fleawatch.cli.serve import address_of, bound, on_signals, serving, until
from fleawatch.service.build import build
from fleawatch.service.config import Config
from fleawatch.service.load import load
from fleawatch.service.logs import log_to_stderr


@click.command()
@config_option
@click.option("--port", type=int, help="Listen here instead of listen.port; 0 takes a free port.")
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help="Keep facts and state here instead of store.path."
)
@json_option
def run(config_path: Path, port: int | None, state: Path | None, *, as_json: bool) -> None:
    """Watch a fleet: poll, keep the books, serve the page, the JSON API and /metrics.

    Runs until SIGTERM or Ctrl-C, then writes a last snapshot and ends; the next start goes on where it stopped. With
    --json, a document with the address is printed first; log events follow it, one JSON line each.
    """
    overrides: dict[str, object] = {}
    if port is not None:
        overrides["listen.port"] = port
    if state is not None:
        overrides["store.path"] = str(state.resolve())
    asyncio.run(_run(load(config_path, overrides=overrides), as_json=as_json))


async def _run(config: Config, *, as_json: bool) -> None:
    log_to_stderr()
    listener = bound(config.listen.address, config.listen.port)
    stop = on_signals()
    service = build(config)
    async with serving(service, listener) as web:
        url = address_of(listener)
        if as_json:
            print_json({"url": url, "agents": len(config.agents), "replayed": service.replayed})
        message(f"watching {len(config.agents)} agents on {url}/ (Ctrl-C ends)")
        await until(stop, web)
        message("stopping: finishing readings, writing a snapshot")
