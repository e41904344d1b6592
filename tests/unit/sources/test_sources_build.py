"""Which sources an agent gets, and that nothing shows its keys."""

import asyncio

import pytest

from fleawatch.clock import ManualClock
from fleawatch.sources.build import AgentKeys, Platform, sources_for
from fleawatch.sources.http import open_session

BASES = dict.fromkeys(("casino", "escrow", "trading", "wallet", "domains", "gateway"), "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("services", "health", "collectors"),
    [
        ((), "", []),
        (("casino",), "", ["casino", "bets", "escrow"]),
        (("casino", "gateway"), "", ["casino", "bets", "escrow"]),
        (("gateway",), "", ["gateway"]),
        (("trading", "wallet", "domains"), "http://a/health", ["trading", "wallet", "domains", "probe"]),
        (("casino", "unheard_of"), "http://a/", ["casino", "bets", "escrow", "probe"]),
    ],
)
def test_an_agent_gets_a_source_for_each_service_it_has_a_key_for(services, health, collectors):
    """Escrow goes with the casino's key; the gateway is read only where there is no casino key."""

    async def scenario():
        async with open_session() as session:
            agent = AgentKeys(agent_id="a-1", keys={name: f"sk_{name}" for name in services}, health_url=health)
            found = sources_for(agent, Platform(bases=BASES, session=session, clock=ManualClock()))
            return [source.collector for source in found]

    assert asyncio.run(scenario()) == collectors


def test_the_text_of_an_agents_keys_shows_no_key():
    """What is logged or printed by accident gives nothing away."""
    assert "secret" not in repr(AgentKeys(agent_id="a-1", keys={"casino": "sk_live_secret"}))


def test_a_service_without_an_address_is_not_read():
    """A deployment may lack services."""

    async def scenario():
        async with open_session() as session:
            agent = AgentKeys(agent_id="a-1", keys={"casino": "k", "domains": "k"})
            platform = Platform(bases={"casino": "http://127.0.0.1:9"}, session=session, clock=ManualClock())
            return [source.collector for source in sources_for(agent, platform)]

    assert asyncio.run(scenario()) == ["casino", "bets"]
