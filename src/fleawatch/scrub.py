"""Keep secrets out of what leaves the process: the one scrubber of logs, spans, labels, errors, pages and evidence.

A pattern finds what was pasted into a message: keys of the platform, bearer tokens, JSON web tokens, tokens of Telegram and
Slack, addresses with a password, private keys of wallets (hexadecimal, WIF, extended, Solana, PEM) and recovery phrases. A
name finds what no pattern can know. What is cut is replaced, so that a reader sees that something was there. Some things
look like a key and are none, such as the hash of a transaction: they are cut too. A key in bare hexadecimal looks like a
digest, and is kept unless its name tells.

Every line of the service's log passes here. So a text is first looked at for what a secret must have, which most have not;
every pattern takes time linear in the text, whatever a stranger wrote into it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from fleawatch.units import looks_like_key

REDACTED: Final = "[redacted]"

Plain = str | float | int | bool | None
"""What a field of a line may hold."""
Addresses = Literal["keep", "hash", "cut"]
"""What becomes of addresses of wallets, which are public and still say who somebody is."""

_NAMES: Final = (
    r"authorization|cookie|passwords?|passwd|passphrase|secret|(?:private|api|signing|view|spend|app|application)[_-]?key|mnemonic|credential"
    r"|(?:seed|recovery)_?phrase|(?:access|auth|bearer|refresh|bot|id)_?token"
)
_SECRET_NAME: Final = re.compile(_NAMES, re.IGNORECASE)

_BASE58: Final = "1-9A-HJ-NP-Za-km-z"
_LONG: Final = 35
"""Characters without a space that a secret without a mark of its own has at least."""


def _cut(found: re.Match[str]) -> str:
    del found
    return REDACTED


def _platform_key(found: re.Match[str]) -> str:
    return REDACTED if _PLATFORM.search(found[0]) else found[0]


def _web_token(found: re.Match[str]) -> str:
    text = found[0]
    start = text.find("eyJ")
    return text if start < 0 or text.find(".", start + _SHORTEST_PART) < 0 else text[:start] + REDACTED


def _authorized(found: re.Match[str]) -> str:
    """A scheme of HTTP and what stands after it; "basic checks" and "the bearer of bad news" are prose."""
    scheme, between, value = found[1], found[2], found[3]
    word = value.isalpha() and (value.islower() or value.isupper() or value.istitle())
    if scheme.lower() == "basic" and (word or len(value) < _SHORTEST_PART):
        return found[0]
    if word and between.isspace() and len(value) < _SHORTEST_TOKEN:
        return found[0]
    return f"{scheme} {REDACTED}"


def _after_name(found: re.Match[str]) -> str:
    return f"{found[1]}{REDACTED}"


def _base58(found: re.Match[str]) -> str:
    """A run that is long enough for a key. Digests are of one case, keys practically never."""
    return found[0] if found[0].islower() or found[0].isupper() or found[0].isdigit() else REDACTED


_SHORTEST_PART: Final = 6
_SHORTEST_TOKEN: Final = 8
_PLATFORM: Final = re.compile(r"(?:sk|pk|pf)_(?:live|test|trade|domains)_", re.IGNORECASE)
_VALUE: Final = r"[^\s\"',;&}]"
_MARKED: Final[tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    ("bearer", re.compile(r"(bearer)([\s:=]+|%20)([^\s,;\"']+)", re.IGNORECASE | re.ASCII), _authorized),
    ("basic", re.compile(r"(basic)([\s:=]+|%20)([^\s,;\"']+)", re.IGNORECASE | re.ASCII), _authorized),
    ("://", re.compile(r"(?<=://)[^\s/?#\"'<>]+(?=@)"), _cut),
    ("hooks.slack.com/", re.compile(r"(?<=hooks\.slack\.com/)[^\s\"'<>]+", re.IGNORECASE), _cut),
    ("_live_", re.compile(r"[\w-]+"), _platform_key),
    ("_test_", re.compile(r"[\w-]+"), _platform_key),
    ("_trade_", re.compile(r"[\w-]+"), _platform_key),
    ("_domains_", re.compile(r"[\w-]+"), _platform_key),
    ("eyj", re.compile(r"[\w.=-]+"), _web_token),
    (
        "cookie",
        re.compile(r"((?:set-)?cookie[\"']?\s?[:=]\s?[\"']?)(?!\[redacted\])[^\"'\r\n]+", re.IGNORECASE),
        _after_name,
    ),
    ("sk-", re.compile(r"(?<![A-Za-z0-9])sk-[\w-]{16,}", re.ASCII), _cut),
    ("glsa_", re.compile(r"glsa_\w{16,}", re.ASCII), _cut),
    ("xox", re.compile(r"xox[a-z]-[\w-]{8,}", re.IGNORECASE), _cut),
    ("xapp-", re.compile(r"xapp-[\w-]{8,}", re.IGNORECASE), _cut),
)
"""What secrets with a mark have at least, in lower case; where to look then; and what becomes of it."""
_UNMARKED: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"(?<!\d)\d{6,}:[\w-]{30,}", re.ASCII), _cut),
    (re.compile(r"0x[0-9a-f]{64,}", re.IGNORECASE | re.ASCII), _cut),
    (
        re.compile(
            r"((?:key|seed|secret)\b(?:\W{1,3}\w{1,9}){0,3}?\W{1,4})[0-9a-f]{64}(?![0-9a-f])",
            re.IGNORECASE | re.ASCII,
        ),
        _after_name,
    ),
    (re.compile(rf"[{_BASE58}]{{51,}}"), _base58),
)
"""Long runs of characters: tokens of Telegram, private keys in hexadecimal (bare where a word before says key) and base58."""
_ARMOURED: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
_BYTES: Final = re.compile(r"\[(?: ?\d{1,3} ?,){31,}(?: ?\d{1,3} ?)\]", re.ASCII)
_NAME_PARTS: Final = re.compile("auth|pass|secr|key|cook|mnem|cred|phra|token")
_IN_TEXT: Final = re.compile(
    rf"((?:{_NAMES}|(?<![a-z])token(?==))[\w-]{{0,24}}[\"']?\s?[:=]\s?[\"']?)(?!\[redacted\])"
    rf"((?<==){_VALUE}{{4,}}|(?={_VALUE}{{0,15}}\d){_VALUE}{{6,}}|{_VALUE}{{16,}}|(?<=[\"'])[^\"']{{4,}})",
    re.IGNORECASE | re.ASCII,
)
"""A name like a secret's and its value within a text, as in `api_key=...` or `"password": "..."`."""


