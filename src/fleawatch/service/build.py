"""The composition root: from a configuration and a clock to a service, with every part named once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fleawatch.catalog.fleet import CATALOG
from fleawatch.clock import Clock, SystemClock
from fleawatch.ports import Sink
from fleawatch.service.access import tokens_of
from fleawatch.service.channels import channels_of
from fleawatch.service.config import Config
from fleawatch.service.config_grafana import annotations_of
from fleawatch.service.hands import hands_of
from fleawatch.service.secrets import secret
from fleawatch.service.service import Service
from fleawatch.sinks.jsonlog import JsonLog
from fleawatch.sinks.prometheus import Exposition
from fleawatch.sources.build import AgentKeys, Platform
from fleawatch.sources.http import open_session
from fleawatch.store import open_store


def build(
    config: Config, *, clock: Clock | None = None, store: str | None = None, sinks: Sequence[Sink] | None = None
) -> Service:
    """A service that is ready to start.

    Args:
        config: as loaded; its keys are read here.
        clock: where time comes from; the machine's own when None.
        store: address of the store; the configured directory when None.
        sinks: where outputs go; JSON lines on standard output when None.

    Raises:
        BadConfig: a key is not where the configuration says, or a channel cannot be used.
    """
    running = clock or SystemClock()
    given = (JsonLog(sys.stdout),) if sinks is None else tuple(sinks)
    marks = None if config.grafana.token is None else annotations_of(config.grafana, secret(config.grafana.token))
    return Service(
        config,
        running,
        open_store=lambda: open_store(
            store or str(config.store.path),
            audit_key=config.audit.key_file,
            audit_anchors=config.audit.anchors_file,
        ),
        open_platform=lambda: platform_of(config, running),
        agents=keys_of(config),
        exposition=Exposition(
            CATALOG, aliases=frozenset(config.listen.metric_aliases), counts=None if marks is None else marks.counts
        ),
        sinks=given if marks is None else (*given, marks),
        channels=channels_of(config.notify),
        tokens=tokens_of(config, secret),
        hands=lambda session: hands_of(config, session, secret),
    )


def keys_of(config: Config) -> list[AgentKeys]:
    """The agents of a configuration with their keys.

    Raises:
        BadConfig: a key is not where the configuration says.
    """
    return [
        AgentKeys(
            agent_id=agent.id,
            keys={service: secret(place) for service, place in agent.keys.items()},
            addresses={str(chain): address for chain, address in agent.addresses.items()},
            health_url=agent.health_url or "",
        )
        for agent in config.agents
    ]


def platform_of(config: Config, clock: Clock) -> Platform:
    """The platform's addresses with an open session; call it inside a running event loop."""
    bases = config.platform.bases.model_dump()
    if config.platform.layout == "gateway":
        bases = {"gateway": bases["gateway"]}
    else:
        del bases["gateway"]
    return Platform(
        bases=bases, session=open_session(config.collect.concurrency), clock=clock, deadline_s=config.collect.timeout_s
    )
