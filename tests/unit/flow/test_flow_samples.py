"""What the state says, metric by metric."""

from decimal import Decimal

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import COMPONENT, FIELD, STRATEGY
from fleawatch.events import (
    AgentRetired,
    BetSettled,
    EscrowFailed,
    GateChanged,
    HaltOrdered,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    SourceUnavailable,
)
from fleawatch.flow.samples import OF_PROCESS, READERS, UNBUILT, readers_of, samples
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.words import word
from fleawatch.testing import exposition_facts as facts
from fleawatch.units import HOUR, WINDOWS

START, END = facts.START, facts.END
MONITOR = readers_of(CATALOG, "monitor")


@pytest.fixture(name="full", scope="module")
def _full():
    return facts.folded(*facts.everything())


def said(state, at, owner="monitor"):
    """Every sample by metric and labels."""
    found = {(s.metric.name, s.labels): s.value for s in samples(readers_of(CATALOG, owner), state, at)}
    assert len(found) == sum(1 for _ in samples(readers_of(CATALOG, owner), state, at))
    return found


def names(found):
    return {name for name, _ in found}


def playing(*events, collectors=("casino",), **fields):
    """An agent whose casino was just read, after these facts."""
    ledger = facts.Ledger()
    return facts.folded(
        facts.declared(collectors=collectors, **fields),
        ledger.row(START, "deposit", "100"),
        *ledger.end(START),
        facts.read(START),
        *events,
    )


class TestCompleteness:
    @pytest.mark.parametrize("owner", ["monitor", "agent"])
    def test_every_metric_has_a_source(self, full, owner):
        """Each metric of an owner is said by a full state, or by the process, or is named with what it waits for."""
        owned = {metric.name for metric in CATALOG.owned_by(owner)}
        assert names(said(full, END, owner)) == owned - OF_PROCESS - UNBUILT.keys()

    def test_nothing_is_both_built_and_unbuilt(self):
        """A metric with a reader waits for nothing, and the list names only metrics there are."""
        assert not UNBUILT.keys() & READERS.keys()
        assert not OF_PROCESS & READERS.keys()
        assert UNBUILT.keys() <= CATALOG.metrics.keys()
        assert all(UNBUILT.values())

    def test_every_gauge_has_one_reader(self):
        """A gauge has a reader, or comes from the process, or is unbuilt."""
        gauges = {name for name, metric in CATALOG.metrics.items() if metric.type == "gauge"}
        assert gauges <= READERS.keys() | OF_PROCESS | UNBUILT.keys()

    def test_label_values_fit_their_declaration(self, full):
        """A sample has a value for each declared label, and a listed label has one of its values."""
        for metric, labels, _ in samples(MONITOR, full, END):
            assert len(labels) == len(metric.labels), metric.name
            for label, value in zip(metric.labels, labels, strict=True):
                assert not label.values or value in label.values, (metric.name, label.name, value)

    def test_only_published_windows(self, full):
        """A metric by window shows the windows that it declares, and no others."""
        for metric, labels, _ in samples(MONITOR, full, END):
            if metric.windows:
                assert labels[1] in metric.windows

    def test_a_restart_changes_nothing(self, full):
        """A state that was saved and loaded says the same."""
        again = thaw(freeze(full))
        before = {key: value for key, value in said(full, END).items() if isinstance(value, float | int)}
        after = {key: value for key, value in said(again, END).items() if isinstance(value, float | int)}
        assert after == before


