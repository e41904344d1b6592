"""The pages: text of strangers stays text, unknown looks unknown, nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from fleawatch.events import AgentDeclared, StrategySwitched
from fleawatch.web.row import SORTS

AT = 1_800_000_000.0

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202e<b>\u0000\ufeff",
    "&lt;script&gt;",
    "a\nb\r\n<!--",
]


class Tags(HTMLParser):
    """Collects the elements of a page and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def attributes(self, name):
        return [attrs[name] for _, attrs in self.tags if name in attrs]


def hostile_facts(book, text):
    b = book()
    declared = b.declare(
        "casino", "escrow", strategy=text, environment=text, version=text, platform_ids={"casino": text}
    )
    facts = [*b.known("100")[1:], b.row("-40", "escrow_lock", text), b.escrow(text, counterparty=text)]
    switched = StrategySwitched(fact_id="s", **b.who("sdk"), before="x", after=text, reason=text)
    return [declared, *facts, switched, b.failed("escrow", reason=text), b.read()]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_strangers_is_text(asked, book, text):
    """Hostile strategies, escrow ids, reasons and facts bring no element, attribute or script of their own."""
    tame = asked(hostile_facts(book, "tame"), "/", "/wall", "/agents/solo")
    for answer, known in zip(asked(hostile_facts(book, text), "/", "/wall", "/agents/solo"), tame, strict=True):
        assert answer.status == 200
        page = Tags(answer.text)
        allowed = {tag for tag, _ in Tags(known.text).tags}
        assert {tag for tag, _ in page.tags} <= allowed
        assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_a_hostile_strategy_is_readable(asked, book):
    """The text itself is shown, as it is."""
    text = "<script>alert(1)</script>"
    page = Tags(asked(hostile_facts(book, text), "/agents/solo").text)
    assert any(text in piece for piece in page.text)


@pytest.mark.parametrize("path", ["/", "/wall", "/agents/briar", "/agents/nobody"])
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(get, path):
    """No inline script or style, no handler, no address of another origin."""
    text = get(path).text
    page = Tags(text)
    assert "style" not in {tag for tag, _ in page.tags}
    assert page.attributes("style") == []
    assert all("src" in attrs for tag, attrs in page.tags if tag == "script")
    addresses = [*page.attributes("src"), *page.attributes("href")]
    assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in addresses)
    assert not re.findall(r"https?://", text)


