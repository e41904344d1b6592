"""When a halt is confirmed, when it is confirmed no more, and what is done while it is not."""

import pytest

from fleawatch.events import (
    EscrowCreated,
    HaltConfirmed,
    HaltOverdue,
    OrderFilled,
    OrderPlaced,
    PositionOpened,
    PositionsRead,
    SourceRead,
)
from fleawatch.events.control import HaltingTerms
from fleawatch.flow.halting.settings import HaltingPolicy, halting_policy
from fleawatch.flow.outputs import HaltCommand, Notice
from fleawatch.testing.halted import HaltBelt


@pytest.fixture
def belt():
    """An agent of the casino with money."""
    belt = HaltBelt()
    belt.watch("a-1")
    belt.row("a-1", "deposit", 100)
    return belt


def trader(**halting):
    """An agent that trades and plays, with every hard means configured."""
    everyone = {name: frozenset({"a-1"}) for name in ("process", "platform", "flatten")}
    belt = HaltBelt(**{**everyone, **halting})
    belt.watch("a-1", collectors=("casino", "trading"), capital_usd=500)
    return belt


def fill(belt, realized=0, **fields):
    belt.say(
        OrderFilled, "a-1", source="trading", trade_id=f"t{len(belt.facts)}", order_id="", market="BTC-USD", side="buy",
        notional_usd=10, price=1, fee_usd=0, realized_pnl_usd=realized, **fields,
    )  # fmt: skip


@pytest.mark.parametrize(("opens", "orders"), [(None, 1), (True, 1), (False, 0)])
def test_a_close_that_came_out_even_is_no_order_that_flattening_forbids(opens, orders):
    """Its realised P&L is 0 as that of an opening; what the position tells decides."""
    belt = trader()
    belt.halt("a-1", mode="flatten")
    belt.wait(10)
    fill(belt, opens=opens)
    assert belt["a-1"].control.halt.orders == orders


def opened(belt, name="p1"):
    belt.say(
        PositionOpened, "a-1", source="trading", position_id=name, market="BTC-USD", side="buy", notional_usd=10, quantity=1,
        entry_price=10, leverage=1, margin_usd=10,
    )  # fmt: skip


def test_a_whole_reading_that_began_after_the_agent_stopped_confirms(belt):
    """The agent's word moves the moment from which a reading proves something; alone it proves nothing."""
    belt.halt("a-1")
    belt.wait(1)
    belt.acknowledge("a-1")
    assert not belt.confirmed("a-1")
    belt.wait(5)
    belt.read("a-1")
    assert belt.confirmed("a-1")
    (fact,) = [one for one in belt.facts if isinstance(one, HaltConfirmed)]
    assert (fact.halt_id, fact.last_order_at, fact.source) == ("h1", None, "monitor")
    steps = belt["a-1"].tallies.distributions["pf_halt_step_duration_seconds"]
    assert {labels: one.total for labels, one in steps.items()} == {
        ("delivered",): 1, ("acknowledged",): 1, ("confirmed",): 6,
    }  # fmt: skip


@pytest.mark.parametrize("begun_before", [5.0, 3.5])
def test_a_reading_that_began_before_proves_nothing(belt, begun_before):
    """Nor one that began within what the clocks may differ by."""
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(5)
    belt.say(
        SourceRead, "a-1", collector="casino", duration_s=0.1, valid_s=60, source="monitor", begun_at=belt.now - begun_before
    )  # fmt: skip
    assert not belt.confirmed("a-1")


def test_every_collector_that_could_show_an_order_must_have_read():
    """A reading of one service says nothing of another; the agent's own health page is no witness."""
    belt = trader()
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(5)
    belt.read("a-1", "casino")
    belt.read("a-1", "agent")
    assert not belt.confirmed("a-1")
    belt.read("a-1", "trading")
    assert belt.confirmed("a-1")


def test_a_failed_reading_confirms_nothing(belt):
    """Not knowing is not silence."""
    belt.halt("a-1")
    belt.acknowledge("a-1")
    for _ in range(10):
        belt.wait(15)
        belt.fail("a-1")
    assert not belt.confirmed("a-1")


def test_nobody_can_confirm_the_halt_of_an_agent_that_only_reports_itself():
    """Its word is no proof, however often it is given."""
    belt = HaltBelt()
    belt.watch("a-1", collectors=())
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(121)
    belt.say(SourceRead, "a-1", collector="casino", duration_s=0.1, valid_s=60, source="monitor")
    assert not belt.confirmed("a-1")
    assert [fact.step for fact in belt.facts if isinstance(fact, HaltOverdue)] == ["acknowledged"]


