"""The four layers of health where people and programs look: the endpoint, the agent's document, the pages, the terminal."""

from __future__ import annotations

from fleawatch.cli.status import layer_lines
from fleawatch.events import Heartbeat

AT = 1_800_000_000.0
NAMES = ["alive", "performance", "behaviour", "operations"]


def beat(b, at):
    return Heartbeat(fact_id=f"beat{at}", **{**b.who("sdk"), "at": at, "seen_at": at})


def test_the_service_tells_how_its_fleet_is(asked, book, tick):
    """Each layer with its state, reasons and ages, and each agent in few words; the service's own status is another matter."""
    b = book()
    answer = asked([*b.known(), beat(b, AT), tick()], "/health?strict=1", at=AT)
    assert (answer.status, answer.json()["status"]) == (200, "ok")
    fleet = answer.json()["fleet"]
    assert list(fleet["layers"]) == NAMES
    assert [(one["agent_id"], list(one["layers"])) for one in fleet["agents"]] == [("solo", NAMES)]
    assert fleet["layers"]["alive"]["status"] == "ok"


def test_a_dead_agent_makes_its_fleet_bad_and_not_the_service(asked, book, tick):
    """Who asks whether the service is well is not told that an agent is not."""
    b = book()
    answer = asked([*b.known(), beat(b, AT - 100), tick()], "/health?strict=1", at=AT)
    assert answer.status == 200
    found = answer.json()["fleet"]["layers"]["alive"]
    reason = found["reasons"][0]
    assert (found["status"], reason["name"], reason["detail"], reason["agents"]["value"]) == (
        "down",
        "silent",
        "solo",
        1,
    )
    assert (reason["since_at"], reason["age"]["value"]) == (AT - 100, 100.0)


def test_an_agents_document_has_its_layers(asked, book, tick):
    """Beside what its process says, the same word as the metric."""
    b = book()
    health = asked([*b.known(), beat(b, AT - 100), tick()], "/api/v1/agents/solo", at=AT).json()["health"]
    assert (health["up"], health["heard_at"], health["status"]) == (False, AT - 100, "down")
    assert list(health["layers"]) == NAMES


def test_the_pages_show_them(asked, book, tick):
    """On the fleet's page and the agent's, with the reason in words."""
    b = book()
    facts = [*b.known(), beat(b, AT - 100), tick()]
    for page in asked(facts, "/", "/agents/solo", at=AT):
        assert page.status == 200
        assert 'id="layers"' in page.text
        assert "silent" in page.text
        assert "for 2 min" in page.text


def test_the_terminal_has_a_line_for_each(asked, book, tick):
    """State first, then every reason with about whom and how long."""
    b = book()
    document = asked([*b.known(), beat(b, AT - 100), tick()], "/health", at=AT).json()
    lines = layer_lines(document["fleet"]["layers"])
    assert lines[0] == "  alive        down     silent (solo) for 100 s"
    assert [line.split()[0] for line in lines] == NAMES
