"""A gate without a service: what its own limits do, and what opens it again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fleawatch import Gate, Order, TradingHalted
from fleawatch.errors import BadConfig, BadEvent
from fleawatch.events import AgentDeclared, AgentRetired

ORDER = Order(notional_usd=100)


def test_a_gate_without_a_service_is_active_from_the_start(bench):
    """Local limits only: nothing has to be granted first."""
    answer = bench.gate().may_open(ORDER)
    assert (answer.allowed, answer.reason, answer.state, answer.epoch) == (True, "ok", "active", 0)


def test_a_gate_is_no_condition(bench):
    """`if gate:` is a mistake and says what to write instead."""
    with pytest.raises(TypeError, match="may_open"):
        bool(bench.gate())


def test_an_answer_is_true_exactly_when_it_allows(bench):
    """`if gate.may_open(order):` means what it says."""
    gate = bench.gate()
    assert gate.may_open(ORDER)
    gate.halt("me")
    assert not gate.may_open(ORDER)
    with pytest.raises(TradingHalted) as halted:
        gate.may_open(ORDER).or_raise()
    assert (halted.value.reason, halted.value.state, halted.value.epoch) == ("manual", "halted", 0)


def test_a_critical_drawdown_reduces_and_a_deep_one_halts(bench):
    """Below the first limit the gate only closes, below the second it sends nothing."""
    gate = bench.gate()
    gate.record(bench.balance(1000))
    gate.record(bench.balance(840))
    assert gate.may_open(ORDER).reason == "drawdown_critical"
    assert gate.may_close(ORDER).allowed
    gate.record(bench.balance(790))
    assert gate.may_open(ORDER).reason == "drawdown_halt"
    assert gate.may_close(ORDER).reason == "drawdown_halt"
    assert [(news.before, news.after) for news in bench.changed] == [("active", "reducing"), ("reducing", "halted")]


def test_a_breach_that_recovers_leaves_the_gate_closed(bench):
    """A cleared condition never resumes trading."""
    gate = bench.gate()
    for amount in (1000, 790, 1000, 2000):
        gate.record(bench.balance(amount))
    assert gate.may_open(ORDER).reason == "drawdown_halt"


def test_the_gate_has_the_number_of_the_belt(bench):
    """A withdrawal is no drawdown: the gate judges what the monitor would show."""
    gate = bench.gate()
    gate.record(bench.balance(1000))
    gate.record(bench.bet(-100))
    status = gate.status()
    assert status.drawdown == pytest.approx(0.1)
    assert status.daily_loss == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("limits", "reason"), [({}, "daily_loss_ratio"), ({"daily_loss_usdc": 50.0}, "daily_loss_usdc")]
)
def test_a_daily_loss_halts(bench, limits, reason):
    """In USD, or as a share of the equity that the day began with."""
    gate = bench.gate(limits={"drawdown_warning": 1.0, "drawdown_critical": 1.0, "drawdown_halt": 1.0, **limits})
    gate.record(bench.balance(1000))
    gate.record(bench.bet(-60 if limits else -101))
    assert gate.may_close(ORDER).reason == reason


def test_a_new_day_does_not_resume(bench):
    """Midnight ends the loss of the day and not the halt."""
    gate = bench.gate(limits={"drawdown_critical": 1.0, "drawdown_halt": 1.0})
    gate.record(bench.balance(1000))
    gate.record(bench.bet(-101))
    bench.timing.advance(86_400)
    gate.beat()
    assert gate.status().daily_loss == 0.0
    assert gate.may_open(ORDER).reason == "daily_loss_ratio"
    assert gate.resume("a new day", "me").allowed


def test_a_balance_below_the_floor_reduces(bench):
    """The balance is a level of its own, whatever made it small."""
    gate = bench.gate(limits={"balance_exhausted": 900.0})
    gate.record(bench.balance(1000))
    assert gate.may_open(ORDER)
    gate.record(bench.balance(899))
    assert gate.may_open(ORDER).reason == "balance_exhausted"


def test_failing_calls_reduce_once_there_are_twenty(bench):
    """A share of failed calls is judged from twenty calls on."""
    gate = bench.gate(limits={"api_errors_critical": 0.2})
    for status in ["500"] * 19:
        gate.record(bench.call(status))
    assert gate.may_open(ORDER)
    gate.record(bench.call("timeout"))
    assert gate.may_open(ORDER).reason == "api_errors_critical"


def test_orders_beyond_the_rate_are_refused_and_the_gate_stays_active(bench):
    """One order too many is refused; a minute later there is room again."""
    gate = bench.gate(limits={"order_rate": 3})
    assert [gate.may_open(ORDER).reason for _ in range(4)] == ["ok", "ok", "ok", "order_rate"]
    assert gate.may_open(ORDER).state == "active"
    assert gate.may_close(ORDER)
    bench.timing.advance(61.0)
    assert gate.may_open(ORDER)


def test_the_size_of_an_order_and_of_a_minute_is_limited(bench):
    """USD an order, and USD a minute."""
    gate = bench.gate(limits={"order_notional": 500.0, "notional_rate": 900.0})
    sizes = (501, 500, 401, 400, 1)
    assert [gate.may_open(Order(notional_usd=size)).reason for size in sizes] == [
        "order_notional", "ok", "notional_rate", "ok", "notional_rate",
    ]  # fmt: skip


class Shapeless:
    """An order whose size raises."""

    @property
    def notional_usd(self):
        raise RuntimeError("nobody knows")


@pytest.mark.parametrize("order", [Order(notional_usd=float("nan")), Order(notional_usd=-1), Shapeless()])
def test_an_order_without_a_sensible_size_is_refused(bench, order):
    """NaN, negative and raising sizes fit nowhere."""
    assert bench.gate().may_open(order).reason == "bad_order"


def test_an_unknown_size_is_refused_only_where_size_is_limited(bench):
    """Nobody can say that it fits."""
    gate = bench.gate()
    assert gate.may_open()
    gate.close()
    assert bench.gate(state_file="memory:", limits={"order_notional": 5.0}).may_open().reason == "bad_order"


def test_an_order_that_was_sent_without_asking_counts(bench):
    """A fact with the epoch of an answer was counted when it was allowed; one without counts now."""
    gate = bench.gate(limits={"order_rate": 2})
    assert gate.may_open(ORDER)
    gate.record(bench.placed(100, epoch=0))
    assert gate.may_open(ORDER)
    gate.close()
    gate = bench.gate(limits={"order_rate": 2}, state_file="memory:")
    gate.record(bench.placed(100))
    gate.record(bench.placed(100))
    assert gate.may_open(ORDER).reason == "order_rate"


def test_a_warning_comes_once_until_the_drawdown_has_gone(bench):
    """At a tenth; again only after it has fallen below four fifths of that."""
    gate = bench.gate()
    for amount in (1000, 890, 880, 910, 890, 950, 880):
        gate.record(bench.balance(amount))
    assert [news.name for news in bench.warned] == ["drawdown_warning", "drawdown_warning"]
    assert bench.warned[0].value == pytest.approx(0.11)


def test_a_refused_order_warns_once_a_minute(bench):
    """So that the agent can slow down, and is not flooded."""
    gate = bench.gate(limits={"order_rate": 1})
    for _ in range(5):
        gate.may_open(ORDER)
    assert [(news.name, news.value, news.limit) for news in bench.warned] == [("order_rate", 2.0, 1.0)]


def test_a_callback_may_use_the_gate(bench):
    """It is told outside the lock."""
    heard = []
    gate = Gate(
        "a-1",
        service=None,
        state_file="memory:",
        timing=bench.timing,
        on_change=lambda _: heard.append(gate.may_close()),
    )
    bench.gates.append(gate)
    gate.halt("me")
    assert [answer.reason for answer in heard] == ["manual"]


def test_a_callback_that_raises_is_kept_from_the_agent_and_raised_in_tests(bench, monkeypatch):
    """In production the call returns and the error is counted."""

    def fails(_):
        raise RuntimeError("a callback failed")

    gate = Gate("a-1", service=None, state_file="memory:", timing=bench.timing, on_change=fails)
    bench.gates.append(gate)
    with pytest.raises(RuntimeError, match="a callback failed"):
        gate.halt("me")
    other = Gate("a-1", service=None, state_file="memory:", timing=bench.timing, on_change=fails)
    bench.gates.append(other)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    other.halt("me")
    assert other.status().dropped == {"on_change": 1}
    assert other.may_open(ORDER).reason == "manual"


def test_a_bad_fact_is_dropped_counted_and_raised_in_tests(bench, monkeypatch):
    """NaN and another agent's facts move nothing."""
    gate = bench.gate()
    bad = [bench.balance("NaN"), bench.balance(1)]
    bad[1] = type(bad[1])(**{**{name: getattr(bad[1], name) for name in bad[1].__struct_fields__}, "agent_id": "b-2"})
    with pytest.raises(BadEvent):
        gate.record(bad[0])
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    for fact in bad:
        gate.record(fact)
    assert gate.status().dropped == {"record": 3}
    assert gate.may_open(ORDER)


