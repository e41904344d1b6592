"""What secrets look like in a text: a pattern for each kind, what tells that it may be there, and what becomes of it.

What repeats in a pattern is bounded, or ends where the next match would begin, so that each takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from fleawatch.units import PLATFORM_KEY

REDACTED: Final = "[redacted]"

_NAMES: Final = (
    r"authorization|cookie|passwords?|passwd|(?<![a-z])pwd(?![a-z])|passphrase|secret|(?:private|api|signing|view|spend|app|application)[_-]?key|mnemonic|credential"
    r"|(?:seed|recovery)_?phrase|(?:access|auth|bearer|refresh|bot|(?<!pa)(?<!b)(?<!liqu)id)_?token"
)
SECRET_NAME: Final = re.compile(_NAMES, re.IGNORECASE)

BASE58: Final = "1-9A-HJ-NP-Za-km-z"


def _cut(found: re.Match[str]) -> str:
    del found
    return REDACTED


def _platform_key(found: re.Match[str]) -> str:
    return REDACTED if PLATFORM_KEY.search(found[0]) else found[0]


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


def credentials(found: re.Match[str]) -> str:
    """What becomes of a name, a password and a host, which may also be a label and a mail's address."""
    name, password, host, port, path = found.groups()
    labelled = name.lower() in _LABELS and _LOCAL_PART.fullmatch(password)
    if password == REDACTED or labelled or not (port or path or not _LETTERS.fullmatch(password)):
        return found[0]
    return f"{name}:{REDACTED}{host}"