def test_an_agent_that_says_nothing_must_be_silent_for_long(belt):
    """Deaf or dead: without its word, silence is all there is, and a short one is none."""
    belt.halt("a-1")
    belt.wait(290)
    belt.read("a-1")
    assert not belt.confirmed("a-1")
    belt.wait(15)
    belt.read("a-1")
    assert belt.confirmed("a-1")


def test_an_order_after_the_halt_is_told_counted_and_puts_the_proof_off(belt):
    """It may have been on its way; what counts is a reading that began after it."""
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(5)
    belt.row("a-1", "stake", -1)
    belt.read("a-1")
    held = belt.held("a-1")
    assert (held.orders, held.last_order_at, belt.confirmed("a-1")) == (1, belt.now, False)
    assert [one.level for one in belt.outputs if isinstance(one, Notice) and one.event == "order_after_halt"] == [
        "critical"
    ]


@pytest.mark.parametrize(("after", "counted"), [(1.5, 0), (2.5, 1)])
def test_an_order_of_the_moment_of_the_halt_is_no_order_after_it(belt, after, counted):
    """Two clocks may differ by the margin."""
    belt.halt("a-1")
    belt.row("a-1", "stake", -1, at=belt.now + after)
    assert belt.held("a-1").orders == counted


def test_an_order_within_the_margin_is_no_offence_and_puts_the_proof_off(belt):
    """A liar who trades every second is not confirmed by a reading that begins right after the margin, whatever it said."""
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(1.5, tick=False)
    belt.row("a-1", "stake", -1)
    belt.wait(1, tick=False)
    belt.read("a-1")
    assert not belt.confirmed("a-1")
    held = belt.held("a-1")
    assert (held.orders, held.lied) == (0, False)
    belt.wait(2, tick=False)
    belt.read("a-1")
    assert belt.confirmed("a-1")


def test_what_the_agent_reports_itself_is_no_evidence(belt):
    """Neither for it nor against it."""
    belt.halt("a-1")
    belt.wait(5)
    belt.say(
        OrderPlaced, "a-1", source="sdk", order_id="o", market="BTC-USD", side="buy", order_type="market", status="success",
        endpoint="trade/open", notional_usd=5, latency_s=0.1,
    )  # fmt: skip
    assert belt.held("a-1").orders == 0


def test_an_agent_that_trades_on_after_its_word_is_not_believed_again(belt):
    """Then its silence must be long, and harder means are taken at once."""
    belt.policy = trader().policy
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(5)
    belt.row("a-1", "stake", -1)
    assert belt.held("a-1").lied
    assert belt.commands("a-1") == ["gate", "process"]
    belt.wait(100)
    belt.read("a-1")
    assert not belt.confirmed("a-1")


def test_a_proof_that_an_order_refutes_is_withdrawn_at_once(belt):
    """The halt is overdue from then on, and may be proven again."""
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(5)
    belt.read("a-1")
    assert belt.confirmed("a-1")
    belt.wait(60)
    belt.row("a-1", "stake", -1)
    assert not belt.confirmed("a-1")
    assert [fact.step for fact in belt.facts if isinstance(fact, HaltOverdue)] == ["confirmed"]
    belt.wait(310)
    belt.read("a-1")
    assert belt.confirmed("a-1")


@pytest.mark.parametrize(
    ("mode", "realized", "counted"), [("reduce", 3, 0), ("reduce", 0, 1), ("halt", 3, 1), ("flatten", 3, 0)]
)
def test_closing_is_no_offence_where_it_is_allowed_or_wanted(mode, realized, counted):
    """Who may reduce may close, and who is to be flat must."""
    belt = trader()
    belt.halt("a-1", mode)
    belt.wait(5)
    fill(belt, realized)
    assert belt.held("a-1").orders == counted


def test_a_fill_and_the_position_it_opened_are_one_order():
    """Both tell of it."""
    belt = trader()
    belt.halt("a-1")
    belt.wait(5)
    fill(belt)
    opened(belt)
    assert belt.held("a-1").orders == 1