class TestPerformance:
    def test_numbers_are_those_of_the_summary(self, full):
        """Each number by window is the one that the agent's summary gives."""
        fields = {
            "pf_drawdown_ratio": "drawdown", "pf_drawdown_max_ratio": "drawdown_max", "pf_sharpe_ratio": "sharpe",
            "pf_calmar_ratio": "calmar", "pf_return_volatility_ratio": "volatility", "pf_win_ratio": "win_ratio",
            "pf_profit_factor": "profit_factor", "pf_break_even_win_ratio": "break_even", "pf_pnl_window_usdc": "pnl",
            "pf_reading_coverage_ratio": "coverage", "pf_returns_in_window": "n",
        }  # fmt: skip
        found = said(full, END)
        performance = full.agents["a-1"].performance
        for name, field in fields.items():
            for window in CATALOG.metrics[name].windows:
                expected = getattr(performance.summary(window), field)
                assert found.get((name, ("a-1", window))) == expected, (name, window)

    def test_all_windows_of_a_month_are_there(self, full):
        """After a month of trades even the Calmar ratio is defined."""
        found = said(full, END)
        assert {labels[1] for name, labels in found if name == "pf_calmar_ratio"} == {"30d", "all_time"}
        assert {labels[1] for name, labels in found if name == "pf_drawdown_ratio"} == set(WINDOWS)

    def test_undefined_is_absent(self):
        """An agent without a result has a drawdown of zero, and no Sharpe ratio, win ratio or profit factor at all."""
        found = said(playing(), START)
        assert found["pf_drawdown_ratio", ("a-1", "24h")] == 0.0
        assert not names(found) & {"pf_sharpe_ratio", "pf_win_ratio", "pf_profit_factor", "pf_calmar_ratio"}

    def test_a_win_ratio_needs_twenty_decided_trades(self):
        """Nineteen wins and losses are too few, twenty are enough."""
        ledger = facts.Ledger()
        key = ("pf_win_ratio", ("a-1", "24h"))
        state = facts.folded(facts.declared(), ledger.row(START, "deposit", "100"), facts.read(START))
        for number in range(20):
            assert key not in said(state, START)
            rows = (ledger.row(START, "stake", "-1"), ledger.row(START, "payout", "2" if number % 4 else "0.5"))
            facts.folded(*rows, state=state)
        assert said(state, START)[key] == 0.75

    def test_no_nan_and_no_infinity(self, full):
        """Every number is finite."""
        for _, _, value in samples(MONITOR, full, END):
            assert not isinstance(value, float) or value - value == 0.0


class TestStaleness:
    def test_stale_gauges_are_absent(self):
        """Past the validity of the last reading, equity, balance and drawdown are gone, not zero."""
        state = playing()
        assert said(state, START + 60)["pf_equity_usdc", ("a-1",)] == 100.0
        gone = names(said(state, START + 61))
        assert not gone & {"pf_equity_usdc", "pf_wallet_balance_usd", "pf_wallet_spendable_usdc", "pf_drawdown_ratio"}

    def test_counters_and_times_outlive_their_collector(self):
        """A lifetime sum and the time of the last reading stay when nothing is read any more."""
        found = said(playing(), START + 10 * HOUR)
        assert found["pf_wallet_deposits_usdc_total", ("a-1", "deposit")] == 100.0
        assert found["pf_source_last_success_timestamp_seconds", ("a-1", "casino")] == START

    def test_a_failed_reading_keeps_the_last_value_while_it_is_young(self):
        """One failure makes equity partial and the source down; the last value stands until it is too old."""
        failed = facts.fact(SourceUnavailable, START + 15, collector="casino", reason="timeout", duration_s=5.0)
        found = said(playing(failed), START + 15)
        assert found["pf_source_up", ("a-1", "casino")] == 0
        assert found["pf_equity_usdc", ("a-1",)] == 100.0
        assert found["pf_equity_state", ("a-1", "partial")] == 1

    def test_equity_is_unknown_before_every_part_was_read(self):
        """While a declared part was never read there is no equity, and the state says so."""
        found = said(playing(collectors=("casino", "escrow")), START)
        assert ("pf_equity_usdc", ("a-1",)) not in found
        assert found["pf_equity_state", ("a-1", "unknown")] == 1

    def test_unknown_by_design_is_not_an_outage(self):
        """A trader without a capital has no equity by design, and its state is known."""
        state = playing(facts.read(START, collector="trading"), collectors=("casino", "trading"), trades=True)
        found = said(state, START)
        assert ("pf_equity_usdc", ("a-1",)) not in found
        assert found["pf_equity_state", ("a-1", "known")] == 1

    def test_a_retired_agent_says_nothing(self):
        """When an agent is no longer watched, none of its samples are left."""
        state = playing(facts.fact(AgentRetired, START + 1))
        assert not [labels for _, labels in said(state, START + 1) if "a-1" in labels]


