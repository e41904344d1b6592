"""Incidents: what goes wrong with agents that handle money, played out in a world, each with what must come of it.

An incident is a troupe (the agent that goes wrong among healthy ones), the moment it begins, and what is expected of
whoever watches: which alert, how soon, and how the agent is left. Who watches sees facts only, never these labels.
"""
