"""Agents in processes of their own, a sandbox where they trade and the service that watches and stops them.

The sandbox and the service run in the event loop of the test, on one clock; the agents (`gated_trader.py`) are real processes
with real gates, so that a test can stop, kill, cut off or leave them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import yaml
from live_fleet import free_port

from fleawatch.cli.serve import address_of, bound, serving
from fleawatch.clock import ScaledClock
from fleawatch.events import HaltOrdered
from fleawatch.sandbox.running import Sandbox, Settings
from fleawatch.service.build import build
from fleawatch.service.load import load

OPERATOR = "operator-token-" + "o" * 20
ALERTMANAGER = "alertmanager-token-" + "m" * 20
TRADER = Path(__file__).with_name("gated_trader.py")


@dataclass
class Member:
    """An agent to be: who it is, where it trades, and which means its operator allows.

    Attributes:
        means: the agent's part of `actuate.agents`, without its key.
        said: what its process printed.
    """

    name: str
    character: str
    venue: str = "casino"
    stake: float = 2.0
    pace: float = 0.3
    means: dict = field(default_factory=dict)
    guest: str = ""
    key: str = ""
    process: subprocess.Popen | None = None
    said: list = field(default_factory=list)

    def kill(self, number=signal.SIGKILL):
        """Send a signal to its process."""
        self.process.send_signal(number)

    @property
    def trading(self):
        """Whether its last line says that it sent an order."""
        return bool(self.said) and self.said[-1]["sent"]


class World:
    """Everything that runs. `service` is the one that watches, `url` its address."""

    def __init__(self, directory, sandbox, members):
        self.directory = directory
        self.sandbox = sandbox
        self.clock = sandbox.clock
        self.members = {member.name: member for member in members}
        self.service = None
        self.url = ""

    def state(self, name):
        """What the belt knows about an agent."""
        return self.service.monitor.state.agents[name]

    def halt(self, name):
        """The halt in force on an agent, None without one."""
        return self.state(name).control.halt

    def accepted(self, name, after=0.0):
        """Orders of an agent that the platform took later than `after`, by the platform's own journal."""
        return self.sandbox.world.kernel.journal.accepted(self.members[name].guest, after)

    async def facts(self, *kinds):
        """Recorded facts of these kinds."""
        store = self.service.monitor.store
        found = await self.service.monitor.in_store(lambda: store.facts(kinds=kinds, limit=100_000))
        return [one.event for one in found]

    async def order(self, name, halt_id):
        """A person orders a halt."""
        now = self.clock.now()
        fact = HaltOrdered(
            fact_id=f"test:{halt_id}:{name}", agent_id=name, at=now, seen_at=now, source="api", halt_id=halt_id, mode="halt",
            scope="agent", target=name, reason="manual", actor="ann",
        )  # fmt: skip
        await self.service.monitor.book([fact])

    def start(self, member, service_url=None):
        """Start an agent's process."""
        settings = {
            "name": member.name, "character": member.character, "service": service_url or self.url,
            "token": token_of(member.name), "state": str(self.directory / f"{member.name}.gate"), "key": member.key,
            "platform": self.sandbox.bases[member.venue], "venue": member.venue, "stake": member.stake, "pace": member.pace,
            "address": f"198.51.100.{list(self.members).index(member.name) + 1}",
        }  # fmt: skip
        member.process = subprocess.Popen(
            [sys.executable, str(TRADER), json.dumps(settings)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        # What stops it is told its process id as an operator's supervisor would know it.
        (self.directory / f"{member.name}.pid").write_text(str(member.process.pid))
        asyncio.get_running_loop().run_in_executor(None, self._listen, member)

    @staticmethod
    def _listen(member):
        for line in member.process.stdout:
            with contextlib.suppress(ValueError):
                member.said.append(json.loads(line))

    def end(self):
        """End every agent's process."""
        for member in self.members.values():
            if member.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    member.process.kill()
                member.process.wait(10)
                member.process.stdout.close()


def token_of(name):
    """The token of an agent."""
    return f"agent-token-{name}".ljust(32, "x")


async def until(condition, within_s=30.0, what="it did not come to that"):
    """Wait until a condition holds.

    Raises:
        AssertionError: it did not within so many real seconds.
    """
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def disobedient(
    directory, members, *, speed=5.0, lease_ttl_s=6.0, limits=None, actuate=None, interval_s=10.0, clock=None
):  # fmt: skip
    """A sandbox where `members` have accounts with money, and a service that watches them; yields the world.

    Times under `actuate` and `interval_s` are simulated seconds, `speed` of which pass in a real one. `clock` makes the service's clock
    from the sandbox's; they are one without.
    """
    sandbox = Sandbox(Settings(seed=11, agents=1, speed=speed))
    world = World(directory, sandbox, members)
    try:
        await sandbox.start()
        assert isinstance(sandbox.clock, ScaledClock)
        for member in members:
            _join(sandbox, member)
        listener = bound("127.0.0.1", free_port())
        world.url = address_of(listener)
        terms = {
            "listen": {"port": listener.getsockname()[1]},
            "collect": {"interval_s": interval_s, "timeout_s": 5, "max_age_s": max(60.0, 5 * interval_s)},
            "access": {"lease_ttl_s": lease_ttl_s},
            "limits": limits or {},
            "actuate": actuate or {},
        }
        path = _config(directory, sandbox, members, terms)
        world.clock = sandbox.clock if clock is None else clock(sandbox.clock)
        world.service = build(load(path, environment={}), clock=world.clock, sinks=())
        async with serving(world.service, listener):
            try:
                yield world
            finally:
                world.end()
    finally:
        world.end()
        await sandbox.close()


def _join(sandbox, member):
    """An account with money for a member, as a stranger to the sandbox's own fleet."""
    platform, person = sandbox.world.platform, sandbox.world.guest()
    member.guest = person.name
    if member.venue == "casino":
        platform.bank.deposit(platform.bank.register(person), 1_000.0)
    else:
        platform.trading.fund(platform.trading.register(person), Decimal(20_000))
    member.key = person.keys[member.venue]


def _config(directory, sandbox, members, terms):
    """Write the configuration with its tokens and keys; its path."""

    def secret(name, text):
        path = directory / name
        path.write_text(text)
        path.chmod(0o600)
        return {"file": str(path)}

    tokens = [
        {"name": "ann", "role": "operator", "token": secret("operator.token", OPERATOR)},
        {"name": "alertmanager", "role": "operator", "token": secret("alertmanager.token", ALERTMANAGER)},
    ]
    agents, means = [], {}
    for member in members:
        key = secret(f"{member.name}.key", member.key)
        capital = {"capital_usd": 20_000.0} if member.venue == "trading" else {}
        agents.append({"id": member.name, "keys": {member.venue: key}, **capital})
        token = secret(f"{member.name}.token", token_of(member.name))
        tokens.append({"name": member.name, "role": "agent", "agent": member.name, "token": token})
        if member.means:
            means[member.name] = {**member.means, **({"key": key} if "brake" in member.means else {})}
    unread = ("agents", "faucet", "control")
    document = {
        **terms,
        "store": {"path": str(directory / "state")},
        "platform": {"bases": {name: base for name, base in sandbox.bases.items() if name not in unread}},
        "access": {**terms["access"], "tokens": tokens},
        "actuate": {**terms["actuate"], "agents": means},
        "agents": agents,
    }
    path = directory / "fleawatch.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path
