"""The limits that differ from the catalog's, by whom they are for: what the rules in force say, ready to be looked up.

The fold counts by limits too, and it must count by those that were declared when a fact happened; it therefore finds
them in the state and not in a policy.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fleawatch.catalog.limits import LIMITS
from fleawatch.events import RulesDeclared

Named = dict[str, float | None]
"""Limits by name; None switches one off."""

_BY_DEFAULT: Final = {limit.name: limit.default for limit in LIMITS}


class LimitBook(msgspec.Struct):
    """Limits changed for the fleet, for strategies and for agents, by name of the strategy or agent."""

    fleet: Named = msgspec.field(default_factory=dict)
    strategies: dict[str, Named] = msgspec.field(default_factory=dict)
    agents: dict[str, Named] = msgspec.field(default_factory=dict)

    def limit(self, name: str, agent_id: str, strategy: str, declared: dict[str, float] | None = None) -> float | None:
        """A limit of one agent: its own first, then its strategy's, then the fleet's, then the catalog's. None: it is off.

        Between its own and its strategy's stand those that were declared for the agent by themselves.

        Raises:
            KeyError: the catalog has no such limit.
        """
        own = self.agents.get(agent_id)
        if own is not None and name in own:
            return own[name]
        if declared is not None and name in declared:
            return declared[name]
        of_strategy = self.strategies.get(strategy)
        if of_strategy is not None and name in of_strategy:
            return of_strategy[name]
        return self.fleet[name] if name in self.fleet else _BY_DEFAULT[name]


def book_of(rules: RulesDeclared | None) -> LimitBook:
    """The limits that a declaration changes; none before the first."""
    book = LimitBook()
    for one in rules.limits if rules is not None else ():
        changed: Named = {**one.limits, **dict.fromkeys(one.off)}
        if one.scope == "fleet":
            book.fleet = changed
        else:
            (book.agents if one.scope == "agent" else book.strategies)[one.target] = changed
    return book