@pytest.mark.parametrize(
    "path", ["/", "/agents/briar", "/api/v1/fleet", "/metrics", "/static/base.css", "/nothing", "/-/ready"]
)
def test_every_answer_is_guarded(get, path):
    """Policy and other headers come with every answer, refusals included."""
    headers = get(path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_six_tiles_are_there(get):
    """The fleet at a glance has its six tiles, in order."""
    titles = re.findall(r'<h2 id="tile-[a-z_]+">([^<]+)', get("/").text)
    assert [title.strip() for title in titles] == [
        "Total fleet P&amp;L", "Active agents", "Avg trade latency", "Wallet balance", "Escrow pipeline", "Casino win rate",
    ]  # fmt: skip


def row_of(text, agent_id):
    return re.search(rf'<tr data-agent="{agent_id}".*?</tr>', text, re.DOTALL).group()


def test_unknown_looks_unknown(get):
    """An agent that was never read shows `unknown` and the reason, and no 0 anywhere in its row."""
    row = row_of(get("/").text, "kelp")
    shown = re.findall(r'data-cell="agents/kelp/(\w+)"[^>]*>([^<]*)<', row)
    assert [text for key, text in shown if key != "state"] == ["unknown"] * 7
    assert dict(shown)["state"] == "unknown: casino, escrow, trading: cannot be reached"
    assert 'class="unknown"' in row


def test_stale_shows_its_last_value_its_age_and_why(get):
    """An agent whose key was refused shows its last equity, hatched, how old it is and why."""
    row = row_of(get("/").text, "dahlia")
    value, look = re.search(r'class="n (stale)" data-cell="agents/dahlia/equity"[^>]*>([\d,.]+)<', row).groups()[::-1]
    assert look == "stale"
    assert float(value.replace(",", "")) > 0
    assert re.search(r"\d+ min old: casino, escrow: the key was refused \(401\)", row)


def test_doubts_come_before_numbers(get):
    """What makes numbers doubtful stands before the tiles."""
    text = get("/").text
    assert 0 < text.index('class="doubts"') < text.index('class="tiles"')


def test_the_fleets_unexplained_money_stands_beside_its_sources(get, asked, book):
    """A number where it is known, its reason where not; and a doubt about the fleet is no link to an agent."""
    assert (
        'unexplained money</span>\n<span class="counts"><span class="n none" title="kelp casino: not read yet">'
        in get("/").text
    )
    payer, payee = book("payer"), book("payee")
    facts = [
        *payer.known(), payer.row("-30", "payment_sent", "pay_1"), payer.ledger_read(), payer.balance_read(),
        *payee.known(), payee.row("29", "payment_received", "pay_1"), payee.ledger_read(), payee.balance_read(),
    ]  # fmt: skip
    text = asked(facts, "/").text
    assert 'unexplained money</span>\n<span class="counts"><span class="n down">\N{MINUS SIGN}1.00<' in text
    assert "</span> fleet <span>of payments inside the fleet 1.00 USD less arrived than was sent" in text
    assert 'href="/agents/"' not in text


@pytest.mark.parametrize("key", SORTS)
def test_the_table_sorts_on_the_server(get, key):
    """Each heading is a link that sorts without a script, and says which one is in force."""
    text = get(f"/?sort={key}&dir=asc").text
    assert re.findall(r'data-key="(\w+)"[^>]*aria-sort="(\w+)"', text) == [(key, "ascending")]
    assert f'href="/?sort={key}&amp;dir=desc"' in text
    order = re.findall(r'<tr data-agent="([a-z]+)"', text)
    assert len(order) == 12
    assert order != re.findall(r'<tr data-agent="([a-z]+)"', get(f"/?sort={key}&dir=desc").text)


def test_numbers_carry_their_sign(get):
    """A loss has a minus and a gain a plus, so that colour is not needed."""
    changes = re.findall(r'class="n (up|down)[^"]*" data-cell="agents/\w+/pnl_total"[^>]*>([^<]*)<', get("/").text)
    assert changes
    assert all(text[0] == {"up": "+", "down": "\N{MINUS SIGN}"}[look] for look, text in changes)


def test_charts_have_words(get):
    """Every chart is an image with a title and a text that says the same."""
    text = get("/agents/briar").text
    assert text.count('role="img"') == 6
    assert re.search(r"<desc [^>]*>Equity, USD from .* first .* last .* lowest .* highest ", text)


def test_the_wall_is_the_page_in_huge(get):
    """`/wall` and `/?wall=1` are one page: the tiles and the agents to look at, unknown ones first."""
    wall = get("/wall").text
    assert wall == get("/?wall=1").text
    assert re.findall(r'<a href="/agents/(\w+)">', wall)[0] == "kelp"
    assert "/static/wall.css" in wall


def test_the_agent_page_has_everything(get):
    """Every part of an agent's document has its place on the page."""
    text = get("/agents/hazel").text
    for title in (
        "Equity by part", "P&amp;L by class", "Flows, not P&amp;L", "Fees paid", "Open positions", "Open escrows",
        "Performance by window", "P&amp;L by game", "P&amp;L by market", "P&amp;L by strategy", "P&amp;L by asset",
        "P&amp;L by hour of day, UTC", "Balances by account", "Conservation of money", "Control and health", "Sources", "Latest facts",
    ):  # fmt: skip
        assert f">{title}</h2>" in text


def test_a_page_without_script_is_whole(get):
    """What needs a script is hidden until one shows it; navigation, sorting and numbers are plain HTML."""
    text = get("/").text
    assert '<label class="find" hidden>' in text
    assert '<button type="button" id="theme" class="quiet" hidden>' in text
    assert '<a class="skip" href="#main">' in text
    assert '<main id="main"' in text


def test_an_unknown_agent_has_a_page_that_says_so(get):
    """A wrong address gives a page with the remedy, as 404."""
    answer = get("/agents/nobody")
    assert answer.status == 404
    assert "list the agents with GET /api/v1/agents" in answer.text


def test_an_empty_fleet_has_a_page(asked):
    """Before the first agent the page stands, and every tile says that it does not know."""
    answer = asked([], "/")
    assert answer.status == 200
    assert "No agent is watched yet" in answer.text
    assert answer.text.count("no reading yet") >= 3


def test_our_own_failure_is_a_guarded_500(get, monkeypatch):
    """When we fail, the client learns that it was us and nothing of the inside, under the same policy."""

    def broken(*_):
        raise ValueError("the inside of the service")

    monkeypatch.setattr("fleawatch.web.pages.fleet_view", broken)
    answer = get("/", raises=False)
    assert answer.status == 500
    assert "see the log of the service" in answer.text
    assert "inside of the service" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_declared_names_need_no_reading(asked):
    """An agent that was only declared is on the page, unknown."""
    declared = AgentDeclared(
        fact_id="d", agent_id="new", at=AT, seen_at=AT, source="config", strategy="flat", collectors=("casino",)
    )
    assert "unknown: casino: not read yet" in asked([declared], "/").text
