"""The JSON API: every number says when, whence and how fresh; every refusal says what to do."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from fleawatch.errors import StoreError
from fleawatch.events import (
    AgentRetired,
    BetSettled,
    GameTotal,
    GameTotals,
    LeaseGranted,
    PositionMarked,
    PositionOpened,
    fact_id,
    reading_id,
)

AT = 1_800_000_000.0
FIVE = {"value", "as_of", "source", "freshness", "reason"}
NOT_MEASURED = {"at", "seq", "status"}
"""Names of plain numbers that are no measurements: moments (also `..._at`), places in an order, HTTP statuses."""


def complaints(document, path=""):
    """Every number of a document that does not come with its five fields."""
    if isinstance(document, dict):
        if document.keys() == FIVE:
            return _number(document, path)
        if document.keys() == {"columns", "source", "freshness", "reason", "rows"}:
            return _curve(document, path)
        return [c for key, value in document.items() for c in complaints(value, f"{path}.{key}")]
    if isinstance(document, list):
        return [c for place, value in enumerate(document) for c in complaints(value, f"{path}[{place}]")]
    name = path.rpartition(".")[2].partition("[")[0]
    plain = name in NOT_MEASURED or name.endswith("_at") or isinstance(document, str | bool | None)
    return [] if plain else [f"{path} was {document!r}"]


def _number(number, path):
    value, freshness = number["value"], number["freshness"]
    problems = []
    if freshness not in {"fresh", "stale", "unknown"}:
        problems.append("freshness")
    if (value is None) != (freshness == "unknown"):
        problems.append("value")
    if (number["reason"] is None) != (freshness == "fresh"):
        problems.append("reason")
    if value is not None and (number["as_of"] is None or not math.isfinite(value)):
        problems.append("as_of")
    if not number["source"]:
        problems.append("source")
    return [f"{path}: {problem} of {number}" for problem in problems]


def _curve(curve, path):
    width = len(curve["columns"])
    return [f"{path}: {row}" for row in curve["rows"] if len(row) != width or not all(map(math.isfinite, row))]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/fleet",
        "/api/v1/agents",
        "/health",
        *(f"/api/v1/agents/{name}" for name in ("briar", "dahlia", "elm", "hazel", "kelp")),
    ],
)
def test_every_number_has_its_five_fields(get, path):
    """No number is bare: of a fresh agent, a stale one, one unknown by design and one never read alike."""
    document = get(path).json()
    document.pop("latest_facts", None)
    assert complaints(document) == []


def test_the_walk_finds_a_bare_number():
    """The check above can fail."""
    assert complaints({"a": {"b": [1.0]}}) == [".a.b[0] was 1.0"]
    assert complaints({"a": {"value": 0.0, "as_of": None, "source": "x", "freshness": "unknown", "reason": "y"}})


def test_no_failure_looks_like_zero(get):
    """Of an agent that was never read no money is 0: it is null."""
    document = get("/api/v1/agents/kelp").json()
    money = [document["equity"]["total"], *document["equity"]["parts"].values(), *document["pnl"]["by_class"].values()]
    assert {number["value"] for number in money} == {None}
    assert document["row"]["freshness"] == "unknown"


def test_agents_are_sorted_when_asked(get):
    """The API sorts as the page does."""
    found = get("/api/v1/agents?sort=equity&dir=asc").json()["agents"]
    values = [row["equity"]["value"] for row in found if row["equity"]["value"] is not None]
    assert values == sorted(values)
    assert found[-1]["equity"]["value"] is None


@pytest.mark.parametrize(
    ("query", "where", "said"),
    [
        ("/api/v1/agents?sort=luck", "sort", "'luck'"),
        ("/api/v1/agents?dir=up", "dir", "'up'"),
        ("/api/v1/agents?srot=equity", "srot", "no parameter"),
        ("/api/v1/events?limit=0", "limit", "'0'"),
        ("/api/v1/events?limit=1001", "limit", "'1001'"),
        ("/api/v1/events?after=-1", "after", "'-1'"),
        ("/api/v1/events?before=1e3", "before", "'1e3'"),
        ("/api/v1/events?kind=bet_settled,nonsense", "kind", "'nonsense'"),
        ("/api/v1/events?agent_id=../x", "agent_id", "'../x'"),
        ("/api/v1/fleet?x=1", "x", "no parameter"),
        ("/health?strict=yes", "strict", "'yes'"),
        ("/?sort=luck", None, None),
    ],
)
def test_a_bad_parameter_is_refused(get, query, where, said):
    """400 with the field, the value and the remedy."""
    answer = get(query, headers={"accept": "application/json"} if where is None else {})
    assert answer.status == 400
    (problem,) = answer.json()["problems"]
    assert problem["remedy"]
    if where:
        assert problem["where"] == where
        assert said in problem["what"]


def test_every_bad_parameter_is_told_at_once(get):
    """Two mistakes, two problems."""
    assert len(get("/api/v1/events?limit=x&after=y").json()["problems"]) == 2


def test_an_unknown_agent_is_404_with_a_remedy(get):
    """The refusal names the agent and where to find the right name."""
    answer = get("/api/v1/agents/nobody")
    assert answer.status == 404
    assert answer.json()["problems"] == [
        {
            "where": "agent_id",
            "what": "was 'nobody', which is not watched",
            "remedy": "list the agents with GET /api/v1/agents",
        }
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/api/v1/fleet", "/api/v1/agents/briar", "/metrics", "/", "/api/v1/stream", "/-/ready"]
)
def test_nothing_can_be_written(get, method, path):
    """Every other method than GET and HEAD is refused."""
    answer = get(path, method=method)
    assert answer.status == 405
    assert "GET" in answer.headers["allow"]


def test_head_answers_like_get_without_a_body(get):
    """HEAD is served."""
    assert get("/api/v1/fleet", method="HEAD").status == 200


def test_json_is_compressed_when_asked(get):
    """A client that takes gzip gets it; one that does not gets plain JSON."""
    packed = get("/api/v1/fleet", headers={"accept-encoding": "gzip"})
    plain = get("/api/v1/fleet")
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) * 3 < len(plain.body)
    assert "content-encoding" not in plain.headers


def walk(get, path):
    """The pages of a listing, from the first to the last."""
    pages = []
    while path:
        document = get(path).json()
        pages.append([event["seq"] for event in document["events"]])
        path = document["next"]
    return pages


def test_events_page_backwards_through_everything(get):
    """Newest first, page after page, every fact comes exactly once."""
    pages = walk(get, "/api/v1/events?limit=100&agent_id=alder")
    seen = [seq for page in pages for seq in page]
    assert len(pages) > 1
    assert seen == sorted(set(seen), reverse=True)
    assert seen == [seq for page in walk(get, "/api/v1/events?limit=300&agent_id=alder") for seq in page]


def test_events_page_forwards_from_a_place(get):
    """From `after` on, in order of recording, up to `before`."""
    pages = walk(get, "/api/v1/events?after=10&before=61&limit=20")
    assert [len(page) for page in pages] == [20, 20, 10]
    assert [seq for page in pages for seq in page] == list(range(11, 61))


def test_events_filter_by_kind(get):
    """Only the kinds that were asked for come, and the next page keeps the filter."""
    document = get("/api/v1/events?limit=5&kind=bet_settled,tick").json()
    assert {event["fact"]["kind"] for event in document["events"]} <= {"bet_settled", "tick"}
    assert document["next"].endswith("&kind=bet_settled,tick")


def test_facts_are_given_as_recorded(get):
    """Amounts of facts are text, so that no reader loses a digit."""
    fact = get("/api/v1/events?limit=1&kind=bet_settled").json()["events"][0]["fact"]
    assert isinstance(fact["stake"], str)


def test_a_store_that_cannot_be_read_is_503(asked, book):
    """The facts are not there now, and the answer says so instead of giving none."""

    def closed(watched):
        def broken(**_):
            raise StoreError("the disk is away")

        watched.monitor.store.facts = broken

    answer = asked(book().known(), "/api/v1/events", prepare=closed)
    assert answer.status == 503
    assert "the disk is away" in answer.json()["problems"][0]["what"]
    assert answer.headers["retry-after"]


def test_games_are_exact(asked, book):
    """Wagered, paid and net of each game are the platform's own totals, parlays included."""
    b = book()
    totals = GameTotals(
        fact_id=reading_id("casino", "game_totals", "solo", AT), **b.who("casino"), bets=3,
        games=(GameTotal(game="dice", bets=3, wagered=Decimal("3.05"), paid=Decimal("1.01")),),
    )  # fmt: skip
    facts = [*b.known("100"), b.row("-2", "parlay_stake", "p1"), b.row("5", "parlay_payout", "p1"), totals, b.read()]
    games = {game["game"]: game for game in asked(facts, "/api/v1/agents/solo").json()["pnl"]["by_game"]}
    assert {name: games["dice"][name]["value"] for name in ("bets", "wagered", "paid", "net")} == {
        "bets": 3, "wagered": 3.05, "paid": 1.01, "net": -2.04,
    }  # fmt: skip
    assert (games["parlay"]["bets"]["value"], games["parlay"]["net"]["value"]) == (1, 3.0)


