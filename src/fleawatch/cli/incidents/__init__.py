"""Incidents played before the whole product: the sandbox acts, gates and service watch, and the journal tells the truth."""