@pytest.mark.parametrize("kind", ["retired", "declared"])
def test_facts_that_would_end_the_agents_own_reporting_are_refused(bench, kind):
    """A belt that waits for readings nobody makes would judge nothing."""
    gate = bench.gate()
    facts = {
        "retired": lambda: AgentRetired(**bench.common()),
        "declared": lambda: AgentDeclared(**bench.common(), strategy="x", collectors=("casino",)),
    }
    with pytest.raises(ValueError, match="what the agent itself saw"):
        gate.record(facts[kind]())
    gate.record(AgentDeclared(**bench.common(), strategy="momentum", capital_usd=Decimal(1000)))
    assert gate.may_open(ORDER)


def test_a_fact_that_cannot_be_booked_reduces(bench, monkeypatch):
    """A belt that stopped half-way can no longer be trusted with a limit."""
    gate = bench.gate()
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setattr("fleawatch.sdk.gate.guard.fold", lambda *_: 1 / 0)
    gate.record(bench.balance(1000))
    assert gate.may_open(ORDER).reason == "belt_error"
    monkeypatch.undo()
    assert gate.resume("looked at it", "me").reason == "belt_error"
    assert gate.resume("looked at it", "me", rebase=True)


def test_a_resume_is_refused_while_the_limit_is_breached(bench):
    """Unless it is rebased: then the guard counts from here, and metrics keep the true peak."""
    gate = bench.gate(limits={"drawdown_halt": 0.2})
    for amount in (1000, 790):
        gate.record(bench.balance(amount))
    refused = gate.resume("try", "me")
    assert (refused.allowed, refused.reason, refused.state) == (False, "drawdown_halt", "halted")
    assert gate.resume("accepted", "me", rebase=True).epoch == 1
    assert gate.status().drawdown == 0.0
    gate.record(bench.balance(700))
    assert gate.may_open(ORDER)
    gate.record(bench.balance(620))
    assert gate.may_open(ORDER).reason == "drawdown_halt"


