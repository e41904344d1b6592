"""Copy trading: what followers get, what it costs, and what the platform's brakes do not reach."""

from decimal import Decimal

import pytest

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.numbers import exact, round2
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


def trader(platform, name):
    made = platform.trading.register(Person(name=name, character="momentum", strategy="s"))
    platform.trading.fund(made, Decimal(10_000))
    return made


@pytest.fixture(name="leader")
def _leader(platform):
    return trader(platform, "lea")


@pytest.fixture(name="follower")
def _follower(platform, leader):
    made = trader(platform, "fay")
    platform.trading.copies.follow(made, leader.id, {"allocation_usdc": 300})
    return made


def opened(platform, who, size=1_000.0, side="long"):
    """Open a position, waiting when the price of the moment cannot be written."""
    while True:
        try:
            return platform.trading.open(who, {"coin": "ETH", "side": side, "size_usd": size})[0]
        except RefusedError as refused:
            if refused.error != "trade_failed":
                raise
            platform.kernel.run_until(platform.kernel.now + 5)


def equity(platform, who):
    return platform.kernel.journal.balance(f"exchange:{who.name}")


class TestCopies:
    @pytest.mark.parametrize("size", [5_000.0, 20.0])
    def test_a_copy_is_as_large_as_the_allocation(self, platform, leader, follower, size):
        """Whatever the leader's size; same coin, same side."""
        opened(platform, leader, size, "short")
        copy = follower.positions[0]
        assert (copy.coin, copy.side) == ("ETH", "short")
        assert copy.size_usd == pytest.approx(300, rel=0.01)

    def test_the_follower_pays_its_own_way(self, platform, leader, follower):
        """Fee and P&L are in its books, rows and totals, as for an order of its own."""
        position = opened(platform, leader)
        platform.kernel.run_until(platform.kernel.now + 600)
        platform.trading.close(leader, position.id)
        copy = follower.positions[0]
        assert (copy.status, copy.exit) == ("closed", "copy")
        assert [trade.side for trade in follower.trades] == ["buy", "sell"]
        assert follower.total_pnl == copy.result == follower.trades[-1].realized_pnl
        assert equity(platform, follower) == 10_000 + exact(copy.result) - copy.fees

    def test_the_leader_earns_a_fifth_of_profits_only(self, platform, leader, follower):
        """Owed by the platform: the follower is charged nothing for it, and losses cost the leader nothing."""
        expected = Decimal(0)
        for _ in range(6):
            position = opened(platform, leader)
            platform.kernel.run_until(platform.kernel.now + 600)
            platform.trading.close(leader, position.id)
            expected += exact(max(0.0, round2(follower.positions[-1].result * 0.2)))
        results = [position.result for position in follower.positions]
        assert min(results) < 0 < max(results)
        assert platform.kernel.journal.balance("payable:trading:lea") == expected > 0
        paid = sum((exact(position.result) - position.fees for position in follower.positions), Decimal(0))
        assert equity(platform, follower) == 10_000 + paid

    def test_the_books_balance(self, platform, leader, follower):
        """Money is neither made nor lost by copying or leaving."""
        opened(platform, leader)
        platform.trading.copies.unfollow(follower, leader.id)
        assert set(platform.kernel.journal.totals().values()) == {Decimal(0)}

    def test_limit_fills_and_protective_exits_are_not_copied(self, platform, leader, follower):
        """A follower stays in what its leader was stopped out of."""
        body = {"coin": "ETH", "side": "long", "size_usd": 100.0, "price": 10_000.0}
        platform.trading.place(leader, "limit", body)
        platform.kernel.run_until(platform.kernel.now + 60)
        assert (len(leader.positions), len(follower.positions)) == (1, 0)
        position = opened(platform, leader)
        platform.trading.place(leader, "stop_loss", {"position_id": position.id, "trigger_price": 10_000.0})
        platform.kernel.run_until(platform.kernel.now + 60)
        assert position.exit == "stop_loss"
        assert follower.positions[0].status == "open"


