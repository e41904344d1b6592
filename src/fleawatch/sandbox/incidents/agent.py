"""An agent that is well built: it asks before every order, and tells what it did and saw.

Its process lives until `silent_at`. What it tells is what an instrumented agent reports; the platform's books are
written by the services, whatever it tells.
"""

from __future__ import annotations

from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.trading_book import Position, Side, Trade, Trader

BEAT_S = 10.0
"""Seconds between two signs of life."""
ORDER_S = 0.15
"""Seconds that an order takes."""


class Agent(Character):
    """A character whose every order goes through its agency. Subclasses act; what they do wrong they call `wrong`."""

    tops_up = False

    def begin(self, origin: float) -> None:
        super().begin(origin)
        self.platform.kernel.schedule(origin + self.random.uniform(0.0, BEAT_S), self._beat)

    @property
    def now(self) -> float:
        """Simulated unix seconds."""
        return self.platform.kernel.now

    @property
    def trader(self) -> Trader:
        """Its trading agent."""
        return self.platform.trading.traders[self.person.platform_ids["trading"]]

    @property
    def resting(self) -> bool:
        """Whether its process has ended. A key that expired ends no process."""
        return self.now >= self.person.silent_at

    @property
    def is_wrong(self) -> bool:
        """Whether the time has come at which it goes wrong."""
        return self.now >= self.person.wrong_at

    def wrong(self) -> None:
        """It does wrong now; the first time counts."""
        if self.person.wrong_since is None:
            self.person.wrong_since = self.now

    def _beat(self) -> None:
        if self.resting:
            return
        self.beat()
        self.platform.kernel.later(BEAT_S, self._beat)

    def beat(self) -> None:
        """Give a sign of life."""
        self.person.agency.tell("heartbeat", last_action_at=self.person.last_action or None)

    def wager(self, game: str, stake: float, **params: object) -> float | None:
        """Bet `stake` and tell; what it won net in USD, or None when it was not allowed or refused."""
        agency = self.person.agency
        if not agency.may_open("casino", stake):
            return None
        try:
            answer = self.platform.casino.bet(self.account, game, stake, dict(params))
        except RefusedError:
            self._call("games/play", "400")
            return None
        self._call("games/play", "200")
        paid, put = answer["amount_won"], answer["amount_bet"]
        agency.tell(
            "bet_settled", id=answer["bet_id"], bet_id=answer["bet_id"], game=game, stake=put, payout=paid, exact=False
        )
        return float(paid - put)

    def enter(self, coin: str, side: Side, usd: float, leverage: float = 3.0) -> Position | None:
        """Open a position at the market and tell; None when it was not allowed or refused.

        It knows which prices the exchange cannot write, and lets such a moment pass.
        """
        agency, market = self.person.agency, f"{coin}-USD"
        if not self.platform.trading.takes(coin) or not agency.may_open(market, usd):
            return None
        body = {"coin": coin, "side": side, "size_usd": usd, "leverage": leverage}
        expected = self.platform.kernel.market.mark(coin, self.now)
        order = {
            "market": market,
            "side": "buy" if side == "long" else "sell",
            "order_type": "market",
            "endpoint": "trade/open",
            "notional_usd": usd,
            "latency_s": ORDER_S,
            "expected_price": expected,
            "opens": True,
        }
        try:
            position, trade = self.platform.trading.open(self.trader, body)
        except RefusedError as refusal:
            agency.tell(
                "order_placed", order_id=f"refused-{self.now:.3f}", status="rejected", reason=refusal.error, **order
            )
            self._call("trade/open", "400")
            return None
        agency.tell("order_placed", order_id=position.order_id, status="success", **order)
        self._filled(trade, expected)
        self._call("trade/open", "200")
        return position

    def leave(self, position: Position) -> None:
        """Close a position at the market and tell, where that is allowed."""
        agency = self.person.agency
        if not agency.may_close():
            return
        _, trade = self.platform.trading.close(self.trader, position.id)
        self._filled(trade, trade.price)
        self._call("trade/close", "200")

    def send(self, to: Account, usd: float) -> bool:
        """Pay somebody; whether the money went."""
        if not self.person.agency.may_pay():
            return False
        try:
            self.platform.bank.pay(self.account, to.id, usd)
        except RefusedError:
            self._call("payments/send", "400")
            return False
        self.person.last_action = self.now
        self._call("payments/send", "200")
        return True

    def price(self, coin: str, at: float | None = None) -> None:
        """Tell the price of a coin as of `at`, now by default."""
        made = self.now if at is None else at
        mark = self.platform.kernel.market.mark(coin, made)
        self.person.agency.tell("market_tick", id=f"{coin}:{self.now:.3f}", at=made, market=f"{coin}-USD", price=mark)

    def signal(self, coin: str, action: str) -> None:
        """Tell that its strategy wants to buy or sell a coin, and means to act on it."""
        self.person.agency.tell(
            "signal_computed", strategy=self.person.strategy, action=action, result="acted", duration_s=0.02,
            market=f"{coin}-USD", confidence=0.7,
        )  # fmt: skip

    def _filled(self, trade: Trade, expected: float) -> None:
        self.person.agency.tell(
            "order_filled",
            id=trade.id,
            trade_id=trade.id,
            order_id=trade.order_id,
            market=f"{trade.coin}-USD",
            side=trade.side,
            notional_usd=trade.size_usd,
            price=trade.price,
            fee_usd=trade.fee,
            realized_pnl_usd=trade.realized_pnl or 0.0,
            expected_price=expected,
        )

    def _call(self, endpoint: str, status: str) -> None:
        self.person.agency.tell("api_call", endpoint=endpoint, method="POST", status_code=status, duration_s=ORDER_S)
