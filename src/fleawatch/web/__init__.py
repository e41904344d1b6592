"""WEB: the page, the JSON API and /metrics: the state as people and programs see it. Read-only, from memory."""
