"""The public guides' rules see what their own path shows them, when it shows it."""

from dataclasses import replace
from statistics import median

import pytest

from fleawatch.catalog.baseline import GUIDE_RULES, NOT_EVALUATED
from fleawatch.events import (
    ApiCall,
    EscrowCreated,
    EscrowFailed,
    EscrowReleased,
    HealthRead,
    Heartbeat,
    OrderPlaced,
    PositionMarked,
    ReferralIncome,
    SignalComputed,
    SlowSpan,
)
from fleawatch.flow.backtest.baseline import baseline_firings
from fleawatch.flow.backtest.readers import bucket_quantile, mean, nearest_rank
from fleawatch.testing.belt import Belt

WARM_S = 600


def warm(balance=1000, **fields):
    """A belt with one agent that has kept its balance for ten minutes."""
    belt = Belt()
    belt.watch("a-1", **fields)
    if balance:
        belt.row("a-1", "deposit", balance)
    for _ in range(WARM_S // 15):
        belt.wait(15)
    return belt


def on(belt, seconds):
    """Time goes on in steps of 5 s."""
    for _ in range(int(seconds // 5)):
        belt.wait(5)


def fired(belt, guide=None, **options):
    """Names of the rules that fired, with seconds since the warm-up ended."""
    begin = belt.facts[0].seen_at + WARM_S
    return {
        (one.alert, one.agent_id): one.at - begin
        for one in reversed(baseline_firings(belt.facts, **options))
        if guide in (None, one.guide)
    }


def order(belt, latency_s=0.05, status="success", **fields):
    """The agent placed an order."""
    belt.say(
        OrderPlaced, "a-1", order_id=f"o{len(belt.facts)}", market="BTC-USD", side="buy", order_type="market",
        status=status, endpoint="trade/open", notional_usd=10, latency_s=latency_s, **fields,
    )  # fmt: skip


def call(belt, status_code):
    """The agent called the platform."""
    belt.say(ApiCall, "a-1", endpoint="trade/open", method="POST", status_code=status_code, duration_s=0.1)


def test_a_quiet_agent_fires_nothing():
    """An agent that keeps its money is left alone by every guide."""
    assert baseline_firings(warm().facts) == []


def test_no_facts_no_firings():
    """An empty history has nothing to fire about."""
    assert baseline_firings([]) == []


def test_a_lasting_breach_is_told_after_the_path_of_each_guide():
    """Scrape, rule, `for` and group wait add up: 70 to 100 s with Prometheus, minutes with Grafana and Datadog."""
    belt = warm()
    belt.row("a-1", "stake", -300)
    on(belt, 600)
    begin = belt.facts[0].seen_at + WARM_S
    told = {(one.guide, one.alert): one.told_at - begin for one in baseline_firings(belt.facts)}
    assert 70 <= told["prometheus", "AgentDrawdownBreachCritical"] <= 100
    assert 120 <= told["grafana", "Agent Drawdown Breach"] <= 210
    assert 0 <= told["monitoring", "Max Drawdown Exceeded"] <= 30
    assert 60 <= told["datadog", "High Drawdown (Critical)"] <= 135
    assert told["prometheus", "AgentDrawdownWarning"] >= 300


@pytest.mark.parametrize(("every_s", "typical", "most"), [(15.0, 85, 100), (60.0, 107, 145)])
def test_the_path_takes_as_long_as_the_real_one(every_s, typical, most):
    """Over breaches at any moment: half a scrape, half an evaluation, a minute of `for` and ten seconds of group wait."""
    belt = Belt()
    names = [f"a-{number}" for number in range(24)]
    for name in names:
        belt.watch(name)
        belt.row(name, "deposit", 1000)
    on(belt, 60)
    begun = {}
    for number, name in enumerate(names):
        begun[name] = belt.now
        belt.row(name, "stake", -300)
        belt.wait(5 + number % 3)
    on(belt, 300)
    rule = replace(next(one for one in GUIDE_RULES if one.halts), every_s=every_s)
    told = {one.agent_id: one.told_at - begun[one.agent_id] for one in baseline_firings(belt.facts, rules=(rule,))}
    assert told.keys() == set(names)
    assert all(70 <= seconds <= most for seconds in told.values())
    assert median(told.values()) == pytest.approx(typical, abs=9)


@pytest.mark.parametrize("seconds", [10, 25, 40])
def test_a_breach_that_recovers_is_never_told_by_rules_that_wait(seconds):
    """What is over within 40 s never holds for a minute; a rule over the highest sample of five minutes may see it."""
    belt = warm()
    belt.row("a-1", "stake", -300)
    on(belt, seconds)
    belt.row("a-1", "payout", 300)
    on(belt, 900)
    assert fired(belt, "prometheus") == {}
    assert fired(belt, "grafana") == {}


def test_the_highest_sample_of_five_minutes_sees_a_flash():
    """Forty seconds hold at least two pushes, so Datadog's window has the breach."""
    belt = warm()
    belt.row("a-1", "stake", -300)
    on(belt, 40)
    belt.row("a-1", "payout", 300)
    on(belt, 900)
    assert ("High Drawdown (Critical)", "a-1") in fired(belt, "datadog")


def test_the_series_of_a_dead_agent_are_absent():
    """An agent that dies 20 s into its breach is never halted by a rule on what it exported; a poll finds it gone."""
    belt = warm()
    belt.row("a-1", "stake", -300)
    on(belt, 20)
    dead = {"a-1": belt.now}
    on(belt, 900)
    assert fired(belt, "prometheus", dead=dead) == {}
    assert 20 <= fired(belt, "monitoring", dead=dead)["Agent Unreachable", "a-1"] <= 50
    assert ("Agent Drawdown Breach", "a-1") in fired(belt, "grafana", dead=dead), "its exporter is a process of its own"


def test_a_process_that_comes_back_has_forgotten_its_peak():
    """After a restart the highest balance is the present one, so the old loss is gone from sight."""
    belt = warm()
    dead = {"a-1": belt.now}
    belt.row("a-1", "stake", -300)
    on(belt, 60)
    belt.say(Heartbeat, "a-1", source="sdk")
    on(belt, 900)
    assert fired(belt, "prometheus", dead=dead) == {}
    assert ("AgentDrawdownBreachCritical", "a-1") in fired(belt, "prometheus")


def test_a_withdrawal_looks_like_a_loss():
    """The guides' drawdown is of the balance: money that is paid out on purpose breaches it."""
    belt = warm()
    belt.row("a-1", "withdrawal", -500)
    on(belt, 300)
    assert ("AgentDrawdownBreachCritical", "a-1") in fired(belt, "prometheus")


def test_a_scrape_that_fails_brings_nothing():
    """While the balance cannot be read the page of the agent fails, and waiting begins anew."""
    belt = warm()
    belt.row("a-1", "stake", -300)
    for _ in range(20):
        on(belt, 30)
        belt.fail("a-1")
        on(belt, 15)
        belt.read("a-1")
    assert fired(belt, "prometheus") == {}


def test_low_balances_fire_at_once():
    """A balance below each guide's floor is told at the next evaluation."""
    belt = warm()
    belt.row("a-1", "withdrawal", -980)
    on(belt, 180)
    seen = fired(belt)
    assert seen["WalletBalanceCriticallyLow", "a-1"] <= 30
    assert {
        "WalletBalanceLow",
        "Wallet Balance Below Minimum",
        "Wallet Balance Critical",
        "Wallet Balance Warning",
    } <= {alert for alert, _ in seen}


def test_an_error_counter_divided_by_itself_fires_on_a_single_error():
    """One refused call among sixty is an error share of 1 to two guides, and below 2 % to the third."""
    belt = warm()
    for second in range(0, 900, 5):
        call(belt, "401" if second in (360, 660) else "200")
        belt.wait(5)
    seen = fired(belt)
    assert ("HighAPIErrorRate", "") in seen
    assert ("API Error Rate Spike", "a-1") in seen
    assert ("API Error Rate Warning", "a-1") not in seen


def test_calls_that_mostly_fail_fire_everywhere():
    """Timeouts have no status and are counted by nobody; refusals are."""
    belt, silent = warm(), warm()
    for _ in range(60):
        call(belt, "401")
        call(silent, "timeout")
        on(belt, 10)
        on(silent, 10)
    assert ("API Error Rate High", "a-1") in fired(belt)
    assert fired(silent) == {}


def test_slow_orders():
    """Latencies breach by bucket, by percentile, by span and as a part of the composite."""
    belt = warm()
    for _ in range(100):
        order(belt, 2.4)
        call(belt, "500")
        on(belt, 10)
    names = {alert for alert, _ in fired(belt)}
    assert {
        "OrderLatencyP99Critical", "High Trade Latency", "Order Latency P95 High", "Trade Execution P95",
        "SLOW_SPAN_ALERT", "Agent Degraded State",
    } <= names  # fmt: skip


def test_spans_that_fail():
    """One failed order of fewer than twenty is above five percent of the guide's window."""
    belt = warm()
    order(belt)
    order(belt, status="rejected")
    on(belt, 30)
    assert ("HIGH_ERROR_RATE", "a-1") in fired(belt)


def test_slow_spans_are_reminded_after_quiet():
    """A span that stays slow is one firing; after five quiet minutes the next slow one is another."""
    belt = warm()
    for _ in range(10):
        belt.say(SlowSpan, "a-1", span_name="pf.wallet.balance_check", duration_s=1, threshold_s=0.5)
        belt.say(SignalComputed, "a-1", strategy="s", action="buy", result="acted", duration_s=0.2)
        on(belt, 10)
    on(belt, 400)
    belt.say(SlowSpan, "a-1", span_name="pf.wallet.balance_check", duration_s=1, threshold_s=0.5)
    on(belt, 10)
    assert len([one for one in baseline_firings(belt.facts) if one.alert == "SLOW_SPAN_ALERT"]) == 3


def test_escrows():
    """An escrow near its end, and a burst of failed ones; a released one is forgotten."""
    belt = warm()
    for name in ("e1", "e2"):
        belt.say(
            EscrowCreated, "a-1", escrow_id=name, creator="ag_a-1", counterparty="x", amount_usd=5, commission_usd=0,
            expires_at=belt.now + 2000,
        )  # fmt: skip
    belt.say(EscrowReleased, "a-1", escrow_id="e1", net_usd=5, commission_usd=0)
    for number in range(6):
        belt.say(EscrowFailed, "a-1", escrow_id=f"f{number}", amount_usd=5)
    on(belt, 150)
    assert ("Escrow Timeout Approaching", "a-1") not in fired(belt)
    assert ("Escrow Failure Spike", "a-1") in fired(belt)
    on(belt, 300)
    assert ("Escrow Timeout Approaching", "a-1") in fired(belt)


def test_income_is_news_after_its_first_payment():
    """A counter that appears has not grown; its second payment is told."""
    belt = warm()
    belt.row("a-1", "referral", 1, level=1)
    belt.say(ReferralIncome, "a-1", service="casino", level=1, amount_usd=1)
    on(belt, 120)
    assert fired(belt) == {}
    belt.row("a-1", "referral", 1, level=1)
    on(belt, 120)
    assert ("New Referral Fee Earned", "a-1") in fired(belt)


def test_an_unhealthy_page_is_unreachable():
    """The monitor loop tells of an agent whose page does not answer."""
    belt = warm()
    belt.say(HealthRead, "a-1", up=False)
    on(belt, 60)
    assert fired(belt, "monitoring").keys() == {("Agent Unreachable", "a-1")}


def test_marks_are_part_of_what_the_agent_owns():
    """A position that is marked down breaches, though the balance stands still."""
    belt = warm(balance=0, collectors=("casino", "trading"), capital_usd=1000, trades=True)
    belt.say(PositionMarked, "a-1", position_id="p1", market="BTC-USD", price=90, unrealized_pnl_usd=-300)
    on(belt, 300)
    assert ("AgentDrawdownBreachCritical", "a-1") in fired(belt, "prometheus")


def test_rules_are_named_once_and_what_is_left_out_has_a_reason():
    """No rule stands twice, and every rule that is not run says why."""
    names = [(rule.guide, rule.name) for rule in GUIDE_RULES]
    assert len(set(names)) == len(names)
    assert all(NOT_EVALUATED.values())


def test_quantiles():
    """Nothing has no quantile; buckets interpolate and end at the highest bound."""
    assert (bucket_quantile(0.99, []), nearest_rank(0.95, []), mean([])) == (None, None, None)
    assert bucket_quantile(0.5, [1.0]) == pytest.approx(1.0)
    assert bucket_quantile(0.99, [9_000.0]) == 2500.0
    assert bucket_quantile(1.0, [60.0, 70.0]) == pytest.approx(100.0)
    assert nearest_rank(0.95, [float(n) for n in range(1, 101)]) == 95.0
