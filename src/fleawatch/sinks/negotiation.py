"""Which format a scraper gets, and whether its body is compressed: the HTTP part of an exposition, without HTTP."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from fleawatch.sinks.wire import OPENMETRICS, TEXT

COMPRESSED_FROM: Final = 1_024
"""Bytes below which a body fits a packet or two and is sent as it is."""

_LEVEL: Final = 1
"""Level 9 takes fifteen times as long for a few percent: large expositions would miss the scrape's deadline."""
_GZIP: Final = zlib.MAX_WBITS | 16
_VERSIONS: Final = frozenset({"", "1.0.0", "0.0.1"})


def negotiate(accept: str) -> tuple[str, bool]:
    """Content type of the answer, and whether it is OpenMetrics.

    Args:
        accept: the request's Accept header, empty when it had none.

    Returns:
        OpenMetrics when the scraper asks for a version of it that we write and does not prefer the text format;
        otherwise the text format, which everybody reads and which is also sent to those who accept nothing we have.
    """
    openmetrics = text = 0.0
    for media_type, parameters in _preferences(accept):
        quality = _quality(parameters)
        if media_type == "application/openmetrics-text" and parameters.get("version", "") in _VERSIONS:
            openmetrics = max(openmetrics, quality)
        elif media_type in {"text/plain", "text/*"}:
            text = max(text, quality)
    chosen = openmetrics > 0.0 and openmetrics >= text
    return (OPENMETRICS, True) if chosen else (TEXT, False)


def compress(body: bytes, accept_encoding: str) -> tuple[bytes, str | None]:
    """The body as it is to be sent, and the value of Content-Encoding: `gzip`, or None for none.

    Args:
        body: the whole body.
        accept_encoding: the request's Accept-Encoding header, empty when it had none.
    """
    if len(body) <= COMPRESSED_FROM or not _accepts_gzip(accept_encoding):
        return body, None
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush(), "gzip"


def _accepts_gzip(header: str) -> bool:
    found = {coding: _quality(parameters) for coding, parameters in _preferences(header)}
    return found.get("gzip", found.get("x-gzip", found.get("*", 0.0))) > 0.0


def _preferences(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each alternative of a header in lower case, with its parameters."""
    for alternative in header.split(","):
        name, *parameters = alternative.split(";")
        pairs = (parameter.partition("=") for parameter in parameters)
        yield name.strip().lower(), {key.strip().lower(): value.strip(' \t"') for key, _, value in pairs}


def _quality(parameters: dict[str, str]) -> float:
    """The weight of an alternative, 1 when it says none; one that cannot be read counts as refused."""
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
