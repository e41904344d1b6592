"""Several processes of one agent: sums that are exact whoever ends, and gauges by their rules."""

import os
import signal
import subprocess
import sys
from decimal import Decimal

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import MARKET
from fleawatch.events import BalanceRead, Heartbeat, PositionClosed, PositionMarked, PositionOpened
from fleawatch.flow.state import empty_fleet
from fleawatch.ports import Observed
from fleawatch.sinks import workers
from fleawatch.sinks.merging import READING_S, RULES, SILENT_S, Ended, Sheet
from fleawatch.sinks.prometheus import Exposition
from fleawatch.sinks.scrape import Scrape
from fleawatch.sinks.workers import WorkerFiles
from fleawatch.testing.telemetry_contract import (
    AT,
    TelemetrySinkContract,
    a_bet,
    a_span,
    an_order,
    declared,
    folded,
)


class Worker:
    """One process as far as its file goes: it ends when it is told, in the way it is told."""

    def __init__(self, folder):
        self.files = WorkerFiles(folder, "a-1")
        self.scrape = Scrape(files=self.files, process=dict)
        self.state = declared()

    def tell(self, *facts):
        self.state = folded(self.state, *facts)
        self.scrape.take([Observed(fact, a_span()) for fact in facts], self.state)

    def killed(self):
        """The kernel lets go of the file and its lock, and nothing else happens."""
        os.close(self.files._own)

    def read(self, at=AT + 5, **chosen):
        body = self.scrape.body(at, openmetrics=False, **chosen).decode()
        return {
            (sample.name, *(value for name, value in sample.labels.items() if name != "agent_id")): sample.value
            for family in text_string_to_metric_families(body)
            for sample in family.samples
        }


ORDERS = ("pf_orders_total", "BTC-USD", "market", "success")
PNL = ("pf_trade_pnl_usdc", "none", "realized")


def close(number, pnl):
    return PositionClosed(
        fact_id=f"c:{number}", agent_id="a-1", at=AT + number, seen_at=AT + number, source="sdk",
        position_id=f"p-{number}", market="BTC-USD", side="long", realized_pnl_usd=Decimal(pnl), fee_usd=Decimal(0),
        notional_usd=Decimal(100), entry_price=Decimal(1), opened_at=AT,
    )  # fmt: skip


def balance(number, amount):
    return BalanceRead(
        fact_id=f"b:{number}", agent_id="a-1", at=AT + number, seen_at=AT + number, source="sdk", service="casino",
        currency="USDC", amount=Decimal(amount), value_usd=Decimal(amount),
    )  # fmt: skip


class TestContract(TelemetrySinkContract):
    """Metrics kept in a folder, as a sink."""

    @pytest.fixture
    def sink(self, tmp_path):
        """An open one."""
        return Scrape(files=WorkerFiles(tmp_path, "a-1"), process=dict)


def plain(body):
    """Lines, whole numbers written in one way."""
    return [line.removesuffix(b".0") for line in body.splitlines()]


def test_one_process_says_what_it_would_say_without_a_folder(tmp_path):
    """Name by name, series by series, both formats."""
    worker = Worker(tmp_path)
    worker.tell(an_order(1), an_order(2, status="rejected", reason="risk"), a_bet(3, payout="2"), balance(4, 100))
    alone = Exposition(CATALOG, owners=("agent", "monitor"), process=dict)
    for openmetrics in (False, True):
        mine = worker.scrape._kept.body(worker.state, AT + 5, openmetrics=openmetrics)
        assert sorted(plain(mine)) == sorted(plain(alone.render(worker.state, AT + 5, openmetrics)))


def test_counters_add_up_and_stay_when_a_process_ends(tmp_path):
    """Killed or shut down, once or asked for again: what it wrote is counted exactly once."""
    one, two, three = Worker(tmp_path), Worker(tmp_path), Worker(tmp_path)
    for number, worker in enumerate((one, two, two, three)):
        worker.tell(an_order(number + 1, latency_s=0.25))
    assert one.read()[ORDERS] == 4
    two.killed()
    three.scrape.close(1.0)
    for _ in range(3):
        found = one.read()
        assert found[ORDERS] == 4
        assert found["pf_order_latency_seconds_count", "trade/open", "market", "success"] == 4
        assert found["pf_order_latency_seconds_sum", "trade/open", "market", "success"] == 1.0
    assert len(list(tmp_path.glob("*.worker"))) == 1
    four = Worker(tmp_path)
    four.tell(an_order(9))
    assert four.read()[ORDERS] == one.read()[ORDERS] == 5


