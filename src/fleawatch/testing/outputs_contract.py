"""What every store must do with outputs for those who carry them, as tests: kinds, channels, turns, dead letters.

Used like `StoreContract`, whose other half it is.
"""

# ruff: noqa: S101 - a contract speaks in asserts, as pytest does

from __future__ import annotations

from fleawatch.flow.outputs import Delivery
from fleawatch.ports import DeadLetter, Store
from fleawatch.testing.store_contract import notice


def delivery(key: str, *, channel: str = "ops", group: str = "g-1") -> Delivery:
    """A notification with this key on a channel, about one incident."""
    return Delivery(
        key=key, agent_id="a-1", at=1.0, channel=channel, kind="alert", group=group, severity="critical",
        title=f"drawdown {key}", reason="fired",
    )  # fmt: skip


class OutputsContract:
    """What the port `Store` promises to couriers, one promise a test."""

    def test_outputs_are_claimed_by_kind_and_by_channel(self, store: Store) -> None:
        """Whoever carries one kind or one channel is not held up by what waits for others; no kind means no output."""
        store.commit([], [delivery("d1"), delivery("d2", channel="sms"), notice("k1"), delivery("d3", group="g-2")])
        assert store.channels() == ["ops", "sms"]
        assert store.claim(now=1.0, limit=9, lease_s=30.0, kinds=[]) == []
        notices = store.claim(now=1.0, limit=9, lease_s=30.0, kinds=["notice", "alertchange", "notice"])
        assert [claim.output.key for claim in notices] == ["k1"]
        sms = store.claim(now=1.0, limit=9, lease_s=30.0, channel="sms")
        assert [claim.output.key for claim in sms] == ["d2"]
        assert store.claim(now=1.0, limit=9, lease_s=30.0, kinds=["notice"], channel="ops") == []
        rest = store.claim(now=1.0, limit=9, lease_s=30.0, kinds=["delivery"], channel="ops")
        assert [claim.output.key for claim in rest] == ["d1", "d3"]
        for claim in (*sms, *rest):
            store.finish(claim.id, now=2.0)
        assert store.channels() == []

    def test_deliveries_of_one_group_keep_their_turn(self, store: Store) -> None:
        """A delivery waits for an older one of its channel and group, also while that one waits to be tried again."""
        store.commit([], [delivery("fired"), delivery("resolved"), delivery("other", channel="sms")])
        first, other = store.claim(now=1.0, limit=9, lease_s=5.0)
        assert (first.output.key, other.output.key) == ("fired", "other")
        store.fail(first.id, now=2.0, error="HTTP 503", retry_at=20.0)
        assert store.claim(now=19.0, limit=9, lease_s=5.0, channel="ops") == []
        (again,) = store.claim(now=20.0, limit=9, lease_s=5.0, channel="ops")
        assert again.id == first.id
        store.finish(again.id, now=21.0)
        (second,) = store.claim(now=21.0, limit=9, lease_s=5.0, channel="ops")
        assert second.output.key == "resolved"

    def test_a_dead_delivery_lets_the_next_one_go(self, store: Store) -> None:
        """What nobody tries again does not hold up what came after it."""
        store.commit([], [delivery("fired"), delivery("resolved")])
        (first,) = store.claim(now=1.0, limit=9, lease_s=5.0)
        store.fail(first.id, now=2.0, error="HTTP 400", retry_at=None)
        (second,) = store.claim(now=2.0, limit=9, lease_s=5.0)
        assert second.output.key == "resolved"

    def test_dead_outputs_can_be_looked_at(self, store: Store) -> None:
        """What died is listed, the last first, with its attempts, its time and what the last attempt said."""
        store.commit([], [notice("k1"), delivery("d1"), notice("k2")])
        first, second, _ = store.claim(now=1.0, limit=9, lease_s=5.0)
        store.fail(second.id, now=3.0, error="HTTP 400", retry_at=None)
        store.fail(first.id, now=4.0, error="", retry_at=None)
        assert store.dead() == [
            DeadLetter(first.id, notice("k1"), 1, 4.0, ""),
            DeadLetter(second.id, delivery("d1"), 1, 3.0, "HTTP 400"),
        ]
        assert [letter.id for letter in store.dead(1)] == [first.id]
        assert store.dead(0) == []

    def test_outputs_can_be_looked_back_at(self, store: Store) -> None:
        """Of some kinds, of everyone or one agent, the last recorded first, whatever became of them; nothing is claimed."""
        store.commit([], [notice("k1"), delivery("d1"), notice("k2"), delivery("d2")])
        first, second, *_ = store.claim(now=1.0, limit=2, lease_s=5.0)
        store.finish(first.id, now=2.0)
        store.fail(second.id, now=2.0, error="HTTP 400", retry_at=None)
        assert [one.key for one in store.outputs(kinds=["notice", "delivery"])] == ["d2", "k2", "d1", "k1"]
        assert [one.key for one in store.outputs(kinds=["delivery"], limit=1)] == ["d2"]
        assert [one.key for one in store.outputs(kinds=["delivery"], agent_id="a-1")] == ["d2", "d1"]
        assert store.outputs(kinds=["delivery"], agent_id="b-2") == []
        assert store.outputs(kinds=[]) == store.outputs(kinds=["notice"], limit=0) == []
        assert store.pending() == 2