@pytest.mark.parametrize(("mode", "counted"), [("freeze_payments", 2), ("halt", 3), ("reduce", 1)])
def test_payments_and_bets_are_judged_by_what_is_forbidden(belt, mode, counted):
    """A payment and an escrow are none of a bettor's business, and the other way round."""
    belt.halt("a-1", mode)
    belt.wait(5)
    belt.row("a-1", "stake", -1)
    belt.row("a-1", "payment_sent", -1)
    belt.row("a-1", "escrow_lock", -5, "esc_1")
    belt.say(
        EscrowCreated, "a-1", source="escrow", escrow_id="esc_1", creator="ag_a-1", counterparty="x", amount_usd=5,
        commission_usd=0.1, expires_at=belt.now + 999,
    )  # fmt: skip
    assert belt.held("a-1").orders == counted


class TestLadder:
    def test_each_means_is_taken_in_its_time(self):
        """Gate, process, platform, people; nothing twice."""
        belt = trader()
        belt.halt("a-1")
        seen = []
        for _ in range(15):
            belt.wait(10)
            seen.append(belt.commands("a-1")[1:])
        assert seen[0] == ["process"]
        assert seen[3] == ["process", "platform"]
        assert belt.commands("a-1") == ["gate", "process", "platform"]
        assert [fact.age_s for fact in belt.facts if isinstance(fact, HaltOverdue)] == [120]

    def test_what_is_not_configured_is_left_out(self, belt):
        """Then only people can help."""
        belt.halt("a-1")
        belt.wait(200)
        assert belt.commands("a-1") == ["gate"]
        assert belt.held("a-1").overdue_at is not None

    def test_an_agent_that_stopped_is_left_alone(self):
        """Once it is confirmed nothing harder is done."""
        belt = trader()
        belt.halt("a-1")
        belt.acknowledge("a-1")
        belt.wait(5)
        belt.read("a-1", "casino")
        belt.read("a-1", "trading")
        belt.wait(500)
        assert belt.commands("a-1") == ["gate"]
        assert belt.held("a-1").overdue_at is None

    @pytest.mark.parametrize("mode", ["reduce", "freeze_payments"])
    def test_who_may_go_on_is_not_killed(self, mode):
        """That it was not proven is told."""
        belt = trader()
        belt.halt("a-1", mode)
        belt.wait(200)
        assert belt.commands("a-1") == ["gate"]
        assert belt.held("a-1").overdue_at is not None

    def test_a_stopped_process_is_proof_enough_of_a_short_silence(self):
        """It need not have said that it stopped."""
        belt = trader()
        belt.halt("a-1")
        belt.wait(20)
        belt.reach("a-1", "process")
        belt.wait(5)
        belt.read("a-1", "casino")
        belt.read("a-1", "trading")
        assert belt.confirmed("a-1")

    def test_an_order_after_the_process_was_stopped_is_believed_more_than_the_stop(self):
        """Something else trades with its key."""
        belt = trader()
        belt.halt("a-1")
        belt.reach("a-1", "process")
        belt.wait(5)
        belt.row("a-1", "stake", -1)
        belt.wait(5)
        belt.read("a-1", "casino")
        belt.read("a-1", "trading")
        assert not belt.confirmed("a-1")


class TestFlatten:
    def test_it_is_confirmed_only_when_flat(self):
        """What is open is asked to be closed, again and again, until a reading shows it closed."""
        belt = trader()
        opened(belt)
        belt.wait(60)
        belt.halt("a-1", "flatten")
        belt.acknowledge("a-1")
        (first,) = [one for one in belt.outputs if isinstance(one, HaltCommand) and one.path == "flatten"]
        assert (first.positions, first.attempt) == (("p1",), 1)
        belt.wait(31)
        belt.read("a-1", "casino")
        belt.read("a-1", "trading")
        assert not belt.confirmed("a-1")
        assert [one.attempt for one in belt.outputs if isinstance(one, HaltCommand) and one.path == "flatten"] == [1, 2]
        belt.say(PositionsRead, "a-1", source="trading", open_ids=())
        belt.read("a-1", "trading")
        assert belt.confirmed("a-1")

    def test_who_did_not_opt_in_is_halted_and_keeps_its_positions(self):
        """Closing spends money: it is done for those who asked for it."""
        belt = trader(flatten=frozenset())
        opened(belt)
        belt.wait(60)
        belt.halt("a-1", "flatten")
        belt.acknowledge("a-1")
        belt.wait(5)
        belt.read("a-1", "casino")
        belt.read("a-1", "trading")
        assert belt.commands("a-1") == ["gate"]
        assert belt.confirmed("a-1")


def test_terms_that_say_nothing_mean_the_default():
    """What is declared and what the belt assumes without a declaration are the same."""
    assert halting_policy(HaltingTerms()) == HaltingPolicy()
