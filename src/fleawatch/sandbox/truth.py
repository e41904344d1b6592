"""What is true, computed from the books alone: the journal and the tables, never from what a server reported.

Each number rests on its own accounts, so that a cent changed in one of them shows in one number. Definitions:
docs/reference/definitions.md; the keys are listed in the package's docstring.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from fleawatch.errors import StoreError
from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.journal import ORDERS, Action, Attempt

CENT: Final = Decimal("0.01")
_OUTCOMES: Final = {"released": "settled", "refunded": "timeout", "disputed": "disputed", "failed": "failed"}
_INCOME: Final = {"fees": "fees", "referral": "referral_income", "house": "wagered or paid"}
"""Families of accounts on which exactly one number rests."""


def _opened(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise StoreError(f"{path} was not found; write the books first (`--books FILE`)")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


class _Books:
    """A books file opened for reading, with the sums that several numbers need."""

    def __init__(self, path: Path) -> None:
        with contextlib.closing(_opened(path)) as connection:
            self.tables = {
                name: connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - names of our own tables
                for name in ("agents", "journal", "bets", "parlays", "challenges", "positions", "trades", "escrows")
            }
            prices = connection.execute("SELECT symbol, usd FROM prices").fetchall()
        self.prices = {row["symbol"]: Decimal(row["usd"]) for row in prices}
        self.sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        """Balance by (account, currency)."""
        self.by_family: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        """Balance by (agent, first word of the account), USD only."""
        self.wagered: dict[str, Decimal] = defaultdict(Decimal)
        self.paid: dict[str, Decimal] = defaultdict(Decimal)
        self.claims: dict[str, int] = defaultdict(int)
        self._owners: dict[tuple[str, str], dict[str, list[sqlite3.Row]]] = {}
        for row in self.tables["journal"]:
            self._add(row)

    def _add(self, row: sqlite3.Row) -> None:
        account, agent, amount = row["account"], row["agent_id"], Decimal(row["amount"])
        self.sums[account, row["currency"]] += amount
        if agent is None:
            return
        family = account.partition(":")[0]
        if row["currency"] == "USD":
            self.by_family[agent, family] += amount
        if family == "house":
            side = self.wagered if amount > 0 else self.paid
            side[agent] += abs(amount)
        if family == "cash" and row["memo"].startswith("faucet_claim"):
            self.claims[agent] += 1

    def of(self, table: str, agent: str, column: str = "agent_id") -> list[sqlite3.Row]:
        """Rows of `table` that belong to `agent`."""
        if (table, column) not in self._owners:
            owners: dict[str, list[sqlite3.Row]] = defaultdict(list)
            for row in self.tables[table]:
                owners[row[column]].append(row)
            self._owners[table, column] = owners
        return self._owners[table, column].get(agent, [])


def truth(path: Path | str) -> dict[str, dict[str, Any]]:
    """The true numbers of every fleet agent. Money is `Decimal` in USD; see the package's docstring for the keys.

    Raises:
        StoreError: there is no such file.
    """
    books = _Books(Path(path))
    return {row["agent_id"]: _agent(books, row) for row in books.tables["agents"] if row["fleet"]}


def _agent(books: _Books, row: sqlite3.Row) -> dict[str, Any]:
    name = row["agent_id"]
    numbers: dict[str, Any] = {
        "balance": books.sums[f"cash:{name}", "USD"],
        "equity": _equity(books, row),
        "wagered": books.wagered[name],
        "paid": books.paid[name],
        "net_pnl_by_game": _by_game(books, name),
        "net_pnl_by_market": _by_market(books, name),
        "fees": books.by_family[name, "fees"],
        "referral_income": -books.by_family[name, "referral"],
        "faucet_claims": books.claims[name],
    }
    numbers.update(_outcomes(books, name))
    numbers.update(_escrows(books, name))
    return numbers


def _equity(books: _Books, row: sqlite3.Row) -> Decimal | None:
    name = row["agent_id"]
    trades = bool(books.of("positions", name))
    if trades and row["capital_usd"] is None:
        return None
    own = {f"escrow:{e['id']}" for e in books.of("escrows", name, "creator") if e["status"] in ("funded", "completed")}
    locked = sum((books.sums[account, "USD"] for account in own), Decimal(0))
    stakes = sum(
        (Decimal(c["amount"]) for c in books.of("challenges", name, "challenger") if c["status"] == "pending"),
        Decimal(0),
    )
    spendable = books.sums[f"cash:{name}", "USD"] + books.sums[f"domains:{name}", "USD"]
    kept = books.by_family[name, "payable"]
    trading = books.sums[f"exchange:{name}", "USD"] + _unrealized(books, name)
    return spendable + locked + stakes + kept + trading + _on_chain(books, name)


def _unrealized(books: _Books, name: str) -> Decimal:
    """P&L of what is open at the exchange, at the last mark, in the exchange's six decimals."""
    total = Decimal(0)
    for row in books.of("positions", name):
        if row["at_exchange"]:
            sign = 1 if row["side"] == "long" else -1
            move = books.prices[row["coin"]] - Decimal(row["entry_price"])
            total += round(sign * Decimal(row["units"]) * move, 6)
    return total


