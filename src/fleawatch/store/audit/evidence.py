"""One incident out of the audit log: the entries that name it, what surrounds them, the facts behind, and the proof.

An incident is the fingerprint of an alert or the id of a halt. Its window is from a quarter of an hour before the first
entry that names it to a quarter of an hour after the last. What is about other agents stays out; only its digests are
there, so that a missing entry would show.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from fleawatch._version import __version__
from fleawatch.errors import StoreError
from fleawatch.events import KINDS
from fleawatch.ports import AuditEntry
from fleawatch.scrub import scrub_tree
from fleawatch.store.audit import anchors, chain
from fleawatch.store.audit.bundle import document, pack
from fleawatch.store.audit.declared import AUDITED
from fleawatch.store.audit.files import AuditFiles, read_key
from fleawatch.store.audit.reading import looking, verify_log
from fleawatch.units import iso

MARGIN_S: Final = 900.0
MOST_FACTS: Final = 100_000
"""Facts in one bundle; the manifest says how many more there were."""

_COLUMNS: Final = ", ".join(chain.COLUMNS)
_NAMING: Final = f"SELECT {_COLUMNS} FROM audit_log WHERE instr(body, ?) ORDER BY seq"  # noqa: S608 - names of our own
_BETWEEN: Final = f"SELECT {_COLUMNS} FROM audit_log WHERE seq > ? AND seq <= ? ORDER BY seq"  # noqa: S608 - names of our own
_WITHIN: Final = f"SELECT {_COLUMNS} FROM audit_log WHERE at >= ? AND at <= ? ORDER BY seq"  # noqa: S608 - names of our own
_FACTS: Final = "SELECT seq, body FROM facts WHERE agent_id = ? AND kind = ? AND at >= ? AND at <= ? ORDER BY seq"  # an index holds the first two
_RECENT: Final = "SELECT body FROM audit_log WHERE kind IN ('alert_change', 'halt_ordered') ORDER BY seq DESC LIMIT 200"
_ROUTINE: Final = frozenset({"decision_cycle", "order_filled", "order_placed"})


class Made(NamedTuple):
    """A bundle and what it holds. `sound` is what the verification of the whole log said."""

    content: bytes
    sound: bool
    entries: int
    facts: int
    left_out: int


class _Incident(NamedTuple):
    name: str
    agents: frozenset[str]
    start: float
    end: float
    seqs: frozenset[int]


def evidence(file: Path, files: AuditFiles, incident: str) -> Made:
    """The bundle of an incident.

    Raises:
        StoreError: no entry names the incident (some that are there are told), or a file cannot be read.
    """
    key, verdict = read_key(files.key), verify_log(file, files)
    anchored = [one for one in anchors.read(files.anchors, key) or [] if one is not None]

    def take(connection: sqlite3.Connection) -> Made:
        found = _incident(connection, incident)
        entries = _related(connection, found)
        facts, left_out = _facts(connection, found, entries)
        segment = _segment(connection, entries, anchored, key)
        contents = {
            "README.txt": _README.encode(),
            "anchors.jsonl": b"".join(anchors.encode(key, one) for one in anchored if _inside(one, segment)),
            "audit.jsonl": b"".join(_line(entry._asdict()) for entry in entries),
            "facts.jsonl": b"".join(_line(fact) for fact in facts),
            "segment.json": document(segment),
            "timeline.txt": _timeline(entries),
            "verification.json": document(msgspec.to_builtins(verdict)),
        }
        about = {
            "agents": sorted(found.agents),
            "config_digest": _config(connection, found),
            "ends_at_anchor": segment["ends_at_anchor"],
            "entries": dict(sorted(Counter(entry.kind for entry in entries).items())),
            "facts": len(facts),
            "facts_left_out": left_out,
            "facts_scrubbed": sum(bool(fact["scrubbed"]) for fact in facts),
            "from": iso(found.start),
            "incident": incident,
            "made_by": f"fleawatch {__version__}",
            "to": iso(found.end),
        }
        return Made(pack(about, contents, key), verdict.sound, len(entries), len(facts), left_out)

    try:
        return looking(file, "gather the evidence", take)
    except (ValueError, TypeError, AttributeError) as error:
        bad = verdict.first_bad
        raise StoreError(
            f"{file}: the audit log cannot be read ({error}); its first bad entry is {bad.seq if bad else 'not known'}. "
            "Remedy: run `fleawatch audit verify`, and keep the state directory as it is."
        ) from error


def _incident(connection: sqlite3.Connection, name: str) -> _Incident:
    naming: list[AuditEntry] = []
    deliveries: list[str] = []
    for row in connection.execute(_NAMING, (name,)):
        entry = AuditEntry(*row)
        body = json.loads(entry.body)
        if name in (body.get("fingerprint"), body.get("halt_id")) or name in body.get("alerts.fingerprint", ()):
            naming.append(entry)
            if entry.kind == "delivery":
                deliveries.append(entry.ref)
    if not name or not naming:
        raise StoreError(
            f"no entry of the audit log names the incident {name!r}. Remedy: give the fingerprint of an alert or the id of "
            f"a halt, as {', '.join(_known(connection)) or 'the log will hold once there was one'}."
        )
    for key in deliveries:
        naming += [
            AuditEntry(*row)
            for row in connection.execute(_NAMING, (key,))
            if json.loads(row[7]).get("delivery_id") == key
        ]
    times = [entry.at for entry in naming] + [
        began for entry in naming if (began := json.loads(entry.body).get("started_at")) is not None
    ]
    return _Incident(
        name,
        frozenset(entry.agent_id for entry in naming),
        max(0.0, min(times) - MARGIN_S),
        max(times) + MARGIN_S,
        frozenset(entry.seq for entry in naming),
    )


def _known(connection: sqlite3.Connection) -> list[str]:
    bodies = [json.loads(body) for (body,) in connection.execute(_RECENT)]
    names = [str(body.get("fingerprint") or body.get("halt_id")) for body in bodies]
    return list(dict.fromkeys(names))[:5]


def _related(connection: sqlite3.Connection, found: _Incident) -> list[AuditEntry]:
    """The entries that name the incident, and those of its agents and of the fleet inside its window, in order."""
    fleet_wide = found.agents == {""}
    chosen: dict[int, AuditEntry] = {}
    for row in connection.execute(_WITHIN, (found.start, found.end)):
        entry = AuditEntry(*row)
        own = entry.agent_id in found.agents or not entry.agent_id
        if own or (fleet_wide and entry.kind not in _ROUTINE):
            chosen[entry.seq] = entry
    for seq in found.seqs - chosen.keys():
        chosen[seq] = AuditEntry(*connection.execute(_BETWEEN, (seq - 1, seq)).fetchone())
    return [chosen[seq] for seq in sorted(chosen)]


def _facts(
    connection: sqlite3.Connection, found: _Incident, entries: Sequence[AuditEntry]
) -> tuple[list[dict[str, Any]], int]:
    """The facts of the entries, and all others of the incident's agents inside its window; how many did not fit in."""
    lists: list[Iterator[tuple[int, str]]] = [
        connection.execute(_FACTS, (agent, kind, found.start, found.end))
        for agent in sorted(found.agents - {""})
        for kind in sorted(KINDS)
    ]
    numbers = sorted({entry.fact for entry in entries if entry.kind in AUDITED})
    lists.append(
        (seq, body)
        for seq in numbers
        for (body,) in connection.execute("SELECT body FROM facts WHERE seq = ?", (seq,))
    )  # fmt: skip
    facts: list[dict[str, Any]] = []
    last = left_out = 0
    for seq, body in heapq.merge(*lists, key=itemgetter(0)):
        if seq == last:
            continue
        last = seq
        if len(facts) >= MOST_FACTS:
            left_out += 1
            continue
        document_ = json.loads(body)
        clean = scrub_tree(document_)
        same = clean == document_
        facts.append({"seq": seq, "scrubbed": not same, "body": body if same else json.dumps(clean)})
    return facts, left_out


