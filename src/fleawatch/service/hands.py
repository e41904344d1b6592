"""From the configuration to the actuators of each agent."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from fleawatch.actuate.brake import Brake
from fleawatch.actuate.flatten import Flatten
from fleawatch.actuate.hand import Hand
from fleawatch.actuate.process import ProcessStop, kubernetes, pm2, systemd
from fleawatch.actuate.topup import Faucet
from fleawatch.ports import Actuator
from fleawatch.service.config import Config
from fleawatch.service.config_actuate import Process
from fleawatch.service.config_secret import Secret


def hands_of(
    config: Config, session: aiohttp.ClientSession, secret: Callable[[Secret], str]
) -> dict[tuple[str, str], Actuator]:
    """The actuators that a configuration allows, by agent id and path.

    Raises:
        BadConfig: a key is not where the configuration says.
    """
    found: dict[tuple[str, str], Actuator] = {}
    for agent_id, means in config.actuate.agents.items():
        if means.process is not None:
            found[agent_id, "process"] = ProcessStop(_arguments(means.process))
        if means.key is None:
            continue
        hand = Hand(session, "trading", config.platform.bases.trading, secret(means.key))
        if means.brake:
            found[agent_id, "platform"] = Brake(hand)
        if means.flatten:
            found[agent_id, "flatten"] = Flatten(hand)
    return found


def faucet_of(config: Config, session: aiohttp.ClientSession) -> Faucet:
    """The faucet of a configuration; it is asked without a key."""
    return Faucet(Hand(session, "faucet", config.actuate.faucet, None))


def _arguments(process: Process) -> tuple[str, ...]:
    name = process.name or ""
    match process.kind:
        case "pm2":
            return pm2(name)
        case "systemd":
            return systemd(name)
        case "kubernetes":
            return kubernetes(name, process.namespace)
        case "command":
            return process.command