_SHORTEST_PART: Final = 6
_SHORTEST_TOKEN: Final = 8
_VALUE: Final = r"[^\s\"',;&}]"
_QUOTE: Final = r"(?:\\{0,3}[\"'])?+"
"""Also as JSON within JSON has it."""
_Become = Callable[[re.Match[str]], str]
_KEY_OF_PLATFORM: Final = (re.compile(r"[\w-]+"), _platform_key)
_GITHUB: Final = (re.compile(r"(?:gh[pousr]|github_pat)_\w{20,}", re.ASCII), _cut)
_AWS: Final = (re.compile(r"A[KS]IA[A-Z0-9]{16,}", re.ASCII), _cut)
MARKED: Final[tuple[tuple[str, re.Pattern[str], _Become], ...]] = (
    (
        "bearer",
        re.compile(r"(bearer)([\s:=+]+|%20)(?!(?:bearer|basic)[\s:=+])([^\s,;\"']+)", re.IGNORECASE | re.ASCII),
        _authorized,
    ),
    (
        "basic",
        re.compile(r"(basic)([\s:=+]+|%20)(?!(?:bearer|basic)[\s:=+])([^\s,;\"']+)", re.IGNORECASE | re.ASCII),
        _authorized,
    ),
    ("://", re.compile(r"(?<=://)[^\s/?#\"'<>]+(?=@)"), _cut),
    ("_live_", *_KEY_OF_PLATFORM),
    ("_test_", *_KEY_OF_PLATFORM),
    ("_trade_", *_KEY_OF_PLATFORM),
    ("_domains_", *_KEY_OF_PLATFORM),
    ("eyj", re.compile(r"[\w.=-]+"), _web_token),
    (
        "cookie",
        re.compile(rf"((?:set-)?cookie{_QUOTE}\s?[:=]\s?+{_QUOTE})(?!\[redacted\])[^\"'\r\n]+", re.IGNORECASE),
        _after_name,
    ),
    ("xox", re.compile(r"xox[a-z]-[\w-]{8,}", re.IGNORECASE), _cut),
    ("xapp-", re.compile(r"xapp-[\w-]{8,}", re.IGNORECASE), _cut),
)
"""What secrets with a mark have at least, in lower case; where to look then; and what becomes of it."""
MARKED_LONG: Final[tuple[tuple[str, tuple[tuple[str, re.Pattern[str], _Become], ...]], ...]] = (
    (
        "",
        (
            ("hooks.slack.com/", re.compile(r"(?<=hooks\.slack\.com/)[^\s\"'<>]+", re.IGNORECASE), _cut),
            ("sk-", re.compile(r"(?<![A-Za-z0-9])sk-[\w-]{16,}", re.ASCII), _cut),
            ("akia", *_AWS),
            ("asia", *_AWS),
        ),
    ),
    (
        "_",
        (
            ("glsa_", re.compile(r"glsa_\w{16,}", re.ASCII), _cut),
            ("ghp_", *_GITHUB),
            ("gho_", *_GITHUB),
            ("ghs_", *_GITHUB),
            ("ghu_", *_GITHUB),
            ("ghr_", *_GITHUB),
            ("github_pat_", *_GITHUB),
        ),
    ),
)
"""The same of those with at least `SHORTEST_LONG` characters, by a sign that they have."""
SHORTEST_LONG: Final = 17
UNMARKED: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"(?<!\d)\d{6,}:[\w-]{30,}", re.ASCII), _cut),
    (re.compile(r"0x[0-9a-f]{64,}", re.IGNORECASE | re.ASCII), _cut),
    (
        re.compile(
            r"((?:key|seed|secret)\b(?:\W{1,3}\w{1,9}){0,3}?\W{1,4})[0-9a-f]{64}(?![0-9a-f])",
            re.IGNORECASE | re.ASCII,
        ),
        _after_name,
    ),
    (re.compile(rf"[{BASE58}]{{51,}}"), _base58),
)
"""Long runs of characters: tokens of Telegram, private keys in hexadecimal (bare where a word before says key) and base58."""
ARMOURED: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
BYTES: Final = re.compile(r"\[(?: ?\d{1,3} ?,){31,}(?: ?\d{1,3} ?)\]", re.ASCII)
NAME_PARTS: Final = re.compile("auth|pass|secr|key|cook|mnem|cred|phra|token|pwd")
NAMED: Final = re.compile(r"(?<![\w-])([\w-]++)\\{0,3}[\"']?\s?[:=]", re.ASCII)
"""Any name before a value: most texts have a colon somewhere, and few a secret's name before one."""
IN_TEXT: Final = re.compile(
    rf"((?:{_NAMES}|(?<![a-z])token(?==(?!(?-i:[A-Z]{{2,8}})(?![\w.~+/-]))))[\w-]{{0,24}}{_QUOTE}\s?[:=]\s?+{_QUOTE})(?!\[redacted\])"
    rf"((?<==){_VALUE}{{4,}}|(?={_VALUE}{{0,15}}\d){_VALUE}{{6,}}|{_VALUE}{{16,}}|(?<=[\"'])[^\"']{{4,}})",
    re.IGNORECASE | re.ASCII,
)
"""A name like a secret's and its value within a text, as in `api_key=...` or `"password": "..."`; `token=USDC` is a coin."""
PARAMETER: Final = re.compile(
    r"((?:(?<=[?&])|(?<=&amp;)|(?<=u0026)|(?<![\w.-])(?=[a-z-]{3,16}=[^\s&\"'<>#]{1,256}&))"
    r"(?:key|sig|signature|pass|hmac|x-(?:amz|goog)-signature)=)"
    r"(?!\[redacted\](?:[\s&\"'<>#]|\Z))[^\s&\"'<>#]+",
    re.IGNORECASE | re.ASCII,
)
"""Short names that are a secret's in a query or a form only: after `?` or `&`, or at the beginning with `&` behind."""
PARAMETER_MARKS: Final = ("key=", "sig", "pass=", "hmac=")
"""What a text with one of them has."""
CREDENTIALS: Final = re.compile(
    r"(?<![\w.+-])([\w.+-]*+):([^\s/\"'<>]{3,128})(@(?:"
    r"(?:[\w.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5}(?![0-9a-f]{16}))"
    r"|(?:localhost|(?:[\w-]{1,63}\.){1,16}[a-z]{2,}|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]{2,45}\])(/(?=\w))?))",
    re.IGNORECASE | re.ASCII,
)
"""A name, a password and a host: any with a port, or one that is an address by itself, with a path or without."""
_LOCAL_PART: Final = re.compile(r"[\w.+-]+", re.ASCII)
_LETTERS: Final = re.compile(r"[A-Za-z_.+-]+")
_LABELS: Final = frozenset(
    {"mailto", "mail", "email", "e-mail", "from", "to", "cc", "bcc", "acct", "xmpp", "sip", "sips"}
)
"""What stands before an address of mail, and is nobody's name."""
