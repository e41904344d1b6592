"""What every fact has in common: who, when, when we learned of it, who says so, and its one id.

Facts are frozen and have no behaviour. A fact is identified by `fact_id`, computed alike by every party that can report
it (see `identity`), so that the same bet seen by the poller and by the agent is one fact.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

SCHEMA_VERSION: Final = 1
"""Version that this release writes. A fact without `v` is of version 1; a newer one is refused, not guessed at."""

Service = Literal["casino", "trading", "wallet", "escrow", "faucet", "domains"]
"""The platform's services. Each has its own books, keys and agent ids."""

LATEST: Final = 253_402_300_799.0
"""The last second of the year 9999. A time beyond it is a time in milliseconds."""

LARGEST: Final = 1e20
"""No number of a fact is this large: no ledger has a column for it, and sums of such numbers would become infinite."""

Time = Annotated[float, msgspec.Meta(ge=0, le=LATEST)]
"""Unix seconds, UTC; never negative."""

AgentId = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,62})?\Z")]
"""The fleet's name of an agent; empty when the fact is about the fleet or the service itself."""

NOT_NEGATIVE: Final = {"minimum": 0}

Amount = Annotated[Decimal, msgspec.Meta(extra=NOT_NEGATIVE)]
"""Money or a quantity that cannot be negative. The unit is in the field's name or documentation; USD otherwise."""

Signed = Decimal
"""Money whose sign has a meaning, stated at the field."""

Seconds = Annotated[float, msgspec.Meta(extra=NOT_NEGATIVE)]
"""A duration in seconds."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""How many; no more than a column of a database holds."""


_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def kind_of(class_name: str) -> str:
    """The tag a fact carries on the wire: `BetSettled` is `bet_settled`."""
    return _WORD_START.sub("_", class_name).lower()


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    tag_field="kind",
    tag=kind_of,
):
    """One thing that happened.

    Attributes:
        fact_id: `service:kind:platform id`; the same for every reporter of the same fact.
        agent_id: whom it is about; empty for the fleet.
        at: when it happened, by the clock of the one who saw it happen.
        seen_at: when Fleawatch learned of it; never before the moment of recording.
        source: who says so (`casino`, `trading`, `probe`, `sdk`, `monitor`, an operator's name ...).
        v: schema version the fact was written with.
    """

    fact_id: str
    agent_id: AgentId
    at: Time
    seen_at: Time
    source: str
    v: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = SCHEMA_VERSION
