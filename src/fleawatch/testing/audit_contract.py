"""What the audit log of every store must do, as tests: subclass `AuditContract` and give it a `store` fixture.

The fixture yields a new and empty store for every test and closes it afterwards.
"""

# ruff: noqa: S101 - a contract speaks in asserts, as pytest does

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import msgspec
import pytest

from fleawatch.errors import StoreError
from fleawatch.events import DecisionCycle, Event, HaltOrdered, OrderPlaced, Silenced, encode
from fleawatch.flow.outputs import AlertChange, AlertNote, Delivery
from fleawatch.ports import Store
from fleawatch.testing.store_contract import bet, notice


def order(number: int, *, agent_id: str = "a-1") -> OrderPlaced:
    """Order `number`, placed at second `number`."""
    return OrderPlaced(
        fact_id=f"sdk:order_placed:{agent_id}:{number}", agent_id=agent_id, at=float(number), seen_at=number + 0.5, source="sdk",
        order_id=f"o-{number}", market="BTC-USD", side="buy", order_type="market", status="success", endpoint="trade/open",
        notional_usd=Decimal("100.10"), latency_s=0.01,
    )  # fmt: skip


def cycle(number: int, *, agent_id: str = "a-1") -> DecisionCycle:
    """Decision cycle `number`, ended at second `number`."""
    return DecisionCycle(
        fact_id=f"sdk:decision_cycle:{agent_id}:{number}", agent_id=agent_id, at=float(number), seen_at=number + 0.5,
        source="sdk", cycle_id=f"c-{number}", result="hold", duration_s=0.2,
    )  # fmt: skip


def halt_ordered(halt_id: str, *, at: float, agent_id: str = "a-1", note: str = "") -> HaltOrdered:
    """A halt of one agent by a rule."""
    return HaltOrdered(
        fact_id=f"monitor:halt_ordered:{halt_id}", agent_id=agent_id, at=at, seen_at=at, source="monitor", halt_id=halt_id,
        mode="halt", scope="agent", target=agent_id, reason="drawdown", actor="PFDrawdownCritical", note=note,
    )  # fmt: skip


def silenced(number: int, *, at: float) -> Silenced:
    """A silence of an hour."""
    return Silenced(
        fact_id=f"operator:silenced:s-{number}", agent_id="", at=at, seen_at=at, source="operator", silence_id=f"s-{number}",
        matchers={"agent_id": "a-1"}, starts_at=at, ends_at=at + 3_600, author="ada", comment="maintenance",
    )  # fmt: skip


def fired(key: str, *, at: float, agent_id: str = "a-1", fingerprint: str = "00ff00ff00ff00ff") -> AlertChange:
    """An alert that begins to fire."""
    return AlertChange(
        key=key, agent_id=agent_id, at=at, alert="PFDrawdownCritical", fingerprint=fingerprint, change="fired",
        severity="critical", labels={"alertname": "PFDrawdownCritical", "agent_id": agent_id}, reason="held",
        summary="drawdown of 22 %", description="equity fell", started_at=at - 60, value=0.22, action="halt",
    )  # fmt: skip


def delivery(key: str, *, at: float, fingerprint: str = "00ff00ff00ff00ff") -> Delivery:
    """The page about an alert."""
    note = AlertNote(
        alert="PFDrawdownCritical", fingerprint=fingerprint, severity="critical", labels={"agent_id": "a-1"}, summary="s",
        description="d", started_at=at,
    )  # fmt: skip
    return Delivery(
        key=key, agent_id="a-1", at=at, channel="ops", kind="alert", group="g-1", severity="critical", title="a-1 loses",
        reason="first", alerts=(note,),
    )  # fmt: skip


def _recorded(event: Event) -> str:
    return hashlib.sha256(encode(event)).hexdigest()


