"""How long a halt may take, by which means it is enforced, and for whom the forceful ones are configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleawatch.events.control import HaltingTerms
from fleawatch.units import MINUTE

_NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class HaltingPolicy:
    """Deadlines in seconds of the belt's time, and opt-ins by agent id.

    Attributes:
        acknowledge_s: until the agent's gate must have said that it stopped.
        process_s: after its process was stopped, until the platform must show that.
        confirm_s: from the order until the platform's facts must prove it; afterwards it is overdue.
        margin_s: distance of the clocks of platform and service that is put up with: an order is one after the halt only
            if it is later by more than this, and a reading proves something only if it began later by more than this.
        silent_s: how long an agent must have sent nothing when nobody but its own silence says that it stopped.
        flatten_s: between two attempts to close what is still open.
        act: whether alerts with an action order what they say; without it only people and gates order halts.
        process: agents whose process can be stopped.
        platform: agents whose limits at the platform may be lowered.
        flatten: agents whose positions may be closed.
        topup: agents for whom the faucet may be claimed once.
    """

    acknowledge_s: float = 10.0
    process_s: float = 30.0
    confirm_s: float = 2 * MINUTE
    margin_s: float = 2.0
    silent_s: float = 5 * MINUTE
    flatten_s: float = 30.0
    act: bool = True
    process: frozenset[str] = _NOBODY
    platform: frozenset[str] = _NOBODY
    flatten: frozenset[str] = _NOBODY
    topup: frozenset[str] = _NOBODY


def halting_policy(terms: HaltingTerms) -> HaltingPolicy:
    """The policy that declared terms mean."""
    return HaltingPolicy(
        acknowledge_s=terms.acknowledge_s,
        process_s=terms.process_s,
        confirm_s=terms.confirm_s,
        margin_s=terms.margin_s,
        silent_s=terms.silent_s,
        flatten_s=terms.flatten_s,
        act=terms.act,
        process=frozenset(terms.process),
        platform=frozenset(terms.platform),
        flatten=frozenset(terms.flatten),
        topup=frozenset(terms.topup),
    )
