"""The group of all commands, and how every command fails: one clear message on standard error, exit code 1 or 2.

Exit codes: 0 all is well, 1 something was found or failed, 2 the command was not understood or refused its input.
Data go to standard output, messages to standard error.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from fleawatch.cli.ack import ack, clear
from fleawatch.cli.alerts import alerts
from fleawatch.cli.audit import audit
from fleawatch.cli.backtest import backtest
from fleawatch.cli.check import check
from fleawatch.cli.demo import demo
from fleawatch.cli.doctor import doctor
from fleawatch.cli.drill import drill
from fleawatch.cli.evidence import evidence
from fleawatch.cli.halt import halt
from fleawatch.cli.notify import notify
from fleawatch.cli.render import render
from fleawatch.cli.replay import replay
from fleawatch.cli.report import report
from fleawatch.cli.resume import resume
from fleawatch.cli.run import run
from fleawatch.cli.runbook import runbook
from fleawatch.cli.silence import silence
from fleawatch.cli.status import status
from fleawatch.cli.version import version
from fleawatch.errors import BadConfig, FleawatchError


class _Commands(click.Group):
    """Turns every error raised on purpose into its message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadConfig as error:
            sys.stderr.write(f"{error}\n")
            ctx.exit(2)
        except FleawatchError as error:
            sys.stderr.write(f"fleawatch: {error}\n")
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """See every agent's money, stop the one that is losing it, and prove what happened.

    Begin with `fleawatch demo`, which watches a simulated fleet on http://127.0.0.1:9712/. For a fleet of your own,
    write a configuration, try it with `fleawatch check` and `fleawatch doctor`, and start `fleawatch run`.
    """


COMMANDS = (
    ack,
    alerts,
    audit,
    backtest,
    check,
    clear,
    demo,
    doctor,
    drill,
    evidence,
    halt,
    notify,
    render,
    replay,
    report,
    resume,
    run,
    runbook,
    silence,
    status,
    version,
)

for _command in COMMANDS:
    cli.add_command(_command)
