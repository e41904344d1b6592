"""A bundle of evidence: a ZIP of fixed order and fixed times, that can be verified without the database it came from.

    manifest.json   what it is about, and size and SHA-256 of every other file; their Merkle root (hashed as in RFC 6962)
    seal.json       a MAC over the manifest
    segment.json    digests of all entries between two anchors, shown or not, so that none can be left out unseen
    audit.jsonl     the entries that are shown;  facts.jsonl  the facts;  anchors.jsonl  the anchors, as they were written

Without the key a verification proves that the bundle is what was made; with it, that it is what the log held.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from fleawatch.errors import StoreError
from fleawatch.ports import AuditEntry
from fleawatch.store.audit import anchors, chain
from fleawatch.store.audit.declared import AUDITED, sha256

FORMAT: Final = "fleawatch evidence 1"
MOST_BYTES: Final = 1 << 30
"""A bundle that unpacks to more is refused."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNHASHED: Final = frozenset({"manifest.json", "seal.json"})


class Fault(msgspec.Struct, frozen=True):
    """The first thing that is wrong with a bundle: where (a file, `audit.jsonl entry 17`) and what."""

    where: str
    message: str


class BundleVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification of a bundle found. `unchecked` says what could not be proven without the key."""

    sound: bool
    incident: str
    key_id: str
    merkle_root: str
    entries: int
    facts: int
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]
    first_bad: Fault | None


class _Wrong(Exception):
    """Ends a verification, and carries what it found."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(where, message)


def merkle_root(leaves: Sequence[bytes]) -> str:
    """Root of the Merkle tree over the leaves, hashed as in RFC 6962, section 2.1, in hexadecimal."""
    return _tree(leaves).hex()


def _tree(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) <= 1:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + _tree(leaves[:split]) + _tree(leaves[split:])).digest()


def document(value: object) -> bytes:
    """One JSON document as it stands in a bundle: sorted, indented, ended."""
    return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode() + b"\n"


def pack(about: Mapping[str, object], files: Mapping[str, bytes], key: bytes) -> bytes:
    """The bundle: the same bytes for the same content and key.

    Args:
        about: what the manifest says beside the list of files.
        files: content by name.
        key: of the log, for the seal.
    """
    names = sorted(files)
    manifest = document(
        {
            **about,
            "format": FORMAT,
            "key_id": chain.key_id(key),
            "files": [_listed(name, files[name]) for name in names],
            "merkle_root": merkle_root([files[name] for name in names]),
        }
    )
    seal = document({"key_id": chain.key_id(key), "mac": _seal(key, manifest)})
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [("manifest.json", manifest), ("seal.json", seal), *((n, files[n]) for n in names)]:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o600 << 16
            archive.writestr(info, content)
    return target.getvalue()


