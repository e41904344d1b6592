"""The real linter of metrics reads what we write."""

import shutil
import subprocess

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.sinks.prometheus import Exposition
from fleawatch.testing import exposition_facts as facts

PROMTOOL = shutil.which("promtool")

pytestmark = [pytest.mark.live, pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")]

COMPLAINTS = {
    'pf_trade_pnl_usdc_total non-counter metrics should not have "_total" suffix',
    'pf_escrow_open_count non-histogram and non-summary metrics should not have "_count" suffix',
}
"""Names that a public guide gives to gauges and that the linter dislikes by design; served only when asked for."""


@pytest.fixture(name="state", scope="module")
def _state():
    return facts.folded(*facts.everything())


def complaints(body):
    """What `promtool check metrics` has to say of a body in the text format."""
    run = subprocess.run([PROMTOOL, "check", "metrics"], input=body, capture_output=True, check=False, timeout=60)
    found = {line for line in (run.stdout + run.stderr).decode().splitlines() if line}
    assert run.returncode in ({0} if not found else {3}), (run.returncode, found)
    return found


@pytest.mark.parametrize("owner", ["monitor", "agent"])
def test_no_complaint_about_any_metric(state, owner):
    """With every metric of the catalog in the body, promtool finds nothing to say."""
    assert complaints(Exposition(CATALOG, owners=(owner,)).render(state, facts.END)) == set()


@pytest.mark.parametrize("scheme", ["prometheus", "monitoring"])
def test_aliases_that_comply(state, scheme):
    """The names of two of the guides pass without a word."""
    exposition = Exposition(CATALOG, aliases=frozenset({scheme}))
    assert complaints(exposition.render(state, facts.END)) == set()


def test_aliases_that_cannot_comply(state):
    """The third guide names two gauges like counters; exactly these are complained about."""
    exposition = Exposition(CATALOG, aliases=frozenset({"grafana"}))
    assert complaints(exposition.render(state, facts.END)) == COMPLAINTS


def test_hostile_words_are_readable(state):
    """Label values with quotes, line feeds, backslashes and control characters pass as well."""
    hostile = 'a"b\\c\nd\te\r\x01{}=,#'
    events = (
        facts.declared(hostile, strategy=hostile, collectors=(hostile, "casino")),
        facts.read(facts.START, hostile, collector=hostile),
        facts.read(facts.START, hostile),
        facts.balance(facts.START, "5", hostile, currency=hostile),
    )
    body = Exposition(CATALOG).render(facts.folded(*events), facts.START)
    assert hostile.encode().split(b'"')[0] in body
    assert complaints(body) == set()
