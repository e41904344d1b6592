"""What can be wrong with a catalog. Every finding has a code, a place, and a sentence that says what to do.

A rule is a function from a catalog to findings; `RULES` is all of them. A broken catalog reports everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.findings import Finding
from fleawatch.catalog.lint_alerts import ALERT_RULES
from fleawatch.catalog.lint_metrics import METRIC_RULES
from fleawatch.catalog.lint_references import REFERENCE_RULES

Rule = Callable[[Catalog], Iterator[Finding]]

RULES: Final[tuple[Rule, ...]] = (*METRIC_RULES, *REFERENCE_RULES, *ALERT_RULES)


def lint(catalog: Catalog) -> tuple[Finding, ...]:
    """Everything that is wrong with `catalog`, in the order of the rules; empty when nothing is."""
    return tuple(finding for rule in RULES for finding in rule(catalog))
