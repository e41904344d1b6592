"""Tables of an agent's page: which numbers stand in which column, and how they look. Templates only lay them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from fleawatch.events import Event, encode
from fleawatch.ports import StoredFact
from fleawatch.web.agentview import Document
from fleawatch.web.number import Number
from fleawatch.web.shown import DASH, Shown, clock, quantity, shown
from fleawatch.web.tiles import Kind
from fleawatch.web.windows import FIELDS

ColumnKind = Kind | Literal["text", "quantity", "moment"]
Columns = tuple[tuple[str, str, ColumnKind], ...]
"""Key, heading and kind of each column."""


class Table(msgspec.Struct, frozen=True):
    """A table ready to be laid out.

    Attributes:
        key: for its id.
        heads: heading of each column and whether it holds numbers.
        rows: cells; the first of each row names it.
        empty: what is said when there is no row.
    """

    key: str
    title: str
    heads: tuple[tuple[str, bool], ...]
    rows: list[list[Shown]]
    empty: str


_ATTRIBUTION: Final[Columns] = (
    ("count", "Trades", "count"),
    ("net", "Net", "change"),
    ("fees", "Fees", "money"),
)
_SPECS: Final[tuple[tuple[str, str, str, Columns, str], ...]] = (
    ("strategy", "P&L by strategy", "by_strategy", (("key", "Strategy", "text"), *_ATTRIBUTION), "no result yet"),
    (
        "game", "P&L by game", "by_game",
        (("game", "Game", "text"), ("bets", "Bets", "count"), ("wagered", "Wagered", "money"), ("paid", "Paid", "money"),
         ("net", "Net", "change"), ("recent_win_ratio", "Recent wins", "ratio")),
        "no game was played yet",
    ),
    (
        "market", "P&L by market", "by_market",
        (("market", "Market", "text"), ("trades", "Trades", "count"), ("notional", "Notional", "money"),
         ("gross", "Gross", "change"), ("fees", "Fees", "money"), ("net", "Net", "change")),
        "no market was traded yet",
    ),
    ("asset", "P&L by asset", "by_asset", (("key", "Asset", "text"), *_ATTRIBUTION), "no result yet"),
    ("hour", "P&L by hour of day, UTC", "by_hour", (("key", "Hour", "text"), *_ATTRIBUTION), "no result yet"),
)  # fmt: skip

_POSITIONS: Final[Columns] = (
    ("market", "Market", "text"), ("side", "Side", "text"), ("notional", "Notional", "money"),
    ("leverage", "Leverage", "quantity"), ("entry_price", "Entry", "quantity"), ("price", "Price", "quantity"),
    ("unrealized", "Unrealised", "change"), ("liquidation_distance", "To liquidation", "ratio"),
    ("margin", "Margin", "money"), ("opened_at", "Opened", "moment"),
)  # fmt: skip
_ESCROWS: Final[Columns] = (
    ("escrow_id", "Escrow", "text"), ("role", "Role", "text"), ("status", "Status", "text"), ("amount", "Amount", "money"),
    ("locked", "Own money in it", "money"), ("expires_in", "Expires in", "age"), ("counterparty", "With", "text"),
)  # fmt: skip
_BALANCES: Final[Columns] = (
    ("service", "Service", "text"), ("account", "Account", "text"), ("currency", "Currency", "text"),
    ("wallet_type", "Kind", "text"), ("amount", "Amount", "quantity"), ("value", "Value", "money"),
)  # fmt: skip
_RESIDUALS: Final[Columns] = (
    ("service", "Book", "text"), ("currency", "Currency", "text"), ("rows", "Rows", "count"),
    ("balance", "Balance", "money"), ("residual", "Unexplained", "change"),
)  # fmt: skip
_SOURCES: Final[Columns] = (
    ("collector", "Source", "text"), ("freshness", "State", "text"), ("age", "Age", "age"), ("reason", "Why", "text"),
    ("failing_since_at", "Failing since", "moment"), ("duration", "Took", "duration"), ("reads", "Reads", "count"),
    ("failures", "Failures", "count"),
)  # fmt: skip


def agent_tables(document: Document) -> dict[str, Table]:
    """The tables of an agent's document, by key."""
    row, play = document["row"], document["pnl"]["by_class"].get("casino")
    found = [
        _table(key, title, columns, document["pnl"][part], _nothing(play if key == "game" else None, empty))
        for key, title, part, columns, empty in _SPECS
    ]
    found += [
        _table(
            "positions",
            "Open positions",
            _POSITIONS,
            document["positions"],
            _nothing(row.open_positions, "no position is open"),
        ),
        _table(
            "escrows", "Open escrows", _ESCROWS, document["escrows"], _nothing(row.open_escrows, "no escrow is open")
        ),
        _table("balances", "Balances by account", _BALANCES, document["balances"], "no balance was read yet"),
        _table("conservation", "Conservation of money", _RESIDUALS, document["conservation"], "no book was read yet"),
        _table("sources", "Sources", _SOURCES, document["sources"], "nobody reads it: it reports itself"),
        _performance(document["performance"]["windows"]),
    ]
    return {table.key: table for table in found}


def _nothing(number: Number | None, empty: str) -> str:
    """What an empty table says: `empty`, or why it is not known what belongs in it."""
    return empty if number is None or number.value is not None else number.reason or empty


def pairs(numbers: Mapping[str, Number], kind: Kind) -> list[tuple[str, Shown]]:
    """Named numbers as lines of a list."""
    return [
        (name.replace("_", " "), shown(number, "ratio" if name == "fee_drag" else kind))
        for name, number in numbers.items()
    ]


def fact_line(fact: StoredFact) -> tuple[int, str, str, str]:
    """A fact for people: its number, when, what, and its own properties in short."""
    told: dict[str, Any] = msgspec.json.decode(encode(fact.event))
    text = ", ".join(
        f"{key} {_short(value)}" for key, value in told.items() if key not in _COMMON and value is not None
    )
    kind = str(told["kind"]).replace("_", " ")
    return fact.seq, clock(fact.event.at), kind, text if len(text) <= 220 else text[:220] + "..."


_COMMON: Final = frozenset({"kind", *Event.__struct_fields__})


def _short(value: Any) -> str:
    return str(value) if not isinstance(value, float) else f"{value:.10g}"


def _performance(windows: Mapping[str, Mapping[str, Number]]) -> Table:
    rows = [
        [_text(label), *(shown(numbers[name], kind) for numbers in windows.values())]
        for name, (label, kind) in FIELDS.items()
    ]
    heads = (("Number", False), *((window.replace("_", " "), True) for window in windows))
    return Table("performance", "Performance by window", heads, rows, "")


def _table(key: str, title: str, columns: Columns, records: Sequence[Mapping[str, Any]], empty: str) -> Table:
    heads = tuple((label, kind not in {"text", "moment"}) for _, label, kind in columns)
    rows = [[_cell(record[name], kind) for name, _, kind in columns] for record in records]
    return Table(key, title, heads, rows, empty)


def _cell(value: Any, kind: ColumnKind) -> Shown:
    match kind:
        case "text":
            return _text(value)
        case "moment":
            return Shown(DASH if value is None else clock(value), "", "")
        case "quantity":
            return quantity(value)
    return shown(value, kind)


def _text(value: str | None) -> Shown:
    looks = {"stale": "stale", "unknown": "unknown", "fresh": "fresh", "disputed": "down"}
    return Shown(value or DASH, looks.get(value or "", ""), "")
