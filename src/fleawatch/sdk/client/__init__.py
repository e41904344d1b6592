"""The HTTP client that an agent has already, watched: each call a span and a fact, its answer and its errors untouched."""
