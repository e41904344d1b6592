"""The command line. A base install has none of what it needs, and says what to install."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `fleawatch` command."""
    try:
        from fleawatch.cli.root import cli  # noqa: PLC0415 - a base install must be able to import this module
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("fleawatch"):
            raise
        sys.stderr.write(f"fleawatch: {error.name} is not installed. Remedy: pip install 'fleawatch[server]'\n")
        raise SystemExit(2) from None
    cli()
