"""Keep secrets out of what leaves the process: the one scrubber of logs, spans, labels, errors, pages and evidence.

A pattern finds what was pasted into a message: keys of the platform and of AWS, bearer tokens, JSON web tokens, tokens of
GitHub, Slack and Telegram, addresses with a password, private keys of wallets (hexadecimal, WIF, extended, Solana, PEM) and
recovery phrases; also percent-encoded. A name finds what no pattern can know, in a field, a text or a query. What is cut is
replaced, so that a reader sees that something was there. Some things look like a key and are none, such as the hash of a
transaction: they are cut too. A key in bare hexadecimal looks like a digest, and is kept unless its name tells; so does the
secret of AWS without its name.

`user:password@host` without a scheme is cut where a port or a path follows a host, for then it is an address. Without them the
host needs a dot, or is `localhost`, and the password a sign that is none of letters, dots, hyphens, plus and underscores, for
else it may be a label before a mail's address: `mail:first.last@example.com` stays, and so does `a:b@c`.

Every line of the service's log passes here. So a text is first looked at for what a secret must have, which most have not;
everything takes time linear in the text, whatever a stranger wrote into it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import unquote, unquote_plus

from fleawatch.secretforms import (
    ARMOURED,
    BASE58,
    BYTES,
    CREDENTIALS,
    IN_TEXT,
    MARKED,
    MARKED_LONG,
    NAME_PARTS,
    NAMED,
    PARAMETER,
    PARAMETER_MARKS,
    REDACTED,
    SECRET_NAME,
    SHORTEST_LONG,
    UNMARKED,
    credentials,
)
from fleawatch.units import looks_like_key

Plain = str | float | int | bool | None
"""What a field of a line may hold."""
Addresses = Literal["keep", "hash", "cut"]
"""What becomes of addresses of wallets, which are public and still say who somebody is."""

_LONG: Final = 35
"""Characters without a space that a secret without a mark of its own has at least."""
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_PIECE: Final = re.compile(r"[^\s\"'<>&?]+")
_ROUNDS: Final = 4
_LAYERS: Final = 3
"""How often a text may have been percent-encoded; one that is deeper was made to hide something."""


def scrub(text: str) -> str:
    """`text` without secrets. Doing it again changes nothing."""
    clean = _cleaned(text, _LAYERS) if "%" in text else _plain(text)
    return clean if clean == text else _settled(clean)


def _settled(text: str) -> str:
    """A text of which something was cut: that may have hidden something, or brings together what was apart."""
    for _ in range(_ROUNDS):
        clean = _cleaned(text, _LAYERS)
        if clean == text:
            return clean
        text = clean
    return REDACTED


def scrub_within(text: str, longest: int) -> str:
    """The first `longest` characters of `text` without secrets; one that the cut would tear is not begun.

    No more than `longest` and a margin are looked at, whatever the text's length.
    """
    window = text[: longest + _MARGIN]
    clean = scrub(window)
    end = len(clean) - (_common_end(window, clean) if len(window) < len(text) else 0)
    return clean[: min(longest, end)]


def _common_end(window: str, clean: str) -> int:
    """Characters at the end of both, up to the margin: what the window tears stands there, unless it was found and cut."""
    fewest, most = 0, min(_MARGIN, len(clean))
    while fewest < most:
        middle = (fewest + most + 1) // 2
        fewest, most = (middle, most) if clean.endswith(window[-middle:]) else (fewest, middle - 1)
    return fewest


def _plain(text: str) -> str:
    clean, low = text, text.lower()
    for mark, pattern, become in MARKED:
        if mark in low:
            clean = pattern.sub(become, clean)
    if len(text) >= SHORTEST_LONG:
        clean = _long_marked(clean, low)
    if len(clean) >= _LONG:
        clean = _long_ones(clean)
    if "=" in text or ":" in text:
        clean = _valued(clean, low)
    # The patterns here are at least as wide as the one the door refuses facts by; should that one grow, fail closed.
    return REDACTED if ("_" in text or not text.isascii()) and looks_like_key(clean) else clean


def _long_marked(text: str, low: str) -> str:
    for sign, marks in MARKED_LONG:
        if sign in low:
            for mark, pattern, become in marks:
                if mark in low:
                    text = pattern.sub(become, text)
    return text


def _valued(text: str, low: str) -> str:
    """A text without values behind the names of secrets, parameters of a query, and passwords before a host."""
    if NAME_PARTS.search(low) and NAME_PARTS.search(" ".join(NAMED.findall(low))):
        text = IN_TEXT.sub(rf"\1{REDACTED}", text)
    if ("&" in low or "?" in low) and any(mark in low for mark in PARAMETER_MARKS):
        text = PARAMETER.sub(rf"\1{REDACTED}", text)
    return CREDENTIALS.sub(credentials, text) if "@" in low else text


def _cleaned(text: str, layers: int) -> str:
    """A text without what is found in it, as it stands and as it reads when it is not percent-encoded."""
    if "%" not in text or not _PERCENT.search(text):
        return _plain(text)

    def piece(found: re.Match[str]) -> str:
        whole = found[0]
        if "%" not in whole:
            return whole
        # Forms write a blank as a plus, and everybody else a plus as itself.
        for plain in {unquote(whole), unquote_plus(whole)} - {whole}:
            if not layers or _cleaned(plain, layers - 1) != plain:
                return REDACTED
        return whole

    return _plain(_PIECE.sub(piece, text))


def _long_ones(text: str) -> str:
    """`text` without the secrets that need length: phrases, keys in armour, as bytes, or as long runs of characters."""
    if "-----BEGIN" in text:
        text = ARMOURED.sub(REDACTED, text)
    if len(text) >= _SHORTEST_PHRASE:
        text = _without_phrases(text)
    words = text.split()
    if words and len(max(words, key=len)) >= _LONG:
        for pattern, become in UNMARKED:
            text = pattern.sub(become, text)
    return BYTES.sub(REDACTED, text) if text.count(",") >= _SHORTEST_KEY - 1 else text


def scrub_fields(fields: Mapping[str, Plain]) -> dict[str, Plain]:
    """The fields with scrubbed names and values; a field named like a secret loses its whole value."""
    found: dict[str, Plain] = {}
    for name, value in fields.items():
        found[scrub(name)] = _named(name, value) if isinstance(value, str) or SECRET_NAME.search(name) else value
    return found


def scrub_tree(value: Any) -> Any:
    """A JSON document with every text in it scrubbed; what stands under a name like a secret's is cut whole."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {
            scrub(name): _named(name, one) if isinstance(one, str) or SECRET_NAME.search(name) else scrub_tree(one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        if len(value) == _PAIR and all(isinstance(one, str) for one in value) and _is_name(value[0]):
            return [scrub(value[0]), REDACTED]
        return REDACTED if _spelled_out(value) else [scrub_tree(one) for one in value]
    return value


def is_public(text: str) -> bool:
    """Whether it may be a hash or a signature of a transaction, which looks like a key: only where it stands can tell."""
    return _PUBLIC.fullmatch(text) is not None


def without_addresses(text: str, become: Addresses) -> str:
    """`text` with the addresses of wallets (0x, bc1, base58) kept, cut, or hashed to 12 digits, so that one can be followed."""
    if become == "keep" or len(text) < _SHORTEST_ADDRESS:
        return text
    return _ADDRESS.sub(_hashed if become == "hash" else _address_cut, text)


def _named(name: str, value: Plain) -> Plain:
    if SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, str) and _PUBLIC_NAME.search(name) and is_public(value):
        return value
    return scrub(value) if isinstance(value, str) else value