def _listed(name: str, content: bytes) -> dict[str, object]:
    return {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _seal(key: bytes, manifest: bytes) -> str:
    return chain.mac(key, b"fleawatch evidence seal 1" + manifest).hex()


def verify_bundle(path: Path, key: bytes | None) -> BundleVerdict:
    """Judge a bundle, with the log's key or without.

    Raises:
        StoreError: the file cannot be read, or is no bundle at all.
    """
    files = _unpacked(path)
    manifest: dict[str, Any] = {}
    entries: list[AuditEntry] = []
    facts: list[dict[str, Any]] = []
    fault = None
    try:
        manifest = _manifest(files)
        entries, facts = _entries(files), [json.loads(line) for line in files["facts.jsonl"].splitlines()]
        segment = json.loads(files["segment.json"])
        _shown(entries, segment)
        _bound(facts, entries)
        if key is not None:
            _keyed(files, entries, segment, key)
    except _Wrong as wrong:
        fault = wrong.fault
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        fault = Fault("manifest.json", f"the bundle does not have the form it should: {type(error).__name__} {error}")
    plain = ("size and hash of every file", "Merkle root", "entries against digests", "facts against entries")
    keyed = ("seal of the manifest", "chain from anchor to anchor", "anchors")
    open_end = () if manifest.get("ends_at_anchor", True) else ("the last entries: no anchor covered them yet",)
    return BundleVerdict(
        sound=fault is None,
        incident=str(manifest.get("incident", "")),
        key_id=str(manifest.get("key_id", "")),
        merkle_root=str(manifest.get("merkle_root", "")),
        entries=len(entries),
        facts=len(facts),
        checked=() if fault else plain + (keyed if key is not None else ()),
        unchecked=(*(keyed if key is None else ()), *open_end),
        first_bad=fault,
    )


def _unpacked(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            doubled = len({info.filename for info in infos}) != len(infos)
            too_much = sum(info.file_size for info in infos) > MOST_BYTES
            files = {} if doubled or too_much else {info.filename: archive.read(info) for info in infos}
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreError(
            f"{path}: cannot be read as a bundle of evidence: {error}. Remedy: ask for the bundle again."
        ) from error
    if doubled or too_much:
        raise StoreError(
            f"{path}: holds {'a name twice' if doubled else 'too much'}. Remedy: ask for the bundle again."
        )
    return files


def _manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    if "manifest.json" not in files:
        raise _Wrong("manifest.json", "is not there")
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    if manifest["format"] != FORMAT:
        raise _Wrong("manifest.json", f"its format was {manifest['format']!r}, not {FORMAT!r}")
    listed = {one["name"]: one for one in manifest["files"]}
    for name in sorted({*files, *listed} - _UNHASHED):
        if name not in files:
            raise _Wrong(name, "is missing")
        if name not in listed:
            raise _Wrong(name, "was added: the manifest does not list it")
        if _listed(name, files[name]) != listed[name]:
            raise _Wrong(name, "is not what the manifest lists")
    if merkle_root([files[name] for name in sorted(listed)]) != manifest["merkle_root"]:
        raise _Wrong("manifest.json", "its Merkle root is not that of the files")
    return manifest


def _entries(files: Mapping[str, bytes]) -> list[AuditEntry]:
    return [AuditEntry(**json.loads(line)) for line in files["audit.jsonl"].splitlines()]


def _shown(entries: Sequence[AuditEntry], segment: Mapping[str, Any]) -> None:
    """Every entry is the one whose digest stands at its place, and they are in order."""
    first, last = segment["start"]["seq"], 0
    for entry in entries:
        where = f"audit.jsonl entry {entry.seq}"
        place = entry.seq - first - 1
        if entry.seq <= last or not 0 <= place < len(segment["digests"]):
            raise _Wrong(where, "is out of order, or outside the segment")
        if tuple(map(type, entry)) != chain.TYPES or chain.digest(entry).hex() != segment["digests"][place]:
            raise _Wrong(where, "is not the entry whose digest is in the segment")
        last = entry.seq


def _bound(facts: Sequence[Mapping[str, Any]], entries: Sequence[AuditEntry]) -> None:
    """Every fact that an entry is of is the one that was recorded, unless a secret was cut out of it."""
    digests = {entry.fact: entry.sha256 for entry in entries if entry.kind in AUDITED}
    for fact in facts:
        wanted = digests.get(fact["seq"])
        if wanted is not None and not fact["scrubbed"] and sha256(fact["body"]) != wanted:
            raise _Wrong(f"facts.jsonl fact {fact['seq']}", "is not the fact that was recorded with its entry")


def _keyed(files: Mapping[str, bytes], entries: Sequence[AuditEntry], segment: Mapping[str, Any], key: bytes) -> None:
    """The seal, the anchors and the chain between them were made with this key."""
    seal = json.loads(files["seal.json"])
    if seal["key_id"] != chain.key_id(key):
        raise _Wrong("seal.json", f"was made with the key {seal['key_id']}; this is the key {chain.key_id(key)}")
    if not hmac.compare_digest(seal["mac"], _seal(key, files["manifest.json"])):
        raise _Wrong("seal.json", "is not the seal of this manifest")
    anchored: dict[int, str] = {}
    for number, line in enumerate(files["anchors.jsonl"].splitlines(), 1):
        anchor = anchors.decode(line, key)
        if anchor is None:
            raise _Wrong(f"anchors.jsonl line {number}", "was not written with this key")
        anchored[anchor.seq] = anchor.chain
    start = segment["start"]
    root = chain.root(key)
    if start["chain"] != (anchored.get(start["seq"]) or (root.chain.hex() if start["seq"] == 0 else "")):
        raise _Wrong("segment.json", "does not begin at an anchor")
    if segment["ends_at_anchor"] and start["seq"] + len(segment["digests"]) not in anchored:
        raise _Wrong("segment.json", "does not end at an anchor")
    value, shown = bytes.fromhex(start["chain"]), {entry.seq: entry.chain for entry in entries}
    for seq, digest in enumerate(segment["digests"], start["seq"] + 1):
        value = chain.link(key, value, bytes.fromhex(digest))
        if shown.get(seq, value.hex()) != value.hex():
            raise _Wrong(f"audit.jsonl entry {seq}", "does not fit into the chain")
        if anchored.get(seq, value.hex()) != value.hex():
            raise _Wrong(f"segment.json entry {seq}", "the chain does not lead to what was anchored")
