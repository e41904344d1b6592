"""Trading: fees, resting orders, what account totals miss, and the close-all that closes nothing."""

from decimal import Decimal

import pytest

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


def trader(platform, name="tina", code=None):
    made = platform.trading.register(Person(name=name, character="momentum", strategy="s"), code)
    platform.trading.fund(made, Decimal(10_000))
    return made


def opened(platform, who, coin="BTC", side="long", size=1_000.0):
    """Open a position, waiting when the price of the moment cannot be written."""
    while True:
        try:
            return platform.trading.open(who, {"coin": coin, "side": side, "size_usd": size})[0]
        except RefusedError as refused:
            if refused.error != "trade_failed":
                raise
            platform.kernel.run_until(platform.kernel.now + 5)


def equity(platform, who):
    return platform.kernel.journal.balance(f"exchange:{who.name}")


class TestMarketOrders:
    def test_each_leg_is_charged_once(self, platform):
        """0.055 % of the size on open and on close, in the rows, the totals and the books."""
        who = trader(platform)
        position = opened(platform, who)
        platform.trading.close(who, position.id)
        assert [trade.side for trade in who.trades] == ["buy", "sell"]
        assert who.trades[0].fee == pytest.approx(position.size_usd * 0.00055)
        assert float(platform.kernel.journal.balance("fees:trading:tina")) == pytest.approx(who.total_fees)

    def test_the_result_is_before_fees_and_in_cents(self, platform):
        """The books move by the result less both fees."""
        who = trader(platform)
        position = opened(platform, who, side="short")
        platform.kernel.run_until(platform.kernel.now + 600)
        platform.trading.close(who, position.id)
        assert round(position.result, 2) == position.result != 0
        assert (position.result > 0) == (position.exit_price < position.entry_price)
        assert equity(platform, who) == 10_000 + Decimal(str(position.result)) - position.fees
        assert who.total_pnl == position.result == who.trades[-1].realized_pnl

    def test_the_second_close_finds_nothing(self, platform):
        """404 `position_not_found`, without a message."""
        who = trader(platform)
        position = opened(platform, who)
        platform.trading.close(who, position.id)
        with pytest.raises(RefusedError) as refused:
            platform.trading.close(who, position.id)
        assert refused.value.status == 404
        assert refused.value.body == {"error": "position_not_found"}

    @pytest.mark.parametrize(
        ("body", "status", "error"),
        [
            ({}, 400, "invalid_request"),
            ({"coin": "BTC", "side": "long", "size_usd": -5}, 400, "invalid_size"),
            ({"coin": "BTC", "side": "up", "size_usd": 5}, 400, "invalid_side"),
            ({"coin": "BTC", "side": "long", "size_usd": 5, "leverage": 0}, 400, "invalid_leverage"),
            ({"coin": "BTC", "side": "long", "size_usd": 50_000}, 400, "position_too_large"),
            ({"coin": "NOPE", "side": "long", "size_usd": 5}, 400, "trade_failed"),
        ],
    )
    def test_wrong_orders_are_refused(self, platform, body, status, error):
        """Each with its code."""
        with pytest.raises(RefusedError) as refused:
            platform.trading.open(trader(platform), body)
        assert (refused.value.status, refused.value.error) == (status, error)

    def test_some_prices_cannot_be_written(self, platform):
        """Sooner or later an order fails with `floatToWire causes rounding`."""
        who = trader(platform)
        messages = set()
        for _ in range(400):
            try:
                platform.trading.open(who, {"coin": "ETH", "side": "long", "size_usd": 100})
            except RefusedError as refused:
                messages.add(refused.body["message"])
            platform.kernel.run_until(platform.kernel.now + 5)
        assert messages == {"floatToWire causes rounding"}


