"""The platform's services as plain objects: HTTP handlers and simulated agents call the same methods."""
