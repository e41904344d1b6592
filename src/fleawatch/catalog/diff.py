"""What changed between two catalogs, and what of it breaks somebody's dashboard, rule or configuration.

Works on plain exports, so that a release can be compared with the export of another one without importing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.tree import plain

Export = Mapping[str, Any]
"""A catalog as JSON-able data: section to name to declaration."""

_SECTIONS: Final = ("metrics", "alerts", "limits", "spans", "attributes", "log_events", "slos", "recordings", "datadog")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        kind: `added`, `removed`, `renamed`, `retyped`, `relabelled`, `rebucketed`, `threshold`, `changed`.
        section: part of the catalog.
        name: the declaration, by its new name if it has one.
        what: the difference in words.
        breaking: a query, rule or configuration written for the old catalog may fail or mean something else.
    """

    kind: str
    section: str
    name: str
    what: str
    breaking: bool

    def __str__(self) -> str:
        return f"{'BREAKING ' if self.breaking else ''}{self.section} {self.name}: {self.kind}, {self.what}"


def export(catalog: Catalog) -> dict[str, Any]:
    """`catalog` as plain data with sorted keys, ready for JSON."""
    data: dict[str, Any] = {}
    for field in sorted(fields(catalog), key=lambda each: each.name):
        value = getattr(catalog, field.name)
        data[field.name] = plain(tuple(sorted(value)) if isinstance(value, frozenset) else value)
    return data


def diff(old: Catalog | Export, new: Catalog | Export) -> tuple[Change, ...]:
    """Every change from `old` to `new`, by section and name; empty when they say the same."""
    before, after = _exported(old), _exported(new)
    return tuple(change for section in _SECTIONS for change in _section(section, before[section], after[section]))


def _exported(catalog: Catalog | Export) -> Export:
    return export(catalog) if isinstance(catalog, Catalog) else catalog


def _section(section: str, old: Export, new: Export) -> Iterator[Change]:
    renamed = dict(_renames(old, new))
    for name in sorted(new.keys() - old.keys()):
        if name in renamed:
            was = renamed[name]
            yield Change("renamed", section, name, f"was {was}, which is now an alias, off by default", breaking=True)
            yield from _compare(section, name, old[was], new[name])
        else:
            yield Change("added", section, name, "is new", breaking=False)
    for name in sorted(old.keys() - new.keys() - set(renamed.values())):
        yield Change("removed", section, name, "is gone", breaking=True)
    for name in sorted(old.keys() & new.keys()):
        yield from _compare(section, name, old[name], new[name])


def _renames(old: Export, new: Export) -> Iterator[tuple[str, str]]:
    """Pairs (new name, old name): the new declaration has the vanished one among its aliases."""
    for name in sorted(new.keys() - old.keys()):
        for alias in new[name].get("aliases", ()):
            was = alias["name"] if isinstance(alias, Mapping) else alias
            if was in old and was not in new:
                yield name, was
                break


def _compare(section: str, name: str, old: Export, new: Export) -> Iterator[Change]:
    if section == "metrics":
        yield from _metric(name, old, new)
    elif section == "limits":
        yield from _limit(name, old, new)
    else:
        ignored = {"name", "aliases", "help", "summary", "description"}
        for field in sorted((old.keys() | new.keys()) - ignored):
            if old.get(field) != new.get(field):
                breaking = field in {"type", "kind", "unit", "fields", "attributes", "expression", "tags", "scale"}
                yield Change("changed", section, name, _said(field, old.get(field), new.get(field)), breaking=breaking)


def _metric(name: str, old: Export, new: Export) -> Iterator[Change]:
    for field in ("type", "unit"):
        if old[field] != new[field]:
            yield Change("retyped", "metrics", name, _said(field, old[field], new[field]), breaking=True)
    before, after = ({label["name"]: label for label in each["labels"]} for each in (old, new))
    for label in sorted(before.keys() - after.keys()):
        yield Change("relabelled", "metrics", name, f"label {label} is gone", breaking=True)
    for label in sorted(after.keys() - before.keys()):
        # Sums stay right, but a rule that joins on all labels, or alerts on each series, sees other series than before.
        yield Change("relabelled", "metrics", name, f"label {label} is new", breaking=True)
    for label in sorted(before.keys() & after.keys()):
        gone = set(before[label]["values"]) - set(after[label]["values"])
        if gone and after[label]["values"]:
            yield Change(
                "relabelled", "metrics", name, f"{label} is never {', '.join(sorted(gone))} now", breaking=True
            )
    lost = set(old["buckets"]) - set(new["buckets"])
    if old["buckets"] != new["buckets"]:
        yield Change(
            "rebucketed", "metrics", name, _said("buckets", old["buckets"], new["buckets"]), breaking=bool(lost)
        )
    if old["owner"] != new["owner"]:
        yield Change("changed", "metrics", name, _said("owner", old["owner"], new["owner"]), breaking=True)
    lost_windows = set(old["windows"]) - set(new["windows"])
    if old["windows"] != new["windows"]:
        said = _said("windows", old["windows"], new["windows"])
        yield Change("changed", "metrics", name, said, breaking=bool(lost_windows))


def _limit(name: str, old: Export, new: Export) -> Iterator[Change]:
    if old["default"] != new["default"]:
        yield Change("threshold", "limits", name, _said("default", old["default"], new["default"]), breaking=False)
    for field in ("unit", "direction"):
        if old[field] != new[field]:
            yield Change("changed", "limits", name, _said(field, old[field], new[field]), breaking=True)


def _said(field: str, old: object, new: object) -> str:
    if isinstance(old, (dict, list)) and len(str(old)) + len(str(new)) > 120:
        return f"{field} differs"
    return f"{field} was {old!r}, is {new!r}"
