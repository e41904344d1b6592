"""Fixtures for whoever has Fleawatch installed: `capture`, and the same under a name that nobody else has.

pytest imports this at the start of every run, so it imports nothing but pytest: an agent's telemetry is loaded by the
first test that asks for it. A fixture `capture` of a test module, a class or a `conftest.py` goes before this one, and
`-p no:fleawatch` leaves both out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fleawatch.testing.captured import Captured


@pytest.fixture
def fleawatch_capture() -> Iterator[Captured]:
    """What the test's agent tells: `.facts()`, `.metrics()`, `.spans()`, `.logs()`, `.records()`; nothing leaves the process."""
    from fleawatch.testing.captured import capture as block  # noqa: PLC0415 - a run without it must not pay for it

    with block() as seen:
        yield seen


@pytest.fixture
def capture(fleawatch_capture: Captured) -> Captured:
    """What the test's agent tells, as plain data, on a clock and with ids that are the same every time."""
    return fleawatch_capture
