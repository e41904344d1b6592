"""Telemetry out: the state as Prometheus reads it, and outputs as lines of JSON or in memory."""
