"""Facts from many agents at once are booked in pages, and whoever told early is answered early."""

import asyncio
from types import SimpleNamespace

from fleawatch.service import clerk as module
from fleawatch.service.clerk import Clerk


class SlowMonitor:
    """Books a page when it is told to."""

    def __init__(self):
        self.pages = []
        self.go = asyncio.Semaphore(0)

    def sound(self, facts):
        """Only numbers are."""
        return [fact for fact in facts if isinstance(fact, int)]

    async def book(self, facts, *, checked):
        """Wait for the word."""
        assert checked
        self.pages.append(list(facts))
        await self.go.acquire()


def test_nobody_waits_for_what_came_long_after(monkeypatch):
    """A thousand agents at once fill several pages; the first is answered after its own commit."""
    monkeypatch.setattr(module, "PAGE", 3)

    async def work():
        monitor = SlowMonitor()
        clerk = Clerk(monitor)
        told = [clerk.take([number, number]) for number in range(4)]
        await asyncio.sleep(0)
        monitor.go.release()
        await told[0]
        assert [future.done() for future in told] == [True, True, False, False]
        monitor.go.release()
        await clerk.close()
        return monitor.pages

    assert asyncio.run(work()) == [[0, 0, 1, 1], [2, 2, 3, 3]]


def test_it_is_full_while_too_much_waits(monkeypatch):
    """Reporters are then asked to come again; what was taken is booked all the same."""
    monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(module, "FULL", 4)

    async def work():
        monitor = SlowMonitor()
        clerk = Clerk(monitor)
        clerk.take([1, 2])
        assert not clerk.full
        clerk.take([3, 4])
        assert clerk.full
        for _ in range(2):
            monitor.go.release()
        await clerk.close()
        assert not clerk.full
        return monitor.pages

    assert asyncio.run(work()) == [[1, 2], [3, 4]]


def test_a_page_that_fails_holds_up_no_other(monkeypatch):
    """It is logged; whoever waits is told, and asks whether it was recorded."""
    monkeypatch.setattr(module, "PAGE", 1)
    booked = []

    async def book(facts, *, checked):
        assert checked
        if facts == [1]:
            raise ValueError("no such fact")
        booked.extend(facts)

    async def work():
        clerk = Clerk(SimpleNamespace(book=book, sound=list))
        await asyncio.gather(clerk.book([1]), clerk.book([2]))

    asyncio.run(work())
    assert booked == [2]


def test_what_was_not_checked_where_it_came_in_is_checked_once():
    """A fact that was decoded has been; one that was built in this process is, before it waits."""

    async def work():
        monitor = SlowMonitor()
        clerk = Clerk(monitor)
        clerk.take([1, "bad", 2])
        clerk.take(["decoded"], checked=True)
        monitor.go.release()
        await clerk.close()
        return monitor.pages

    assert asyncio.run(work()) == [[1, 2, "decoded"]]
