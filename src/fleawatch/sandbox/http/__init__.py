"""The platform over HTTP: one server a service, with the real paths, fields, error bodies, rate limits and traps."""
