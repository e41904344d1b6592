"""A whole catalog to break, one declaration at a time."""

from dataclasses import replace

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.lint import lint
from fleawatch.catalog.query import Select
from fleawatch.catalog.spec import Alert, Metric


@pytest.fixture(name="metric")
def _metric():
    """Make a sound gauge, changed as the arguments say."""

    def make(**changes):
        sound = Metric(
            name="pf_thing_usdc",
            type="gauge",
            unit="usdc",
            labels=(AGENT_ID,),
            help="Money in the thing.",
            owner="monitor",
            source="a test",
        )
        return replace(sound, **changes)

    return make


@pytest.fixture(name="alert")
def _alert():
    """Make a sound alert, changed as the arguments say."""

    def make(**changes):
        sound = Alert(
            name="PFThing",
            family="things",
            scope="agent",
            severity="warning",
            condition=Select("pf_equity_usdc") < CATALOG.limits["balance_low"],
            summary="{agent_id} has {value:money}",
            description="Less than {limit:balance_low}.",
            runbook="PFThing",
        )
        return replace(sound, **changes)

    return make


@pytest.fixture(name="codes")
def _codes():
    """Lint the whole catalog with declarations added or exchanged; answer the codes and places of what is found."""

    def found(**sections):
        changes = {}
        for section, declared in sections.items():
            before = getattr(CATALOG, section)
            if isinstance(before, tuple):
                changes[section] = (*before, *declared)
            else:
                changes[section] = {**before, **{item.name: item for item in declared}}
        return [(finding.code, finding.where) for finding in lint(replace(CATALOG, **changes))]

    return found
