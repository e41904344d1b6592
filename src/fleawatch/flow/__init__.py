"""CORE: the belt. One deterministic, synchronous function advances the state of the fleet by one fact."""