class TestLimits:
    def test_the_followers_brake_is_passed(self, platform, leader, follower):
        """Its own orders are refused while copies are opened: the journal shows them."""
        opened(platform, follower)
        platform.trading.set_risk(follower, {"max_daily_loss_usd": 0.01})
        with pytest.raises(RefusedError, match="daily_loss_limit_reached"):
            opened(platform, follower)
        after = platform.kernel.now
        platform.kernel.run_until(after + 1)
        opened(platform, leader)
        assert [one.action for one in platform.kernel.journal.accepted("fay", after)] == ["copy_open"]

    def test_the_largest_position_is_respected_by_cutting(self, platform, leader, follower):
        """Below a dollar nothing is copied any more."""
        platform.trading.set_risk(follower, {"max_position_usd": 120, "max_leverage": 2})
        opened(platform, leader)
        assert follower.positions[0].size_usd == pytest.approx(120, rel=0.02)
        assert follower.positions[0].leverage == 2.0
        platform.trading.set_risk(follower, {"max_position_usd": 0.5})
        opened(platform, leader)
        assert len(follower.positions) == 1


class TestLeaving:
    def test_the_exit_of_a_leaver_is_in_no_report(self, platform, leader, follower):
        """Flat at the exchange, P&L in the books, a closed row with a result of 0 and no trade row."""
        opened(platform, leader)
        platform.kernel.run_until(platform.kernel.now + 600)
        assert platform.trading.copies.unfollow(follower, leader.id) == (1, 0)
        copy = follower.positions[0]
        assert (copy.status, copy.at_exchange, copy.shown_result) == ("closed", False, 0.0)
        assert copy.result != 0
        assert len(follower.trades) == 1
        assert equity(platform, follower) == 10_000 + exact(copy.result) - copy.fees

    def test_leaving_out_of_reach_of_the_exchange_keeps_the_copy(self, platform, leader, follower):
        """No new copies come, and the old one still closes with its leader."""
        position = opened(platform, leader)
        assert platform.trading.copies.unfollow(follower, leader.id, reachable=False) == (0, 1)
        opened(platform, leader)
        assert [copy.status for copy in follower.positions] == ["open"]
        platform.trading.close(leader, position.id)
        assert [copy.status for copy in follower.positions] == ["closed"]

    def test_a_copy_that_its_follower_closed_is_left_alone(self, platform, leader, follower):
        """The leader's close finds it closed."""
        position = opened(platform, leader)
        platform.trading.close(follower, follower.positions[0].id)
        platform.trading.close(leader, position.id)
        assert len(follower.trades) == 2

    def test_one_can_come_back(self, platform, leader, follower):
        """A second subscription, with its own id."""
        platform.trading.copies.unfollow(follower, leader.id)
        platform.trading.copies.follow(follower, leader.id, {"allocation_usdc": 50})
        assert len({one.id for one in platform.trading.copies.subscriptions}) == 2
        assert [one.allocation for one in platform.trading.copies.of(follower=follower)] == [50.0]


@pytest.mark.parametrize(
    ("whom", "body", "error"),
    [
        ("fay", {"allocation_usdc": 5}, "cannot_follow_self"),
        ("nobody", {"allocation_usdc": 5}, "leader_not_found"),
        ("zoe", {}, "invalid_allocation"),
        ("zoe", {"allocation_usdc": -1}, "invalid_allocation"),
        ("zoe", {"allocation_usdc": True}, "invalid_allocation"),
        ("lea", {"allocation_usdc": 5}, "already_following"),
    ],
)
def test_who_cannot_be_followed(platform, leader, follower, whom, body, error):
    """Oneself, nobody, for nothing, twice."""
    ids = {"fay": follower.id, "lea": leader.id, "zoe": trader(platform, "zoe").id}
    with pytest.raises(RefusedError, match=error):
        platform.trading.copies.follow(follower, ids.get(whom, whom), body)


def test_who_cannot_be_left(platform, leader):
    """One who is not followed."""
    with pytest.raises(RefusedError, match="not_following"):
        platform.trading.copies.unfollow(leader, leader.id)