def _without_phrases(text: str) -> str:
    from fleawatch.mnemonic import phrases  # noqa: PLC0415 - the words are loaded by the first text that is long enough

    kept, last = [], 0
    for start, end in phrases(text):
        kept.append(text[last:start])
        last = end
    return REDACTED.join((*kept, text[last:])) if last else text


def _spelled_out(values: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a list is a phrase word by word, or the bytes of a key."""
    if len(values) < _LEAST_WORDS:
        return False
    if all(isinstance(one, str) for one in values):
        return scrub(" ".join(values)) != " ".join(values) and all(scrub(one) == one for one in values)
    return len(values) in _KEY_BYTES and all(type(one) is int and 0 <= one <= _BYTE for one in values)


def _is_name(text: str) -> bool:
    """Whether it is the name of a secret, and no sentence with one: headers come as pairs, also of bytes."""
    return len(text) <= _LONGEST_NAME and " " not in text and SECRET_NAME.search(text) is not None


def _hashed(found: re.Match[str]) -> str:
    return "addr-" + hashlib.sha256(found[0].encode()).hexdigest()[:12] if _is_address(found[0]) else found[0]


def _address_cut(found: re.Match[str]) -> str:
    return "[address]" if _is_address(found[0]) else found[0]


def _is_address(text: str) -> bool:
    """Base58 of an address has both cases and digits; a long word or a digest has not."""
    if text[:2].lower() == "0x" or text[:3] == "bc1":
        return True
    return not text.islower() and not text.isupper() and not text.isalpha()


_SHORTEST_PHRASE: Final = 47
_MARGIN: Final = 4_096
_SHORTEST_ADDRESS: Final = 26
_SHORTEST_KEY: Final = 32
_LEAST_WORDS: Final = 12
_PAIR: Final = 2
_LONGEST_NAME: Final = 64
_KEY_BYTES: Final = frozenset({32, 64})
_BYTE: Final = 255
_PUBLIC_NAME: Final = re.compile(r"tx_?(?:hash|id)|transaction|block_?hash|digest|sha256", re.IGNORECASE)
_PUBLIC: Final = re.compile(rf"(?:0x)?[0-9a-fA-F]{{64}}|[{BASE58}]{{86,88}}")
"""What may stand under a name that says that it is a hash or a signature: public, though it looks like a key."""
_ADDRESS: Final = re.compile(
    rf"0x[0-9a-fA-F]{{40}}(?![0-9a-fA-F])|(?<![a-zA-Z0-9])bc1[a-z0-9]{{25,62}}|(?<![{BASE58}])[{BASE58}]{{26,44}}(?![{BASE58}])"
)
