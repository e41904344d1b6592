"""The pages in a real browser: no complaint, no other origin, live, by keyboard, on a phone, dark and light, on a wall."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from decimal import Decimal

import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

from fleawatch.events import AgentDeclared, AgentRetired, LedgerEntry, SourceRead, ledger_id, reading_id
from fleawatch.testing.watched import example_watched
from fleawatch.web.app import create_app

pytestmark = pytest.mark.live

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Served:
    """The example fleet behind a real server in a thread of its own."""

    def __init__(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.ready = threading.Event()
        # The browser's driver has a loop in this thread.
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve(listener)), daemon=True)
        self.thread.start()
        assert self.ready.wait(20)

    async def _serve(self, listener):
        self.loop = asyncio.get_running_loop()
        self.watched = await example_watched(12, 4)
        config = uvicorn.Config(create_app(self.watched), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.ready.set()
        try:
            await self.server._serve([listener])
        finally:
            listener.close()
            await self.watched.close()

    def pay(self, agent_id, amount):
        """A payout reaches an agent: the next row of its ledger, and the reading that brought it."""
        agent = self.watched.monitor.state.agents[agent_id]
        book = agent.books["casino:USD"]
        at = self.watched.clock.now()
        who = {"agent_id": agent_id, "at": at, "seen_at": at, "source": "casino"}
        after = Decimal(repr(round(book.balance, 6))) + Decimal(amount)
        facts = [
            LedgerEntry(
                fact_id=ledger_id("casino", agent_id, book.rows), **who, service="casino", currency="USD",
                position=book.rows, amount=Decimal(amount), balance_after=after, entry="tournament_prize",
            ),
            SourceRead(
                fact_id=reading_id("casino", "source_read", agent_id, at + book.rows / 1000), **who, collector="casino",
                duration_s=0.02, valid_s=600.0,
            ),
        ]  # fmt: skip
        self.book(facts)

    def join(self, agent_id):
        """An agent is declared."""
        self.book([AgentDeclared(**self.about(agent_id, "declared"), strategy="flat", collectors=("casino",))])

    def leave(self, agent_id):
        """An agent is retired."""
        self.book([AgentRetired(**self.about(agent_id, "retired"))])

    def about(self, agent_id, what):
        at = self.watched.clock.now()
        return {
            "fact_id": f"config:{what}:{agent_id}",
            "agent_id": agent_id,
            "at": at,
            "seen_at": at,
            "source": "config",
        }

    def book(self, facts):
        asyncio.run_coroutine_threadsafe(self.watched.monitor.book(facts), self.loop).result(5)

    def close(self):
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module", name="served")
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
    """Opens pages; at the end nothing may have been complained about and nothing asked of another origin."""
    contexts, complaints, requests = [], [], []

    def open_page(path, *, width=1280, height=800, scheme="dark", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{path}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
        page.on("request", lambda request: requests.append(request.url))
        if scripts:
            page.add_init_script(
                "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective, e.blockedURI))"
            )
        page.goto(served.url + path)
        if scripts and path != "/nothing":
            expect(page.locator("#live-text")).to_have_text("live", timeout=5_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(served.url + "/")] == []


@pytest.mark.parametrize(
    "path", ["/", "/wall", "/?wall=1", "/agents/briar", "/agents/dahlia", "/agents/elm", "/agents/kelp"]
)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_pages_load_in_peace(open_page, tmp_path, path, scheme):
    """Every page loads in both schemes without a console message, a policy violation or a foreign request."""
    page = open_page(path, scheme=scheme)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert page.locator("h1").count() == 1
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_a_change_appears_without_a_reload(open_page, served):
    """What is booked is on the open page within two seconds, in the table and in the tile."""
    page = open_page("/")
    cell = page.locator('[data-cell="agents/fern/equity"]')
    tile = page.locator('[data-cell="tiles/wallets/fleet equity"]')
    before, fleet = cell.inner_text(), tile.inner_text()
    page.evaluate("window.same = true")
    served.pay("fern", "1000.25")
    expect(cell).not_to_have_text(before, timeout=2_000)
    expect(tile).not_to_have_text(fleet, timeout=2_000)
    assert number(cell.inner_text()) == pytest.approx(number(before) + 1000.25)
    assert page.evaluate("window.same") is True
    text = cell.inner_text()
    page.reload()
    assert cell.inner_text() == text


def test_the_agents_page_lives_too(open_page, served):
    """The numbers of an agent's page follow, and its sections are read again."""
    page = open_page("/agents/alder")
    cell = page.locator('[data-cell="agents/alder/equity"]')
    part = page.locator("#pairs-parts dd").first
    before, known = cell.inner_text(), part.inner_text()
    served.pay("alder", "5.5")
    expect(cell).not_to_have_text(before, timeout=2_000)
    expect(part).not_to_have_text(known, timeout=15_000)


def test_a_new_agent_gets_its_row(open_page, served):
    """An agent that joins the fleet appears by itself."""
    page = open_page("/")
    served.join("newcomer")
    expect(page.locator('tr[data-agent="newcomer"]')).to_have_count(1, timeout=5_000)
    served.leave("newcomer")
    expect(page.locator('tr[data-agent="newcomer"]')).to_have_count(0, timeout=5_000)


