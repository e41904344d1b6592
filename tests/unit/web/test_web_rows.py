"""Rows, standings, tiles and doubts: computed from facts, with unknown as a value."""

from __future__ import annotations

import msgspec
import pytest

from fleawatch.flow.policy import Policy
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import run
from fleawatch.web.agentview import agent_document
from fleawatch.web.fleetview import fleet_view
from fleawatch.web.row import SORTS, ordered, row
from fleawatch.web.tables import agent_tables

AT = 1_800_000_000.0


def state_of(facts):
    return run(empty_fleet(), facts, Policy())[0]


def one_row(facts, at=AT):
    state = state_of(facts)
    (agent,) = state.agents.values()
    return row(agent, at, 60.0)


def tile(facts, key, at=AT):
    view = fleet_view(state_of(facts), at, 60.0)
    return next(tile for tile in view.tiles if tile.key == key)


def detail(tile, label):
    return next(detail.number for detail in tile.details if detail.label == label)


def test_a_read_agent_is_fresh(book):
    """An agent whose money was just read has its equity, fresh, from its collector."""
    found = one_row(book().known("100"))
    assert (found.equity.value, found.equity.freshness, found.equity.source, found.equity.as_of) == (
        100.0,
        "fresh",
        "casino",
        AT,
    )
    assert found.freshness == "fresh"


def test_a_failing_source_makes_the_last_value_stale(book):
    """After a refused key the equity is what it was, stale, with the reason in words."""
    b = book()
    found = one_row([*b.known("100"), b.failed(reason="unauthorized", code=401, at=AT + 15)], AT + 16)
    assert (found.equity.value, found.equity.freshness) == (100.0, "stale")
    assert found.equity.reason == "casino: the key was refused (401)"
    assert found.age.value == 16.0


def test_a_number_that_nobody_renewed_is_stale(book):
    """Silence is not health: past its time a number is stale although nothing failed."""
    found = one_row(book().known("100"), AT + 61)
    assert (found.equity.value, found.equity.reason) == (100.0, "casino: not read for too long")


def test_an_agent_that_was_never_read_is_unknown(book):
    """Before the first reading there is no number at all, and the reason says so."""
    b = book()
    found = one_row([b.declare("casino"), b.failed(reason="network")])
    assert [
        getattr(found, name).value
        for name in ("equity", "pnl_24h", "pnl_total", "drawdown", "win_ratio", "open_escrows")
    ] == [None] * 6
    assert found.reason == "casino: cannot be reached"


def test_one_unread_part_leaves_the_equity_unknown(book):
    """The sum of the parts that were read would be a wrong equity."""
    b = book()
    found = one_row([b.declare("casino", "escrow"), *b.known("100")[1:]])
    assert found.equity.value is None
    assert found.equity.reason == "escrow: not read yet"


def test_results_of_one_that_waits_for_a_source_are_unknown(book):
    """While a source of money was never read there is no P&L and no count of trades, even by design or beside others."""
    b = book()
    facts = [b.declare("casino", "escrow", trades=True), b.failed(reason="network"), b.read("escrow")]
    found = one_row(facts)
    assert (found.pnl_total.value, found.pnl_24h.value, found.win_ratio.value) == (None, None, None)
    assert "casino: cannot be reached" in found.pnl_total.reason
    windows = agent_document(state_of(facts).agents["solo"], AT, 60.0)["performance"]["windows"]
    assert {windows["24h"][name].value for name in ("pnl", "wins", "losses", "gross_profit")} == {None}


def test_unknown_by_design_says_what_is_missing(book):
    """Trading without a known capital leaves the equity unknown, with the reason."""
    b = book()
    found = one_row([b.declare("casino", trades=True), *b.known("100")[1:]])
    assert found.equity.value is None
    assert "no capital is declared" in found.equity.reason


def test_an_agent_that_reports_itself_grows_old(book):
    """Without a collector, an agent that has not reported for too long is stale."""
    b = book()
    facts = [b.declare(), b.balance_read()]
    assert one_row(facts).freshness == "fresh"
    late = one_row(facts, AT + 61)
    assert (late.freshness, late.reason) == ("stale", "the agent has not reported for too long")


