"""A gate on clocks that only the test moves, facts in short form, and leases as the service would write them."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest

from fleawatch.events import ApiCall, BalanceRead, BetSettled, OrderPlaced
from fleawatch.sdk.gate.gate import Gate
from fleawatch.sdk.lease.document import Baselines, HaltOrder, Lease
from fleawatch.sdk.timing import ManualTiming

AGENT = "a-1"
NOBODY = "http://127.0.0.1:9"
_numbers = count(1)


class Bench:
    """A gate, its clocks, and what it told the agent's program."""

    def __init__(self, folder):
        self.timing = ManualTiming()
        self.path = folder / "gate.json"
        self.warned, self.changed, self.gates = [], [], []
        self.issued_at = 0.0

    def gate(self, **arguments):
        given = {"service": None, "state_file": self.path, "timing": self.timing, **arguments}
        gate = Gate(AGENT, on_warning=self.warned.append, on_change=self.changed.append, **given)
        self.gates.append(gate)
        return gate

    def leased(self, **arguments):
        return self.gate(service=NOBODY, **arguments)

    def common(self):
        self.timing.advance(1.0)
        number, at = next(_numbers), self.timing.now()
        return {"fact_id": f"test:{number}", "agent_id": AGENT, "at": at, "seen_at": at, "source": "sdk"}

    def balance(self, amount, service="casino"):
        amount = Decimal(str(amount))
        return BalanceRead(**self.common(), service=service, currency="USDC", amount=amount, value_usd=amount)

    def bet(self, net):
        stake, payout = (Decimal(0), Decimal(str(net))) if net > 0 else (Decimal(str(-net)), Decimal(0))
        common = self.common()
        return BetSettled(**common, bet_id=common["fact_id"], game="dice", stake=stake, payout=payout)

    def call(self, status):
        return ApiCall(**self.common(), endpoint="trade/open", method="POST", status_code=status, duration_s=0.1)

    def placed(self, notional, epoch=None):
        common = self.common()
        return OrderPlaced(
            **common, order_id=common["fact_id"], market="BTC-USD", side="buy", order_type="market", status="success",
            endpoint="trade/open", notional_usd=Decimal(notional), latency_s=0.1, epoch=epoch,
        )  # fmt: skip

    def lease(self, epoch=1, state="active", issued_at=None, halt=None, peak=None, nav=None, day_start=None, **fields):
        self.issued_at = self.issued_at + 1.0 if issued_at is None else issued_at
        return Lease(
            agent_id=AGENT, epoch=epoch, state=state, issued_at=self.issued_at, ttl_s=fields.pop("ttl_s", 60.0),
            halt=None if halt is None else HaltOrder(halt_id="h-1", mode=halt),
            baselines=Baselines(peak_nav=peak, nav=nav, day_start_equity=day_start), **fields,
        )  # fmt: skip

    def grant(self, gate, *arguments, pushed=False, **fields):
        return gate.take_lease(self.lease(*arguments, **fields), gate.elapsed(), pushed=pushed)


@pytest.fixture(name="bench")
def _bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    for gate in bench.gates:
        gate.close()