def test_a_rebase_counts_the_day_and_the_floor_from_here(bench):
    """Every limit of a level has a baseline."""
    limits = {"drawdown_critical": 1.0, "drawdown_halt": 1.0, "balance_exhausted": 900.0}
    gate = bench.gate(limits=limits)
    gate.record(bench.balance(1000))
    gate.record(bench.bet(-150))
    assert gate.may_open(ORDER).reason == "daily_loss_ratio"
    gate.record(bench.balance(850))
    assert gate.resume("go on", "me", rebase=True)
    assert gate.status().daily_loss == 0.0
    gate.record(bench.bet(-10))
    assert gate.may_open(ORDER)
    gate.record(bench.balance(840))
    assert gate.may_open(ORDER).reason == "balance_exhausted"


def test_a_total_loss_halts_until_a_rebase(bench):
    """New money does not make a lost agent sound."""
    gate = bench.gate()
    for amount in (1000, 0, 5000):
        gate.record(bench.balance(amount))
    assert gate.status().drawdown == 1.0
    assert gate.resume("new money", "me").reason == "drawdown_halt"
    assert gate.resume("new money", "me", rebase=True)
    assert gate.may_open(ORDER)


@pytest.mark.parametrize(("reason", "actor"), [("", "me"), ("because", " ")])
def test_a_resume_needs_somebody_who_answers_for_it(bench, reason, actor):
    """A reason and a name."""
    with pytest.raises(ValueError, match="actor"):
        bench.gate().resume(reason, actor)


