"""Unknown is a value: what a failed, stale or missing reading does, and what it never does."""

import math

import msgspec
import pytest

from fleawatch.events import SchemaSurprise, SourceRead, SourceUnavailable
from fleawatch.testing.belt import Belt

WHO = ("casino", "domains")


@pytest.fixture
def belt():
    """An agent with 100 USD at the casino and 50 at domains, read once; its drawdown is 0."""
    belt = Belt()
    belt.watch("a-1", WHO)
    belt.row("a-1", "deposit", 100)
    belt.balance("a-1", 50, "domains")
    belt.read("a-1")
    belt.wait(15)
    return belt


def numbers(agent):
    """Everything that is money or made of it."""
    summary = agent.performance.summary("all_time")
    return msgspec.json.encode(
        [
            agent.equity,
            agent.parts,
            agent.flows,
            agent.income,
            agent.casino,
            agent.trading,
            agent.holdings,
            agent.tallies.counters.get("pf_wallet_deposits_usdc_total", {}).get(("deposit",)),
            [summary.nav, summary.drawdown, summary.drawdown_max, summary.pnl, summary.daily_loss, summary.high],
        ]
    )


@pytest.mark.parametrize("reason", ["timeout", "unauthorized", "http_5xx", "schema", "something new"])
def test_a_failed_reading_changes_no_number(belt, reason):
    """The part is named with its reason; its value and everything made of it stay."""
    before = numbers(belt["a-1"])
    belt.fail("a-1", reason=reason)
    agent = belt["a-1"]
    assert numbers(agent) == before
    assert (agent.unknown, agent.partial) == ({"casino": reason}, True)
    assert agent.performance.unknown_since == belt.now
    assert belt.fleet.tallies.total("pf_collector_errors_total") == 1


def test_a_gain_seen_by_half_an_eye_raises_no_peak(belt):
    """While one part is Unknown the others' gains make no peak to fall from."""
    belt.fail("a-1", "domains")
    belt.row("a-1", "referral", 50)
    assert belt["a-1"].performance.summary("all_time").high == 1.0
    belt.row("a-1", "adjustment", -50)
    assert belt["a-1"].performance.summary("all_time").drawdown_max == 0.0


def test_a_loss_that_is_known_breaches_all_the_same(belt):
    """Unknown parts are held at their last value, and known losses count."""
    belt.fail("a-1", "domains")
    belt.bet("a-1", 75, 0)
    assert belt["a-1"].performance.summary("all_time").drawdown == pytest.approx(0.5)


def test_recovery_makes_the_sum_known_again(belt):
    """A reading that works clears the part and lets the peak rise to what is there."""
    belt.fail("a-1", "domains")
    belt.row("a-1", "referral", 50)
    belt.wait(15)
    belt.read("a-1", "domains")
    agent = belt["a-1"]
    assert (agent.unknown, agent.performance.unknown_since) == ({}, None)
    assert agent.performance.summary("all_time").high == pytest.approx(200 / 150)
    assert [notice.event for notice in belt.outputs[-2:]] == ["referral_income", "collector_recovered"]


def test_rows_of_a_ledger_that_is_read_again_are_known_before_its_reading_ends(belt):
    """An outage of the casino ends with the first row that came after it: its peaks are peaks."""
    belt.fail("a-1")
    belt.row("a-1", "referral", 150)
    belt.row("a-1", "adjustment", -150)
    belt.read("a-1")
    assert belt["a-1"].performance.summary("all_time").drawdown_max == pytest.approx(0.5)


def test_numbers_grow_stale_by_the_passing_of_time_alone(belt):
    """No failure is needed: what was not read again is Unknown when its time is over."""
    belt.wait(40)
    assert belt["a-1"].unknown == {}
    belt.wait(10)
    assert belt["a-1"].unknown == dict.fromkeys(WHO, "stale")
    assert belt["a-1"].performance.unknown_since == belt.now


def test_a_failure_is_told_once_and_counted_every_time(belt):
    """People read of the first failure of a row; the count knows all."""
    for _ in range(3):
        belt.fail("a-1")
        belt.wait(15)
    status = belt["a-1"].sources["casino"]
    assert [notice.event for notice in belt.outputs].count("collector_error") == 1
    assert (status.failures, status.failing_since) == (3, belt.now - 45)


def test_a_failure_without_a_reason_is_still_a_failure(belt):
    """An empty word never means that it worked."""
    belt.fail("a-1", reason="")
    assert belt["a-1"].unknown == {"casino": "unknown"}