def number(text):
    return float(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))


def order(page):
    return page.locator("#agents tbody tr").evaluate_all("rows => rows.map(row => row.dataset.agent)")


def test_sorting_by_keyboard(open_page):
    """A heading is reached by Tab, pressed by Enter, says its order, and turns round when pressed again."""
    page = open_page("/")
    head = page.locator('th[data-key="drawdown"] button')
    for _ in range(60):
        page.keyboard.press("Tab")
        if head.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort]").evaluate_all("heads => heads.map(h => [h.dataset.key, h.ariaSort])") == [
        ["drawdown", "descending"]
    ]
    down = order(page)
    expect(page.locator("#sorted")).to_have_text("sorted by Drawdown, descending")
    page.keyboard.press("Space")
    up = order(page)
    known = [name for name in up if name not in {"elm", "kelp"}]
    assert known == [name for name in down if name not in {"elm", "kelp"}][::-1]
    assert set(up[-2:]) == set(down[-2:]) == {"elm", "kelp"}


@pytest.mark.parametrize(
    "key", ["agent", "strategy", "equity", "pnl_24h", "drawdown", "win_ratio", "positions", "escrows", "freshness"]
)
def test_sorting_here_is_sorting_there(open_page, key):
    """The order that the script makes is the order that the server makes, both ways."""
    page = open_page("/?sort=pnl_total&dir=desc")
    for _ in range(2):
        page.locator(f'th[data-key="{key}"] button').click()
        mine, address = order(page), page.url
        page.goto(address)
        assert order(page) == mine


def test_everything_can_be_reached_by_keyboard(open_page):
    """The first stop skips to the content, focus is visible, j and k walk the agents, / finds, Enter opens."""
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    page.keyboard.press("j")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    second = order(page)[1]
    assert page.evaluate("document.activeElement.textContent") == second
    page.keyboard.press("/")
    page.keyboard.type("kelp")
    assert page.locator("#agents tbody tr:visible").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("kelp")


@pytest.mark.parametrize("path", ["/", "/wall", "/agents/hazel", "/agents/dahlia", "/agents/kelp"])
def test_a_phone_needs_no_sideways_scrolling(open_page, tmp_path, path):
    """At 375 px nothing is wider than the screen."""
    page = open_page(path, width=375, height=812)
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.evaluate("document.body.scrollWidth") <= 375


def ground(page):
    rgb = re.findall(r"[\d.]+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]
    return sum(map(float, rgb)) / 3


def test_dark_and_light_and_a_choice_that_stays(open_page):
    """The page follows the system until the reader chooses, and remembers the choice."""
    assert ground(open_page("/", scheme="dark")) < 60
    page = open_page("/", scheme="light")
    assert ground(page) > 200
    page.locator("#theme").click()
    page.locator("#theme").click()
    expect(page.locator("#theme")).to_have_text("Theme: dark")
    assert ground(page) < 60
    page.reload()
    assert ground(page) < 60


@pytest.mark.parametrize("path", ["/", "/agents/hazel"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_can_be_read(open_page, path, scheme):
    """Every text has a contrast of at least 4.5 : 1 against what is behind it."""
    page = open_page(path, scheme=scheme)
    assert page.evaluate(CONTRAST) == []


CONTRAST = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const channel = v => (v /= text255(v)) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const text255 = () => 255;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (c.startsWith("rgb(")) return rgb(c);
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    const text = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!text || e.closest("svg") || e.closest(".hidden, [hidden]")) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


def test_the_wall_fits_its_screen(open_page, tmp_path):
    """On a large screen the wall needs no scrolling, and its numbers are huge."""
    page = open_page("/wall", width=1920, height=1080)
    page.screenshot(path=tmp_path / "wall.png")
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    size = float(page.evaluate("getComputedStyle(document.querySelector('.tile .big')).fontSize").removesuffix("px"))
    assert size >= 60
    assert page.locator("#worst li").count() == 7
    inside = page.evaluate("document.querySelector('#worst li:last-child').getBoundingClientRect().bottom")
    assert inside <= 1080


def test_without_a_script_the_page_is_whole(open_page):
    """With scripts off the numbers stand and the headings sort by their links."""
    page = open_page("/", scripts=False)
    assert page.locator("#agents tbody tr").count() == 12
    page.locator('th[data-key="agent"] a.sort').click()
    assert order_without_script(page) == sorted(order_without_script(page))


def order_without_script(page):
    return page.locator("#agents tbody th a").all_inner_texts()


def test_unknown_is_hatched(open_page):
    """Unknown and stale numbers have a hatched ground that known ones lack."""
    page = open_page("/")

    def hatch(key):
        return page.locator(f'[data-cell="{key}"]').evaluate("e => getComputedStyle(e).backgroundImage")

    assert "repeating-linear-gradient" in hatch("agents/kelp/equity")
    assert "repeating-linear-gradient" in hatch("agents/dahlia/equity")
    assert hatch("agents/fern/equity") == "none"