def test_a_halt_file_halts_and_its_removal_resumes_nothing(bench, tmp_path):
    """`touch a-1.HALT` is enough; the gate says so until somebody resumes."""
    gate = bench.gate()
    file = tmp_path / "a-1.HALT"
    file.touch()
    gate.beat()
    assert gate.may_close(ORDER).reason == "halt_file"
    assert gate.resume("try", "me", rebase=True).reason == "halt_file"
    file.unlink()
    gate.beat()
    assert gate.may_open(ORDER).reason == "halt_file"
    assert gate.resume("file removed", "me")


def test_a_halt_file_that_is_there_at_the_start_halts(bench, tmp_path):
    """Before the first order, not a moment later."""
    (tmp_path / "STOP").touch()
    assert bench.gate(halt_file=tmp_path / "STOP").may_open(ORDER).reason == "halt_file"


def test_every_complaint_about_limits_comes_at_once(bench):
    """Unknown names, senseless values."""
    limits = {
        "sharpe_low": 1.0,
        "drawdown_halt": 1.5,
        "order_rate": 0,
        "order_notional": float("nan"),
        "notional_rate": "x",
    }
    with pytest.raises(BadConfig) as refused:
        bench.gate(limits=limits)
    assert len(refused.value.problems) == 5
    with pytest.raises(BadConfig, match="rise in this order"):
        bench.gate(limits={"drawdown_critical": 0.3})


@pytest.mark.parametrize(
    "arguments",
    [{"lease_lost": "active"}, {"token": "a", "token_file": "b"}, {"service": "ftp://x"}, {"service": "http://x:y"}],
)
def test_bad_arguments_are_refused(bench, arguments):
    """Never active without a lease, one token, an address of a web server."""
    with pytest.raises(BadConfig):
        bench.gate(**arguments)


def test_an_agent_id_is_one_of_the_fleet():
    """So that it is a file name and a label as well."""
    with pytest.raises(BadConfig, match="agent_id"):
        Gate("../x", service=None)


def test_a_closed_gate_allows_nothing(bench):
    """Closing twice does nothing; asking afterwards says why not."""
    gate = bench.gate()
    gate.close()
    gate.close()
    assert gate.may_open(ORDER).reason == "closed"
    assert gate.may_close(ORDER).reason == "closed"


def test_the_same_decision_gives_the_same_key(bench):
    """A retry cannot become a second order, and two agents never share a key."""
    gate = bench.gate()
    key = gate.idempotency_key("cycle-7/BTC-USD")
    assert key == gate.idempotency_key("cycle-7/BTC-USD")
    assert key != gate.idempotency_key("cycle-8/BTC-USD")
    assert len(key) == 32
    with pytest.raises(ValueError, match="decision"):
        gate.idempotency_key("")


def test_money_of_facts_is_decimal(bench):
    """A size may be a Decimal or a float."""
    assert bench.gate(limits={"order_notional": 10.0}).may_open(Order(notional_usd=Decimal("9.99")))
