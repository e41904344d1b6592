"""Stopping an agent, and knowing that it stopped: orders, their life until it is confirmed, the ladder, the way back."""
