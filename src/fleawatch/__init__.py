"""Fleawatch: see every agent's money, stop the one that is losing it, and prove what happened."""

from fleawatch._version import __version__

__all__ = ["__version__"]