@pytest.mark.parametrize(("side", "liquidation", "distance"), [("buy", "80", 0.2), ("sell", "125", 0.25)])
def test_liquidation_distance_is_a_share_of_the_price(asked, book, side, liquidation, distance):
    """Positive while there is room, whichever side the position is on."""
    b = book()
    opened = PositionOpened(
        fact_id="p", **b.who("trading"), position_id="p1", market="BTC-USD", side=side, notional_usd=Decimal(100),
        quantity=Decimal(1), entry_price=Decimal(100), leverage=Decimal(5), margin_usd=Decimal(20),
        liquidation_price=Decimal(liquidation),
    )  # fmt: skip
    marked = PositionMarked(
        fact_id="m",
        **b.who("trading"),
        position_id="p1",
        market="BTC-USD",
        price=Decimal(100),
        unrealized_pnl_usd=Decimal(0),
    )
    facts = [b.declare("trading", trades=True, capital_usd=Decimal(500)), opened, marked, b.read("trading")]
    (found,) = asked(facts, "/api/v1/agents/solo").json()["positions"]
    assert found["liquidation_distance"]["value"] == distance
    (unmarked,) = asked([*facts[:2], facts[3]], "/api/v1/agents/solo").json()["positions"]
    assert (unmarked["unrealized"]["value"], unmarked["unrealized"]["reason"]) == (None, "not marked yet")