def test_positions_of_one_who_does_not_trade_are_not_zero(book):
    """An agent that does not trade has no number of positions, rather than 0 of them."""
    found = one_row(book().known())
    assert (found.open_positions.value, found.open_positions.reason) == (None, "does not trade")


def test_escrows_that_nobody_reads_are_not_zero(book):
    """Without a source of escrows there is no number of them."""
    found = one_row(book().known())
    assert (found.open_escrows.value, found.open_escrows.reason) == (None, "no source reads its escrows")


def test_escrows_are_unknown_until_the_ledger_was_read(book):
    """Which escrows there are is in the ledger: before it was read there is no number of them, and the reason says so."""
    b = book()
    watched = [b.declare("casino", "escrow", "bets"), b.failed(reason="network")]
    waiting = [b.failed("escrow", reason="upstream"), b.failed("bets", reason="upstream")]
    for facts in ([*watched, *waiting], [*watched, b.read("escrow")]):
        found = one_row(facts)
        assert (found.open_escrows.value, found.escrow_locked.value) == (None, None)
        assert "casino: cannot be reached" in found.open_escrows.reason
        pipeline = tile(facts, "escrows")
        assert {number.value for number in (pipeline.number, *(one.number for one in pipeline.details))} == {None}
    assert "escrow: waits for the casino's ledger" in one_row([*watched, *waiting]).open_escrows.reason


def test_escrows_are_as_old_as_the_older_of_service_and_ledger(book):
    """A casino that fails makes the number of escrows stale, though the escrow service still answers."""
    b = book()
    facts = [b.declare("casino", "escrow"), *b.known()[1:], b.read("escrow")]
    fresh = one_row(facts).open_escrows
    assert (fresh.value, fresh.freshness) == (0, "fresh")
    stale = one_row([*facts, b.failed(reason="timeout", at=AT + 15)], AT + 16).open_escrows
    assert (stale.value, stale.freshness, stale.reason) == (0, "stale", "casino: no answer in time")


def test_an_unread_ledger_leaves_nothing_at_zero(book):
    """Deposits, fees, the win rate and empty tables of an agent whose casino is away say why, and not 0 or none."""
    b = book()
    facts = [b.declare("casino", "escrow", "wallet"), b.failed(reason="network"), b.read("wallet")]
    facts.append(b.failed("escrow", reason="upstream"))
    document = agent_document(state_of(facts).agents["solo"], AT, 60.0)
    numbers = {**document["flows"], **document["fees"], "casino": document["pnl"]["by_class"]["casino"]}
    assert {number.value for number in numbers.values()} == {None}
    tables = agent_tables(document)
    assert "cannot be reached" in tables["escrows"].empty
    assert "cannot be reached" in tables["game"].empty
    assert "has 0" not in tile(facts, "win_ratio").number.reason
    (line,) = (line for line in fleet_view(state_of(facts), AT, 60.0).sources if line.collector == "escrow")
    assert line.reasons == ("waits for the casino's ledger (1)",)


@pytest.mark.parametrize("key", [key for key in SORTS if key not in {"agent", "strategy", "freshness"}])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_unknown_comes_last_whatever_the_order(example, key, direction):
    """Sorted by any number, the known ones are in order and the unknown ones follow."""
    view = fleet_view(example.monitor.state, example.clock.now(), 60.0)
    names = {"positions": "open_positions", "escrows": "open_escrows"}
    values = [getattr(found, names.get(key, key)).value for found in ordered(view.rows, key, direction)]
    known = [value for value in values if value is not None]
    assert values == [*known, *[None] * (len(values) - len(known))]
    assert known == sorted(known, reverse=direction == "desc")


def test_oldest_first_begins_with_what_was_never_read(example):
    """By freshness, descending, an agent that was never read stands before one that is old."""
    view = fleet_view(example.monitor.state, example.clock.now(), 60.0)
    assert [found.agent_id for found in ordered(view.rows, "freshness", "desc")][:2] == ["kelp", "dahlia"]


def test_sorted_by_name(example):
    """Names sort both ways."""
    view = fleet_view(example.monitor.state, example.clock.now(), 60.0)
    names = [found.agent_id for found in ordered(view.rows, "agent", "asc")]
    assert names == sorted(names)
    assert [found.agent_id for found in ordered(view.rows, "agent", "desc")] == names[::-1]