def test_a_reader_that_is_killed_between_sum_and_removal_counts_nobody_twice(tmp_path, monkeypatch):
    """The sum names whom it holds."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    one.tell(an_order(1))
    two.tell(an_order(2))
    two.killed()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            one.read()
    assert one.read()[ORDERS] == 2
    assert one.read()[ORDERS] == 2
    assert msgspec.msgpack.decode((tmp_path / "ended").read_bytes(), type=Ended).names


def test_gauges_follow_their_rules(tmp_path):
    """The newest balance whoever read it, realised P&L of all, and no statistic that no process can know."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    one.tell(balance(1, 100))
    assert ("pf_equity_state", "unknown") in one.read()
    one.tell(close(2, "5"))
    two.tell(balance(4, 90), close(3, "-7"))
    found = one.read()
    realized = {key: value for key, value in found.items() if key[0] == "pf_trade_pnl_usdc" and key[-1] == "realized"}
    assert sum(realized.values()) == -2
    assert found["pf_wallet_balance_usd", "USDC", "hot"] == 90
    assert not {key for key in found if key[0] in ("pf_equity_usdc", "pf_equity_state", "pf_win_ratio")}
    one.tell(balance(5, 80))
    assert two.read()["pf_wallet_balance_usd", "USDC", "hot"] == 80
    one.killed()
    found = two.read()
    assert found["pf_wallet_balance_usd", "USDC", "hot"] == 80
    assert sum(value for key, value in found.items() if key[0] == "pf_trade_pnl_usdc" and key[-1] == "realized") == -2
    assert ("pf_equity_state", "known") not in found, "it does not know what the other one did"


def test_a_reading_whose_process_has_ended_is_shown_for_a_while_and_none_that_is_older(tmp_path):
    """Then it is unknown, until somebody reads again; an older word is no answer."""
    one, two, three = Worker(tmp_path), Worker(tmp_path), Worker(tmp_path)
    key = ("pf_wallet_balance_usd", "USDC", "hot")
    one.tell(balance(1, 90))
    two.tell(balance(5, 80))
    two.killed()
    assert one.read()[key] == 80
    assert one.read()[key] == 80, "the second time from the sum"
    assert one.read(at=AT + 5 + READING_S)[key] == 80
    assert key not in one.read(at=AT + 6 + READING_S)
    three.tell(balance(400, 70))
    assert one.read(at=AT + 401)[key] == 70


def test_money_that_can_be_spent_is_that_of_whoever_read_the_casino_last(tmp_path):
    """Not of whoever read another balance since."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    one.tell(balance(1, 90), msgspec.structs.replace(balance(5, 7), service="trading", wallet_type="trading"))
    two.tell(balance(3, 80))
    for reader in (one, two):
        assert reader.read()["pf_wallet_spendable_usdc",] == 80


def test_when_it_acted_last_never_goes_back(tmp_path):
    """An agent has acted, whether or not the process that did it lives."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    one.tell(an_order(1))
    two.tell(an_order(50))
    before = one.read(at=AT + 60)["pf_agent_last_action_timestamp_seconds",]
    two.killed()
    for _ in range(2):
        assert one.read(at=AT + 60)["pf_agent_last_action_timestamp_seconds",] == before


def test_what_nobody_knows_alone_is_absent_until_a_process_has_it_for_itself(tmp_path):
    """One that has lived beside another one that acted missed something; one that began later starts anew, as ever."""
    one, two, idle = Worker(tmp_path), Worker(tmp_path), Worker(tmp_path)
    one.tell(an_order(1))
    assert one.read()["pf_equity_state", "unknown"] == 1
    two.tell(an_order(2))
    idle.tell(Heartbeat(fact_id="h", agent_id="a-1", at=AT + 3, seen_at=AT + 3, source="sdk"))
    two.killed()
    for _ in range(2):
        assert ("pf_equity_state", "unknown") not in one.read()
    one.killed()
    later = Worker(tmp_path)
    later.tell(an_order(4))
    assert later.read()["pf_equity_state", "unknown"] == 1