class TestCounters:
    def test_listed_counters_begin_at_zero(self):
        """Once the casino was read, every way in which money can come in has a counter."""
        found = said(playing(), START)
        assert found["pf_wallet_deposits_usdc_total", ("a-1", "bonus")] == 0.0
        assert found["pf_equity_epochs_total", ("a-1",)] == 0

    def test_nothing_begins_before_its_collector_has_read(self):
        """An agent that was only declared has no counters; one whose escrows were never read has none of escrows."""
        assert "pf_wallet_deposits_usdc_total" not in names(said(facts.folded(facts.declared()), START))
        state = playing(collectors=("casino", "escrow"))
        assert "pf_escrow_settled_total" not in names(said(state, START))

    def test_nothing_of_the_ledger_begins_before_it_was_read(self):
        """Another service that works makes no zeros of claims, referrals or deposits while the casino never answered."""
        ports = {"collectors": ("casino", "wallet", "escrow")}
        others = (facts.read(START, collector="wallet"), facts.read(START, collector="escrow"))
        state = facts.folded(facts.declared(**ports), *others)
        begun = {"pf_faucet_claims_total", "pf_referral_income_usdc_total", "pf_wallet_deposits_usdc_total"}
        assert not names(said(state, START)) & begun
        failed = facts.fact(EscrowFailed, START, escrow_id="e", amount_usd=Decimal(5))
        facts.folded(failed, state=state)
        moved = {key for key in said(state, START) if key[0] == "pf_escrow_transitions_total"}
        assert moved == {("pf_escrow_transitions_total", ("a-1", "failed"))}
        facts.folded(facts.read(START + 1), state=state)
        assert begun <= names(said(state, START + 1))

    def test_what_is_not_judged_is_not_zero(self):
        """No anomaly counter says 0 while nobody looks for anomalies."""
        assert not names(said(playing(), START)) & UNBUILT.keys()

    def test_a_first_failure_is_an_increase(self):
        """A failed escrow moves a counter that stood at zero."""
        state = playing(facts.read(START, collector="escrow"), collectors=("casino", "escrow"))
        key = ("pf_escrow_transitions_total", ("a-1", "failed"))
        assert said(state, START)[key] == 0.0
        facts.folded(facts.fact(EscrowFailed, START, escrow_id="e", amount_usd=Decimal(5)), state=state)
        assert said(state, START)[key] == 1.0


