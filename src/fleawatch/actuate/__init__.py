"""Hands: what stops a process, lowers a limit, closes a position. Each is opt-in, may be repeated, and says what became of it."""
