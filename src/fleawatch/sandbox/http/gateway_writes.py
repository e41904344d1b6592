"""The gateway's orders, escrows and balances, with the paths, fields and words of the documents.

Behind them are the real books: an order is a market order at the trading server, an escrow one of the escrow service, with
their limits and their refusals. The documents speak of quantities of an asset and of buying and selling: buying opens a
long, selling a short. An agent is who its key says it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.market import COINS
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.escrow import Escrow
from fleawatch.sandbox.services.trading_book import Position, Trade
from fleawatch.sandbox.services.wallet import NATIVE
from fleawatch.units import iso

if TYPE_CHECKING:
    from fleawatch.sandbox.http.gateway import GatewayFront

_SIDES: Final = {"buy": "long", "long": "long", "sell": "short", "short": "short"}


class GatewayWrites:
    """Routes under `/v1`."""

    def __init__(self, front: GatewayFront) -> None:
        self.front = front
        self.platform = front.platform

    def routes(self) -> None:
        """Add the routes to the server: two documents name the same three things differently."""
        front, guarded = self.front, self.front.with_database
        front.post("/v1/orders", guarded(self._orders))
        front.post("/v1/trading/order", guarded(self._order))
        front.post("/v1/escrow", guarded(self._create))
        front.post("/v1/escrow/create", guarded(self._create))
        front.post("/v1/escrow/:id/release", guarded(self._release))
        front.get("/v1/balance", guarded(lambda call: {"balances": self._assets(front.owner(call))}))
        front.get("/v1/wallet/:wallet/balance", guarded(self._wallet))

    def _orders(self, call: Call) -> Answer:
        """`market` such as `BTC-USD`, `side`, `size` in units, `type`."""
        body = call.json()
        filled = self._fill(call, body.get("market"), body.get("side"), body.get("size"), body.get("type"))
        return Reply({**filled, "market": body["market"], "size": filled["filled_quantity"]}, 201)

    def _order(self, call: Call) -> Answer:
        """`asset`, `side`, `quantity` in units, `order_type`."""
        body = call.json()
        asset = body.get("asset")
        filled = self._fill(call, asset, body.get("side"), body.get("quantity"), body.get("order_type"))
        return {**filled, "asset": asset}

    def _fill(self, call: Call, asset: Any, side: Any, quantity: Any, kind: Any) -> dict[str, Any]:
        account = self.front.owner(call)
        self.front.limits.by_address(call.path, call.address, 30, call.now)
        trader = self.platform.trading.traders.get(account.person.platform_ids.get("trading", ""))
        if trader is None:
            raise RefusedError(404, "not_registered", "This agent has no trading account")
        coin = str(asset or "").upper().partition("-")[0]
        if coin not in COINS or side not in _SIDES:
            raise RefusedError(400, "invalid_request", f"Provide one of {', '.join(COINS)} and side buy or sell")
        if kind not in (None, "market"):
            raise RefusedError(400, "unsupported_order_type", "Only market orders are executed here")
        usable = isinstance(quantity, int | float) and not isinstance(quantity, bool) and math.isfinite(quantity)
        if not usable or quantity <= 0:
            raise RefusedError(400, "invalid_size", "The quantity must be a positive number")
        kernel = self.platform.kernel
        expected = kernel.market.cached(coin, kernel.now)
        order = {"coin": coin, "side": _SIDES[side], "size_usd": quantity * expected}
        return _filled(side, expected, *self.platform.trading.open(trader, order))

    def _create(self, call: Call) -> Answer:
        """The counterparty may be named by its operator's name; `conditions` or `task` become the description."""
        account, body = self.front.owner(call), call.json(lenient=True)
        self.front.limits.by_address(call.path, call.address, 20, call.now)
        text = next((body[name] for name in ("conditions", "description", "task") if body.get(name)), "Agent escrow")
        escrow = self.platform.escrow.create(
            account,
            amount_usd=body.get("amount_usd"),
            description=text,
            counterparty_agent_id=self._casino_id(body.get("counterparty_id")),
            timeout_hours=body.get("timeout_hours"),
        )
        document = {
            "escrow_id": escrow.id,
            "status": escrow.status,
            "amount_usd": float(escrow.amount),
            "fee_usd": float(escrow.commission),
            "counterparty_id": body["counterparty_id"],
            "conditions": escrow.description,
            "expires_at": iso(escrow.auto_release_at),
        }
        return Reply(document, 201)

    def _casino_id(self, named: Any) -> Any:
        accounts = self.platform.bank.accounts.values()
        return next((account.id for account in accounts if account.name == named), named)

    def _release(self, call: Call) -> Answer:
        """The reason is taken and kept nowhere: the escrow service has no field for it."""
        account = self.front.owner(call)
        self.front.limits.by_address(call.path, call.address, 30, call.now)
        escrow = self.platform.escrow.release(account, call.params["id"])
        return {
            "escrow_id": escrow.id,
            "status": escrow.status,
            "released_amount_usd": float(escrow.net),
            "hold_duration_seconds": _held(escrow),
            "reason": call.json(lenient=True).get("reason"),
        }

    def _wallet(self, call: Call) -> Answer:
        """A wallet is named by its agent or by one of the agent's addresses."""
        wallet = call.params["wallet"]
        owner = self.front.owner(call)
        if wallet not in (owner.name, owner.id, *owner.person.addresses.values()):
            raise RefusedError(404, "wallet_not_found", f"No wallet {wallet} with this key")
        return {"wallet_id": wallet, "assets": self._assets(owner)}

    def _assets(self, owner: Account) -> dict[str, dict[str, float | None]]:
        """Amounts by symbol with their value in USD, which is null for a coin without a price."""
        amounts = {"USDC": owner.balance}
        for chain, address in owner.person.addresses.items():
            for symbol in (NATIVE[chain], "USDC"):
                held = float(self.platform.wallet.held(chain, address, symbol))
                if held:
                    amounts[symbol] = amounts.get(symbol, 0.0) + held
        prices = {symbol: self.platform.wallet.price(symbol) for symbol in amounts}
        return {
            symbol: {"amount": amount, "usd_value": None if (price := prices[symbol]) is None else amount * price}
            for symbol, amount in amounts.items()
        }


def _filled(side: str, expected: float, position: Position, trade: Trade) -> dict[str, Any]:
    return {
        "order_id": position.order_id,
        "position_id": position.id,
        "side": side,
        "status": "filled",
        "fill_price": trade.price,
        "expected_price": expected,
        "filled_quantity": position.units,
        "fee_usd": trade.fee,
    }


def _held(escrow: Escrow) -> int:
    return (escrow.released_at or escrow.created) - escrow.created