class AuditContract:
    """Everything that the port promises of the audit log, one promise a test."""

    def test_a_log_begins_with_its_first_entry(self, store: Store) -> None:
        """What is not audited leaves no entry; the first entry of a log says from which fact on it is complete."""
        assert store.audit() == []
        store.commit([bet(1), bet(2)], [notice("n")])
        assert store.audit() == []
        store.commit([bet(3), order(4)], [])
        first, second = store.audit()
        assert (first.seq, first.kind, first.at, json.loads(first.body)["after_fact"]) == (1, "audit_opened", 4.0, 2)
        assert (second.seq, second.kind, second.fact) == (2, "order_placed", 4)

    def test_an_entry_says_who_did_what_when(self, store: Store) -> None:
        """An entry shows the declared fields of its fact, and the digest of all of it."""
        fact = halt_ordered("h-1", at=7.0)
        store.commit([fact], [])
        entry = store.audit()[1]
        assert (entry.at, entry.agent_id, entry.source, entry.ref) == (7.0, "a-1", "monitor", fact.fact_id)
        assert json.loads(entry.body) == {
            "halt_id": "h-1", "mode": "halt", "scope": "agent", "target": "a-1", "reason": "drawdown",
            "actor": "PFDrawdownCritical", "note": "",
        }  # fmt: skip
        assert entry.sha256 == _recorded(fact)
        assert len(entry.chain) == 64

    def test_money_keeps_its_digits(self, store: Store) -> None:
        """An amount is written as the decimal it is."""
        store.commit([order(1)], [])
        assert json.loads(store.audit()[1].body)["notional_usd"] == "100.10"

    def test_a_refused_commit_leaves_no_entry(self, store: Store) -> None:
        """Facts and their entries come together or not at all."""
        store.commit([order(1)], [])
        before = store.audit()
        with pytest.raises(StoreError):
            store.commit([order(2), order(1)], [fired("k", at=2.0)])
        assert store.audit() == before

    def test_an_output_is_entered_with_its_first_recording(self, store: Store) -> None:
        """Alert changes and deliveries are entered after the facts of their commit, and once for a key."""
        store.commit([cycle(1)], [fired("k1", at=1.0), notice("n"), delivery("k2", at=1.0)])
        store.commit([cycle(2)], [fired("k1", at=1.0)])
        kinds = [(entry.kind, entry.fact) for entry in store.audit()[1:]]
        assert kinds == [("decision_cycle", 1), ("alert_change", 1), ("delivery", 1), ("decision_cycle", 2)]
        assert json.loads(store.audit()[3].body)["alerts.fingerprint"] == ["00ff00ff00ff00ff"]

    def test_secrets_do_not_enter(self, store: Store) -> None:
        """A key that somebody pasted into a note is not in the log."""
        store.commit([halt_ordered("h-1", at=1.0, note="key sk_live_0123456789abcdef was leaked")], [])
        assert "0123456789abcdef" not in str(store.audit())
        assert "leaked" in store.audit()[1].body

    def test_entries_are_found_by_kind_agent_and_time(self, store: Store) -> None:
        """A page of entries holds those asked for, in order."""
        store.commit([order(1), cycle(2), order(3, agent_id="a-2"), silenced(1, at=4.0)], [])
        assert [entry.seq for entry in store.audit(kinds=["order_placed"])] == [2, 4]
        assert [entry.seq for entry in store.audit(agent_id="a-1")] == [2, 3]
        assert [entry.seq for entry in store.audit(agent_id="")] == [1, 5]
        assert [entry.seq for entry in store.audit(since=3.0)] == [4, 5]
        assert [entry.seq for entry in store.audit(after=1, limit=2)] == [2, 3]
        assert store.audit(kinds=[]) == []

    def test_forgetting_facts_forgets_no_entry(self, store: Store) -> None:
        """The log outlives the facts."""
        store.commit([order(1), order(2)], [])
        before = store.audit()
        store.prune(before=1e9, kinds=["order_placed"])
        assert store.audit() == before

    def test_a_closed_store_has_no_log(self, store: Store) -> None:
        """Reading the log of a closed store is refused."""
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.audit()

    def test_an_entry_of_an_odd_fact_is_read_back(self, store: Store) -> None:
        """Text of any script and length survives, and so does a very large amount."""
        fact = msgspec.structs.replace(order(1), reason="ошибка \u2028 \U0001f4a5" * 50, notional_usd=Decimal("1e19"))
        store.commit([fact], [])
        body = json.loads(store.audit()[1].body)
        assert (body["reason"], Decimal(body["notional_usd"])) == (fact.reason, fact.notional_usd)
