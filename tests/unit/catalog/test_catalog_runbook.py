"""Runbooks: paths, names of their texts, and what the rules find in texts."""

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.lint_runbooks import lint_runbooks
from fleawatch.catalog.runbook import SECTIONS, runbook_path, sections, text_name

SOUND = "\n".join(f"## {title}\n\nWords.\n" for title in SECTIONS)
TEXTS = {text_name(alert): SOUND for alert in CATALOG.alerts.values()}


def codes(**changed):
    texts = {name: text for name, text in {**TEXTS, **changed}.items() if text is not None}
    return [(finding.code, finding.where) for finding in lint_runbooks(CATALOG, texts)]


class TestPath:
    def test_in_the_repository(self):
        """The page of an alert is a file of its name."""
        assert runbook_path("PFTotalLoss") == "docs/runbooks/PFTotalLoss.md"

    @pytest.mark.parametrize("base", ["https://fleet.example/runbooks", "https://fleet.example/runbooks/"])
    def test_elsewhere(self, base):
        """Pages that are served elsewhere are found below their address."""
        assert runbook_path("PFTotalLoss", base) == "https://fleet.example/runbooks/PFTotalLoss.md"


class TestTextName:
    def test_own(self):
        """An alert has a text of its own."""
        assert text_name(CATALOG.alerts["PFTotalLoss"]) == "PFTotalLoss"

    def test_shared(self):
        """The burn-rate alerts of one objective share one text."""
        names = {text_name(CATALOG.alerts[f"PFApiBudgetBurn{window}"]) for window in ("1h", "6h", "1d", "3d")}
        assert names == {"slo_api_success"}


class TestSections:
    def test_in_order(self):
        """A text falls into its sections, in order."""
        assert list(sections(SOUND).items()) == [(title, "Words.") for title in SECTIONS]

    def test_before_the_first(self):
        """What stands before the first heading is not lost."""
        assert sections("Stray.\n\n## Act\n\nRun.\n") == {"": "Stray.", "Act": "Run."}

    def test_empty(self):
        """No text has no sections."""
        assert sections("") == {}


class TestLint:
    def test_sound(self):
        """Nothing is found in texts that are sound."""
        assert codes() == []

    def test_missing(self):
        """An alert without a text is named."""
        assert codes(PFTotalLoss=None) == [("runbook-missing", "runbook PFTotalLoss")]

    def test_orphan(self):
        """A text without an alert is named."""
        assert codes(notes=SOUND) == [("runbook-orphan", "runbook notes")]

    @pytest.mark.parametrize(
        "text",
        [
            SOUND.replace("## Act", "## Do"),
            SOUND + "\n## More\n\nWords.\n",
            "Stray.\n\n" + SOUND,
            SOUND.replace("## Act\n\nWords.\n\n", ""),
            "\n".join(f"## {title}\n\nWords.\n" for title in reversed(SECTIONS)),
        ],
        ids=["renamed", "more", "before", "left out", "other order"],
    )
    def test_sections(self, text):
        """A text has the five sections, in their order, and nothing else."""
        assert codes(PFTotalLoss=text) == [("runbook-sections", "runbook PFTotalLoss")]

    def test_empty_section(self):
        """A section says something."""
        text = SOUND.replace("## Act\n\nWords.", "## Act\n")
        assert codes(PFTotalLoss=text) == [("runbook-empty", "runbook PFTotalLoss")]

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("`pf_equity_eur`", "unknown-metric"),
            ("PFNothing", "unknown-alert"),
            ("{limit:nothing}", "unknown-limit"),
            ("{value:money}", "runbook-slot"),
        ],
    )
    def test_what_is_not_there(self, words, code):
        """A text names no metric, alert or limit that the catalog does not have, and no slot that nothing fills."""
        assert codes(PFTotalLoss=SOUND + words) == [(code, "runbook PFTotalLoss")]

    def test_what_is_there(self):
        """Metrics, alerts and limits of the catalog may be named."""
        assert codes(PFTotalLoss=SOUND + "`pf_equity_usdc` [PFKeyRejected](PFKeyRejected.md) {limit:residual}") == []