def _on_chain(books: _Books, name: str) -> Decimal:
    prefix = f"chain:{name}:"
    return sum(
        (amount * books.prices[coin] for (account, coin), amount in books.sums.items() if account.startswith(prefix)),
        Decimal(0),
    )


def _by_game(books: _Books, name: str) -> dict[str, Decimal]:
    net: dict[str, Decimal] = defaultdict(Decimal)
    for row in books.of("bets", name):
        net[row["game"]] += Decimal(row["payout"]) - Decimal(row["amount"])
    for row in books.of("parlays", name):
        net["parlay"] += Decimal(row["payout"]) - Decimal(row["amount"])
    return dict(net)


def _by_market(books: _Books, name: str) -> dict[str, Decimal]:
    net: dict[str, Decimal] = defaultdict(Decimal)
    for row in books.of("positions", name):
        net[f"{row['coin']}-USD"] += Decimal(row["result"])
    for row in books.of("trades", name):
        net[f"{row['coin']}-USD"] -= Decimal(row["fee"])
    return dict(net)


def _outcomes(books: _Books, name: str) -> dict[str, int]:
    """Bets, trades, and how they ended: a bet by payout against stake, a position by its P&L less its recorded fees."""
    bets = [Decimal(r["payout"]) - Decimal(r["amount"]) for t in ("bets", "parlays") for r in books.of(t, name)]
    fees: dict[str, Decimal] = defaultdict(Decimal)
    for row in books.of("trades", name):
        fees[row["position_id"]] += Decimal(row["fee"])
    closed = [row for row in books.of("positions", name) if row["status"] == "closed"]
    nets = bets + [Decimal(row["result"]) - fees[row["id"]] for row in closed]
    return {
        "bets": len(bets),
        "trades": len(closed),
        "wins": sum(net > 0 for net in nets),
        "losses": sum(net < 0 for net in nets),
        "pushes": sum(net == 0 for net in nets),
    }


def _escrows(books: _Books, name: str) -> dict[str, Any]:
    rows = books.of("escrows", name, "creator")
    pending = [row for row in rows if row["status"] in ("funded", "completed")]
    outcomes = dict.fromkeys(_OUTCOMES.values(), 0)
    for row in rows:
        if row["status"] in _OUTCOMES:
            outcomes[_OUTCOMES[row["status"]]] += 1
    return {
        "open_escrows": len(pending),
        "open_escrow_amount": sum((Decimal(row["amount"]) for row in pending), Decimal(0)),
        "escrows_by_outcome": outcomes,
    }


def accepted(path: Path | str, agent_id: str, after: float, actions: Collection[Action] = ORDERS) -> list[Attempt]:
    """Attempts of `agent_id` that were accepted later than `after` (simulated unix seconds), oldest first.

    By default those that put money at risk; an empty list says that the agent got none through.

    Raises:
        StoreError: there is no such file.
    """
    with contextlib.closing(_opened(Path(path))) as connection:
        rows = connection.execute(
            "SELECT at, agent_id, service, action, reference, error FROM attempts "
            "WHERE agent_id = ? AND at > ? AND error IS NULL ORDER BY at, rowid",
            (agent_id, after),
        ).fetchall()
    return [Attempt(*row) for row in rows if row["action"] in actions]


def falsify(path: Path | str, seed: int) -> dict[str, Any]:
    """Add one cent to one posting of one income or expense account of one fleet agent, chosen by `seed`.

    Exactly one number of one agent changes. Returns `agent_id`, `number` (a key of `truth`), `account`, `txn`, `before`
    and `after` (the posting's amounts).

    Raises:
        StoreError: there is no such file, or nothing in it to falsify.
    """
    path = Path(path)
    before_truth = truth(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute(
            "SELECT j.rowid, j.txn, j.account, j.agent_id, j.amount FROM journal j JOIN agents a USING (agent_id) "
            "WHERE a.fleet AND j.currency = 'USD' AND abs(CAST(j.amount AS REAL)) > 0.02 ORDER BY j.rowid"
        ).fetchall()
        rows = [row for row in rows if row[2].partition(":")[0] in _INCOME]
        if not rows:
            raise StoreError(f"{path} held no income or expense of the fleet; run the sandbox longer")
        rowid, txn, account, agent_id, amount = stream(seed, "falsify").choice(rows)
        changed = str(Decimal(amount) + CENT)
        connection.execute("UPDATE journal SET amount = ? WHERE rowid = ?", (changed, rowid))
    after_truth = truth(path)
    numbers = [key for key, value in after_truth[agent_id].items() if value != before_truth[agent_id][key]]
    return {
        "agent_id": agent_id,
        "number": numbers[0],
        "account": account,
        "txn": txn,
        "before": Decimal(amount),
        "after": Decimal(changed),
    }
