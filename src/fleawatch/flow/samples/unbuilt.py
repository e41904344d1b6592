"""Metrics of the catalog that nothing in the state says yet, each with what it is waiting for.

A metric is here or it has a reader: a test holds the two together, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

UNBUILT: Final[Mapping[str, str]] = MappingProxyType({})
"""Name to reason. A tally under such a name is exported all the same, as soon as somebody writes it."""