class TestMoney:
    def test_pnl_adds_up(self, full):
        """Over strategies and kinds, P&L is that of trading and casino, funding and open positions included."""
        agent = full.agents["a-1"]
        total = agent.casino.net + agent.trading.net + agent.trading.unrealized
        parts = {labels[1:]: v for (name, labels), v in said(full, END).items() if name == "pf_trade_pnl_usdc"}
        assert sum(parts.values()) == pytest.approx(total)
        assert parts["momentum", "realized"] == 11.5
        assert parts["kelly", "unrealized"] == -10.0
        by_market = {labels[1:]: v for (name, labels), v in said(full, END).items() if name == "pf_market_pnl_usdc"}
        for kind in ("realized", "unrealized"):
            of_strategies, of_markets = (
                sum(v for key, v in found.items() if key[1] == kind) for found in (parts, by_market)
            )
            assert of_markets == pytest.approx(of_strategies)
        results = {market: part.net for market, part in agent.attribution.market.items()}
        assert len(results) > 1
        for market, net in results.items():
            assert by_market[market.upper(), "realized"] == pytest.approx(net)

    def test_unmarked_positions_have_no_unrealized_pnl(self):
        """While a position has no current price, its P&L is absent; booked results are not."""
        position = {
            "position_id": "p", "market": "BTC-USD", "side": "buy", "notional_usd": Decimal(100), "quantity": Decimal(1),
            "entry_price": Decimal(100), "leverage": Decimal(1), "margin_usd": Decimal(100),
        }  # fmt: skip
        mark = {"position_id": "p", "market": "BTC-USD", "price": Decimal(99), "unrealized_pnl_usd": Decimal(-1)}
        state = playing(
            facts.fact(PositionOpened, START, **position), facts.fact(PositionsRead, START, open_ids=("p",)),
            facts.read(START, collector="trading"), collectors=("casino", "trading"), trades=True, capital_usd=Decimal(500),
        )  # fmt: skip
        pnl = ("pf_trade_pnl_usdc", "pf_market_pnl_usdc")
        assert {labels[2] for name, labels in said(state, START) if name in pnl} == {"realized"}
        facts.folded(facts.fact(PositionMarked, START, **mark), state=state)
        assert said(state, START)["pf_trade_pnl_usdc", ("a-1", "kelly", "unrealized")] == -1.0
        assert said(state, START)["pf_market_pnl_usdc", ("a-1", "BTC-USD", "unrealized")] == -1.0
        facts.folded(facts.fact(PositionsRead, START, open_ids=("p",), marked=False), state=state)
        assert not {labels[2] for name, labels in said(state, START) if name in pnl} - {"realized"}

    def test_residual_waits_for_the_ledger(self):
        """A balance that differs from the ledger is no residual until the ledger was read again."""
        key = ("pf_conservation_residual_usdc", ("a-1", "casino", "USDC"))
        state = playing()
        assert said(state, START)[key] == 0.0
        facts.folded(facts.balance(START + 5, "90"), state=state)
        assert key not in said(state, START + 5)
        ledger = facts.Ledger()
        ledger.balance, ledger.rows = Decimal(100), 1
        facts.folded(next(ledger.end(START + 6)), state=state)
        assert said(state, START + 6)[key] == -10.0

    def test_results_are_known_since_each_services_first_word(self):
        """Since the ledger begins for play and escrows, since the first reading elsewhere; nothing while nobody read."""
        name = "pf_pnl_since_timestamp_seconds"
        state = facts.folded(facts.declared(collectors=("casino", "escrow", "trading", "wallet", "domains")))
        assert name not in names(said(state, START))
        ledger = facts.Ledger()
        facts.folded(ledger.row(START - 500, "deposit", "100"), *ledger.end(START), facts.read(START), state=state)
        assert {labels for one, labels in said(state, START) if one == name} == {("a-1", "casino")}
        facts.folded(
            facts.read(START, collector="escrow"),
            facts.fact(PositionsRead, START + 1, open_ids=(), marked=True),
            state=state,
        )
        facts.folded(facts.balance(START + 2, "5", service="domains"), state=state)
        facts.folded(facts.balance(START + 3, "5", service="wallet"), state=state)
        found = {labels[1]: value for (one, labels), value in said(state, START + 3).items() if one == name}
        assert found == {
            "casino": START - 500,
            "escrow": START - 500,
            "trading": START + 1,
            "domains": START + 2,
            "wallet": START + 3,
        }
        facts.folded(facts.declared(collectors=("casino",)), state=state)
        assert set(state.agents["a-1"].pnl_since) == {"casino"}

    def test_results_of_an_agent_that_reports_itself_are_known_since_its_first_report(self):
        """Nobody can tell what it did before."""
        state = facts.folded(facts.declared(collectors=()))
        assert state.agents["a-1"].pnl_since == {}
        facts.folded(facts.balance(START + 9, "100"), state=state)
        facts.folded(
            facts.fact(BetSettled, START + 4, bet_id="b", game="dice", stake=Decimal(1), payout=Decimal(0)), state=state
        )
        assert state.agents["a-1"].pnl_since == {"casino": START + 4}

    def test_the_platforms_usd_is_usdc(self):
        """A book in USD is shown under the one label that the platform's money has."""
        state = facts.folded(facts.declared(), facts.balance(START, "7", currency="USD"), facts.read(START))
        book = state.agents["a-1"].books
        assert list(book) == ["casino:USD"]
        assert said(state, START)["pf_wallet_balance_native", ("a-1", "USDC", "hot")] == 7.0

    def test_spendable_follows_the_newer_of_balance_and_ledger(self):
        """A ledger row that came after the balance was read is already spent."""
        state = playing()
        ledger = facts.Ledger()
        ledger.balance, ledger.rows = Decimal(100), 1
        facts.folded(ledger.row(START + 5, "stake", "-30"), state=state)
        assert said(state, START + 5)["pf_wallet_spendable_usdc", ("a-1",)] == 70.0

    def test_equal_holdings_are_added_and_an_unpriced_one_hides_the_sum(self):
        """Two accounts of one currency are one number; in USD it is unknown while one of them has no price."""
        holding = {"service": "wallet", "currency": "ETH"}
        state = playing(
            facts.balance(START, "1", account="base:1", **holding), facts.read(START, collector="wallet"),
            collectors=("casino", "wallet"),
        )  # fmt: skip
        facts.folded(facts.balance(START, "2", account="base:2", **{**holding, "value_usd": None}), state=state)
        found = said(state, START)
        assert found["pf_wallet_balance_native", ("a-1", "ETH", "hot")] == 3.0
        assert ("pf_wallet_balance_usd", ("a-1", "ETH", "hot")) not in found