def test_a_mark_on_an_open_position_is_not_added_up(tmp_path):
    """Two processes may have marked the same one."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    opened = PositionOpened(
        fact_id="o:1", agent_id="a-1", at=AT, seen_at=AT, source="sdk", position_id="p-1", market="BTC-USD", side="long",
        notional_usd=Decimal(100), quantity=Decimal(1), entry_price=Decimal(100), leverage=Decimal(1), margin_usd=Decimal(100),
    )  # fmt: skip
    marked = PositionMarked(
        fact_id="m:1", agent_id="a-1", at=AT + 1, seen_at=AT + 1, source="sdk", position_id="p-1", market="BTC-USD",
        price=Decimal(107), unrealized_pnl_usd=Decimal(7),
    )  # fmt: skip
    unrealized = ("pf_trade_pnl_usdc", "momentum", "unrealized")
    one.tell(opened, marked)
    assert one.read()[unrealized] == 7
    two.tell(opened, marked)
    assert unrealized not in one.read()
    two.killed()
    assert unrealized not in one.read()


def test_a_process_that_hangs_is_no_witness_of_the_present(tmp_path):
    """Its counters stay; what it said of this moment is left out once it has been silent."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    for number, worker in enumerate((one, two)):
        worker.tell(
            Heartbeat(fact_id=f"h{number}", agent_id="a-1", at=AT, seen_at=AT, source="sdk"), an_order(number + 1)
        )
        worker.scrape.beat(worker.state, AT + 1)
    assert one.read(at=AT + 5)["pf_agent_up",] == 1
    silent = AT + 10 * SILENT_S
    found = one.read(at=silent)
    assert found["pf_agent_up",] == 0, (
        "the promise of the one that answers has run out, and the other one's word is old"
    )
    assert found[ORDERS] == 2


def test_thousands_of_restarts_leave_a_handful_of_files_and_exact_sums(tmp_path):
    """Whether or not anybody has scraped meanwhile; and the sum does not grow."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    one.tell(an_order(1))
    two.tell(an_order(2))
    (sheet, _), _ = one.files.read()
    two.killed()
    counted, sizes = 2, []
    for _ in range(2):
        for _ in range(1_000):
            worker = WorkerFiles(tmp_path, "a-1")
            worker.write(sheet)
            worker.close()
        counted += 1_000
        assert len(list(tmp_path.iterdir())) <= workers.MANY + 5
        assert one.read()[ORDERS] == counted
        assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", "", ".worker"]
        sizes.append((tmp_path / "ended").stat().st_size)
    assert sizes[1] - sizes[0] < 500


def test_what_was_killed_while_it_began_is_cleared_away(tmp_path):
    """Not what has only just begun."""
    one = Worker(tmp_path)
    one.tell(an_order(1))
    old, new = tmp_path / "a-1.1.1.worker.new", tmp_path / "a-1.2.2.worker.new"
    for path in (old, new):
        path.touch()
    os.utime(old, (1, 1))
    assert one.read()[ORDERS] == 1
    assert not old.exists()
    assert new.exists()


def test_together_they_keep_to_the_bound_of_a_label(tmp_path):
    """Each keeps its own; generations with words of their own would fill the folder. Nothing that was counted is lost."""
    one, other = Worker(tmp_path), WorkerFiles(tmp_path, "a-1")
    one.tell(an_order(1))
    for generation in range(3):
        labels = [("a-1", f"M{generation}-{number}", "market", "success") for number in range(MARKET.limit)]
        other.write(Sheet("a-1", True, {}, [("pf_orders_total", one, 2.0) for one in labels]))
        other.close()
        found = {key: value for key, value in one.read().items() if key[0] == "pf_orders_total"}
    assert len(found) == MARKET.limit + 1
    assert sum(found.values()) == 2 * 3 * MARKET.limit + 1
    assert found["pf_orders_total", "other", "market", "success"] > 0


def traced(body):
    """By bucket that carries one: its count, the trace, the value."""
    return {
        (sample.labels["order_type"], sample.labels["le"]): (
            sample.value, sample.exemplar and sample.exemplar.labels["trace_id"], sample.exemplar and sample.exemplar.value
        )
        for family in openmetrics_families(body)
        for sample in family.samples
        if sample.name == "pf_order_latency_seconds_bucket"
    }  # fmt: skip


def test_merged_buckets_carry_the_traces_of_whoever_answers(tmp_path):
    """Counts are those of all processes, exemplars its own: the newest sampled one, on the bucket that it fell into."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    told = {}
    for number, (name, worker) in enumerate((("one", one), ("two", two), ("one", one), ("two", two))):
        fact, span = an_order(number + 1, latency_s=0.2), a_span(number + 1)
        worker.state = folded(worker.state, fact)
        worker.scrape.take([Observed(fact, span)], worker.state)
        told[name] = span.trace
    unsampled = an_order(9, latency_s=4.0)
    two.state = folded(two.state, unsampled)
    two.scrape.take([Observed(unsampled, a_span(9, sampled=False))], two.state)
    for name, worker in (("one", one), ("two", two)):
        body = worker.scrape.body(AT + 20, openmetrics=True).decode()
        assert body.endswith("# EOF\n")
        found = traced(body)
        assert found["market", "0.25"] == (4, told[name], 0.2)
        assert found["market", "5.0"] == (5, None, None), "what is not sampled is no exemplar"
        assert [key for key, value in found.items() if value[1]] == [("market", "0.25")]
    three = Worker(tmp_path)
    three.tell(Heartbeat(fact_id="h", agent_id="a-1", at=AT, seen_at=AT, source="sdk"))
    found = traced(three.scrape.body(AT + 20, openmetrics=True).decode())
    assert found["market", "+Inf"] == (5, None, None), "who has served nothing has none"
    two.killed()
    assert traced(one.scrape.body(AT + 20, openmetrics=True).decode())["market", "0.25"] == (4, told["one"], 0.2)