class TestRestingOrders:
    def wait(self, platform, order, seconds=40_000):
        end = platform.kernel.now + seconds
        while order.status == "pending" and platform.kernel.now < end:
            platform.kernel.run_until(platform.kernel.now + 30)
        return order

    def test_a_protective_exit_writes_no_row_and_no_fee(self, platform):
        """The account's totals do not hear of it; the position and the books do."""
        who = trader(platform)
        position = opened(platform, who)
        body = {"position_id": position.id}
        stop = platform.trading.place(who, "stop_loss", body | {"trigger_price": position.entry_price * 0.999})
        take = platform.trading.place(who, "take_profit", body | {"trigger_price": position.entry_price * 1.001})
        self.wait(platform, stop, 20_000)
        assert {stop.status, take.status} == {"filled", "cancelled"}
        assert position.status == "closed"
        assert position.exit in ("stop_loss", "take_profit")
        assert (position.result < 0) == (position.exit == "stop_loss")
        assert len(who.trades) == 1
        assert who.total_pnl == 0.0
        assert equity(platform, who) == 10_000 + Decimal(str(position.result)) - position.fees

    def test_a_filled_limit_writes_a_row_outside_the_totals(self, platform):
        """The row carries the fee; volume and fee totals stay."""
        who = trader(platform)
        price = platform.kernel.market.mark("SOL", platform.kernel.now) * 0.999
        body = {"coin": "SOL", "side": "long", "size_usd": 500.0, "price": price}
        order = self.wait(platform, platform.trading.place(who, "limit", body))
        assert order.status == "filled"
        assert who.trades[0].fee > 0
        assert (who.total_volume, who.total_fees) == (0.0, 0.0)
        assert who.positions[0].entry_price == price

    def test_a_cancelled_order_is_never_executed(self, platform):
        """And cancelling it again finds nothing."""
        who = trader(platform)
        order = platform.trading.place(who, "limit", {"coin": "SOL", "side": "long", "size_usd": 5.0, "price": 10_000})
        platform.trading.cancel(who, order.id)
        platform.kernel.run_until(platform.kernel.now + 60)
        assert who.positions == []
        with pytest.raises(RefusedError, match="order_not_found"):
            platform.trading.cancel(who, order.id)

    def test_an_order_needs_a_price(self, platform):
        """400 `invalid_request`."""
        with pytest.raises(RefusedError, match="invalid_request"):
            platform.trading.place(trader(platform), "limit", {"coin": "SOL", "side": "long", "size_usd": 5.0})


class TestCloseAll:
    def test_it_closes_nothing_at_the_exchange(self, platform):
        """The rows say closed with a result of 0, the exchange still holds the position, the books did not move."""
        who = trader(platform)
        position = opened(platform, who)
        platform.trading.place(who, "stop_loss", {"position_id": position.id, "trigger_price": 1.0})
        before = equity(platform, who)
        assert platform.trading.close_all(who) == 1
        assert (position.status, position.result, position.at_exchange) == ("closed", 0.0, True)
        assert equity(platform, who) == before
        assert who.orders[0].status == "cancelled"
        with pytest.raises(RefusedError, match="404"):
            platform.trading.close(who, position.id)


class TestReferral:
    def test_the_referrer_earns_a_fifth_of_the_markup_in_cents(self, platform):
        """On both legs of market orders; it is kept until withdrawn."""
        boss = trader(platform, "boss")
        who = trader(platform, "who", boss.referral_code)
        position = opened(platform, who, size=2_000.0)
        platform.trading.close(who, position.id)
        assert [row["commission_usd"] for row in boss.earnings] == [0.08, 0.08]
        assert platform.kernel.journal.balance("payable:trading:boss") == Decimal("0.16")
        with pytest.raises(RefusedError, match="below_minimum"):
            platform.trading.withdraw_referral(boss)

    def test_one_who_was_referred_cannot_refer(self, platform):
        """There is one level in practice."""
        boss = trader(platform, "boss")
        middle = trader(platform, "middle", boss.referral_code)
        assert trader(platform, "low", middle.referral_code).referred_by is None

    def test_earnings_can_be_withdrawn_from_a_dollar(self, platform):
        """The liability is gone then."""
        boss = trader(platform, "boss")
        who = trader(platform, "who", boss.referral_code)
        while platform.kernel.journal.balance("payable:trading:boss") < 1:
            platform.trading.close(who, opened(platform, who, size=9_000.0).id)
        assert platform.trading.withdraw_referral(boss) >= 1
        assert platform.kernel.journal.balance("payable:trading:boss") == 0
