"""Operators in a real browser: the token, acknowledging, silencing, halting with a confirmation, and following the halt.

The gate that is halted is a real one; what the platform shows is booked by hand.
"""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

from fleawatch import Gate, Order
from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import HaltOrdered, Resumed, RulesDeclared, Silenced, SourceRead, Tick, fact_id, reading_id
from fleawatch.flow.rules import policy_of
from fleawatch.testing.halted import HaltBelt
from fleawatch.testing.watched import TOKENS, agent_token, controlled, hand_watched
from fleawatch.web.app import create_app

pytestmark = pytest.mark.live

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
SMALL = Order(market="BTC-USD", notional_usd=1)


def troubled():
    """Two agents, one of which has lost a quarter of its money, judged by every rule; a strategy with a hostile name."""
    belt = HaltBelt()
    rules = belt.make(RulesDeclared, alerts=tuple(CATALOG.alerts))
    belt.policy = policy_of(rules)
    belt.fold(rules)
    for name, strategy in (("a-1", HOSTILE), ("b-1", "calm")):
        belt.watch(name, strategy=strategy)
        belt.row(name, "deposit", 1_000)
        belt.read(name)
    belt.bet("b-1", 250, 0)
    belt.read("b-1")
    belt.wait(1)
    return belt


class Served:
    """The fleet behind a real server in a thread of its own."""

    def __init__(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener)), daemon=True)
        self.thread.start()
        assert self.ready.wait(20)

    async def _serve(self, listener):
        self.loop = asyncio.get_running_loop()
        belt = troubled()
        self.watched = controlled(await hand_watched(belt.facts, belt.now), ("a-1", "b-1"))
        config = uvicorn.Config(create_app(self.watched), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.ready.set()
        try:
            await self.server._serve([listener])
        finally:
            listener.close()
            await self.watched.control.leases.clerk.close()
            await self.watched.close()

    def read(self, agent_id, seconds):
        """So much later the agent's casino was read from end to end, and showed nothing."""
        self.watched.clock.advance(seconds)
        at = self.watched.clock.now()
        self.book(
            SourceRead(
                fact_id=reading_id("casino", "source_read", agent_id, at), agent_id=agent_id, at=at, seen_at=at,
                source="casino", collector="casino", duration_s=0.02, valid_s=600.0,
            ),
            Tick(fact_id=f"tick:{at}", agent_id="", at=at, seen_at=at, source="monitor"),
        )  # fmt: skip

    def book(self, *facts):
        asyncio.run_coroutine_threadsafe(self.watched.monitor.book(facts), self.loop).result(5)

    def facts(self, kind):
        """Recorded facts of one kind, in order."""
        monitor = self.watched.monitor
        work = monitor.in_store(lambda: [one.event for one in monitor.store.facts(limit=10_000)])
        return [one for one in asyncio.run_coroutine_threadsafe(work, self.loop).result(5) if isinstance(one, kind)]

    def close(self):
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture(name="served")
def _served():
    served = Served()
    yield served
    served.close()


@pytest.fixture(scope="module", name="browser")
def _browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(name="open_page")
def _open_page(browser, served):
    """Opens pages; at the end nothing may have been complained about, no token was in an address, nothing went elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    complaints, requests, expected = [], [], []

    def open_page(path, *, scripts=True, refused=0):
        nonlocal context
        if not scripts:
            context.close()
            context = browser.new_context(java_script_enabled=False)
        if refused:
            expected.append(f"the server responded with a status of {refused} ")
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - the driver takes no builtin
        if scripts:
            page.add_init_script(
                "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective, e.blockedURI))"
            )
        page.goto(served.url + path)
        return page

    yield open_page
    context.close()
    assert [text for text in complaints if not any(known in text for known in expected)] == []
    assert [one.url for one in requests if not one.url.startswith(served.url + "/")] == []
    assert [one.url for one in requests if any(token in one.url for token in TOKENS.values())] == []
    assert [one for one in requests if "cookie" in one.headers] == []


def sign_in(page, role="operator"):
    """Type a token in and wait until the page knows whose it is."""
    page.locator("#token").fill(TOKENS[role])
    page.locator("#token-use").click()
    expect(page.locator("#operator-name")).to_have_text(f"{role}, {role}")


def test_without_a_token_nothing_can_be_done(open_page):
    """The page reads as ever; what acts is not there, nor is it reached by keyboard."""
    page = open_page("/alerts")
    expect(page.locator("#token")).to_be_visible()
    assert page.locator("#firing tbody tr").count() > 0
    assert page.locator('[data-act="ack"]').first.is_hidden()
    assert page.locator("#silence-form").is_hidden()
    page.goto(page.url.replace("/alerts", "/control"))
    for part in ("#control", "#preflight", "#confirm"):
        assert page.locator(part).is_hidden()
    expect(page.locator("#halts")).to_contain_text("nobody is halted")


def test_a_wrong_token_is_refused_and_forgotten(open_page):
    """It says so, asks again, and keeps nothing."""
    page = open_page("/control", refused=401)
    page.locator("#token").fill("no-token-of-anybody-00")
    page.locator("#token-use").click()
    expect(page.locator("#operator-said")).to_have_text("the token is not known here")
    expect(page.locator("#token")).to_be_visible()
    assert page.locator("#control").is_hidden()
    assert page.evaluate("sessionStorage.length + localStorage.length + document.cookie.length") == 0
    assert "no-token-of-anybody-00" not in page.content()


def test_a_token_stays_in_its_tab(open_page):
    """The next page of the tab knows it, another tab does not, and forgetting forgets."""
    page = open_page("/alerts")
    sign_in(page)
    assert TOKENS["operator"] not in page.content()
    assert page.locator("#token").input_value() == ""
    page.goto(page.url.replace("/alerts", "/control"))
    expect(page.locator("#operator-name")).to_have_text("operator, operator")
    other = open_page("/control")
    expect(other.locator("#token")).to_be_visible()
    page.locator("#token-forget").click()
    expect(page.locator("#token")).to_be_visible()
    assert page.locator("#control").is_hidden()
    assert page.evaluate("sessionStorage.length") == 0


def test_an_alert_is_acknowledged_from_the_page(open_page):
    """By name, with a word; the row says who took it, and so does its story."""
    page = open_page("/alerts")
    sign_in(page)
    page.on("dialog", lambda dialog: dialog.accept("on it " + HOSTILE))
    row = page.locator("#firing tr", has_text="PFDrawdownHalt")
    row.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#operator-said")).to_have_text("PFDrawdownHalt is acknowledged")
    expect(row).to_contain_text("acknowledged by operator")
    row.locator("th a").click()
    expect(page.locator("#timeline")).to_contain_text("on it " + HOSTILE)
    assert page.title() != "taken"
    assert page.locator("#timeline img").count() == 0


def test_a_silence_is_made_and_ended_from_the_page(open_page, served):
    """Filled in from the alert; without a reason it is not sent; its comment is text."""
    page = open_page("/alerts")
    sign_in(page)
    page.locator("#firing tr", has_text="PFDrawdownHalt").get_by_role("button", name="Silence").click()
    assert page.locator("#silence-agent_id").input_value() == "b-1"
    page.locator("#silence-do").click()
    expect(page.locator("#operator-said")).to_have_text("say why it is silenced; it is recorded")
    page.locator("#silence-comment").fill(HOSTILE)
    page.locator("#silence-do").click()
    expect(page.locator("#silences")).to_contain_text(HOSTILE)
    expect(page.locator("#silences")).to_contain_text("alertname = PFDrawdownHalt")
    assert page.locator("#silences img").count() == 0
    page.locator("#silences").get_by_role("button", name="End it").click()
    expect(page.locator("#silences")).to_contain_text("nothing is silenced")
    (fact,) = served.facts(Silenced)
    assert (fact.author, fact.comment) == ("operator", HOSTILE)


def test_a_viewer_may_look_and_not_order(open_page, served):
    """It sees what a halt would mean, and has no button to order one."""
    page = open_page("/control?scope=agent&target=a-1")
    sign_in(page, "viewer")
    page.locator("#reason").fill("curious")
    page.locator("#look").click()
    expect(page.locator("#preflight-text")).to_contain_text("a-1: halt (now active")
    assert page.locator("#do").is_hidden()
    assert served.facts(HaltOrdered) == []


def test_a_halt_is_seen_confirmed_by_typing_and_followed_to_its_proof(open_page, served, tmp_path):
    """Preflight, confirmation, order, a real gate that closes, its word, the platform's proof, and the resume."""
    gate = Gate("a-1", service=served.url, token=agent_token("a-1"), state_file=tmp_path / "gate.json")
    try:
        page = open_page("/agents/a-1")
        page.get_by_role("link", name="Halt or resume").click()
        sign_in(page)
        assert page.locator("#target").input_value() == "a-1"
        page.locator("#look").click()
        expect(page.locator("#said")).to_have_text("say why; it is recorded")
        page.locator("#reason").fill("looks wrong " + HOSTILE)
        page.locator("#look").click()
        expect(page.locator("#preflight-sums")).to_contain_text("resting orders")
        expect(page.locator("#preflight-text")).to_contain_text("a-1: halt (now active")
        do = page.locator("#do")
        for typed in ("a-", "b-1", "A-1", "a-11"):
            page.locator("#confirmation").fill(typed)
            expect(do).to_be_disabled()
        page.locator("#mode").select_option("reduce")
        expect(page.locator("#confirm")).to_be_hidden()
        page.locator("#mode").select_option("halt")
        page.locator("#look").click()
        page.locator("#confirmation").fill("a-1")
        until(page, lambda: gate.may_open(SMALL).allowed)
        assert served.facts(HaltOrdered) == []
        do.click()
        expect(page.locator("#said")).to_contain_text("holds 1. Ordered is not stopped")
        halt = page.locator("#halts article")
        expect(halt).to_contain_text("looks wrong " + HOSTILE)
        until(page, lambda: not gate.may_open(SMALL).allowed)
        expect(halt.locator(".phase")).to_have_text("acknowledged", timeout=10_000)
        expect(halt.locator("li", has_text="confirmed")).to_contain_text("waits for whole readings of casino")
        served.read("a-1", 10.0)
        expect(halt.locator(".phase")).to_have_text("confirmed", timeout=10_000)
        (fact,) = served.facts(HaltOrdered)
        assert (fact.actor, fact.mode, fact.scope, fact.target) == ("operator", "halt", "agent", "a-1")
        assert page.title() != "taken"
        resume(page)
        until(page, lambda: gate.may_open(SMALL).allowed)
        expect(page.locator("#halts")).to_contain_text("nobody is halted")
        (let_go,) = served.facts(Resumed)
        assert (let_go.actor, let_go.reason, let_go.rebase, let_go.ramp_s) == ("operator", "looked at it", True, 60.0)
    finally:
        gate.close()


def resume(page):
    """From the same page, with a new baseline and a cap."""
    page.locator("#verb").select_option("resume")
    page.locator("#rebase").check()
    page.locator("#ramp-usd").fill("50")
    page.locator("#reason").fill("looked at it")
    page.locator("#look").click()
    expect(page.locator("#said")).to_contain_text("a ramp needs a cap in USD and a time")
    page.locator("#ramp-s").fill("60")
    page.locator("#look").click()
    page.locator("#confirmation").fill("a-1")
    page.locator("#do").click()
    expect(page.locator("#said")).to_have_text("resumed: a-1")


def until(page, condition):
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come to that")


def test_a_refused_resume_says_why(open_page, served):
    """While the limit is still breached the page shows the service's reason and remedy, and the halt stands."""
    page = open_page("/control?scope=agent&target=b-1", refused=409)
    sign_in(page)
    order(page, "b-1")
    page.locator("#verb").select_option("resume")
    page.locator("#reason").fill("hope")
    page.locator("#look").click()
    page.locator("#confirmation").fill("b-1")
    page.locator("#do").click()
    expect(page.locator("#said")).to_contain_text("cannot be resumed: drawdown")
    expect(page.locator("#said")).to_contain_text("resume with rebase")
    assert served.facts(Resumed) == []


def order(page, word):
    page.locator("#reason").fill("drill")
    page.locator("#look").click()
    page.locator("#confirmation").fill(word)
    page.locator("#do").click()
    expect(page.locator("#said")).to_contain_text("is ordered")


def test_the_fleet_is_halted_by_its_own_word_and_once(open_page, served):
    """The word is `fleet`; a double click is one halt; it stands on the fleet's page."""
    page = open_page("/control?scope=fleet")
    sign_in(page)
    page.locator("#reason").fill("outage")
    page.locator("#look").click()
    page.locator("#confirmation").fill("fleet")
    page.locator("#do").dblclick()
    expect(page.locator("#said")).to_contain_text("holds 2")
    (fact,) = served.facts(HaltOrdered)
    assert (fact.scope, fact.note) == ("fleet", "outage")
    page.get_by_role("link", name="Fleet", exact=True).click()
    expect(page.locator("#halts")).to_contain_text("of the fleet stands since")
    assert page.locator("#halts article").count() == 2


def test_an_answer_to_what_was_asked_before_confirms_nothing(open_page, served):
    """Whoever changes the choice while the preflight is on its way is asked to look again."""
    page = open_page("/control?scope=agent&target=a-1")
    sign_in(page)
    page.locator("#reason").fill("hurry")
    page.evaluate(
        "() => { const real = fetch; window.fetch = async (...all) => { await new Promise(r => setTimeout(r, 300)); return real(...all); }; }"
    )
    page.locator("#look").click()
    page.locator("#target").fill("b-1")
    page.wait_for_timeout(900)
    assert page.locator("#confirm").is_hidden()
    assert page.locator("#preflight").is_hidden()
    page.locator("#look").click()
    expect(page.locator("#confirm-word")).to_have_text("b-1")
    assert served.facts(HaltOrdered) == []


def test_a_service_that_is_gone_is_not_taken_for_a_halt(open_page):
    """An order of which no answer came is called unknown, and the same order can be sent again."""
    page = open_page("/control?scope=agent&target=a-1")
    sign_in(page)
    page.locator("#reason").fill("net")
    page.locator("#look").click()
    page.locator("#confirmation").fill("a-1")
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('gone')); }")
    page.locator("#do").click()
    expect(page.locator("#said")).to_contain_text("it is not known whether it was done")
    expect(page.locator("#do")).to_be_enabled()


