"""Rules about runbooks: every alert has its text, every text its alert and sections, and no text names what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.findings import Finding
from fleawatch.catalog.runbook import LIMIT_SLOT, SECTIONS, sections, text_name

_METRIC: Final = re.compile(r"\bpf_[a-z0-9_]+")
_ALERT: Final = re.compile(r"\bPF[A-Z][A-Za-z0-9]+")
_SLOT: Final = re.compile(r"\{[^{}\s]*:[^{}\s]*\}")


def lint_runbooks(catalog: Catalog, texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """Everything that is wrong with `texts` (by name); empty when nothing is."""
    return tuple(
        finding for rule in (_complete, _formed, _truthful) for finding in rule(catalog, dict(sorted(texts.items())))
    )


def _where(name: str) -> str:
    return f"runbook {name}"


def _complete(catalog: Catalog, texts: Mapping[str, str]) -> Iterator[Finding]:
    wanted = {text_name(alert) for alert in catalog.alerts.values()}
    for name in sorted(wanted - texts.keys()):
        yield Finding("runbook-missing", _where(name), f"write runbooks/{name}.md: {', '.join(SECTIONS)}")
    for name in sorted(texts.keys() - wanted):
        yield Finding("runbook-orphan", _where(name), "no alert needs it; remove it or name it after its alert")


def _formed(_: Catalog, texts: Mapping[str, str]) -> Iterator[Finding]:
    for name, text in texts.items():
        found = sections(text)
        if tuple(found) != SECTIONS:
            yield Finding(
                "runbook-sections", _where(name), f"its sections are to be {', '.join(SECTIONS)}, in this order"
            )
        for title, body in found.items():
            if not body:
                yield Finding("runbook-empty", _where(name), f"say something under {title}")


def _truthful(catalog: Catalog, texts: Mapping[str, str]) -> Iterator[Finding]:
    known = {*catalog.metrics, *catalog.recordings, *catalog.aliases}
    for name, text in texts.items():
        for metric in sorted(set(_METRIC.findall(text)) - known):
            yield Finding("unknown-metric", _where(name), f"{metric} is no metric of the catalog")
        for alert in sorted(set(_ALERT.findall(text)) - catalog.alerts.keys()):
            yield Finding("unknown-alert", _where(name), f"{alert} is no alert of the catalog")
        for limit in sorted(set(LIMIT_SLOT.findall(text)) - catalog.limits.keys()):
            yield Finding("unknown-limit", _where(name), f"{limit} is no limit of the catalog")
        for slot in sorted({slot for slot in _SLOT.findall(text) if LIMIT_SLOT.fullmatch(slot) is None}):
            yield Finding("runbook-slot", _where(name), f"{slot} is not filled; a text may hold {{limit:NAME}} only")
