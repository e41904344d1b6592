"""The limits an agent sets for itself at the trading server, and which orders they reach."""

from decimal import Decimal

import pytest

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform
from fleawatch.sandbox.services.trading_rules import settings, today

ORDER = {"coin": "ETH", "side": "long", "size_usd": 1_000.0}


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


@pytest.fixture(name="who")
def _who(platform):
    made = platform.trading.register(Person(name="tina", character="momentum", strategy="s"))
    platform.trading.fund(made, Decimal(10_000))
    return made


def opened(platform, who, **changes):
    """Open a position, waiting when the price of the moment cannot be written."""
    while True:
        try:
            return platform.trading.open(who, {**ORDER, **changes})[0]
        except RefusedError as refused:
            if refused.error != "trade_failed":
                raise
            platform.kernel.run_until(platform.kernel.now + 5)


class TestChange:
    def test_only_what_is_named_changes(self, platform, who):
        """The answer says in words what did."""
        assert platform.trading.set_risk(who, {"max_leverage": 3}) == ["max_leverage: 3x"]
        assert settings(who) == {"max_leverage": 3.0, "max_position_usd": 10_000.0, "max_daily_loss_usd": None}

    def test_the_daily_loss_is_lifted_with_null(self, platform, who):
        """By the same key that was limited."""
        platform.trading.set_risk(who, {"max_daily_loss_usd": 5})
        platform.trading.set_risk(who, {"max_daily_loss_usd": None})
        assert settings(who)["max_daily_loss_usd"] is None

    def test_a_free_tier_goes_no_higher(self, platform, who):
        """20 x and 50,000 USD, silently."""
        platform.trading.set_risk(who, {"max_leverage": 50, "max_position_usd": 900_000})
        assert (who.max_leverage, who.max_position_usd) == (20.0, 50_000.0)

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({}, "no_changes"),
            ({"leverage": 3}, "no_changes"),
            ({"max_daily_loss_usd": 0}, "invalid_value"),
            ({"max_daily_loss_usd": True}, "invalid_value"),
            ({"max_leverage": 0.5}, "invalid_value"),
            ({"max_leverage": 51}, "invalid_value"),
            ({"max_leverage": None}, "invalid_value"),
            ({"max_leverage": 3, "max_position_usd": "much"}, "invalid_value"),
        ],
    )
    def test_a_wrong_one_changes_nothing(self, platform, who, body, error):
        """All or none; the attempt is in the journal with its refusal."""
        before = settings(who)
        with pytest.raises(RefusedError, match=error):
            platform.trading.set_risk(who, body)
        assert settings(who) == before
        assert platform.kernel.journal.attempts[-1].error == error


class TestEffect:
    def test_leverage_is_cut_and_size_is_refused(self, platform, who):
        """From the next order on; what is open stays as it was."""
        before = opened(platform, who, leverage=10)
        platform.trading.set_risk(who, {"max_leverage": 2, "max_position_usd": 500})
        with pytest.raises(RefusedError, match="position_too_large"):
            opened(platform, who)
        assert opened(platform, who, size_usd=400.0, leverage=10).leverage == 2.0
        assert (before.leverage, before.status) == (10.0, "open")

    def test_the_brake_needs_a_loss(self, platform, who):
        """Set before anything was lost, it stops nothing; the fee of that order is the first loss and trips it."""
        platform.trading.set_risk(who, {"max_daily_loss_usd": 0.01})
        assert today(who, platform.kernel.second)["trading_blocked"] is False
        opened(platform, who)
        assert today(who, platform.kernel.second)["trading_blocked"] is True
        with pytest.raises(RefusedError) as refused:
            opened(platform, who)
        assert (refused.value.status, refused.value.error) == (403, "daily_loss_limit_reached")
        assert refused.value.body["resets_at"] == "1970-01-13T00:00:00.000Z"
        assert refused.value.body["daily_loss_limit_usd"] == 0.01

    def test_midnight_forgets_the_loss(self, platform, who):
        """And orders are taken again, whatever was lost the day before."""
        platform.trading.set_risk(who, {"max_daily_loss_usd": 0.01})
        opened(platform, who)
        platform.kernel.run_until(12 * 86_400.0)
        assert opened(platform, who).status == "open"

    def test_what_is_open_can_always_be_closed(self, platform, who):
        """The brake is for opening."""
        position = opened(platform, who)
        platform.trading.set_risk(who, {"max_daily_loss_usd": 0.01})
        platform.trading.close(who, position.id)
        assert position.status == "closed"

    def test_resting_orders_pass_the_brake(self, platform, who):
        """Placed under it and executed under it: only cancelling them helps."""
        opened(platform, who)
        platform.trading.set_risk(who, {"max_daily_loss_usd": 0.01})
        platform.trading.place(who, "limit", {**ORDER, "price": 10_000.0})
        platform.kernel.run_until(platform.kernel.now + 60)
        assert [position.status for position in who.positions] == ["open", "open"]
        assert [one.action for one in platform.kernel.journal.attempts if one.accepted][-1] == "limit_fill"

    def test_close_all_leaves_the_exchange_as_it_was(self, platform, who):
        """The books do not move, the row says closed: only `close` of each closes, and before close-all."""
        position = opened(platform, who)
        before = platform.kernel.journal.balance("exchange:tina")
        assert platform.trading.close_all(who) == 1
        assert position.at_exchange
        assert platform.kernel.journal.balance("exchange:tina") == before
        with pytest.raises(RefusedError, match="position_not_found"):
            platform.trading.close(who, position.id)
        assert [one.action for one in platform.kernel.journal.attempts if one.accepted] == ["open", "close_all"]
