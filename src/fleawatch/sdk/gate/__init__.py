"""The trading gate: what stands between an agent's decision and its order."""
