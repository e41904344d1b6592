"""How commands ask a running service to do something: with a token from a file or the environment, never from an argument."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from fleawatch.errors import FleawatchError

_TIMEOUT_S: Final = 30
_LARGEST: Final = 1 << 24
VARIABLE: Final = "FLEAWATCH_TOKEN"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def service_options(command: _Command) -> _Command:
    """`--url` and `--token-file`."""
    url = click.option(
        "--url",
        default="http://127.0.0.1:9712",
        show_default=True,
        envvar="FLEAWATCH_URL",
        help="Base address of the service.",
    )
    token = click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"File that holds an operator's token; else the variable {VARIABLE}.",
    )
    return url(token(command))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token goes where the operator said and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(url: str, path: str, token_file: Path | None, document: object) -> Any:
    """What a running service answers to an act.

    Raises:
        FleawatchError: no token, no answer, or a refusal with every reason.
    """
    if not url.startswith(("http://", "https://")):
        raise FleawatchError(f"--url was {url}. Remedy: give scheme and host, as http://127.0.0.1:9712")
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
        url.rstrip("/") + path,
        json.dumps(document).encode(),
        {
            "Authorization": f"Bearer {_token(token_file)}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        },
    )
    opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return json.loads(answer.read(_LARGEST))
    except urllib.error.HTTPError as error:
        raise FleawatchError(_refusal(error)) from None
    except (OSError, ValueError) as error:
        raise FleawatchError(f"{url} did not answer: {error}. Remedy: start `fleawatch run`, or give --url") from None


def _token(file: Path | None) -> str:
    if file is None:
        found = os.environ.get(VARIABLE, "").strip()
        if found:
            return found
        raise FleawatchError(f"there was no token. Remedy: give --token-file FILE, or set {VARIABLE}")
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise FleawatchError(
            f"--token-file could not be read: {error}. Remedy: write the token into that file"
        ) from None


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        problems = json.loads(error.read(_LARGEST))["problems"]
        told = [f"{one['where']}: {one['what']}. {one['remedy']}".removeprefix(": ") for one in problems]
    except (OSError, ValueError, KeyError, TypeError):
        told = ["Remedy: check that a Fleawatch service listens there"]
    return "\n  - ".join([f"refused with {error.code}", *told])


def meant(agent: str | None, strategy: str | None, *, fleet: bool) -> dict[str, str]:
    """Scope and target of an act: exactly one of the three.

    Raises:
        UsageError: none or several were given.
    """
    given = [("agent", agent), ("strategy", strategy), ("fleet", "" if fleet else None)]
    named = [{"scope": scope, "target": target} for scope, target in given if target is not None]
    if len(named) != 1:
        raise click.UsageError("name exactly one: AGENT, --strategy S, or --fleet")
    return named[0]
