"""Secrets of an agent: where they are read, and how they are kept out of whatever is printed.

A secret in a file is read each time it is used, so that it can be renewed while the agent runs. What goes wrong is told
without it: neither the text of a file nor a path, which may be a secret that was put where its file belongs.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Final

HIDDEN: Final = "[redacted]"

Reader = Callable[[], str | None]
"""Gives a secret, or None where there is none."""


class Secret:
    """A text that nobody prints by accident: `reveal` gives it, and nothing else does."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})" if self._text else "Secret()"

    def __str__(self) -> str:
        return HIDDEN if self._text else ""


NO_SECRET: Final = Secret()


def secret_of(path: str | None) -> Reader:
    """Reads a secret from its file each time it is used; None without a file.

    Raises (when called):
        OSError: the file cannot be read, or holds no text; the error says nothing of what it holds, nor where it is.
    """
    if path is None:
        return lambda: None

    def read() -> str:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except UnicodeError:
            raise OSError(errno.EILSEQ, "its file holds no text") from None
        except OSError as error:
            raise OSError(error.errno, error.strerror) from None

    return read


def token_of(path: str | None, given: Secret | None = None) -> Reader:
    """The same for what goes into a header of a request: from its file, or as given.

    Raises (when called):
        OSError: the file cannot be read, or no header can hold what it holds.
    """
    read: Reader = secret_of(path) if path is not None or not given else given.reveal

    def checked() -> str | None:
        text = read()
        if text is not None and not fits_header(text):
            raise OSError(errno.EINVAL, "it has characters that no header can hold")
        return text

    return checked


def fits_header(text: str) -> bool:
    """Whether a header of a request may hold it: printable ASCII."""
    return text.isascii() and text.isprintable()
