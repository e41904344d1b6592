"""The fleet's characters: simulated agents that act on the platform, each from its own stream of chance."""