class TestPlayAndEscrow:
    def test_a_games_win_ratio_needs_twenty_decided_bets(self):
        """Pushes decide nothing: nineteen wins and losses are too few whatever their number."""
        nets = ["4"] * 10 + ["0"] * 9 + ["2"] * 5
        bets = [
            facts.fact(BetSettled, START + n, bet_id=f"b{n}", game="dice", stake=Decimal(2), payout=Decimal(payout))
            for n, payout in enumerate(nets)
        ]
        state = playing(*bets)
        assert "pf_casino_win_ratio" not in names(said(state, START))
        last = facts.fact(BetSettled, START + 40, bet_id="b", game="dice", stake=Decimal(2), payout=Decimal(0))
        facts.folded(last, state=state)
        assert said(state, START)["pf_casino_win_ratio", ("a-1", "dice")] == 0.5

    def test_escrows_by_state(self, full):
        """One was released, one is disputed, one is open: each is where it belongs."""
        found = said(full, END)
        assert found["pf_escrow_open", ("a-1", "creator")] == 1
        assert found["pf_escrow_open", ("a-1", "counterparty")] == 0
        assert found["pf_escrow_locked_usdc", ("a-1", "creator")] == 20.0
        assert found["pf_escrow_at_risk_usdc", ("a-1",)] == 20.0
        assert found["pf_escrow_settled_total", ("a-1", "disputed")] == 1.0

    def test_no_expiry_when_none_is_open(self):
        """Without an open escrow there is no time at which the next one ends."""
        state = playing(facts.read(START, collector="escrow"), collectors=("casino", "escrow"))
        found = said(state, START)
        assert found["pf_escrow_open", ("a-1", "creator")] == 0
        assert "pf_escrow_next_expiry_timestamp_seconds" not in names(found)

    def test_escrows_are_absent_while_the_ledger_is_not_usable(self):
        """Which escrows there are is in the ledger: never read, or too old, it leaves no number of them."""
        ports = {"collectors": ("casino", "escrow")}
        unread = facts.folded(facts.declared(**ports), facts.read(START, collector="escrow"))
        assert not {name for name in names(said(unread, START)) if name.startswith("pf_escrow")}
        state = playing(facts.read(START + 61, collector="escrow"), **ports)
        gauges = {"pf_escrow_open", "pf_escrow_locked_usdc", "pf_escrow_at_risk_usdc"}
        assert not names(said(state, START + 61)) & gauges
        facts.folded(facts.read(START + 62), state=state)
        assert gauges <= names(said(state, START + 62))

    def test_escrows_nobody_reads_are_absent(self):
        """An agent whose escrows are not read has no escrow gauges: zero would be a guess."""
        assert not {name for name in names(said(playing(), START)) if name.startswith("pf_escrow")} - {
            name for name, metric in CATALOG.metrics.items() if metric.type == "counter"
        }


class TestGate:
    def test_nothing_while_nobody_spoke(self):
        """An agent without a gate has no gate state: `active` would be a guess."""
        assert not names(said(playing(), START)) & {"pf_gate_state", "pf_trading_halted"}

    def test_one_state_is_one(self):
        """After a change, exactly the new state is 1, and no halt is in force."""
        found = said(playing(facts.fact(GateChanged, START, before="active", after="reducing", reason="lease")), START)
        states = {labels[1]: value for (name, labels), value in found.items() if name == "pf_gate_state"}
        assert states == {"active": 0, "reducing": 1, "halted": 0}
        assert sum(value for (name, _), value in found.items() if name == "pf_trading_halted") == 0

    def test_a_halt_for_an_unlisted_reason_is_shown(self):
        """Whatever somebody writes as the reason, a halt in force is 1 somewhere."""
        order = {"mode": "halt", "scope": "agent", "target": "a-1", "reason": "Because!", "actor": "me"}
        found = said(playing(facts.fact(HaltOrdered, START, halt_id="h", **order)), START)
        assert found["pf_trading_halted", ("a-1", "manual")] == 1


class TestKeys:
    def test_a_key_is_refused_after_two_failures(self):
        """One refusal says nothing yet, a second in a row does, and a success takes it back."""
        refusal = {"collector": "casino", "reason": "unauthorized", "status_code": 401, "duration_s": 0.1}
        state = playing()
        key = ("pf_key_accepted", ("a-1", "casino"))
        assert said(state, START)[key] == 1
        facts.folded(facts.fact(SourceUnavailable, START + 15, **refusal), state=state)
        assert key not in said(state, START + 15)
        facts.folded(facts.fact(SourceUnavailable, START + 30, **refusal), state=state)
        assert said(state, START + 30)[key] == 0
        facts.folded(facts.read(START + 45), state=state)
        assert said(state, START + 45)[key] == 1


class TestOverflow:
    def test_a_label_of_one_metric_names_it(self):
        """An overflow is counted once under its label; the metric is named where no other carries the label."""
        one, two = playing(), "a text that is no label"
        agent = one.agents["a-1"]
        for label in (STRATEGY, STRATEGY, COMPONENT):
            assert word(agent, label, two) == "other"
        assert word(one, FIELD, two) == "other"
        found = {labels: count for (name, labels), count in said(one, END).items() if name == "pf_label_overflow_total"}
        assert found == {
            ("other", "strategy"): 2,
            ("pf_agent_errors_total", "component"): 1,
            ("pf_response_schema_errors_total", "field"): 1,
        }
