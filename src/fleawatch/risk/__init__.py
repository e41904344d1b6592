"""The sums: streaming statistics over equity, trades, P&L and ledgers.

Floats in, a float or None out; no clock, no I/O, no random numbers. Every accumulator is a `msgspec.Struct` of plain
numbers, lists, dicts and packed bytes, so the state of an agent is snapshotted by encoding it and continues after
decoding as if it had never stopped. What each number means is stated once, in docs/reference/definitions.md.
"""
