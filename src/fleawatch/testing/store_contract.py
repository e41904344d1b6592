"""What every store must do, as tests: subclass `StoreContract`, give it a `store` fixture, and run it under pytest.

The fixture yields a new and empty store for every test and closes it afterwards.
"""

# ruff: noqa: S101 - a contract speaks in asserts, as pytest does

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fleawatch.errors import StoreError
from fleawatch.events import AgentDeclared, AgentRetired, Amended, BetSettled, LedgerEntry, Service, merge
from fleawatch.events.identity import fact_id, ledger_id
from fleawatch.flow.outputs import Notice
from fleawatch.ports import Kept, Snapshot, Store


def bet(number: int, *, agent_id: str = "a-1", seen_at: float | None = None) -> BetSettled:
    """Bet `number`, lost, seen a second after it happened (or at `seen_at`, unix seconds)."""
    return BetSettled(
        fact_id=fact_id("casino", "bet_settled", f"bet_{number}"),
        agent_id=agent_id,
        at=float(number),
        seen_at=number + 1.0 if seen_at is None else seen_at,
        source="casino",
        bet_id=f"bet_{number}",
        game="dice",
        stake=Decimal("1.50"),
        payout=Decimal(0),
    )


def amended(before: BetSettled, *, strategy: str) -> Amended:
    """The fact that this bet is known to belong to a strategy."""
    report = msgspec.structs.replace(before, strategy=strategy)
    return Amended(
        fact_id=f"{before.fact_id}:amended:{strategy}",
        agent_id=before.agent_id,
        at=before.at,
        seen_at=before.seen_at + 1,
        source="sdk",
        before=before,
        after=merge(before, report),
    )


def ledger_row(position: int, *, agent_id: str = "a-1", service: Service = "casino") -> LedgerEntry:
    """Row `position` of a ledger that loses 0.10 a row."""
    return LedgerEntry(
        fact_id=ledger_id(service, agent_id, position),
        agent_id=agent_id,
        at=float(position),
        seen_at=position + 1.0,
        source=service,
        service=service,
        currency="USDC",
        position=position,
        amount=Decimal("-0.10"),
        balance_after=Decimal(100) - Decimal("0.10") * (position + 1),
        entry="stake",
        reference=f"bet_{position}",
    )


def declared(agent_id: str, *, strategy: str = "kelly", at: float = 1.0) -> AgentDeclared:
    """The declaration of an agent at `at`, unix seconds."""
    return AgentDeclared(
        fact_id=f"monitor:agent_declared:{agent_id}:{at}",
        agent_id=agent_id,
        at=at,
        seen_at=at,
        source="monitor",
        strategy=strategy,
    )


def retired(agent_id: str, *, at: float) -> AgentRetired:
    """The end of an agent's declaration at `at`, unix seconds."""
    return AgentRetired(
        fact_id=f"monitor:agent_retired:{agent_id}:{at}", agent_id=agent_id, at=at, seen_at=at, source="monitor"
    )


def notice(key: str) -> Notice:
    """An output with this key."""
    return Notice(key=key, agent_id="a-1", at=1.0, event="large_loss", level="warning", message=f"loss {key}")


