"""A whole service carries what the belt orders, and tells when it could not."""

from __future__ import annotations

import asyncio

from fleawatch.catalog.fleet import CATALOG
from fleawatch.clock import ManualClock
from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import Notice
from fleawatch.notify.memory import MemoryNotifier
from fleawatch.service.config import Config
from fleawatch.service.service import Service
from fleawatch.sinks.memory import MemorySink
from fleawatch.sinks.prometheus import Exposition
from fleawatch.store import SqliteStore
from fleawatch.testing.notifier_contract import NOW, delivery


class Told(MemorySink):
    """A sink that keeps the news of failed notifications and says when there is some."""

    def __init__(self):
        super().__init__()
        self.loop, self.heard = asyncio.get_running_loop(), asyncio.Event()

    def emit(self, output):
        if not isinstance(output, Notice) or output.event != "notification_failed":
            return
        super().emit(output)
        self.loop.call_soon_threadsafe(self.heard.set)


def test_a_service_carries_deliveries_and_tells_of_the_dead(tmp_path):
    """One channel takes its delivery, the other refuses: both are facts, metrics, and the refusal a notice to the sinks."""

    async def run():
        good, bad = MemoryNotifier(), MemoryNotifier([DeliveryError("gone", "answered 410", retry_after=None)])
        sink = Told()
        service = Service(
            Config.model_validate({"agents": [{"id": "example", "health_url": "http://127.0.0.1:1"}]}),
            ManualClock(NOW), open_store=lambda: SqliteStore(tmp_path / "fleawatch.db"), open_platform=lambda: None,
            agents=(), exposition=Exposition(CATALOG), sinks=(sink,), channels={"good": good, "bad": bad},
        )  # fmt: skip
        await service.start()
        store = service.monitor.store
        orders = [delivery("d-1", channel="good"), delivery("d-2", channel="bad")]
        await service.monitor.in_store(lambda: store.commit([], orders))
        async with asyncio.timeout(30):
            await sink.heard.wait()
            while not good.deliveries:  # noqa: ASYNC110 - the twin has no event to wait for
                await asyncio.sleep(0.01)
        await service.stop()
        return service, good, bad, sink

    service, good, bad, sink = asyncio.run(run())
    counted = service.monitor.state.tallies.counters["pf_alert_notifications_total"]
    assert [one.key for one in good.deliveries] == ["d-1"]
    assert (counted["good", "ok"], counted["bad", "failed"]) == (1.0, 1.0)
    assert (good.closed, bad.closed) == (True, True)
    (notice,) = sink.outputs
    assert (notice.event, notice.level, notice.fields) == (
        "notification_failed", "critical", {"reason": "gone", "channel": "bad"},
    )  # fmt: skip
