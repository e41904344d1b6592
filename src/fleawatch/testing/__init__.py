"""The public test kit: contract suites for stores and sinks, Hypothesis strategies for facts, a belt to fold them on.

Nothing is imported here: a base install can use what needs no test library, and pays for nothing else.
"""
