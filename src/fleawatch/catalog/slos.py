"""Objectives, and the alerts that say how fast their error budgets are being spent.

A burn-rate alert needs two windows: the long one says that it matters, the short one that it still goes on. The factor
is how many times faster than allowed the budget is spent; over a 99 % objective, 14.4 is a bad share of 14.4 %.
"""

from __future__ import annotations

from typing import Final

from fleawatch.catalog import limits
from fleawatch.catalog.api import REQUESTS
from fleawatch.catalog.declare import alert
from fleawatch.catalog.orders import ORDER_LATENCY
from fleawatch.catalog.query import Arithmetic, Compare, Condition, Match, Number, Select, Threshold, Value, WithinShare
from fleawatch.catalog.spec import SLO, Alert, BurnRate, Minimum
from fleawatch.units import DAY, HOUR, MINUTE

OWN_FAULT_CODES: Final = ("404", "409", "422")
"""Answers that say the caller asked for something that is not there or not possible.

400 is not among them: the platform's order routes answer it for faults of its own as well.
"""

BURN_RATES: Final = (
    BurnRate(long_s=HOUR, short_s=5 * MINUTE, factor=limits.BURN_1H.name, severity="critical"),
    BurnRate(long_s=6 * HOUR, short_s=30 * MINUTE, factor=limits.BURN_6H.name, severity="critical"),
    BurnRate(long_s=DAY, short_s=2 * HOUR, factor=limits.BURN_1D.name, severity="warning"),
    BurnRate(long_s=3 * DAY, short_s=6 * HOUR, factor=limits.BURN_3D.name, severity="info"),
)

API_SUCCESS = SLO(
    name="api_success",
    objective=0.99,
    period_s=30 * DAY,
    bad=REQUESTS.where(outcome="error"),
    total=REQUESTS.where(),
    help="Calls to the platform succeed.",
    burn_rates=BURN_RATES,
    excluded=(Match("status_code", OWN_FAULT_CODES, negated=True),),
)
ORDER_SPEED = SLO(
    name="order_speed",
    objective=0.99,
    period_s=30 * DAY,
    bad=ORDER_LATENCY.where(),
    total=ORDER_LATENCY.where(),
    help="Orders are acknowledged within a second.",
    burn_rates=BURN_RATES,
    good_bound=1.0,
)

SLOS: Final[tuple[SLO, ...]] = (API_SUCCESS, ORDER_SPEED)

_TITLES: Final = {"api_success": "PFApiBudgetBurn", "order_speed": "PFOrderSpeedBudgetBurn"}
_WINDOW_NAMES: Final = {HOUR: "1h", 6 * HOUR: "6h", DAY: "1d", 3 * DAY: "3d"}


def bad_share(slo: SLO, window_s: float) -> Value:
    """The share of bad events of each agent within `window_s`, own faults left out."""
    if slo.good_bound is not None:
        return Number(1.0) - WithinShare(_counted(slo, slo.total), slo.good_bound, window_s, ("agent_id",))
    bad = _counted(slo, slo.bad).increase(window_s).sum("agent_id")
    return bad.over(_counted(slo, slo.total).increase(window_s).sum("agent_id"))


def burn_alerts(slo: SLO) -> tuple[Alert, ...]:
    """One alert per burn rate of `slo`."""
    return tuple(_burn_alert(slo, burn) for burn in slo.burn_rates)


def _counted(slo: SLO, select: Select) -> Select:
    return Select(select.metric, (*select.where, *slo.excluded))


def _burn_alert(slo: SLO, burn: BurnRate) -> Alert:
    window = _WINDOW_NAMES[burn.long_s]
    return alert(
        f"{_TITLES[slo.name]}{window}",
        burn.severity,
        _judged(slo, burn, _burns(slo, burn.long_s, burn.factor) & _burns(slo, burn.short_s, burn.factor)),
        family=f"slo_{slo.name}",
        minimum=Minimum(
            of=_counted(slo, slo.total).increase(burn.short_s).sum("agent_id"), at_least=limits.CALLS_JUDGED.name
        ),
        summary=f"{{agent_id}} spends its {slo.name} budget too fast: {{value:percent}} bad within {window}",
        description=f"{slo.help} For {{agent_id}} they do not often enough: within {window}, and still now, the budget is spent more "
        f"than {{limit:{burn.factor}}} times faster than the objective allows.",
    )


def _judged(slo: SLO, burn: BurnRate, burns: Condition) -> Condition:
    """Where failures are counted, a few of them are no evidence of a share: one in twenty calls is not five per cent."""
    if slo.good_bound is not None:
        return burns
    return burns & (_counted(slo, slo.bad).increase(burn.long_s).sum("agent_id") >= limits.BURN_ERRORS)


def _burns(slo: SLO, window_s: float, factor: str) -> Compare:
    allowed = Arithmetic("*", Threshold(factor), Number(round(1.0 - slo.objective, 9)))
    return Compare(">", bad_share(slo, window_s), allowed)


ALERTS: Final[tuple[Alert, ...]] = tuple(alert for slo in SLOS for alert in burn_alerts(slo))
