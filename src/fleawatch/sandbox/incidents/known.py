"""The twelve incidents, and the healthy fleet beside which every watcher is judged."""

from __future__ import annotations

from typing import Final

from fleawatch.sandbox.characters.cast import Role, Troupe
from fleawatch.sandbox.incidents import crew, markets, money, process
from fleawatch.sandbox.incidents.incident import Incident

INCIDENTS: Final = (
    Incident(
        name="drain", title="an agent was talked into paying a stranger",
        alert="PFOutflowHigh", bound_s=90, end="frozen", watch_s=420,
        role=Role(money.Drained, "services"),
    ),
    Incident(
        name="stuck-loop", title="the same order again, every second",
        alert="PFOrderLoop", bound_s=60, end="reducing", watch_s=360, capital=20_000,
        role=Role(markets.Looping, "trend", ("trading",), payable=False),
    ),
    Incident(
        name="stale-feed", title="prices stand still and the agent trades on",
        alert="PFMarketDataStale", bound_s=180, end="reducing", watch_s=480, capital=20_000,
        role=Role(markets.Blind, "trend", ("trading",), payable=False),
    ),
    Incident(
        name="revenge-betting", title="every loss is answered by a larger stake",
        alert="PFStakeEscalation", bound_s=240, end="reducing", watch_s=480,
        role=Role(money.Revenge, "dice"),
    ),
    Incident(
        name="sign-flip", title="a release that takes buy for sell",
        alert="PFDirectionAgainstSignal", bound_s=420, end="reducing", watch_s=720, capital=20_000, warm_s=420.0,
        role=Role(markets.Flipped, "trend", ("trading",), payable=False),
    ),
    Incident(
        name="funding-bleed", title="a position that pays more funding than it earns",
        alert="PFFundingBleed", bound_s=6_600, end="told", watch_s=6_900, capital=9_000, interval_s=60.0,
        role=Role(markets.Funded, "carry", ("trading",), payable=False),
    ),
    Incident(
        name="dispute-ring", title="strangers dispute honest work",
        alert="PFEscrowDisputed", bound_s=60, end="told", watch_s=420,
        role=Role(money.Trusting, "hiring"), outsider=Role(money.Ring, "ring"), beside=("dicer", "trader"),
    ),
    Incident(
        name="key-expiry", title="the platform refuses the agent's key",
        alert="PFKeyRejected", bound_s=60, end="told", watch_s=240,
        role=Role(money.Locked, "dice", payable=False), arrange=money.expire_key,
    ),
    Incident(
        name="clock-skew", title="the agent's clock is nine seconds ahead",
        alert="PFClockSkew", bound_s=240, end="told", watch_s=360,
        role=Role(process.Skewed, "dice"), arrange=process.skew,
    ),
    Incident(
        name="silent-agent", title="nothing more is heard of the agent",
        alert="PFAgentDown", bound_s=180, end="told", watch_s=300,
        role=Role(process.Silent, "dice"), arrange=process.fall_silent,
    ),
    Incident(
        name="flash-breach", title="a fifth of the price is gone for thirty seconds",
        alert="PFDrawdownHalt", bound_s=45, end="halted", watch_s=300, capital=7_500,
        role=Role(markets.Holder, "carry", ("trading",), payable=False), arrange=markets.flash,
    ),
    Incident(
        name="death-in-breach", title="the price falls and the agent dies twenty seconds later",
        alert="PFDrawdownHalt", bound_s=60, end="halted", watch_s=480, capital=7_500,
        role=Role(markets.Holder, "carry", ("trading",), payable=False), arrange=markets.fall_and_die,
    ),
)  # fmt: skip
"""In the order in which they are played."""

HEALTHY: Final = ("dicer", "trader", "payer", "client", "worker", "trader")
HEALTHY_S: Final = 2 * 3_600.0


def healthy(seed: int) -> Troupe:
    """A fleet of which nothing is to be told above info."""
    return Troupe((*crew.members(seed, HEALTHY), *crew.outsiders()), crew.ROLES)