def test_fleet_pnl_is_the_sum_of_the_rows(example):
    """What the tile says is what the table adds up to."""
    view = fleet_view(example.monitor.state, example.clock.now(), 60.0)
    pnl = next(tile for tile in view.tiles if tile.key == "pnl")
    assert pnl.number.value == pytest.approx(sum(found.pnl_total.value or 0 for found in view.rows), abs=1e-5)
    assert pnl.number.freshness == "stale"
    assert "unknown, left out: kelp" in pnl.number.reason


def test_pnl_does_not_count_deposits(book, tick):
    """Money that comes in is no profit."""
    b = book()
    facts = [*b.known("100"), tick(AT), b.row("900"), b.read(), tick(AT + 1)]
    found = tile(facts, "pnl")
    assert (found.number.value, detail(found, "vs 24 h ago").value, detail(found, "return 24 h").value) == (
        0.0,
        0.0,
        0.0,
    )


def test_latency_is_the_mean_of_what_agents_report(book):
    """Average trade latency comes from reported orders, whoever reports them."""
    one, other = book("one"), book("two")
    facts = [*one.known(), *other.known(), one.order(1, 0.02), one.order(2, 0.04), other.order(1, 0.06)]
    found = tile(facts, "latency")
    assert (found.number.value, detail(found, "orders measured").value) == (0.04, 3)


def test_latency_is_unknown_when_nobody_reports_it(book):
    """No report is no latency, not 0 ms."""
    found = tile(book().known(), "latency").number
    assert (found.value, found.reason) == (None, "no agent reports order latency")


def test_wallets_are_what_was_read(book):
    """The wallet tile adds the balances as read."""
    one, other = book("one"), book("two")
    assert tile([*one.known("100"), *other.known("20.5")], "wallets").number.value == 120.5


def test_an_escrow_between_two_of_the_fleet_counts_once(book):
    """Creator and worker both see it, and it is one escrow."""
    one, other = book("one"), book("two")
    facts = []
    for b in (one, other):
        facts += [
            b.declare("casino", "escrow", platform_ids={"casino": f"ag_{b.agent_id}"}),
            *b.known("100")[1:],
            b.read("escrow"),
        ]
    facts += [one.row("-40", "escrow_lock", "esc_1"), one.escrow(counterparty="ag_two"), one.read("escrow")]
    state = state_of(facts)
    assert [len(agent.escrows) for agent in state.agents.values()] == [1, 1]
    found = tile(facts, "escrows")
    assert (found.number.value, detail(found, "locked").value, detail(found, "next expiry").value) == (1, 40.0, 600.0)


def test_win_rate_needs_enough_bets(book):
    """Below twenty decided bets there is no win rate, and the reason counts them."""
    b = book()
    facts = [*b.known("100"), b.row("-1", "stake"), b.row("2", "payout"), b.read()]
    found = tile(facts, "win_ratio")
    assert (found.number.value, found.number.reason) == (None, "needs 20 decided bets, has 1")


def test_win_rate_is_wins_by_decided_bets(example):
    """The tile's ratio is that of the counts beside it."""
    found = next(t for t in fleet_view(example.monitor.state, example.clock.now(), 60.0).tiles if t.key == "win_ratio")
    won, lost = detail(found, "won").value, detail(found, "lost").value
    assert found.number.value == pytest.approx(won / (won + lost))


def test_a_silent_agent_is_not_active(book):
    """An agent that is read well and has done nothing for an hour is silent, not active and not unknown."""
    b = book()
    facts = [*b.known(), b.read(valid_s=9_999.0)]
    later = AT + 3_601
    found = tile(
        [*facts, msgspec.structs.replace(b.read(valid_s=9_999.0), at=later, fact_id="later")], "active", at=later
    )
    assert (found.number.value, detail(found, "silent").value, detail(found, "unknown").value) == (0, 1, 0)


def test_unread_agents_are_neither_active_nor_silent(book):
    """What an unread agent does is unknown."""
    b = book()
    found = tile([b.declare("casino"), b.failed()], "active")
    assert (found.number.value, detail(found, "silent").value, detail(found, "unknown").value) == (None, 0, 1)


