"""The line to the service: leases that come in, reports that go out. Standard library only, in daemon threads."""
