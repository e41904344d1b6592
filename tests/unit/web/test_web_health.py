"""Health, readiness and the scrape: what a supervisor, a balancer and Prometheus get."""

from __future__ import annotations

import gzip

import pytest

from fleawatch.errors import Problem

AT = 1_800_000_000.0


def checks(answer):
    return {check["name"]: (check["status"], check["reason"]) for check in answer.json()["checks"]}


def test_healthy_and_ready(get):
    """A service without complaint is both."""
    assert (get("/-/healthy").status, get("/-/healthy").text) == (200, "healthy\n")
    assert (get("/-/ready").status, get("/-/ready").text) == (200, "ready\n")
    assert get("/-/ready", headers={"accept": "application/json"}).json() == {
        "status": 200,
        "problems": [],
        "ready": True,
    }


def test_not_ready_tells_every_reason(asked, book):
    """503 with all reasons, as text and as JSON."""

    def unready(watched):
        watched.problems = (
            Problem("store", "the disk is full", "free space"),
            Problem("collect", "2 agents were not tried yet", "wait"),
        )

    text = asked(book().known(), "/-/ready", prepare=unready)
    assert (text.status, text.text) == (
        503,
        "not ready\n- store: the disk is full. free space\n- collect: 2 agents were not tried yet. wait\n",
    )
    found = asked(book().known(), "/-/ready", prepare=unready, headers={"accept": "application/json"})
    assert (found.status, [problem["where"] for problem in found.json()["problems"]]) == (503, ["store", "collect"])


def test_a_stalled_process_is_not_healthy(asked, book):
    """503 with the complaint of the watchdog; readiness does not matter to it."""

    def stalled(watched):
        watched.stalled = "the event loop stood still"

    answer = asked(book().known(), "/-/healthy", prepare=stalled)
    assert answer.status == 503
    assert "the event loop stood still" in answer.text


def test_all_is_well(asked, book, tick):
    """With fresh sources, clean books and a young tick the service is ok."""
    answer = asked([*book().known(), tick()], "/health?strict=1")
    assert (answer.status, answer.json()["status"]) == (200, "ok")
    assert set(checks(answer)) == {"process", "store", "readiness", "intake", "time", "source:casino", "conservation"}


def test_an_outage_of_the_platform_is_degraded(asked, book, tick):
    """A source that cannot be read degrades the service, 200 unless strictness is asked for."""
    b = book()
    facts = [*b.known(), tick(), b.failed(at=AT + 1)]
    lenient, strict = asked(facts, "/health", "/health?strict=1", at=AT + 1)
    assert (lenient.status, strict.status) == (200, 503)
    assert lenient.json()["status"] == "degraded"
    assert checks(lenient)["source:casino"] == ("down", "no answer in time (1)")


@pytest.mark.parametrize("facts", [[], "late"])
def test_time_that_stands_still_is_told(asked, book, tick, facts):
    """No tick, or an old one, degrades the service: nothing would expire."""
    answer = asked([*book().known(), tick()] if facts else [], "/health", at=AT + 61)
    assert checks(answer)["time"][0] == "degraded"


def test_unexplained_money_degrades(asked, book, tick):
    """Books that do not add up are told with agent and amount."""
    b = book()
    answer = asked([*b.known("100"), b.row("10", after="115"), b.read(), tick()], "/health")
    assert checks(answer)["conservation"] == ("degraded", "unexplained money: solo casino:USD +5.00")


def test_money_that_got_lost_between_two_agents_degrades(asked, book, tick):
    """Where each ledger adds up and the two do not agree, the fleet is named."""
    payer, payee = book("payer"), book("payee")
    facts = [
        *payer.known(), payer.row("-30", "payment_sent", "pay_1"), payer.ledger_read(), payer.balance_read(),
        *payee.known(), payee.row("29", "payment_received", "pay_1"), payee.ledger_read(), payee.balance_read(), tick(),
    ]  # fmt: skip
    answer = asked(facts, "/health")
    assert checks(answer)["conservation"] == ("degraded", "unexplained money: fleet between agents -1.00")


def test_a_store_that_fails_is_down(asked, book, tick):
    """When nothing can be recorded the service is down, whatever else works."""

    def full(watched):
        watched.monitor.store_error = "the disk is full"

    answer = asked([*book().known(), tick()], "/health", prepare=full)
    assert answer.json()["status"] == "down"
    assert checks(answer)["store"] == ("down", "the disk is full")


def test_a_refused_fact_degrades(asked, book, tick):
    """What a refused fact would have told is missing, so that something is not as it should be."""

    def refused(watched):
        watched.monitor.state.refused["bad_number"] = 2

    answer = asked([*book().known(), tick()], "/health", prepare=refused)
    assert answer.json()["status"] == "degraded"
    assert checks(answer)["intake"] == (
        "degraded",
        "2 facts were refused since the start, what they told is missing; the log names them",
    )


def test_metrics_need_no_store(asked, book):
    """A scrape works while the store is gone: it does no I/O."""

    def gone(watched):
        watched.monitor._store = None

    answer = asked(book().known("100"), "/metrics", prepare=gone)
    assert answer.status == 200
    assert 'pf_equity_usdc{agent_id="solo"} 100' in answer.text


def test_metrics_negotiate_their_format(get):
    """Text by default, OpenMetrics when it is asked for, gzip when it is taken."""
    assert get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    openmetrics = get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")
    packed = get("/metrics", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body).startswith(b"# HELP ")


def test_a_scraper_may_send_parameters(get):
    """Parameters of a scrape are its own affair."""
    assert get("/metrics?collect[]=x").status == 200
