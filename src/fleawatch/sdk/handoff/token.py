"""The token: a small document, signed, that says which span asked for a task, who asked, and until when that holds.

    pf1.<document, base64url>.<HMAC-SHA256, base64url>

It is signed and not encrypted: whoever reads the escrow reads it. Nothing in it is parsed before its signature is
known to be right, and what is parsed must have exactly this form.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec

from fleawatch.units import looks_like_key

LONGEST: Final = 1_024
"""Characters of a token."""
LONGEST_TEXT: Final = 65_536
"""Characters of a text in which a token is looked for."""
LONGEST_LIFE_S: Final = 31 * 86_400
"""The platform's longest escrow is 30 days."""
AHEAD_S: Final = 300
"""Seconds by which the issuer's clock may be ahead of ours."""
MOST_BAGGAGE: Final = 8
_SALT: Final = b"fleawatch handoff 1\0"
_FORM: Final = re.compile(r"pf1\.([A-Za-z0-9_-]{1,979})\.([A-Za-z0-9_-]{43})(?![A-Za-z0-9_.-])")
_START: Final = re.compile(r"(?<![A-Za-z0-9_.-])pf1\.")

Reason = Literal[
    "", "missing", "oversized", "malformed", "forged", "expired", "early", "elsewhere", "replayed", "full", "unwritable", "no_key",
]  # fmt: skip
"""Why a token is not believed: empty when it is. `elsewhere`: it is for another agent. `full`: too many are remembered;
`unwritable`: it cannot be remembered."""

Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}\Z")]
_Agent = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}\Z")]
_Someone = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,62})?\Z")]
_Text = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[\x20-\x7e]*\Z")]
_Second = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class Claims(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a token says.

    Attributes:
        requester: agent that asks, by its fleet's name.
        worker: agent that it is for; empty for anyone.
        task_type: kind of the task.
        trace_id, span_id: of the span that asks, 32 and 16 hex digits.
        issued_at, expires_at: unix seconds.
        nonce: 32 hex digits, never twice.
        baggage: bounded words.
    """

    requester: _Agent
    worker: _Someone
    task_type: Word
    trace_id: Annotated[str, msgspec.Meta(pattern=r"^(?!0{32})[0-9a-f]{32}\Z")]
    span_id: Annotated[str, msgspec.Meta(pattern=r"^(?!0{16})[0-9a-f]{16}\Z")]
    issued_at: _Second
    expires_at: _Second
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    baggage: Annotated[dict[Word, _Text], msgspec.Meta(max_length=MOST_BAGGAGE)]


_DECODER: Final = msgspec.json.Decoder(Claims)


class Refused(Exception):
    """A token is not believed. Never leaves this package."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def sealed(claims: Claims, key: bytes) -> str:
    """The token that says this.

    Raises:
        Refused: it would be too long, or of another form than `opened` takes.
    """
    document = msgspec.json.encode(claims)
    _claims(document)
    body = urlsafe_b64encode(document).rstrip(b"=")
    token = f"pf1.{body.decode()}.{_signature(body, key)}"
    if len(token) > LONGEST:
        raise Refused("oversized")
    return token


def found(text: object) -> str:
    """The token in a text, such as the description of an escrow: the last one, for what comes before may be a quotation.

    Raises:
        Refused: there is none.
    """
    if isinstance(text, bytes | bytearray):
        text = bytes(text[: LONGEST_TEXT + 1]).decode("ascii", "replace")
    if not isinstance(text, str) or not text:
        raise Refused("missing")
    if len(text) > LONGEST_TEXT:
        raise Refused("oversized")
    starts = [match.start() for match in _START.finditer(text)]
    if not starts:
        raise Refused("missing")
    match = _FORM.match(text, starts[-1])
    if match is None:
        longest = re.match(r"[A-Za-z0-9_.-]*", text[starts[-1] :])
        raise Refused("oversized" if longest is not None and len(longest[0]) > LONGEST else "malformed")
    return match[0]


def opened(token: str, keys: Sequence[bytes], now: float) -> Claims:
    """What a token says that was signed with one of the keys and holds at `now`, unix seconds.

    Raises:
        Refused: with the reason.
    """
    body, _, signature = token.removeprefix("pf1.").partition(".")
    # Every key is tried, so that the time says nothing about which one it was.
    if not sum([hmac.compare_digest(_signature(body.encode(), key), signature) for key in keys]):
        raise Refused("forged")
    try:
        claims = _claims(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        raise Refused("malformed") from None
    if claims.issued_at > now + AHEAD_S:
        raise Refused("early")
    if claims.expires_at <= now:
        raise Refused("expired")
    return claims


def _claims(document: bytes) -> Claims:
    try:
        claims = _DECODER.decode(document)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Refused("malformed") from None
    texts = (claims.requester, claims.worker, claims.task_type, *claims.baggage, *claims.baggage.values())
    if not 0 < claims.expires_at - claims.issued_at <= LONGEST_LIFE_S or any(looks_like_key(text) for text in texts):
        raise Refused("malformed")
    return claims


def _signature(body: bytes, key: bytes) -> str:
    return urlsafe_b64encode(hmac.new(key, _SALT + body, hashlib.sha256).digest()).rstrip(b"=").decode()
