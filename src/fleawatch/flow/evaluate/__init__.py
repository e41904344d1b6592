"""JUDGEMENT: the alerts of a policy, compiled once, asked of the state after each fact, answered with verdicts."""

from fleawatch.flow.evaluate.judge import evaluate, explain

__all__ = ["evaluate", "explain"]
