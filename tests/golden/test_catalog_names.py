"""The names, types and labels that the catalog promises, held against a list kept apart from it."""

from pathlib import Path

import pytest

from fleawatch.catalog.fleet import CATALOG

LIST = Path(__file__).with_name("catalog_names.txt")

SECTIONS = {
    "alert": CATALOG.alerts,
    "limit": CATALOG.limits,
    "span": CATALOG.spans,
    "attribute": CATALOG.attributes,
    "log": CATALOG.log_events,
    "slo": CATALOG.slos,
    "recording": CATALOG.recordings,
    "datadog": CATALOG.datadog,
}


def _promised(kind):
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [line.split(" ", 1)[1] for line in lines if line.startswith(f"{kind} ")]


def test_metrics():
    """Every promised metric is declared with its type and its labels in order, and no other is."""
    declared = [f"{m.name} {m.type} {','.join(m.label_names) or '-'}" for m in CATALOG.metrics.values()]
    assert declared == _promised("metric")


def test_aliases():
    """Every name of the guides is an alias with the type and labels of the guide, and no other is."""
    declared = [f"{name} {alias.type} {','.join(alias.labels)}" for name, (_, alias) in CATALOG.aliases.items()]
    assert declared == _promised("alias")


@pytest.mark.parametrize("kind", sorted(SECTIONS))
def test_other_names(kind):
    """Every other promised name is declared, and no other is."""
    assert list(SECTIONS[kind]) == _promised(kind)


def test_nothing_else_is_listed():
    """Every line of the list is of a kind that is checked."""
    kinds = {
        line.split(" ", 1)[0] for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    }
    assert kinds == {"metric", "alias", *SECTIONS}
