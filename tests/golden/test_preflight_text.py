"""What a person reads before a halt, compared with a kept text. Remedy after an intended change: UPDATE_GOLDEN=1 pytest."""

import os
from decimal import Decimal
from pathlib import Path

from fleawatch.events import PositionMarked, PositionOpened, PositionsRead
from fleawatch.events.trading import RestingOrder
from fleawatch.flow.halting.preflight import preflight, told
from fleawatch.testing.halted import HaltBelt

KEPT = Path(__file__).with_name("preflight.txt")


RESTING = (
    RestingOrder(
        order_id="lo_1", order_type="stop_loss", market="BTC-USD", side="sell", price=Decimal(230), notional_usd=Decimal(250),
        position_id="p1",
    ),
    RestingOrder(
        order_id="lo_2", order_type="limit", market="ETH-USD", side="buy", price=Decimal(1_500), notional_usd=Decimal(40)
    ),
)  # fmt: skip


def test_the_text_of_a_preflight():
    """Positions, escrows, cost, what goes on, and what a resume resets; last with resting orders that were read."""
    belt = HaltBelt()
    belt.watch("a-1", collectors=("casino", "trading"), capital_usd=500)
    belt.row("a-1", "deposit", 100)
    belt.row("a-1", "escrow_lock", -5, "esc_1")
    belt.say(
        PositionOpened, "a-1", source="trading", position_id="p1", market="BTC-USD", side="buy", notional_usd=250, quantity=1,
        entry_price=250, leverage=5, margin_usd=50, liquidation_price=205,
    )  # fmt: skip
    belt.say(
        PositionMarked, "a-1", source="trading", position_id="p1", market="BTC-USD", price=260, unrealized_pnl_usd=10
    )
    belt.read("a-1", "casino")
    belt.read("a-1", "trading")
    belt.wait(1)
    texts = [
        told(preflight(belt.fleet, "a-1", mode, belt.policy))
        for mode in ("reduce", "halt", "flatten", "freeze_payments")
    ]
    belt.say(PositionsRead, "a-1", source="trading", open_ids=("p1",), resting=RESTING, resting_known="whole")
    texts.append(told(preflight(belt.fleet, "a-1", "halt", belt.policy)))
    found = "\n".join(texts)
    if os.environ.get("UPDATE_GOLDEN"):
        KEPT.write_text(found, encoding="utf-8")
    assert found == KEPT.read_text(encoding="utf-8")
