"""The public test kit: `capture` for tests of one's own instrumentation, and what the project's own tests share.

    from fleawatch.testing import capture

What is asked for is imported then: a base install can use what needs no test library, and pays for nothing else. The
rest are contract suites for stores and sinks, Hypothesis strategies for facts, a belt to fold them on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleawatch.testing.captured import Captured, capture

__all__ = ["Captured", "capture"]


def __getattr__(name: str) -> Any:
    """What is exported is imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("fleawatch.testing.captured"), name)
    globals()[name] = value
    return value
