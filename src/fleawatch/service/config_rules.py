"""Which alerts are judged and what they compare with: the part of the configuration about rules."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.limits import LIMITS
from fleawatch.events import LimitsOf, RulesDeclared

_KNOWN: Final = frozenset(limit.name for limit in LIMITS)
_MOST: Final = 1e12


def _known_limits(limits: dict[str, float | None]) -> dict[str, float | None]:
    unknown = sorted(set(limits) - _KNOWN)
    if unknown:
        raise ValueError(f"holds {', '.join(unknown)}, no limits of the catalog; docs/reference/limits.md lists them")
    if any(value is not None and not -_MOST <= value <= _MOST for value in limits.values()):
        raise ValueError("holds a number that is no limit; write a finite number, or null to switch a limit off")
    return limits


LimitValues = Annotated[dict[str, float | None], AfterValidator(_known_limits)]
"""Limits by name, in the units of the catalog; null switches one off."""


class Alerts(BaseModel):
    """Which alerts are judged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    disabled: tuple[str, ...] = Field((), description="Alerts of the catalog that are not judged. Everything else is.")

    @field_validator("disabled")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(names) - set(CATALOG.alerts))
        if unknown:
            raise ValueError(
                f"holds {', '.join(unknown)}, no alerts of the catalog; docs/reference/alerts.md lists them"
            )
        return names


class Strategy(BaseModel):
    """What is particular to the agents of one strategy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: LimitValues = Field(
        default_factory=dict, description="Limits for the agents of this strategy; see docs/reference/limits.md."
    )


def declared(
    alerts: Alerts,
    limits: dict[str, float | None],
    strategies: dict[str, Strategy],
    agents: dict[str, dict[str, float | None]],
    *,
    routing: str,
    fact_id: str,
    at: float,
) -> RulesDeclared:
    """The rules of a configuration as a fact."""
    scopes: list[LimitsOf] = [_limits_of("fleet", "", limits)]
    scopes += [_limits_of("strategy", name, strategy.limits) for name, strategy in sorted(strategies.items())]
    scopes += [_limits_of("agent", name, own) for name, own in sorted(agents.items())]
    return RulesDeclared(
        fact_id=fact_id,
        agent_id="",
        at=at,
        seen_at=at,
        source="config",
        alerts=tuple(name for name in CATALOG.alerts if name not in alerts.disabled),
        limits=tuple(one for one in scopes if one.limits or one.off),
        routing=routing,
    )


def _limits_of(scope: Literal["fleet", "strategy", "agent"], target: str, limits: dict[str, float | None]) -> LimitsOf:
    return LimitsOf(
        scope=scope,
        target=target,
        limits={name: value for name, value in sorted(limits.items()) if value is not None},
        off=tuple(sorted(name for name, value in limits.items() if value is None)),
    )
