"""What an alert says about the act that it asks for."""

from __future__ import annotations

import re

import pytest

from fleawatch.catalog.fleet import CATALOG

DONE = re.compile(
    r"is halted|may only reduce|are frozen|acted at once|until half an hour|until the feed|until all parts"
)


@pytest.mark.parametrize("alert", [one for one in CATALOG.alerts.values() if one.action], ids=lambda one: one.name)
def test_an_alert_does_not_call_done_what_it_only_asks_for(alert):
    """An agent without a gate is not stopped by its alert, and no alert that clears lets an agent trade again."""
    assert DONE.search(f"{alert.summary} {alert.description}") is None
