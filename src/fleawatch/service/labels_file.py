"""Incidents that are known to have happened, from a YAML or JSON file: a list, checked, every mistake at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from fleawatch.catalog.fleet import CATALOG
from fleawatch.errors import BadConfig, Problem
from fleawatch.flow.backtest.results import Label

_LATEST: Final = 253_402_300_799.0
_SHOWN: Final = 60


class LabelEntry(BaseModel):
    """One incident."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=63, description="What it is called.")
    alert: str = Field(description="The alert that must find it, by its name in the catalog.")
    onset: float = Field(ge=0, le=_LATEST, description="When it began, unix seconds.")
    bound_s: float = Field(gt=0, description="Seconds within which that alert must fire.")
    agent_id: str = Field("", max_length=63, description="Whom it was about; empty for the fleet.")
    end: Literal["", "told", "frozen", "reducing", "halted"] = Field(
        "", description="The state that the agent must end in."
    )
    until: float | None = Field(
        None, ge=0, le=_LATEST, description="When it was over, unix seconds; null for the end of the history."
    )
    dead_at: float | None = Field(
        None, ge=0, le=_LATEST, description="When the agent's process died, unix seconds; for the baseline alone."
    )
    others: tuple[str, ...] = Field((), max_length=1_000, description="More agents that it concerns.")

    @field_validator("alert")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in CATALOG.alerts:
            raise ValueError("no alert of the catalog; docs/reference/alerts.md lists them")
        return name


_entries: Final = TypeAdapter(tuple[LabelEntry, ...])


def load_labels(path: Path) -> tuple[Label, ...]:
    """The labels in a file.

    Raises:
        BadConfig: with every problem found.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(
            path, Problem("", f"could not be read: {error.strerror}", "name it with --labels FILE")
        ) from None
    except (yaml.YAMLError, ValueError):
        raise _refused(path, Problem("", "was neither YAML nor JSON", "write a list of incidents")) from None
    try:
        entries = _entries.validate_python(document or ())
    except ValidationError as error:
        raise _refused(path, *(_problem(one) for one in error.errors())) from None
    return tuple(Label(**entry.model_dump()) for entry in entries)


def _refused(path: Path, *problems: Problem) -> BadConfig:
    return BadConfig(f"{path} was refused", problems)


def _problem(detail: Any) -> Problem:
    place = detail["loc"]
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")
    known = LabelEntry.model_fields
    field = known.get(str(place[-1])) if place else None
    if detail["type"] == "extra_forbidden":
        return Problem(where, "is not a key", f"known keys: {', '.join(known)}")
    if detail["type"] == "missing":
        return Problem(where, "was missing", f"add it: {field.description if field else ''}")
    if field is None:
        return Problem(where, f"was {type(detail['input']).__name__}", "write a list of incidents, each a mapping")
    text = repr(detail["input"])
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    what = str(detail.get("ctx", {}).get("error", detail["msg"].removeprefix("Input ")))
    return Problem(where, f"was {shown}: {what}", field.description or "")