def scrub(text: str) -> str:
    """`text` without secrets. Doing it again changes nothing."""
    clean, low = text, text.lower()
    for mark, pattern, become in _MARKED:
        if mark in low:
            clean = pattern.sub(become, clean)
    if len(clean) >= _LONG:
        clean = _long_ones(clean)
    if ("=" in text or ":" in text) and _NAME_PARTS.search(low):
        clean = _IN_TEXT.sub(rf"\1{REDACTED}", clean)
    # The patterns here are at least as wide as the one the door refuses facts by; should that one grow, fail closed.
    return REDACTED if ("_" in text or not text.isascii()) and looks_like_key(clean) else clean


def _long_ones(text: str) -> str:
    """`text` without the secrets that need length: phrases, keys in armour, as bytes, or as long runs of characters."""
    if "-----BEGIN" in text:
        text = _ARMOURED.sub(REDACTED, text)
    if len(text) >= _SHORTEST_PHRASE:
        text = _without_phrases(text)
    words = text.split()
    if words and len(max(words, key=len)) >= _LONG:
        for pattern, become in _UNMARKED:
            text = pattern.sub(become, text)
    return _BYTES.sub(REDACTED, text) if text.count(",") >= _SHORTEST_KEY - 1 else text


def scrub_fields(fields: Mapping[str, Plain]) -> dict[str, Plain]:
    """The fields with scrubbed names and values; a field named like a secret loses its whole value."""
    found: dict[str, Plain] = {}
    for name, value in fields.items():
        found[scrub(name)] = _named(name, value) if isinstance(value, str) or _SECRET_NAME.search(name) else value
    return found


def scrub_tree(value: Any) -> Any:
    """A JSON document with every text in it scrubbed; what stands under a name like a secret's is cut whole."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {
            scrub(name): _named(name, one) if isinstance(one, str) or _SECRET_NAME.search(name) else scrub_tree(one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
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
    if _SECRET_NAME.search(name):
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
_SHORTEST_ADDRESS: Final = 26
_SHORTEST_KEY: Final = 32
_LEAST_WORDS: Final = 12
_KEY_BYTES: Final = frozenset({32, 64})
_BYTE: Final = 255
_PUBLIC_NAME: Final = re.compile(r"tx_?(?:hash|id)|transaction|block_?hash|digest|sha256", re.IGNORECASE)
_PUBLIC: Final = re.compile(rf"(?:0x)?[0-9a-fA-F]{{64}}|[{_BASE58}]{{86,88}}")
"""What may stand under a name that says that it is a hash or a signature: public, though it looks like a key."""
_ADDRESS: Final = re.compile(
    rf"0x[0-9a-fA-F]{{40}}(?![0-9a-fA-F])|(?<![a-zA-Z0-9])bc1[a-z0-9]{{25,62}}|(?<![{_BASE58}])[{_BASE58}]{{26,44}}(?![{_BASE58}])"
)
