"""The casino: rounds, stakes and payouts by game, and stakes that grow after losses."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import alert, alias, by_monitor, counter, gauge
from fleawatch.catalog.labels import AGENT_ID, GAME_TYPE, OUTCOME_TRADE
from fleawatch.units import MINUTE

_BETS = by_monitor("bets and totals read from the casino")

ROUNDS = counter("pf_casino_rounds_total", "1", (AGENT_ID, GAME_TYPE, OUTCOME_TRADE), "Settled bets.", _BETS)
WAGERED = counter("pf_casino_wagered_usdc_total", "usdc", (AGENT_ID, GAME_TYPE), "Stakes of settled bets.", _BETS)
PAID = counter("pf_casino_paid_usdc_total", "usdc", (AGENT_ID, GAME_TYPE), "Payouts, stakes included.", _BETS)
WIN_RATIO = gauge(
    "pf_casino_win_ratio",
    "ratio",
    (AGENT_ID, GAME_TYPE),
    "Wins as a share of the latest decided bets of a game.",
    _BETS,
    aliases=(alias("pf_casino_win_rate", ("agent_id", "game_type"), "prometheus"),),
    doc="A win pays more than its stake. Absent while there are too few.",
)
STAKE_SHARE = gauge(
    "pf_stake_equity_ratio",
    "ratio",
    (AGENT_ID,),
    "Largest stake of lately as a share of equity before it.",
    _BETS,
    doc="A stake counts as one of lately for ten minutes, so that a smaller one that follows does not hide it. Zero without a stake.",
)
STAKE_ESCALATIONS = gauge(
    "pf_stake_escalations",
    "1",
    (AGENT_ID,),
    "How many times in a row a stake was raised steeply after a loss, at most of lately.",
    _BETS,
    doc="A row ends with the first stake that is no such raise, and is shown for ten minutes.",
)

METRICS = (ROUNDS, WAGERED, PAID, WIN_RATIO, STAKE_SHARE, STAKE_ESCALATIONS)

ALERTS = (
    alert(
        "PFStakeEscalation",
        "critical",
        (STAKE_ESCALATIONS.where() >= limits.STAKE_ESCALATIONS) | (STAKE_SHARE.where() > limits.STAKE_SHARE),
        family="stakes",
        keep_firing_s=30 * MINUTE,
        action="reduce",
        summary="{agent_id} chases its losses with growing stakes",
        description="{agent_id} raised its stake after a loss several times in a row, or staked more than {limit:stake_share} of its "
        "equity at once. That wins often and then loses everything; its gate is told to reduce.",
    ),
)
