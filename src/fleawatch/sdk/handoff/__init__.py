"""Handing trace context to another agent through an escrow: a signed token, and what is believed of one that comes in."""