def test_an_escrow_says_when_it_runs_out(asked, book):
    """Role, status, amount and seconds to expiry, which go below 0."""
    b = book()
    facts = [
        *b.known("100")[1:],
        b.row("-40", "escrow_lock", "esc_1"),
        b.escrow(expires_in=-30.0),
        b.read("escrow"),
        b.read(),
    ]
    (found,) = asked([b.declare("casino", "escrow"), *facts], "/api/v1/agents/solo").json()["escrows"]
    assert (found["role"], found["status"], found["amount"]["value"], found["expires_in"]["value"]) == (
        "creator",
        "funded",
        40.0,
        -30.0,
    )


def test_attribution_adds_up(get):
    """By strategy, asset and hour the same money is divided."""
    pnl = get("/api/v1/agents/hazel").json()["pnl"]
    sums = {name: sum(part["net"]["value"] for part in pnl[name]) for name in ("by_strategy", "by_asset", "by_hour")}
    assert sums["by_strategy"] == pytest.approx(sums["by_asset"], abs=1e-4)
    assert sums["by_strategy"] == pytest.approx(sums["by_hour"], abs=1e-4)


def test_classes_of_pnl_add_up_to_the_total(asked, book):
    """What was won and lost since the first reading is the total P&L, class by class; a deposit is in none."""
    b = book()
    facts = [
        *b.known("100"),
        b.row("-2", "stake"),
        b.row("5", "payout"),
        b.row("1.5", "referral"),
        b.row("50"),
        b.read(),
    ]
    document = asked(facts, "/api/v1/agents/solo").json()
    classes = {name: number["value"] for name, number in document["pnl"]["by_class"].items()}
    assert classes == {"casino": 3.0, "referral": 1.5}
    assert document["row"]["pnl_total"]["value"] == 4.5
    assert document["flows"]["net_since_watched"]["value"] == 50.0


