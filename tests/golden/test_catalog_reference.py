"""The reference pages in the repository are those that the catalog gives."""

import re
from pathlib import Path

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.render.reference import reference_pages

ROOT = Path(__file__).parents[2]
PAGES = reference_pages(CATALOG)


@pytest.mark.parametrize("path", sorted(PAGES))
def test_no_drift(path):
    """A page in the repository equals the rendered one; `fleawatch render docs` brings it up to date."""
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path]


def test_definitions_name_what_exists():
    """Every metric and alert that the page of definitions names is declared."""
    text = (ROOT / "docs/reference/definitions.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:pf_|PF)\w+)`", text))
    assert {"pf_escrow_at_risk_usdc", "PFRiskUnknown", "PFTotalLoss"} <= named
    assert named <= set(CATALOG.metrics) | set(CATALOG.alerts)


def test_definitions_contents():
    """Every entry of the contents of the page of definitions has its heading."""
    text = (ROOT / "docs/reference/definitions.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert links
    assert [link for link in links if link not in headings] == []
