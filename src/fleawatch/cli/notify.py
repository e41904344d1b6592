"""`fleawatch notify`: try the channels for real."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import click

from fleawatch.cli.output import config_option, json_option, print_json, table
from fleawatch.clock import SystemClock
from fleawatch.errors import BadConfig, DeliveryError, Problem
from fleawatch.flow.outputs import Delivery
from fleawatch.ports import Notifier
from fleawatch.service.channels import channels_of
from fleawatch.service.load import load
from fleawatch.service.logs import log_to_stderr

_REMEDIES: Final = {
    "unauthorized": "put the present token or password into its file",
    "forbidden": "let the bot into the chat or channel",
    "bot_blocked": "unblock the bot in the chat",
    "chat_not_found": "check chat_id, and write to the bot first",
    "channel_not_found": "check channel, and invite the bot",
    "not_in_channel": "invite the bot into the channel",
    "not_found": "check the address or the token",
    "rate_limited": "wait a minute",
    "timeout": "check the network, or raise notify.timeout_s",
    "network": "check the network and the address",
    "tls": "check the certificate of the server",
    "not_installed": "pip install 'fleawatch[apprise]'",
}
_REMEDY: Final = "look the reason up in the vendor's documentation"


@dataclass(frozen=True, slots=True)
class Trial:
    """How the trial of one channel ended."""

    channel: str
    kind: str
    ok: bool
    detail: str
    remedy: str = ""


@click.group()
def notify() -> None:
    """Notifications: try the channels that people rely on."""


@notify.command("test")
@config_option
@click.option(
    "--channel", "names", multiple=True, metavar="NAME", help="Only this channel; may be given several times."
)
@json_option
@click.pass_context
def notify_test(ctx: click.Context, config_path: Path, names: Sequence[str], *, as_json: bool) -> None:
    """Send a canary through each channel, for real, and say what came back.

    Pages nobody: PagerDuty gets a change event. A dead-man service gets a ping. Exits with 1 when a channel failed.
    """
    log_to_stderr()
    trials = asyncio.run(_tried(_chosen(channels_of(load(config_path).notify), names)))
    failed = [trial for trial in trials if not trial.ok]
    if as_json:
        print_json({"ok": not failed, "channels": [asdict(trial) for trial in trials]})
    else:
        rows = [["ok" if t.ok else "FAILED", t.channel, t.kind, t.detail, t.remedy] for t in trials]
        click.echo(table(("", "channel", "kind", "came back", "remedy"), rows))
    ctx.exit(1 if failed else 0)


def _chosen(channels: dict[str, Notifier], names: Sequence[str]) -> dict[str, Notifier]:
    unknown = sorted(set(names) - set(channels))
    if unknown:
        known = ", ".join(sorted(channels))
        problems = tuple(Problem("--channel", f"{name} is not configured", f"known: {known}") for name in unknown)
        raise BadConfig("no such channel", problems)
    return {name: channel for name, channel in channels.items() if not names or name in names}


async def _tried(channels: dict[str, Notifier]) -> list[Trial]:
    """Try all at once, each once; in the order of the configuration."""
    return await asyncio.gather(*(_trial(name, notifier) for name, notifier in channels.items()))


async def _trial(name: str, notifier: Notifier) -> Trial:
    try:
        receipt = await notifier.send(_canary(name))
    except DeliveryError as error:
        remedy = _REMEDIES.get(error.reason, _REMEDY)
        return Trial(name, notifier.kind, ok=False, detail=f"{error.reason}: {error}", remedy=remedy)
    finally:
        await notifier.close()
    code = "" if receipt.status_code is None else f", {receipt.status_code}"
    return Trial(name, notifier.kind, ok=True, detail=f"accepted{code}" + (f", {receipt.id}" if receipt.id else ""))


def _canary(channel: str) -> Delivery:
    return Delivery(
        key=f"test:{channel}:{uuid4().hex}",
        agent_id="",
        at=SystemClock().now(),
        channel=channel,
        kind="canary",
        group=f"test:{channel}",
        severity="none",
        title="Fleawatch: a test of this channel",
        reason="asked_for",
        text=f"Sent by `fleawatch notify test` on {socket.gethostname()}. Nothing is wrong, nothing is to be done.",
    )