def test_there_is_no_sum_before_every_part_was_read():
    """The first equity is that of all parts; until then it is None and no epoch begins."""
    belt = Belt()
    belt.declare("a-1", WHO)
    assert belt["a-1"].unknown == dict.fromkeys(WHO, "not_read_yet")
    belt.row("a-1", "deposit", 100)
    belt.end("a-1")
    belt.read("a-1")
    belt.fail("a-1", "domains")
    agent = belt["a-1"]
    assert (agent.equity, agent.awaited, agent.performance.nav.value) == (None, True, None)
    assert agent.unknown == {"domains": "timeout"}
    belt.balance("a-1", 50, "domains")
    belt.wait(15)
    belt.read("a-1", "domains")
    assert (agent.equity, agent.first_equity, agent.flows, agent.performance.nav.value) == (150, 150, 0, 1.0)


def test_an_empty_ledger_that_was_read_is_a_known_zero():
    """Nothing there, read to the end, is 0; nothing read is None."""
    belt = Belt()
    belt.declare("a-1")
    assert belt["a-1"].equity is None
    belt.end("a-1")
    belt.read("a-1")
    assert (belt["a-1"].equity, belt["a-1"].performance.nav.value) == (0, None)


def test_a_reading_of_what_is_no_money_settles_nothing(belt):
    """A probe or the history of bets says nothing about the equity."""
    before = numbers(belt["a-1"])
    for collector in ("probe", "bets"):
        belt.read("a-1", collector)
        belt.fail("a-1", collector)
    assert numbers(belt["a-1"]) == before
    assert belt["a-1"].unknown == {}


def test_a_reading_told_twice_counts_once(belt):
    """The same end of the same reading again changes nothing."""
    for kind, fields in (
        (SourceRead, {"collector": "casino", "duration_s": 1, "valid_s": 60}),
        (SourceUnavailable, {"collector": "casino", "duration_s": 1, "reason": "timeout"}),
    ):
        fact = belt.make(kind, "a-1", **fields)
        belt.fold(fact)
        status = msgspec.json.encode(belt["a-1"].sources)
        tallies = msgspec.msgpack.encode(belt.fleet.tallies)
        belt.fold(fact)
        assert msgspec.json.encode(belt["a-1"].sources) == status
        assert msgspec.msgpack.encode(belt.fleet.tallies) == tallies


def test_freshness_and_use_are_two_things(belt):
    """A failing source is not fresh at once, and usable until its numbers are too old."""
    status = belt["a-1"].sources["casino"]
    assert status.fresh(belt.now)
    assert status.usable(belt.now)
    belt.fail("a-1")
    assert not status.fresh(belt.now)
    assert status.usable(belt.now)
    assert not status.usable(belt.now + 100)


def test_the_fleet_is_partial_while_an_agent_is(belt):
    """The fleet's peak does not rise on a partial sum either."""
    belt.fail("a-1", "domains")
    belt.row("a-1", "referral", 150)
    belt.wait(15)
    assert belt.fleet.performance.summary("all_time").high == 1.0
    assert belt.fleet.performance.unknown_since is not None


def test_a_surprise_in_an_answer_is_counted_for_the_fleet(belt):
    """It needs no agent, and its field is a bounded word."""
    belt.say(SchemaSurprise, "", endpoint="stats/me", field="by_game")
    belt.say(SchemaSurprise, "nobody", endpoint="/no/such/route", field="a b c")
    assert belt.fleet.tallies.counters["pf_response_schema_errors_total"] == {
        ("stats/me", "by_game"): 1,
        ("other", "other"): 1,
    }
    assert "nobody" not in belt.fleet.agents


def test_a_tick_that_goes_back_is_refused(belt):
    """Time in the belt never runs backwards, and never ahead of the one who tells it."""
    at = belt.fleet.at
    belt.now -= 1000
    belt.wait(0)
    assert (belt.fleet.at, belt.fleet.ignored["tick_backwards"]) == (at, 1)


def test_a_fact_from_a_closed_grid_point_is_booked_when_it_was_seen(belt):
    """A late row counts today, and says so."""
    belt.wait(7200)
    late = belt.fleet.late
    belt.row("a-1", "adjustment", -30, at=belt.now - 7000)
    assert belt.fleet.late == late + 1
    assert belt["a-1"].performance.summary("1h").pnl == -30
    assert belt["a-1"].equity_at == belt.now


def test_a_clock_that_runs_ahead_ages_nothing(belt):
    """A fact from the future is booked when it was seen: windows and peaks stay where they are."""
    belt.row("a-1", "adjustment", -30, at=belt.now + 86_400 * 365)
    agent = belt["a-1"]
    assert agent.performance.at == belt.now
    assert agent.last_fact_at == belt.now
    assert math.isclose(agent.performance.summary("24h").drawdown, 0.2)