def _segment(
    connection: sqlite3.Connection, entries: Sequence[AuditEntry], anchored: Sequence[anchors.Anchor], key: bytes
) -> dict[str, Any]:
    """The digests of every entry from the anchor before the first one shown to the anchor behind the last."""
    first, last = entries[0].seq, entries[-1].seq
    before = [anchor for anchor in anchored if anchor.seq < first]
    behind = [anchor.seq for anchor in anchored if anchor.seq >= last]
    root = chain.root(key)
    start = (before[-1].seq, before[-1].chain) if before else (root.seq, root.chain.hex())
    rows = connection.execute(_BETWEEN, (start[0], min(behind, default=last)))
    digests = [chain.digest(AuditEntry(*row)).hex() for row in rows]
    return {"start": {"seq": start[0], "chain": start[1]}, "digests": digests, "ends_at_anchor": bool(behind)}


def _inside(anchor: anchors.Anchor, segment: dict[str, Any]) -> bool:
    first = segment["start"]["seq"]
    return bool(first <= anchor.seq <= first + len(segment["digests"]))


def _config(connection: sqlite3.Connection, found: _Incident) -> str:
    """Digest of the configuration that was in force at the end of the window; empty when none was recorded."""
    sql = "SELECT body FROM audit_log WHERE kind = 'config_changed' AND at <= ? ORDER BY seq DESC LIMIT 1"
    row = connection.execute(sql, (found.end,)).fetchone()
    return "" if row is None else str(json.loads(row[0])["digest"])


_FOR_PROGRAMS: Final = frozenset({"settings"})
"""Fields that say nothing to people: digests of settings, whose names `changed` tells."""


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _timeline(entries: Sequence[AuditEntry]) -> bytes:
    """The entries for people: time, whom, what, and every field that says something. Ordered by time."""
    lines = []
    for entry in sorted(entries, key=lambda one: (one.at, one.seq)):
        body = json.loads(entry.body)
        told = {
            name: value for name, value in body.items() if value not in (None, "", []) and name not in _FOR_PROGRAMS
        }
        says = " ".join(f"{name}={json.dumps(value)}" for name, value in told.items())
        lines.append(f"{iso(entry.at)}  {entry.agent_id or 'fleet'}  {entry.kind}  {says}  [entry {entry.seq}]\n")
    return "".join(lines).encode()


_README: Final = """\
Evidence of one incident, taken from the audit log of a Fleawatch service.

timeline.txt       what happened, in order, for people
audit.jsonl        the entries of the audit log, as they were written
facts.jsonl        the facts behind them; `scrubbed` says that a secret was cut out of one
segment.json       digests of every entry between two anchors, those of others included
anchors.jsonl      the anchors of that piece of the chain
verification.json  what a verification of the whole log said when this was made
manifest.json      what this is about, and the hash of every file;  seal.json  a MAC over it

Verify it with `fleawatch evidence verify FILE --key KEYFILE`, or without the key: then the hashes are proven, and it is
said what is not.
"""
