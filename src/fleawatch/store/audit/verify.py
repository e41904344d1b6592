"""Judge an audit log: is every entry what was written, in its place, none missing, none added, up to the last anchor?

One pass over the entries, the anchors and the recorded facts side by side, in the order of their numbers; nothing is kept
of what was passed. The first bad entry ends it: behind a broken link nothing can be said of the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from fleawatch.ports import AuditEntry
from fleawatch.store.audit import chain
from fleawatch.store.audit.anchors import Anchor
from fleawatch.store.audit.declared import AUDITED, sha256
from fleawatch.store.audit.log import BROKEN, OPENED

Reason = Literal[
    "altered", "missing", "inserted", "replaced", "reported", "fact_altered", "fact_not_audited",
    "no_anchors", "anchor_forged", "no_log",
]  # fmt: skip

FactsAfter = Callable[[int], Iterator[tuple[int, str]]]
"""Numbers and bodies of the recorded facts of audited kinds after a number, in order."""

_END: Final = (2**63, "")


class Finding(msgspec.Struct, frozen=True):
    """The first thing that is wrong.

    Attributes:
        seq: number of the first bad entry: the one that is not as written, or is not there.
        reason: bounded word for it.
        message: the same for people.
    """

    seq: int
    reason: Reason
    message: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found.

    Attributes:
        sound: nothing is wrong.
        entries: entries that were verified, up to the first bad one.
        last: number of the last of them.
        anchors: anchors that agree; `anchored` is the entry of the last one.
        after_anchor: verified entries that no anchor covers yet: their loss would not show.
        facts_compared: recorded facts that are what their entries say.
        facts_gone: entries whose facts are not among the facts any more.
        key_id: name of the key.
        first_bad: the finding, None when sound.
    """

    sound: bool
    entries: int
    last: int
    anchors: int
    anchored: int
    after_anchor: int
    facts_compared: int
    facts_gone: int
    key_id: str
    first_bad: Finding | None


class _Found(Exception):
    """Ends a pass, and carries what it found."""

    def __init__(self, seq: int, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.finding = Finding(seq, reason, message)


class _Pass:
    """One pass. The attributes are counts so far."""

    def __init__(self, key: bytes, anchors: Sequence[Anchor | None] | None, facts_after: FactsAfter) -> None:
        self.key = key
        self.entries = self.matched = self.anchored = self.compared = self.gone = 0
        self.head = chain.root(key)
        self._line = self._forged = 0
        self._anchors = list(anchors or ())
        self._facts_after = facts_after
        self._facts: Iterator[tuple[int, str]] = iter(())
        self._fact = _END

    def run(self, rows: Iterable[Sequence[Any]]) -> None:
        """Judge every row, then what must come after the last.

        Raises:
            _Found: the first thing wrong.
        """
        self._anchor()
        for row in self._readable(rows):
            self._row(AuditEntry(*row))
        self._end()

    def _readable(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        try:
            yield from rows
        except UnicodeError as error:
            raise _Found(self.head.seq + 1, "altered", f"a text of it cannot be read: {error}") from None

    def _row(self, entry: AuditEntry) -> None:
        expected = self.head.seq + 1
        if type(entry.seq) is not int:
            raise _Found(expected, "altered", "its number is none")
        if entry.seq < expected:
            raise _Found(entry.seq, "inserted", "numbers begin with 1: it was added")
        if entry.seq > expected:
            raise _Found(expected, "missing", f"the next entry that is there is {entry.seq}")
        value = self._value(entry)
        if value is None:
            raise _Found(expected, "altered", "it is not what was written here: edited, moved or added")
        self.head = chain.Head(expected, value)
        self.entries += 1
        self._anchor()
        if entry.kind == BROKEN:
            raise _Found(expected, "reported", f"the service found the log not as it was left: {entry.body}")
        if entry.kind == OPENED:
            self._facts = self._facts_after(int(msgspec.json.decode(entry.body)["after_fact"]))
            self._fact = next(self._facts, _END)
        elif entry.kind in AUDITED:
            self._compare(entry)

    def _value(self, entry: AuditEntry) -> bytes | None:
        """The chain value of the entry, None when it does not carry it."""
        if tuple(map(type, entry)) != chain.TYPES:
            return None
        try:
            value = chain.link(self.key, self.head.chain, chain.digest(entry))
        except UnicodeError:
            return None
        return value if value.hex() == entry.chain else None

    def _compare(self, entry: AuditEntry) -> None:
        number, body = self._fact
        if number < entry.fact:
            raise _Found(entry.seq, "fact_not_audited", f"fact {number} was recorded without an entry before this one")
        if number > entry.fact:
            self.gone += 1
            return
        if sha256(body) != entry.sha256:
            raise _Found(entry.seq, "fact_altered", f"fact {number} is not what was recorded with this entry")
        self.compared += 1
        self._fact = next(self._facts, _END)

    def _anchor(self) -> None:
        """Compare with the anchors of the entry just passed."""
        while self._line < len(self._anchors):
            anchor = self._anchors[self._line]
            if anchor is not None and anchor.seq > self.head.seq:
                return
            self._line += 1
            if anchor is None or anchor.seq < self.head.seq:
                self._forged = self._forged or self._line
                continue
            if anchor.chain != self.head.chain.hex() or anchor.entries != self.entries:
                raise _Found(
                    self.anchored + 1, "replaced",
                    f"entry {anchor.seq} is not the one that was anchored: from here on the log is another one",
                )  # fmt: skip
            self.matched += 1
            self.anchored = anchor.seq

    def _end(self) -> None:
        missing = [anchor.seq for anchor in self._anchors[self._line :] if anchor is not None]
        if missing:
            raise _Found(
                self.head.seq + 1, "missing", f"the log ends before it; entries up to {max(missing)} were anchored"
            )
        if not self.matched and not self._forged:
            raise _Found(
                self.head.seq + 1, "no_anchors", "the anchors are gone: whether the log ends here cannot be told"
            )
        if self._fact[0] != _END[0]:
            raise _Found(self.head.seq + 1, "fact_not_audited", f"fact {self._fact[0]} was recorded without an entry")
        if self._forged:
            raise _Found(
                self.anchored + 1, "anchor_forged",
                f"line {self._forged} of the anchors was not written with this key, or is out of order",
            )  # fmt: skip


def verify(
    rows: Iterable[Sequence[Any]], key: bytes, anchors: Sequence[Anchor | None] | None, facts_after: FactsAfter
) -> Verdict:
    """Judge a whole log.

    Args:
        rows: the entries in the order of their numbers, as they are in the table.
        key: of the log.
        anchors: in order; None in it for a line that is no anchor, None for a file that is not there.
        facts_after: the recorded facts of audited kinds, to be compared with their entries.
    """
    state = _Pass(key, anchors, facts_after)
    finding = None
    try:
        state.run(rows)
    except _Found as found:
        finding = found.finding
    return Verdict(
        sound=finding is None,
        entries=state.entries,
        last=state.head.seq,
        anchors=state.matched,
        anchored=state.anchored,
        after_anchor=state.head.seq - state.anchored,
        facts_compared=state.compared,
        facts_gone=state.gone,
        key_id=chain.key_id(key),
        first_bad=finding,
    )
