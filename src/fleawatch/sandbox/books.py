"""Write a world's books as SQLite. The file is whole or absent: it is written beside its place and then moved there.

`truth` computes from such a file what every report should say, `accepted` which orders of an agent were taken; `falsify`
makes it lie by one cent.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from fleawatch.errors import StoreError
from fleawatch.sandbox.numbers import exact
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.truth import accepted, falsify, truth
from fleawatch.sandbox.world import World

__all__ = ["accepted", "falsify", "truth", "write"]

_SCHEMA: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE agents(agent_id TEXT PRIMARY KEY, fleet INTEGER, character TEXT, strategy TEXT, environment TEXT,
                    capital_usd TEXT, casino_id TEXT, trading_id TEXT, wallet_id TEXT, domains_id TEXT);
CREATE TABLE journal(txn INTEGER, at REAL, account TEXT, agent_id TEXT, service TEXT, currency TEXT, amount TEXT,
                     memo TEXT);
CREATE TABLE ledger(id TEXT, agent_id TEXT, at INTEGER, type TEXT, amount REAL, balance_after REAL, reason TEXT,
                    reference TEXT, service TEXT);
CREATE TABLE bets(id TEXT PRIMARY KEY, agent_id TEXT, game TEXT, amount TEXT, payout TEXT, won INTEGER, at INTEGER);
CREATE TABLE parlays(id TEXT PRIMARY KEY, agent_id TEXT, amount TEXT, payout TEXT, at INTEGER);
CREATE TABLE challenges(id TEXT PRIMARY KEY, challenger TEXT, challenged TEXT, amount TEXT, status TEXT, at INTEGER);
CREATE TABLE positions(id TEXT PRIMARY KEY, agent_id TEXT, coin TEXT, side TEXT, size_usd TEXT, units TEXT,
                       entry_price TEXT, exit_price TEXT, status TEXT, exit TEXT, at_exchange INTEGER, opened INTEGER,
                       closed INTEGER, result TEXT);
CREATE TABLE trades(id TEXT PRIMARY KEY, agent_id TEXT, position_id TEXT, coin TEXT, side TEXT, size_usd TEXT,
                    price TEXT, fee TEXT, realized_pnl TEXT, at INTEGER);
CREATE TABLE escrows(id TEXT PRIMARY KEY, creator TEXT, counterparty TEXT, amount TEXT, commission TEXT,
                     referral_commission TEXT, status TEXT, created INTEGER, auto_release_at INTEGER,
                     completed_at INTEGER, released_at INTEGER, disputed_at INTEGER);
CREATE TABLE attempts(at REAL, agent_id TEXT, service TEXT, action TEXT, reference TEXT, error TEXT);
CREATE TABLE prices(symbol TEXT PRIMARY KEY, usd TEXT);
"""


def write(world: World, path: Path) -> None:
    """Write the books of `world` to `path`, replacing what was there.

    Raises:
        StoreError: the file could not be written; the message names it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(beside)) as connection:
            connection.executescript(_SCHEMA)
            for table, rows in _tables(world):
                _insert(connection, table, rows)
            connection.commit()
        beside.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} could not be written: {error}; does its folder exist, is there space?") from error


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = len(connection.execute(f"PRAGMA table_info({table})").fetchall())
    marks = ",".join("?" * columns)
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - names of our own tables


def _tables(world: World) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    platform, journal = world.platform, world.kernel.journal
    meta = {"seed": world.seed, "origin": world.origin, "simulated": world.elapsed}
    yield "meta", ((key, str(value)) for key, value in meta.items())
    yield "agents", (_agent(person) for person in world.people)
    yield (
        "journal",
        ((p.txn, p.at, p.account, p.agent_id, p.service, p.currency, str(p.amount), p.memo) for p in journal.postings),
    )
    yield (
        "attempts",
        ((a.at, a.agent_id, a.service, a.action, a.reference, a.error) for a in journal.attempts),
    )
    yield from _casino(world)
    yield from _trading(world)
    yield "escrows", _escrows(world)
    symbols = ("USDC", "BTC", "ETH", "SOL", "DOGE", "HYPE")
    prices = {symbol: platform.wallet.price(symbol) for symbol in symbols}
    yield "prices", ((symbol, str(exact(price))) for symbol, price in prices.items() if price is not None)


def _agent(person: Person) -> tuple[Any, ...]:
    ids = person.platform_ids
    return (
        person.name,
        int(person.fleet),
        person.character,
        person.strategy,
        person.environment,
        str(person.capital) if "trading" in ids and person.declares_capital else None,
        *(ids.get(service) for service in ("casino", "trading", "wallet", "domains")),
    )


def _casino(world: World) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    accounts = list(world.platform.bank.accounts.values())
    yield (
        "ledger",
        (
            (r.id, a.name, r.second, r.type, r.amount, r.balance_after, r.reason, r.reference, r.service)
            for a in accounts
            for r in a.rows
        ),
    )
    yield (
        "bets",
        (
            (b.id, a.name, b.game, str(exact(b.amount)), str(exact(b.amount_won)), int(b.won), b.second)
            for a in accounts
            for b in a.bets
        ),
    )
    yield (
        "parlays",
        ((p["id"], a.name, str(p["amount"]), str(p["payout"]), p["second"]) for a in accounts for p in a.parlays),
    )
    yield (
        "challenges",
        (
            (c.id, c.challenger.name, c.challenged.name, str(c.amount), c.status, c.created)
            for c in world.platform.social.challenges.values()
        ),
    )


def _trading(world: World) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    traders = world.platform.trading.traders.values()
    yield (
        "positions",
        (
            (
                p.id,
                t.name,
                p.coin,
                p.side,
                *(str(exact(value)) for value in (p.size_usd, p.units, p.entry_price)),
                None if p.exit_price is None else str(exact(p.exit_price)),
                p.status,
                p.exit,
                int(p.at_exchange),
                p.opened,
                p.closed,
                str(exact(p.result)),
            )
            for t in traders
            for p in t.positions
        ),
    )
    yield (
        "trades",
        (
            (
                r.id,
                t.name,
                r.position_id,
                r.coin,
                r.side,
                *(str(exact(value)) for value in (r.size_usd, r.price, r.fee)),
                None if r.realized_pnl is None else str(exact(r.realized_pnl)),
                r.second,
            )
            for t in traders
            for r in t.trades
        ),
    )


def _escrows(world: World) -> Iterator[tuple[Any, ...]]:
    """Every escrow, and the attempts that failed after the debit, as status `failed`."""
    service = world.platform.escrow
    for e in service.escrows.values():
        amounts = (str(e.amount), str(e.commission), str(e.referral_commission))
        times = (e.created, e.auto_release_at, e.completed_at, e.released_at, e.disputed_at)
        yield (e.id, e.creator.name, e.counterparty.name, *amounts, e.status, *times)
    for escrow_id, creator, amount, second in service.failed:
        yield (escrow_id, creator, None, str(amount), "0", "0", "failed", second, None, None, None, None)
