"""Runbooks: where the page of an alert is, which text it is made of, and what a text may hold.

A page is a generated frame around a written text. The texts are files in `runbooks/` beside this module: one for each
alert, and one for each objective, which its burn-rate alerts share. Nothing is read here: whoever may read files passes
the texts in, by name.
"""

from __future__ import annotations

import re
from typing import Final

from fleawatch.catalog.spec import Alert

SECTIONS: Final = ("What it means", "Check", "Act", "Recover", "Prevent")
"""The headings of every text, in this order."""

FOLDER: Final = "docs/runbooks"
"""Where the pages are, from the root of the repository."""

LIMIT_SLOT: Final = re.compile(r"\{limit:(\w+)\}")
"""Where a text names a limit; the page shows the limit's name and default there."""

_HEADING: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_OBJECTIVE: Final = "slo_"


def runbook_path(alert_name: str, base: str = FOLDER) -> str:
    """Path of an alert's page below `base`: a folder, or the address under which the pages are served."""
    return f"{base.rstrip('/')}/{alert_name}.md"


def text_name(alert: Alert) -> str:
    """Name of the text that the page of `alert` holds: its own, or that of its objective."""
    return alert.family if alert.family.startswith(_OBJECTIVE) else alert.name


def sections(text: str) -> dict[str, str]:
    """What stands under each heading of a text, in order; what stands before the first is under the empty heading."""
    parts = _HEADING.split(text)
    found = {"": parts[0].strip()} if parts[0].strip() else {}
    return {**found, **{title: body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}}