def test_the_fleet_counts_the_trades_of_its_agents(get):
    """Wins, losses, profit and P&L of the fleet are those of its agents together; none of them is a false 0."""
    fleet = get("/api/v1/fleet").json()["performance"]["windows"]["all_time"]
    agents = [get(f"/api/v1/agents/{row['agent_id']}").json() for row in get("/api/v1/agents").json()["agents"]]
    for name in ("wins", "losses", "gross_profit", "gross_loss", "pnl"):
        parts = [agent["performance"]["windows"]["all_time"][name]["value"] or 0 for agent in agents]
        assert fleet[name]["value"] == pytest.approx(sum(parts), abs=1e-4)
        assert fleet[name]["value"]
    assert fleet["win_ratio"]["value"] == pytest.approx(
        fleet["wins"]["value"] / (fleet["wins"]["value"] + fleet["losses"]["value"])
    )


def test_the_fleets_window_says_what_its_tile_says(get):
    """P&L of 24 h is one number wherever it is shown."""
    fleet = get("/api/v1/fleet").json()
    assert (
        fleet["performance"]["windows"]["24h"]["pnl"]["value"]
        == fleet["tiles"]["pnl"]["details"]["vs_24_h_ago"]["value"]
    )


def test_a_missing_number_carries_its_reason(get):
    """Each number of a window that cannot be computed says why."""
    windows = get("/api/v1/agents/briar").json()["performance"]["windows"]
    assert windows["30d"]["value_at_risk_95"]["reason"].startswith("needs 100 returns")
    assert windows["1h"]["cagr"]["value"] is None


def test_control_is_unknown_until_somebody_said(asked, book):
    """An agent that was only declared has no epoch, which is not epoch 0; one that has a lease has."""
    b = book()
    lease = LeaseGranted(fact_id="lease", **b.who("sdk"), epoch=0, expires_at=b.at + 60, state="active")
    path = "/api/v1/agents/solo"
    declared = asked(b.known(), path).json()["control"]["epoch"]
    assert (declared["value"], declared["freshness"], declared["reason"]) == (None, "unknown", "nobody said")
    granted = asked([*b.known(), lease], path).json()["control"]["epoch"]
    assert (granted["value"], granted["source"], granted["freshness"]) == (0, "self-report", "fresh")


def test_results_say_since_when_they_are_known(asked, book):
    """By service, as moments; of a service that nobody reads nothing is said."""
    b = book()
    assert asked(b.known(), "/api/v1/agents/solo").json()["pnl"]["known_since"] == {"casino_at": b.at}


def test_sources_say_since_when_they_fail(get):
    """A source that fails is named with its reason, its last reading and the time since it fails."""
    sources = {source["collector"]: source for source in get("/api/v1/agents/dahlia").json()["sources"]}
    casino = sources["casino"]
    assert (casino["freshness"], casino["reason"], casino["failing"]) == ("stale", "the key was refused (401)", True)
    assert casino["read_at"] < casino["failing_since_at"]


def test_latest_facts_leave_out_what_says_nothing(get):
    """The latest facts of an agent are bets and movements, not readings that found nothing new."""
    facts = get("/api/v1/agents/fern").json()["latest_facts"]
    assert len(facts) == 40
    assert {fact["fact"]["agent_id"] for fact in facts} == {"fern"}
    assert "source_read" not in {fact["fact"]["kind"] for fact in facts}


def test_a_retired_agent_is_gone_and_said_to_be(asked, book):
    """After its retirement an agent is 404, and the refusal says that it was watched once."""
    b = book()
    gone = AgentRetired(fact_id="r", **b.who("config"))
    assert "it was retired" in asked([*b.known(), gone], "/api/v1/agents/solo").json()["problems"][0]["what"]


def test_self_reported_bets_are_shown(asked, book):
    """An agent that only reports itself has its games from its own reports, and the source says so."""
    b = book()
    bet = BetSettled(
        fact_id=fact_id("casino", "bet_settled", "b1"),
        **b.who("sdk"),
        bet_id="b1",
        game="dice",
        stake=Decimal(1),
        payout=Decimal(2),
    )
    (game,) = asked([b.declare(), bet], "/api/v1/agents/solo").json()["pnl"]["by_game"]
    assert (game["net"]["value"], game["net"]["source"]) == (1.0, "self-report")