def test_unexplained_money_comes_first(book):
    """A ledger that does not add up stands before every other doubt, with its amount."""
    bad, gone = book("bad"), book("gone")
    facts = [*bad.known("100"), bad.row("10", after="115"), bad.read(), gone.declare("casino"), gone.failed()]
    doubts = fleet_view(state_of(facts), AT, 60.0).doubts
    assert [(d.level, d.what, d.agent_id) for d in doubts] == [
        ("critical", "unexplained_money", "bad"),
        ("warning", "unknown", "gone"),
    ]
    assert doubts[0].amount.value == 5.0


def test_the_fleets_residual_says_what_nobodys_own_books_do(book):
    """Two ledgers that add up and do not agree: a doubt of the fleet's own, and the sum of both kinds of fault."""
    payer, payee, bad = book("payer"), book("payee"), book("bad")
    facts = [
        *payer.known(), payer.row("-30", "payment_sent", "pay_1"), *payee.known(),
        payee.row("29", "payment_received", "pay_1"), *bad.known("100"), bad.row("10", after="115"),
    ]  # fmt: skip
    facts += [fact for one in (payer, payee, bad) for fact in (one.ledger_read(), one.balance_read(), one.read())]
    view = fleet_view(state_of(facts), AT, 60.0)
    found = view.conservation
    assert [one.value for one in (found.residual, found.books, found.between_agents)] == [4.0, 5.0, -1.0]
    assert (found.residual.freshness, found.residual.as_of, found.in_transit.value) == ("fresh", AT, 0.0)
    assert [(doubt.agent_id, doubt.amount.value) for doubt in view.doubts] == [("", -1.0), ("bad", 5.0)]
    assert view.doubts[0].text == "of payments inside the fleet 1.00 USD less arrived than was sent"


def test_the_fleets_residual_is_unknown_while_a_book_is_and_names_it(book):
    """An agent that was never read may hold anything; one that is read no more is as it was."""
    gone, fine = book("gone"), book("fine")
    unread = fleet_view(state_of([*fine.known(), gone.declare("casino"), gone.failed()]), AT, 60.0).conservation
    assert (unread.residual.value, unread.residual.freshness) == (None, "unknown")
    assert unread.residual.reason == "gone casino: not read yet"
    assert unread.between_agents.value == 0.0
    stale = fleet_view(state_of([*fine.known(), *gone.known(), gone.failed(at=AT + 5)]), AT + 5, 60.0).conservation
    assert (stale.residual.value, stale.residual.freshness) == (0.0, "stale")
    assert stale.residual.reason == "as last read: gone"
    nobody = fleet_view(state_of([]), AT, 60.0).conservation.residual
    assert (nobody.value, nobody.reason) == (None, "no agent has a ledger")


def test_a_long_list_of_unknown_books_is_cut(book):
    """Three are named, the others counted."""
    facts = [book(f"a-{number}").declare("casino") for number in range(5)]
    reason = fleet_view(state_of(facts), AT, 60.0).conservation.residual.reason
    assert reason == "a-0 casino: not read yet; a-1 casino: not read yet; a-2 casino: not read yet and 2 more"


def test_clean_fresh_books_raise_no_doubt(book):
    """When all is well nothing is said."""
    assert fleet_view(state_of(book().known()), AT, 60.0).doubts == ()


def test_sources_count_what_they_read(book):
    """A source's line counts agents by freshness and gives each reason once."""
    one, other = book("one"), book("two")
    (line,) = fleet_view(state_of([*one.known(), other.declare("casino"), other.failed()]), AT, 60.0).sources
    assert (line.freshness, line.fresh.value, line.unknown.value, line.reasons) == (
        "stale",
        1,
        1,
        ("no answer in time (1)",),
    )


def test_a_fleet_of_nobody_is_unknown():
    """Without agents every tile that is about money is unknown."""
    view = fleet_view(empty_fleet(), AT, 60.0)
    assert view.rows == []
    assert [t.number.value for t in view.tiles] == [None] * 6


def test_watching_does_not_change_the_state(book):
    """Looking twice gives the same answer."""
    state = state_of(book().known())
    assert fleet_view(state, AT, 60.0) == fleet_view(state, AT, 60.0)