class StoreContract:
    """Everything that the port `Store` promises, one promise a test."""

    def test_an_empty_store_holds_nothing(self, store: Store) -> None:
        """A new store has no facts, no ledger, no agents, no snapshot and nothing to do."""
        assert store.commit([], []) == 0
        assert (store.facts(), store.ledger("a-1"), store.agents()) == ([], [], [])
        assert (store.known(["casino:bet_settled:bet_1"]), store.snapshot(), store.pending()) == ({}, None, 0)
        assert store.claim(now=1.0, limit=10, lease_s=1.0) == []

    def test_facts_are_numbered_in_the_order_given(self, store: Store) -> None:
        """Facts are numbered from 1 over all commits, and come back equal."""
        assert store.commit([bet(7), bet(3)], []) == 2
        assert store.commit([declared("a-1")], []) == 3
        assert [(seq, event) for seq, event in store.facts()] == [(1, bet(7)), (2, bet(3)), (3, declared("a-1"))]

    def test_a_fact_is_recorded_once(self, store: Store) -> None:
        """A commit with a recorded fact, or with one fact twice, is refused as a whole."""
        store.commit([bet(1)], [])
        for facts in ([bet(2), bet(1)], [bet(3), bet(3)]):
            with pytest.raises(StoreError, match="Remedy"):
                store.commit(facts, [notice("k")])
        assert [seq for seq, _ in store.facts()] == [1]
        assert (store.pending(), store.commit([], [])) == (0, 1)

    def test_a_fact_that_cannot_be_read_back_is_refused(self, store: Store) -> None:
        """NaN in a fact fails the commit, not the next restart; the store stays usable."""
        with pytest.raises(StoreError, match="stake"):
            store.commit([bet(1), msgspec.structs.replace(bet(2), stake=Decimal("NaN"))], [])
        assert store.commit([bet(1)], []) == 1

    def test_known_gives_the_facts_that_are_recorded(self, store: Store) -> None:
        """Of many ids, those that are recorded come back with their facts."""
        store.commit([bet(number) for number in range(1_200)], [])
        ids = [bet(number).fact_id for number in range(1_000, 2_000)]
        assert store.known(ids) == {bet(number).fact_id: bet(number) for number in range(1_000, 1_200)}

    def test_an_amended_fact_is_known_as_amended_and_replayed_as_it_was(self, store: Store) -> None:
        """`known` gives the amended version; `facts` still gives the first version at its place."""
        amendment = amended(bet(1), strategy="martingale")
        store.commit([bet(1)], [])
        store.commit([amendment], [])
        assert store.known([bet(1).fact_id]) == {bet(1).fact_id: amendment.after}
        assert store.known([amendment.fact_id]) == {amendment.fact_id: amendment}
        assert [event for _, event in store.facts()] == [bet(1), amendment]

    def test_an_amendment_counts_inside_its_own_commit(self, store: Store) -> None:
        """A fact and its amendment may come in one commit, and an amendment changes only what came before it."""
        first, second = amended(bet(1), strategy="one"), amended(bet(2), strategy="two")
        store.commit([bet(1), first, second, bet(2)], [])
        known = store.known([bet(1).fact_id, bet(2).fact_id])
        assert known == {bet(1).fact_id: first.after, bet(2).fact_id: bet(2)}

    def test_facts_are_paged_by_number(self, store: Store) -> None:
        """`after` and `before` leave out the fact they name; `limit` holds from the end that is asked for."""
        store.commit([bet(number) for number in range(1, 11)], [])
        assert [seq for seq, _ in store.facts(after=3, before=9, limit=3)] == [4, 5, 6]
        assert [seq for seq, _ in store.facts(after=3, before=9, limit=3, newest_first=True)] == [8, 7, 6]
        assert store.facts(after=10) == store.facts(limit=0) == store.facts(limit=-1) == store.facts(before=1) == []

    def test_facts_are_chosen_by_agent_and_kind(self, store: Store) -> None:
        """The filters can be combined, keep the order of recording, and no kind asked for means no fact."""
        store.commit([bet(1), ledger_row(0), bet(2, agent_id="b-1"), declared("a-1"), ledger_row(1), bet(3)], [])
        assert [seq for seq, _ in store.facts(agent_id="a-1", limit=4)] == [1, 2, 4, 5]
        assert [seq for seq, _ in store.facts(kinds=["bet_settled"])] == [1, 3, 6]
        assert [seq for seq, _ in store.facts(kinds=["ledger_entry", "bet_settled"], agent_id="a-1")] == [1, 2, 5, 6]
        both = ["ledger_entry", "bet_settled", "ledger_entry"]
        assert [seq for seq, _ in store.facts(kinds=both, newest_first=True, limit=2)] == [6, 5]
        assert store.facts(kinds=[]) == store.facts(kinds=["tick"]) == store.facts(agent_id="") == []

    def test_the_ledger_is_read_in_ledger_order(self, store: Store) -> None:
        """Rows come by service and position, the newest recorded ones when there are more than asked for."""
        store.commit([ledger_row(0, service="wallet"), ledger_row(1), ledger_row(0), ledger_row(2)], [])
        store.commit([ledger_row(9, agent_id="b-1"), ledger_row(1, service="wallet")], [])
        rows = [(row.service, row.position) for row in store.ledger("a-1")]
        assert rows == [("casino", 0), ("casino", 1), ("casino", 2), ("wallet", 0), ("wallet", 1)]
        assert store.ledger("a-1", service="casino", limit=2) == [ledger_row(0), ledger_row(2)]
        assert store.ledger("a-1", limit=1) == [ledger_row(1, service="wallet")]

    def test_agents_are_those_declared_and_not_retired(self, store: Store) -> None:
        """The newest declaration holds; a retired agent goes, and comes back when it is declared again."""
        store.commit([declared("b-1"), declared("a-1"), declared("c-1")], [])
        store.commit([declared("a-1", strategy="flat", at=2.0), retired("b-1", at=2.0), retired("x-1", at=2.0)], [])
        assert store.agents() == [declared("a-1", strategy="flat", at=2.0), declared("c-1")]
        store.commit([declared("b-1", at=3.0)], [])
        assert [agent.agent_id for agent in store.agents()] == ["a-1", "b-1", "c-1"]

    def test_a_snapshot_is_replaced_whole(self, store: Store) -> None:
        """The last saved snapshot comes back as it was, without scopes of the one before."""
        store.commit([bet(1), bet(2)], [])
        store.save(Snapshot(1, {"": b"fleet", "a-1": b"\x00\xff", "b-1": b"gone"}))
        store.save(Snapshot(2, {"": b"fleet", "a-1": b""}))
        assert store.snapshot() == Snapshot(2, {"": b"fleet", "a-1": b""})

    def test_a_snapshot_of_facts_that_do_not_exist_is_refused(self, store: Store) -> None:
        """A snapshot ahead of the newest fact is refused, because a restart would leave facts out."""
        store.commit([bet(1)], [])
        store.save(Snapshot(1, {"": b"one"}))
        with pytest.raises(StoreError, match="newest recorded"):
            store.save(Snapshot(2, {"": b"two"}))
        assert store.snapshot() == Snapshot(1, {"": b"one"})

    def test_an_output_is_claimed_once_and_finished_once(self, store: Store) -> None:
        """Outputs are claimed oldest first, by nobody else while the lease runs, and never again once finished."""
        store.commit([bet(1)], [notice("k1"), notice("k2"), notice("k3")])
        first = store.claim(now=10.0, limit=2, lease_s=30.0)
        assert [(claim.output, claim.attempts) for claim in first] == [(notice("k1"), 1), (notice("k2"), 1)]
        (third,) = store.claim(now=10.0, limit=9, lease_s=30.0)
        assert (third.output, store.claim(now=39.9, limit=9, lease_s=30.0)) == (notice("k3"), [])
        for claim in (*first, third):
            store.finish(claim.id, now=11.0)
        store.finish(third.id, now=12.0)
        assert (store.pending(), store.claim(now=99.0, limit=9, lease_s=30.0)) == (0, [])

    def test_a_lease_that_ran_out_makes_an_output_due_again(self, store: Store) -> None:
        """Who died between claim and finish repeats nothing and loses nothing: the output is claimed once more."""
        store.commit([], [notice("k1")])
        (first,) = store.claim(now=10.0, limit=9, lease_s=30.0)
        (second,) = store.claim(now=40.0, limit=9, lease_s=30.0)
        assert (second.id, second.attempts, store.pending()) == (first.id, 2, 1)

    def test_a_failed_output_is_due_again_at_its_time(self, store: Store) -> None:
        """A failure with a time is tried again then; one without is dead and no longer pending."""
        store.commit([], [notice("k1")])
        (claim,) = store.claim(now=10.0, limit=9, lease_s=30.0)
        store.fail(claim.id, now=11.0, error="HTTP 503", retry_at=20.0)
        assert store.claim(now=19.9, limit=9, lease_s=30.0) == []
        (again,) = store.claim(now=20.0, limit=9, lease_s=30.0)
        assert (again.attempts, store.pending()) == (2, 1)
        store.fail(again.id, now=21.0, error="HTTP 400", retry_at=None)
        store.fail(again.id, now=22.0, error="late word", retry_at=23.0)
        assert (store.pending(), store.claim(now=99.0, limit=9, lease_s=30.0)) == (0, [])

    def test_a_failure_told_after_the_end_changes_nothing(self, store: Store) -> None:
        """What was acted on stays finished, even when an older attempt reports a failure later."""
        store.commit([], [notice("k1")])
        (claim,) = store.claim(now=10.0, limit=9, lease_s=30.0)
        store.finish(claim.id, now=11.0)
        store.fail(claim.id, now=12.0, error="timeout", retry_at=13.0)
        assert (store.pending(), store.claim(now=99.0, limit=9, lease_s=30.0)) == (0, [])

    def test_a_report_on_an_output_that_is_not_there_is_refused(self, store: Store) -> None:
        """Finishing or failing an unknown output is an error, not a silent success."""
        with pytest.raises(StoreError, match="no output 7"):
            store.finish(7, now=1.0)
        with pytest.raises(StoreError, match="no output 7"):
            store.fail(7, now=1.0, error="x", retry_at=None)

    def test_an_output_with_a_known_key_is_left_out(self, store: Store) -> None:
        """A key is recorded once, within a commit and over commits, also after it was finished; its facts are kept."""
        store.commit([bet(1)], [notice("k1"), notice("k1")])
        (claim,) = store.claim(now=1.0, limit=9, lease_s=30.0)
        store.finish(claim.id, now=2.0)
        assert store.commit([bet(2)], [notice("k1"), notice("k2")]) == 2
        assert [claim.output for claim in store.claim(now=3.0, limit=9, lease_s=30.0)] == [notice("k2")]

    def test_pruning_forgets_old_facts_of_the_kinds_named(self, store: Store) -> None:
        """Only facts of the kinds, seen before the time and in a kept snapshot go, and with them their ledger rows."""
        store.commit([bet(1), ledger_row(0), bet(2, seen_at=50.0), declared("a-1"), bet(3), bet(4)], [])
        store.save(Snapshot(5, {}))
        assert store.prune(before=40.0, kinds=["bet_settled"]) == 0  # none was kept: every fact is needed
        store.save(Snapshot(5, {}), keep_at=40.0)
        assert store.prune(before=40.0, kinds=["bet_settled", "ledger_entry", "agent_declared"]) == 4
        assert [seq for seq, _ in store.facts()] == [3, 6]
        assert store.ledger("a-1") == []
        assert store.known([bet(1).fact_id, bet(4).fact_id]) == {bet(4).fact_id: bet(4)}
        assert store.agents() == [declared("a-1")]  # whoever was declared is still watched

    def test_a_replay_begins_with_the_first_fact_while_it_is_there(self, store: Store) -> None:
        """As long as nothing was forgotten there is no base, whatever was kept and pruned in vain."""
        store.commit([bet(1), bet(2)], [])
        assert store.base() is None
        store.save(Snapshot(1, {"": b"one"}), keep_at=10.0)
        store.save(Snapshot(2, {"": b"two"}), keep_at=20.0)
        assert (store.base(), store.kept()) == (None, [Kept(1, 10.0), Kept(2, 20.0)])
        assert store.prune(before=9.0, kinds=["bet_settled"]) == 0
        assert store.prune(before=99.0, kinds=["tick"]) == 0
        assert (store.base(), store.kept()) == (None, [Kept(2, 20.0)])

    def test_a_replay_begins_where_forgetting_ended(self, store: Store) -> None:
        """The newest snapshot kept before the time is the base: what is after it stays, what was kept before it goes."""
        for number in range(1, 5):
            store.commit([bet(number, seen_at=1.0)], [])
            store.save(Snapshot(number, {"": b"fleet" * number, "a-1": b"\x00\xff"}), keep_at=10.0 * number)
        assert store.prune(before=29.0, kinds=["bet_settled"]) == 2
        assert store.base() == Snapshot(2, {"": b"fleet" * 2, "a-1": b"\x00\xff"})
        assert ([seq for seq, _ in store.facts()], store.kept()) == (
            [3, 4],
            [Kept(2, 20.0), Kept(3, 30.0), Kept(4, 40.0)],
        )
        assert store.prune(before=29.0, kinds=["bet_settled"]) == 0
        assert store.prune(before=35.0, kinds=["bet_settled"]) == 1
        assert (store.base(), store.snapshot()) == (
            Snapshot(3, {"": b"fleet" * 3, "a-1": b"\x00\xff"}),
            Snapshot(4, {"": b"fleet" * 4, "a-1": b"\x00\xff"}),
        )

    def test_the_base_stays_when_the_clock_goes_back(self, store: Store) -> None:
        """A cutoff before the last one forgets nothing, and the base still is where forgetting ended."""
        store.commit([bet(1), bet(2), bet(3)], [])
        for seq in (1, 2, 3):
            store.save(Snapshot(seq, {"": b"%d" % seq}), keep_at=10.0 * seq)
        assert store.prune(before=20.0, kinds=["bet_settled"]) == 2
        assert store.prune(before=5.0, kinds=["bet_settled"]) == 0
        assert (store.base(), store.kept()) == (Snapshot(2, {"": b"2"}), [Kept(2, 20.0), Kept(3, 30.0)])

    def test_a_snapshot_kept_again_after_the_same_fact_replaces_the_first(self, store: Store) -> None:
        """A restart without new facts keeps one state, the newer one."""
        store.commit([bet(1)], [])
        store.save(Snapshot(1, {"": b"old", "b-1": b"gone"}), keep_at=10.0)
        store.save(Snapshot(1, {"": b"new"}), keep_at=20.0)
        store.save(Snapshot(1, {"": b"not kept"}))
        assert store.kept() == [Kept(1, 20.0)]
        assert store.prune(before=99.0, kinds=["bet_settled"]) == 1
        assert store.base() == Snapshot(1, {"": b"new"})

    def test_nothing_after_the_saved_snapshot_is_forgotten(self, store: Store) -> None:
        """A kept snapshot that is newer than the one of a restart does not let facts go that the restart needs."""
        store.commit([bet(1), bet(2)], [])
        store.save(Snapshot(2, {}), keep_at=1.0)
        store.save(Snapshot(1, {}))
        assert store.prune(before=99.0, kinds=["bet_settled"]) == 0
        assert [seq for seq, _ in store.facts()] == [1, 2]

    def test_a_number_is_never_given_twice(self, store: Store) -> None:
        """When the newest facts are forgotten the next one gets a new number, or a restart would leave it out."""
        store.commit([bet(1), bet(2)], [])
        store.save(Snapshot(2, {}), keep_at=3.0)
        assert store.prune(before=99.0, kinds=["bet_settled"]) == 2
        assert store.commit([], []) == 2
        assert store.commit([bet(3)], []) == 3
        assert [seq for seq, _ in store.facts(after=2)] == [3]

    def test_pruning_forgets_finished_outputs(self, store: Store) -> None:
        """Finished outputs of that age go, open and dead ones stay, and so does what a restart could ask for again."""
        store.commit([bet(1)], [notice("done"), notice("dead"), notice("open")])
        store.commit([bet(2)], [notice("after the snapshot")])
        done, dead, _, late = store.claim(now=1.0, limit=9, lease_s=1.0)
        store.finish(done.id, now=2.0)
        store.finish(late.id, now=2.0)
        store.fail(dead.id, now=2.0, error="x", retry_at=None)
        store.save(Snapshot(1, {}))
        assert store.prune(before=9.0, kinds=[]) == 0
        store.commit([], [notice("done"), notice("dead"), notice("open"), notice("after the snapshot")])
        outputs = [claim.output.key for claim in store.claim(now=99.0, limit=9, lease_s=1.0)]
        assert outputs == ["open", "done"]

    def test_an_output_id_is_never_given_twice(self, store: Store) -> None:
        """The id of a forgotten output is not used again, so that a late report cannot reach another output."""
        store.commit([], [notice("k1")])
        (old,) = store.claim(now=1.0, limit=9, lease_s=1.0)
        store.finish(old.id, now=2.0)
        store.save(Snapshot(0, {}))
        store.prune(before=9.0, kinds=[])
        store.commit([], [notice("k2")])
        (new,) = store.claim(now=3.0, limit=9, lease_s=1.0)
        assert new.id != old.id
        with pytest.raises(StoreError, match="no output"):
            store.finish(old.id, now=4.0)

    def test_a_closed_store_refuses_everything(self, store: Store) -> None:
        """Closing twice is fine; every other call afterwards is an error that says so."""
        store.commit([bet(1)], [])
        store.close()
        store.close()
        calls = (
            lambda: store.commit([bet(2)], []),
            lambda: store.known([]),
            store.facts,
            lambda: store.ledger("a-1"),
            store.agents,
            store.snapshot,
            lambda: store.save(Snapshot(1, {})),
            store.kept,
            store.base,
            lambda: store.claim(now=1.0, limit=1, lease_s=1.0),
            lambda: store.finish(1, now=1.0),
            lambda: store.fail(1, now=1.0, error="x", retry_at=None),
            store.pending,
            store.channels,
            store.dead,
            lambda: store.outputs(kinds=["notice"]),
            lambda: store.prune(before=1.0, kinds=[]),
        )
        for call in calls:
            with pytest.raises(StoreError, match="closed"):
                call()