def test_every_rule_is_about_a_gauge_of_the_catalog():
    """A gauge that is renamed takes its rule along."""
    assert {CATALOG.metrics[name].type for name in RULES} == {"gauge"}


def test_what_is_torn_or_foreign_is_left_out(tmp_path):
    """The place that was written before counts; a file that nobody understands counts nothing."""
    one, two = Worker(tmp_path), Worker(tmp_path)
    one.tell(an_order(1))
    two.tell(an_order(1))
    two.tell(an_order(2))
    os.pwrite(two.files._own, b"\xff" * 64, workers.PLACE * (two.files._number & 1) + 100)
    two.killed()
    (tmp_path / "x.1.1.worker").write_bytes(b"nothing" * 100)
    assert one.read()[ORDERS] == 2


def test_names_and_buckets_of_another_release_are_left_out(tmp_path):
    """While a fleet is being updated, two releases share the folder."""
    one, other = Worker(tmp_path), WorkerFiles(tmp_path, "a-1")
    one.tell(an_order(1))
    order = ("a-1", "BTC-USD", "market", "success")
    strange = [
        ("pf_gone_total", ("a-1",), 1.0), ("pf_order_latency_seconds", order, ([1, 2], 1.0, 1.0)), ("pf_orders_total", order[:2], 1.0),
        ("pf_orders_total", order, 2.0),
    ]  # fmt: skip
    other.write(Sheet("a-1", True, {}, strange))
    found = one.read()
    assert found[ORDERS] == 3
    assert not [key for key in found if key[0] == "pf_gone_total"]


def test_a_full_disk_leaves_what_was_written_and_is_raised(tmp_path, monkeypatch):
    """The shield counts it; the next batch tries again."""
    one = Worker(tmp_path)
    one.tell(an_order(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda *_: 10)
        with pytest.raises(OSError, match="disk is full"):
            one.tell(an_order(2))
    one.tell(an_order(3))
    assert one.read()[ORDERS] == 3


def test_a_reader_that_hangs_holds_nobody_up(tmp_path, monkeypatch):
    """After a while the scrape fails, and the agent's thread goes on."""
    monkeypatch.setattr(workers, "PATIENCE_S", 0.05)
    one, two = Worker(tmp_path), Worker(tmp_path)
    one.tell(an_order(1))
    with two.files._alone(), pytest.raises(TimeoutError, match="another process"):
        one.read()
    assert one.read()[ORDERS] == 1


def test_a_process_without_facts_has_no_file(tmp_path):
    """The parent that only forks, for one."""
    one = Worker(tmp_path)
    one.scrape.beat(empty_fleet(), AT)
    assert not list(tmp_path.glob("*.worker"))
    assert one.read() == {}


CHILD = """
import os, sys, time
from pathlib import Path
from fleawatch import Telemetry
telemetry = Telemetry("a-1", metrics_dir=sys.argv[1], heartbeat_s=None)
telemetry.funding("BTC-USD", 1)
telemetry.flush(10)
if os.fork() == 0:
    for number in range(3):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            order.filled(str(number), price=1)
    telemetry.flush(10)
    os.write(1, b"forked\\n")
    time.sleep(60)
with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
    order.filled("x", price=1)
telemetry.flush(10)
os.write(1, b"told\\n")
time.sleep(60)
"""


def test_a_parent_and_its_child_of_a_fork_are_two_until_each_is_killed(tmp_path):
    """The child counts its own, keeps no lock of its parent, and both stay counted after SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    one = Worker(tmp_path)
    one.tell(an_order(1))
    try:
        assert {process.stdout.readline(), process.stdout.readline()} == {"told\n", "forked\n"}
        assert one.read()[ORDERS] == 5
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert one.read()[ORDERS] == 5
        assert len(list(tmp_path.glob("*.worker"))) == 2
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
    while len(list(tmp_path.glob("*.worker"))) > 1:
        assert one.read()[ORDERS] == 5
    assert one.read()[ORDERS] == 5
