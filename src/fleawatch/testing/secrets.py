"""Secrets of every kind that an agent may hold, made up: what must never leave a process, for property tests.

Each has the shape that its issuer gives it. None opens anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Final

from hypothesis import strategies as st

from fleawatch.mnemonic import WORDS

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_URL_SAFE: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_WORDS: Final = sorted(WORDS)


def base58(data: bytes) -> str:
    """Base58 of Bitcoin's alphabet; leading zero bytes are ones."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, place = divmod(number, 58)
        text = _BASE58[place] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _checked(data: bytes) -> str:
    return base58(data + hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4])


def _part(data: object) -> str:
    text = json.dumps(data).encode() if isinstance(data, dict) else bytes(data)  # type: ignore[call-overload]
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _bytes(count: int) -> st.SearchStrategy[bytes]:
    # Keys are drawn by chance: one of few different bytes is none that anybody has.
    return st.integers(0, 1 << 64).map(lambda seed: hashlib.shake_256(seed.to_bytes(9, "big")).digest(count))


def _text(alphabet: str, count: int) -> st.SearchStrategy[str]:
    return _bytes(count).map(lambda data: "".join(alphabet[byte % len(alphabet)] for byte in data))


platform_keys = st.builds(
    lambda kind, use, rest: f"{kind}_{use}_{rest}",
    st.sampled_from(("sk", "pk", "pf")), st.sampled_from(("live", "test", "trade")), _text(_URL_SAFE, 24),
)  # fmt: skip
hexadecimal_keys = st.builds(
    lambda data, upper: f"0x{data.hex().upper() if upper else data.hex()}", _bytes(32), st.booleans()
)
wif_keys = st.one_of(
    _bytes(32).map(lambda data: _checked(b"\x80" + data)),
    _bytes(32).map(lambda data: _checked(b"\x80" + data + b"\x01")),
)
extended_keys = _bytes(74).map(lambda data: _checked(b"\x04\x88\xad\xe4" + data))
solana_keys = _bytes(64).map(base58)
pem_keys = st.builds(
    lambda kind, data: f"-----BEGIN {kind}PRIVATE KEY-----\n{base64.encodebytes(data).decode()}-----END {kind}PRIVATE KEY-----",
    st.sampled_from(("", "EC ", "RSA ", "ENCRYPTED ", "OPENSSH ")), _bytes(120),
)  # fmt: skip
recovery_phrases = st.builds(
    lambda count, data, between: between.join(_WORDS[int.from_bytes(data[2 * n : 2 * n + 2], "big") % 2048] for n in range(count)),
    st.sampled_from((12, 15, 18, 21, 24)), _bytes(48), st.sampled_from((" ", "\n", ", ", "  ", '", "', "-", "\\n", "\\r\\n", "\\u0020", "%0A")),
)  # fmt: skip
bearer_tokens = st.builds(
    lambda word, token: f"{word} {token}", st.sampled_from(("Bearer", "bearer", "BEARER")), _text(_URL_SAFE, 32)
)
basic_tokens = _text(_URL_SAFE[:62], 12).map(
    lambda text: "Basic " + base64.b64encode(f"agent:{text}".encode()).decode()
)
web_tokens = st.builds(
    lambda who, signature: f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({'sub': who.hex()})}.{_part(signature)}",
    _bytes(8),
    _bytes(32),
)
telegram_tokens = st.builds(
    lambda number, text: f"{number}:AA{text}", st.integers(10**7, 10**10 - 1), _text(_URL_SAFE, 33)
)
slack_tokens = st.one_of(
    st.builds(lambda kind, text: f"xox{kind}-123456789012-{text}", st.sampled_from("abeoprs"), _text(_URL_SAFE[:62], 24)),
    _text(_URL_SAFE[:62], 24).map(lambda text: f"https://hooks.slack.com/services/T0/B0/{text}"),
)  # fmt: skip
addresses_with_a_password = st.builds(
    lambda scheme, password: f"{scheme}://agent:{password}@db.internal/x",
    st.sampled_from(("https", "postgresql", "redis")), _text(_URL_SAFE, 16),
)  # fmt: skip
addresses_without_a_scheme = st.builds(
    lambda host, password: f"agent:{password}@{host}",
    st.sampled_from(("db.internal:5432", "localhost:6379", "10.0.0.1:27017/admin", "db.example.com/orders")),
    _text(_URL_SAFE, 16),
)  # fmt: skip
aws_keys = st.builds(
    lambda kind, text: f"{kind}{text}", st.sampled_from(("AKIA", "ASIA")), _text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
)
aws_secrets = st.builds(
    lambda name, data: f"{name}{base64.b64encode(data).decode()}",
    st.sampled_from(
        ("aws_secret_access_key=", "AWS_SECRET_ACCESS_KEY=", "SecretAccessKey: ", "aws_secret_access_key = ")
    ),
    _bytes(30),
)
github_tokens = st.builds(
    lambda kind, text: f"{kind}_{text}",
    st.sampled_from(("ghp", "gho", "ghs", "ghu", "ghr", "github_pat")),
    _text(_URL_SAFE[:62], 36),
)
parameters = st.builds(
    lambda before, name, text, after: f"{before}{name}={text}{after}",
    st.sampled_from(("https://api.example.com/v1?", "/v1/orders?limit=5&", "?a=1&amp;")),
    st.sampled_from(("key", "signature", "sig", "pwd", "passwd", "X-Amz-Signature")), _text(_URL_SAFE, 24),
    st.sampled_from(("", "&limit=5")),
)  # fmt: skip

SECRETS: Final[dict[str, st.SearchStrategy[str]]] = {
    "platform key": platform_keys,
    "hexadecimal key": hexadecimal_keys,
    "WIF key": wif_keys,
    "extended key": extended_keys,
    "Solana key": solana_keys,
    "PEM key": pem_keys,
    "recovery phrase": recovery_phrases,
    "bearer token": bearer_tokens,
    "basic token": basic_tokens,
    "web token": web_tokens,
    "Telegram token": telegram_tokens,
    "Slack token": slack_tokens,
    "address with a password": addresses_with_a_password,
    "address without a scheme": addresses_without_a_scheme,
    "AWS key": aws_keys,
    "AWS secret": aws_secrets,
    "GitHub token": github_tokens,
    "parameter": parameters,
}
"""By kind."""
secrets = st.one_of(*SECRETS.values())
"""Any of them."""


def core(secret: str) -> str:
    """The part of a secret that opens something: what must not be found in anything that left the process."""
    if "@" in secret:
        return secret.partition("@")[0].rpartition(":")[2]
    if "hooks.slack.com" in secret:
        return secret.rpartition("/")[2]
    if "PRIVATE KEY" in secret:
        return secret.splitlines()[1]
    if secret.split(" ", maxsplit=1)[0].lower() in ("bearer", "basic"):
        return secret.split(" ")[1]
    named = re.search(
        r"(?:access_?key *[=:] *|[?&;](?:key|signature|sig|pwd|passwd|X-Amz-Signature)=)([^&]+)", secret, re.IGNORECASE
    )
    return named[1] if named else secret
