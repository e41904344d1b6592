"""FACTS: the vocabulary of everything that can happen to a fleet's money, frozen and without behaviour."""

from fleawatch.events.agent import (
    AgentDeclared,
    AgentError,
    AgentIdentified,
    AgentRetired,
    ApiCall,
    Check,
    ClockRead,
    DecisionCycle,
    HealthRead,
    Heartbeat,
    SignalComputed,
    SlowSpan,
    SpanErrors,
    StrategySwitched,
)
from fleawatch.events.amend import AMENDABLE, Amendable, Amended, differences, merge
from fleawatch.events.base import SCHEMA_VERSION, Event, Service
from fleawatch.events.codec import check, checked, decode, encode
from fleawatch.events.control import (
    AlertAcknowledged,
    AlertCleared,
    ConfigChanged,
    Delivered,
    GateChanged,
    HaltAcknowledged,
    HaltConfirmed,
    HaltDelivered,
    HaltOrdered,
    HaltOverdue,
    HaltProbed,
    LeaseGranted,
    LimitsDeclared,
    LimitsInForce,
    LimitsOf,
    Resumed,
    RulesDeclared,
    Silenced,
    SilenceEnded,
)
from fleawatch.events.escrow import (
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowFailed,
    EscrowRefunded,
    EscrowReleased,
)
from fleawatch.events.identity import fact_id, ledger_id, reading_id
from fleawatch.events.play import (
    BetSettled,
    ChallengeOpened,
    ChallengeSettled,
    GameTotal,
    GameTotals,
    ParlaySettled,
    TournamentEntered,
    TournamentPaid,
)
from fleawatch.events.readings import SchemaSurprise, SourceRead, SourceUnavailable, Tick
from fleawatch.events.referral import ReferralIncome, ReferralTotals
from fleawatch.events.trading import (
    CapitalReported,
    CollateralMoved,
    FundingPaid,
    MarketTick,
    OrderBookSnapshot,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
)
from fleawatch.events.vocabulary import KINDS, AnyEvent
from fleawatch.events.wallet import (
    BalanceRead,
    BonusGranted,
    DepositCredited,
    DomainBought,
    EntryKind,
    FaucetClaimed,
    LedgerEntry,
    LedgerRead,
    PaymentMoved,
    Swapped,
    WithdrawalChanged,
)

__all__ = [
    "AMENDABLE", "KINDS", "SCHEMA_VERSION",
    "AgentDeclared", "AgentError", "AgentIdentified", "AgentRetired", "AlertAcknowledged", "AlertCleared",
    "Amendable", "Amended", "AnyEvent", "ApiCall",
    "BalanceRead", "BetSettled", "BonusGranted", "CapitalReported", "ChallengeOpened", "ChallengeSettled", "Check",
    "ClockRead", "CollateralMoved", "ConfigChanged", "DecisionCycle", "Delivered", "DepositCredited", "DomainBought",
    "EntryKind", "EscrowCompleted", "EscrowCreated", "EscrowDisputed", "EscrowFailed", "EscrowRefunded",
    "EscrowReleased", "Event", "FaucetClaimed", "FundingPaid", "GameTotal", "GameTotals", "GateChanged",
    "HaltAcknowledged", "HaltConfirmed", "HaltDelivered", "HaltOrdered", "HaltOverdue", "HaltProbed", "HealthRead", "Heartbeat", "LeaseGranted",
    "LedgerEntry", "LedgerRead", "LimitsDeclared", "LimitsInForce", "LimitsOf", "MarketTick", "OrderBookSnapshot", "OrderFilled", "OrderPlaced",
    "ParlaySettled", "PaymentMoved", "PositionClosed", "PositionMarked", "PositionOpened", "PositionsRead",
    "ReferralIncome", "ReferralTotals", "Resumed", "RulesDeclared", "SchemaSurprise", "Service", "SignalComputed", "SilenceEnded", "Silenced",
    "SlowSpan", "SourceRead", "SourceUnavailable", "SpanErrors", "StrategySwitched", "Swapped", "Tick",
    "TournamentEntered", "TournamentPaid", "WithdrawalChanged",
    "check", "checked", "decode", "differences", "encode", "fact_id", "ledger_id", "merge", "reading_id",
]  # fmt: skip
