"""One thing that is wrong with a catalog."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a lint rule.

    Attributes:
        code: stable word for the rule.
        where: section and name of the declaration, such as `alert PFAgentDown`.
        message: what was found and what to write instead.
    """

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.code}]"
