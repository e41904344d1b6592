"""The agent's own health page: whether it lives, whether it can be relied on, and what it depends on."""
