"""The fleet as one document for the API and for the page: tiles, doubts, sources, performance, rows."""

from __future__ import annotations

from typing import Any

import msgspec

from fleawatch.flow.state import FleetState
from fleawatch.web.agentview import history_document
from fleawatch.web.fleetmoney import Conserved, conserved
from fleawatch.web.fleetwindows import fleet_basis, fleet_windows
from fleawatch.web.number import Number, Standing, total
from fleawatch.web.row import AgentRow, rows
from fleawatch.web.tiles import Tile, tiles
from fleawatch.web.trust import Doubt, SourceLine, doubts, source_lines


class FleetView(msgspec.Struct, frozen=True):
    """The fleet at one moment, computed once and shown in many ways.

    Attributes:
        at: when, by the service's clock.
        equity: sum over the agents.
        conservation: whether the fleet's money is explained.
        standing: how far numbers of the fleet as one can be trusted.
    """

    at: float
    rows: list[AgentRow]
    tiles: tuple[Tile, ...]
    doubts: tuple[Doubt, ...]
    sources: tuple[SourceLine, ...]
    equity: Number
    conservation: Conserved
    standing: Standing


def fleet_view(state: FleetState, at: float, max_age_s: float) -> FleetView:
    """Everything about the fleet that is shown at a glance."""
    found = rows(state.agents.values(), at, max_age_s)
    equity = total(((row.agent_id, row.equity) for row in found), of="equity")
    return FleetView(
        at=at,
        rows=found,
        tiles=tiles(state, found, at, max_age_s),
        doubts=doubts(state, found),
        sources=source_lines(state.agents.values(), at),
        equity=equity,
        conservation=conserved(state, at, max_age_s),
        standing=Standing("fleet", state.at or None, equity.freshness, equity.reason),
    )


def fleet_document(state: FleetState, view: FleetView) -> dict[str, Any]:
    """The document of `/api/v1/fleet`."""
    performance, standing = state.performance, view.standing
    drawdown = performance.drawdowns["all_time"]
    unborn = "no equity above 0.01 yet"
    counts = {
        freshness: Number(sum(row.freshness == freshness for row in view.rows), view.at, "fleet", "fresh", None)
        for freshness in ("fresh", "stale", "unknown")
    }
    return {
        "at": view.at,
        "freshness": view.equity.freshness,
        "agents": {"watched": Number(len(view.rows), view.at, "fleet", "fresh", None), **counts},
        "tiles": {tile.key: tile_document(tile) for tile in view.tiles},
        "equity": view.equity,
        "conservation": view.conservation,
        "nav": standing.ratio(performance.nav.value, unborn),
        "drawdown": standing.ratio(drawdown.current(), unborn),
        "drawdown_max": standing.ratio(drawdown.max(), unborn),
        "performance": {"basis": fleet_basis(state, standing), "windows": fleet_windows(state, standing)},
        "warnings": view.doubts,
        "sources": view.sources,
        "history": history_document(state.history, standing),
    }


def tile_document(tile: Tile) -> dict[str, Any]:
    """A tile for programs."""
    details = {detail.label.replace(" ", "_"): detail.number for detail in tile.details}
    return {"title": tile.title, "number": tile.number, "details": details}
