"""The written texts of the runbooks, as this release ships them: for the terminal and for the page."""

from __future__ import annotations

from importlib import resources
from typing import Final

_ENDING: Final = ".md"


def runbook_texts() -> dict[str, str]:
    """The texts by name."""
    folder = resources.files("fleawatch.catalog") / "runbooks"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(_ENDING)), key=lambda file: file.name)
    return {file.name.removesuffix(_ENDING): file.read_text(encoding="utf-8") for file in files}
