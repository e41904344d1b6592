"""Marks on Grafana's charts, drawn by the service: which are configured, what is drawn, and that nothing waits for it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.cli.doctor import examine
from fleawatch.clock import ManualClock
from fleawatch.errors import BadConfig
from fleawatch.events import AgentDeclared, HaltOrdered, Resumed, StrategySwitched, fact_id
from fleawatch.flow.outputs import AlertChange, Notice
from fleawatch.service.build import build
from fleawatch.service.load import load
from fleawatch.sinks.annotations import KINDS, Annotations
from fleawatch.testing.grafana import GrafanaServer

AT = 1_800_000_000.0
TOKEN = "glsa_" + "s" * 20


@pytest.fixture
def grafana():
    """A Grafana that takes everything with its token."""
    with GrafanaServer(token=TOKEN, path="/grafana") as found:
        yield found


def config_of(folder, section, *, environment=None):
    """A configuration with one agent and this section."""
    (folder / "grafana.token").write_text(f"{TOKEN}\n")
    document = {
        "store": {"path": "state"}, "grafana": section, "agents": [{"id": "a-1", "health_url": "http://127.0.0.1:9"}]
    }  # fmt: skip
    (folder / "fleawatch.yaml").write_text(json.dumps(document))
    return load(folder / "fleawatch.yaml", environment=environment or {})


async def until(condition):
    """Wait until it holds, for so long as a service needs at most."""
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.05)


def drawn_by(config, facts):
    """Book facts in a service of this configuration and carry what comes of them; its page in the end."""

    async def run():
        clock = ManualClock(AT)
        service = build(config, clock=clock, store="memory:", sinks=())
        await service.start()
        try:
            await service.monitor.book(facts)
            await until(lambda: service.exposition._counts()["pf_annotations_total"]["ok",] >= len(facts))
            return service.exposition.render(service.monitor.state, clock.now()).decode()
        finally:
            await service.stop()

    return asyncio.run(run())


def about(kind, number, **fields):
    tag = kind.__struct_config__.tag
    return kind(
        fact_id=fact_id("test", tag, str(number)), agent_id="a-1", at=AT + number, seen_at=AT + number, source="config", **fields
    )  # fmt: skip


def test_halts_switches_and_deployments_are_drawn_and_counted(grafana, tmp_path):
    """Each with its tags, on the dashboard that is named; the token is read from its file and is nowhere else."""
    config = config_of(
        tmp_path,
        {
            "url": grafana.address,
            "token": {"file": "grafana.token"},
            "tags": ["fleet:eu"],
            "dashboard": "pf-agent-fleet-v1",
            "kinds": ["halts", "strategies", "deployments"],
        },
    )
    page = drawn_by(
        config,
        [
            about(StrategySwitched, 1, before="calm", after="bold"),
            about(AgentDeclared, 2, strategy="other", version="2", environment="production"),
            about(
                HaltOrdered, 3, halt_id="h1", mode="halt", scope="agent", target="a-1", reason="manual", actor="ann",
            ),
            about(Resumed, 4, halt_id="h1", actor="ann", reason="all is well"),
        ],
    )  # fmt: skip
    assert [mark["tags"] for mark in grafana.taken] == [
        ["pf", "agent_id:a-1", f"event:{event}", "fleet:eu"]
        for event in ("strategy_switch", "deployment", "trading_halted", "trading_resumed")
    ]
    assert {mark["dashboardUID"] for mark in grafana.taken} == {"pf-agent-fleet-v1"}
    assert 'pf_annotations_total{status="ok"} 4' in page
    assert 'pf_annotations_total{status="dropped"} 0' in page
    assert TOKEN not in config.model_dump_json() + page


def change(number, what, severity="critical"):
    return AlertChange(
        key=f"c{number}", agent_id="a-1", at=AT + number, alert="PFDrawdown", fingerprint="0" * 16, change=what,
        severity=severity, labels={}, reason="held", summary="a-1 <lost> much", description="", started_at=AT,
    )  # fmt: skip


def notice(number, event, **fields):
    return Notice(
        key=f"n{number}", agent_id="a-1", at=AT + number, event=event, level="info", message="m", fields=fields
    )


def test_alerts_and_regimes_are_drawn_where_they_are_asked_for(grafana):
    """An alert when it fires and when it resolves, another regime but no single odd return, and nothing else."""
    outputs = [
        change(1, "fired"), change(2, "severity_changed"), change(3, "resolved"), notice(4, "anomaly_detected", detector="mean_shift"),
        notice(5, "anomaly_detected", detector="robust_z"), notice(6, "trading_halted"),
    ]  # fmt: skip
    sink = Annotations(grafana.address, lambda: TOKEN, kinds=("alerts", "regimes"))
    for output in outputs:
        sink.emit(output)
    assert sink.flush(5)
    sink.close()
    assert [mark["tags"][2:] for mark in grafana.taken] == [
        ["event:alert_fired", "alertname:PFDrawdown", "severity:critical"],
        ["event:alert_resolved", "alertname:PFDrawdown", "severity:critical"],
        ["event:regime_changed"],
    ]
    assert grafana.taken[0]["text"] == "a-1 &lt;lost&gt; much"


def test_an_agents_own_sink_draws_no_alerts(grafana):
    """What no kinds were named for is what the catalog has drawn."""
    sink = Annotations(grafana.address, lambda: TOKEN)
    sink.emit(change(1, "fired"))
    assert sink.flush(5)
    sink.close()
    assert grafana.taken == []


def test_every_event_that_the_catalog_draws_has_a_kind():
    """So that the kinds of a configuration leave none out."""
    drawn = {name for name, event in CATALOG.log_events.items() if event.annotation}
    assert drawn <= {event for events in KINDS.values() for event in events}


def test_a_grafana_that_hangs_holds_up_nothing_and_what_is_lost_is_counted(grafana, tmp_path):
    """Facts are booked and the service ends in its time."""
    grafana.hold.clear()
    config = config_of(tmp_path, {"url": grafana.address, "token": {"file": "grafana.token"}, "kinds": ["strategies"]})
    switches = [about(StrategySwitched, number, before="x", after=f"s{number}") for number in range(3)]

    async def run():
        service = build(config, clock=ManualClock(AT), store="memory:", sinks=())
        await service.start()
        begun = time.monotonic()
        await service.monitor.book(switches)
        booked = time.monotonic() - begun
        await until(lambda: len(service._sinks[0]._waiting) >= 2)
        await service.stop()
        return booked, service.exposition._counts()["pf_annotations_total"], service.monitor.state.facts

    booked, counts, facts = asyncio.run(run())
    assert booked < 5
    assert facts["strategy_switched"] == 3
    assert counts["ok",] == 0
    assert counts["dropped",] + counts["failed",] >= 2


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({"url": "http://127.0.0.1:3000"}, "grafana"),
        ({"url": "http://me:secret@127.0.0.1:3000", "token": {"file": "grafana.token"}}, "grafana.url"),
        ({"url": "http://127.0.0.1:3000", "token": {"file": "nowhere"}}, "grafana.token.file"),
        ({"url": "http://127.0.0.1:3000", "token": "glsa_secret_in_the_wrong_place"}, "grafana.token"),
        ({"url": "http://127.0.0.1:3000", "token": {"env": "NONE"}}, "grafana.token.env"),
        ({"url": "http://127.0.0.1:3000", "token": {"file": "grafana.token"}, "kinds": ["moods"]}, "grafana.kinds"),
        ({"url": "http://127.0.0.1:3000", "token": {"file": "grafana.token"}, "tags": ["<b>"]}, "grafana.tags"),
        ({"url": "http://127.0.0.1:3000", "token": {"file": "grafana.token"}, "dashboard": "a/b"}, "grafana.dashboard"),
    ],
)
def test_a_section_that_cannot_be_drawn_with_is_refused(tmp_path, section, where):
    """The complaint names the place and shows no secret."""
    with pytest.raises(BadConfig) as refused:
        config_of(tmp_path, section)
    assert any(problem.where.startswith(where) for problem in refused.value.problems), refused.value
    assert "secret" not in str(refused.value).replace("it is a secret", "")


def test_the_doctor_tells_whether_grafana_is_there(grafana, tmp_path):
    """Its health is asked for; nothing is drawn to find out."""
    section = {"url": grafana.address, "token": {"file": "grafana.token"}}
    found = {}
    for name, url in {
        "there": grafana.address,
        "elsewhere": f"{grafana.address}x",
        "away": "http://127.0.0.1:9",
    }.items():
        findings = asyncio.run(examine(config_of(tmp_path, {**section, "url": url})))
        found[name] = next(one.ok for one in findings if one.what.startswith("grafana"))
    assert found == {"there": True, "elsewhere": False, "away": False}
    assert grafana.taken == []
    assert not any(one.what.startswith("grafana") for one in asyncio.run(examine(config_of(tmp_path, {}))))
