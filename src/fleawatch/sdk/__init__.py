"""Inside the agent: light imports, base dependencies only, and nothing that can break a trade."""