@pytest.mark.parametrize("path", ["/", "/alerts", "/control", "/agents/b-1"])
def test_without_a_script_everything_can_be_read(open_page, served, path):
    """Alerts and halts stand in the page as it came; to act it names the commands."""
    served.book(
        HaltOrdered(
            fact_id=fact_id("halt", "halt_ordered", "h1"), agent_id="b-1", at=served.watched.clock.now(), seen_at=served.watched.clock.now(), source="api",
            halt_id="h1", mode="halt", scope="agent", target="b-1", reason="manual", actor="ann", note=HOSTILE,
        )
    )  # fmt: skip
    page = open_page(path, scripts=False)
    assert page.locator("#halts article").inner_text().count(HOSTILE) == 1
    if path in ("/alerts", "/control"):
        assert (
            "fleawatch halt" in page.locator("#operator").inner_text()
            or "halt" in page.locator("noscript").inner_text()
        )
        assert page.locator("#token").is_hidden()


@pytest.mark.parametrize("path", ["/alerts", "/control", "/runbooks/PFDrawdownHalt"])
def test_a_phone_needs_no_sideways_scrolling(open_page, path):
    """At 375 px nothing is wider than the screen, with everything an operator sees."""
    page = open_page("/alerts")
    sign_in(page)
    page.set_viewport_size({"width": 375, "height": 812})
    page.goto(page.url.replace("/alerts", path))
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
