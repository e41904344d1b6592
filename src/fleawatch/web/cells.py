"""Every number on the page under one key, so that a live update can say which of them changed and how they look now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from fleawatch.web.fleetview import FleetView
from fleawatch.web.number import Number
from fleawatch.web.row import AgentRow
from fleawatch.web.shown import Shown, age, shown
from fleawatch.web.tiles import Kind


class Column(NamedTuple):
    """A column of the table of agents. `key` is what the table is sorted by, `field` the number of the row."""

    key: str
    field: str
    label: str
    kind: Kind
    long: str


COLUMNS: Final = (
    Column("equity", "equity", "Equity", "money", "What the agent owns, USD"),
    Column("pnl_24h", "pnl_24h", "P&L 24 h", "change", "Profit or loss of 24 hours, flows left out, USD"),
    Column("pnl_total", "pnl_total", "P&L total", "change", "Profit or loss since it is watched, flows left out, USD"),
    Column("drawdown", "drawdown", "Drawdown", "ratio", "Fall from the highest NAV of all time"),
    Column("win_ratio", "win_ratio", "Win ratio", "ratio", "Wins by decided trades and bets"),
    Column("positions", "open_positions", "Positions", "count", "Open positions"),
    Column("escrows", "open_escrows", "Escrows", "count", "Open escrows it is party to"),
)


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A number as programs and as people see it; the text of a cell without number stands alone."""

    number: Number
    text: str
    look: str
    hint: str


def cell(number: Number, kind: Kind) -> Cell:
    """A number with its looks."""
    found = shown(number, kind)
    return Cell(number, found.text, found.look, found.hint)


def row_cells(row: AgentRow) -> list[tuple[Column, Shown, Number]]:
    """The numbers of a row in the order of the columns, as people see them and as they are."""
    found = []
    for column in COLUMNS:
        number: Number = getattr(row, column.field)
        found.append((column, _shown(number, column), number))
    return found


def state_of(row: AgentRow) -> Shown:
    """Whether a row can be trusted, in words: `fresh`, or how old it is and why."""
    if row.freshness == "fresh":
        return Shown("fresh", "fresh", "")
    old = f"{age(row.age.value)} old" if row.age.value is not None and row.freshness == "stale" else row.freshness
    return Shown(f"{old}: {row.reason}", row.freshness, row.reason or "")


def cells(view: FleetView) -> Iterator[tuple[str, Cell]]:
    """Every live number: `tiles/KEY`, `tiles/KEY/LABEL`, `agents/ID/COLUMN`, `agents/ID/state`, and what an agent's page adds."""
    for tile in view.tiles:
        yield f"tiles/{tile.key}", cell(tile.number, tile.kind)
        for detail in tile.details:
            yield f"tiles/{tile.key}/{detail.label}", cell(detail.number, detail.kind)
    for row in view.rows:
        base = f"agents/{row.agent_id}/"
        for column, found, number in row_cells(row):
            yield base + column.key, Cell(number, found.text, found.look, found.hint)
        state = state_of(row)
        yield base + "state", Cell(row.age, state.text, state.look, state.hint)
        yield base + "nav", cell(row.nav, "factor")
        yield base + "drawdown_max", cell(row.drawdown_max, "ratio")


def _shown(number: Number, column: Column) -> Shown:
    if number.value is None and column.key == "equity":
        return Shown("unknown", "unknown", number.reason or "")
    return shown(number, column.kind)
