"""The simulated market, the kernel that keeps time, and the order of lists."""

from dataclasses import dataclass

import pytest

from fleawatch.sandbox.http.limits import Limits
from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.market import COINS, STEP, Market
from fleawatch.sandbox.refusal import RefusedError


class TestMarket:
    def test_a_mark_does_not_depend_on_who_looked_before(self):
        """Looking far ahead first gives the same prices as walking there."""
        ahead, walking = Market(7, 0.0), Market(7, 0.0)
        far = ahead.mark("BTC", 9_000.0)
        marks = [walking.mark("BTC", at) for at in range(0, 9_001, 5)]
        assert marks[-1] == far
        assert [ahead.mark("BTC", at) for at in range(0, 9_001, 5)] == marks

    def test_prices_step_and_stay_positive(self):
        """Within a step the mark stands still; over a day it moves and stays above zero."""
        market = Market(3, 0.0)
        assert market.mark("SOL", 10.0) == market.mark("SOL", 10.0 + STEP - 0.1)
        day = [market.mark("SOL", at) for at in range(0, 86_400, 60)]
        assert min(day) > 0
        assert len(set(day)) > 1_000

    def test_coins_walk_alone(self):
        """Every coin has a path of its own, with the decimals of its price."""
        market = Market(3, 0.0)
        moves = {coin: market.change(coin, 3_600.0, 1_800.0) for coin in COINS}
        assert len(set(moves.values())) == len(COINS)
        assert round(market.mark("BTC", 3_600.0), 1) == market.mark("BTC", 3_600.0)

    def test_the_servers_price_is_up_to_thirty_seconds_old(self):
        """The cached price is the mark of the last half minute."""
        market = Market(3, 0.0)
        assert market.cached("ETH", 59.9) == market.mark("ETH", 30.0)
        assert market.cached("ETH", 60.0) == market.mark("ETH", 60.0)

    def test_before_the_epoch_there_is_the_first_price(self):
        """Looking back beyond the beginning is no error."""
        assert Market(3, 100.0).mark("BTC", 0.0) == Market(3, 100.0).mark("BTC", 100.0)


class TestKernel:
    def test_events_run_in_order_of_time_then_of_scheduling(self):
        """Equal times run first come, first served, and `now` is the event's own time."""
        kernel, seen = Kernel(1, 0.0), []
        for name, at in (("b", 2.0), ("a", 1.0), ("c", 2.0)):
            kernel.schedule(at, lambda name=name: seen.append((name, kernel.now)))
        kernel.run_until(10.0)
        assert seen == [("a", 1.0), ("b", 2.0), ("c", 2.0)]
        assert kernel.now == 10.0

    def test_an_event_may_schedule_within_the_same_advance(self):
        """A chain of events runs through in one call."""
        kernel, seen = Kernel(1, 0.0), []

        def tick():
            seen.append(kernel.now)
            kernel.later(3.0, tick)

        kernel.later(3.0, tick)
        kernel.run_until(10.0)
        assert seen == [3.0, 6.0, 9.0]

    def test_what_is_late_runs_as_soon_as_possible(self):
        """An event in the past does not turn the clock back."""
        kernel, seen = Kernel(1, 50.0), []
        kernel.schedule(10.0, lambda: seen.append(kernel.now))
        kernel.run_until(51.0)
        assert seen == [50.0]


@dataclass
class Row:
    second: int
    name: str


class TestOrder:
    rows = tuple(Row(second, name) for second, name in [(1, "a"), (2, "b"), (2, "c"), (3, "d")])

    def test_inside_a_second_the_oldest_comes_first(self):
        """Seconds descend, rows of one second do not."""
        assert [row.name for row in newest_first(self.rows, 10)] == ["d", "b", "c", "a"]

    def test_a_page_can_miss_the_latest_row_of_a_busy_second(self):
        """With a limit of two, the newest row of second 2 is the one left out."""
        assert [row.name for row in newest_first(self.rows, 2)] == ["d", "b"]

    def test_offset_counts_in_that_order(self):
        """The next page begins where the first one ended."""
        assert [row.name for row in newest_first(self.rows, 2, 2)] == ["c", "a"]
        assert newest_first(self.rows, 2, 4) == []


class TestLimits:
    def test_the_61st_request_of_a_window_is_refused(self):
        """Sixty pass; the next is 429, and after 60 seconds a new window begins."""
        limits = Limits()
        for _ in range(60):
            limits.by_address("/p", "unknown", 60, 100.0)
        with pytest.raises(RefusedError) as refused:
            limits.by_address("/p", "unknown", 60, 160.0)
        assert (refused.value.status, refused.value.error) == (429, "rate_limited")
        limits.by_address("/p", "unknown", 60, 160.1)

    def test_windows_are_by_path_and_address(self):
        """Another path or another address counts for itself."""
        limits = Limits()
        limits.by_address("/p", "a", 1, 0.0)
        limits.by_address("/q", "a", 1, 0.0)
        limits.by_address("/p", "b", 1, 0.0)

    def test_an_agents_limit_tells_when_it_resets(self):
        """Only this limiter has `reset_at`."""
        limits = Limits()
        limits.by_agent("batch", "ag_1", 1, 0.0)
        with pytest.raises(RefusedError) as refused:
            limits.by_agent("batch", "ag_1", 1, 30.0)
        assert refused.value.error == "rate_limit_exceeded"
        assert refused.value.body["reset_at"] == "1970-01-01T00:01:00.000Z"

    def test_old_windows_are_forgotten(self):
        """The table of windows does not grow without bound."""
        limits = Limits()
        for index in range(6_000):
            limits.by_address(f"/p/{index}", "a", 1, float(index))
        assert len(limits._windows) < 5_100
