"""FACTS IN: the adapters that read the platform and the agents, and the poller that keeps them at it.

Everything here only reads: `routes` lists every path that is ever called, `http` can call nothing else and knows no
method but GET. A failed reading raises `SourceError` and books nothing; it is never turned into a number.
"""
