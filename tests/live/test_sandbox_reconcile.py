"""A plain poller that uses nothing but GET finds every number of the books, to the cent."""

import asyncio
from collections import Counter, defaultdict

import pytest

from fleawatch.clock import ManualClock
from fleawatch.sandbox import books
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN

pytestmark = pytest.mark.live


class Poller:
    """Reads one agent every fifteen simulated seconds and keeps what it has seen."""

    def __init__(self, visitor, person):
        self.visitor, self.person = visitor, person
        self.positions, self.trades, self.casino = {}, {}, {}

    async def read(self, service, path):
        reading = await self.visitor.get(service, path, self.person.keys.get(service))
        return reading.body if reading.status == 200 else None

    async def poll(self):
        if "trading" in self.person.keys:
            for row in (await self.read("trading", "/v1/trade/positions?status=all"))["positions"]:
                self.positions[row["id"]] = row
            for row in (await self.read("trading", "/v1/trade/history?limit=200"))["trades"]:
                self.trades[row["id"]] = row
        for path in ("kelly/history", "stats/me", "challenges") if self.person.key_expires_at < float("inf") else ():
            await self._keep(path)

    async def _keep(self, path):
        found = await self.read("casino", f"/api/v1/{path}")
        if found is not None:
            self.casino[path] = found

    async def numbers(self):
        for path in ("kelly/history", "stats/me", "challenges"):
            await self._keep(path)
        curve = self.casino["kelly/history"]["bankroll_curve"]
        outcomes, wagered, paid, parlay = bets_of(curve)
        escrows = await self._escrows(curve)
        fees, nets, markets = self._positions()
        counts = Counter("wins" if net > 1e-9 else "losses" if net < -1e-9 else "pushes" for net in outcomes + nets)
        games = {row["game"]: row["won"] - row["wagered"] for row in self.casino["stats/me"]["by_game"]}
        withdrawals = sum(point["reason"] == "withdrawal" for point in curve)
        commission = sum(e["commission_usd"] for e in escrows["ended"])
        return {
            "balance": curve[-1]["balance"],
            "equity": await self._equity(curve[-1]["balance"], escrows),
            "bets": len(outcomes),
            "trades": len(nets),
            **{name: counts[name] for name in ("wins", "losses", "pushes")},
            "wagered": wagered,
            "paid": paid,
            "net_pnl_by_game": games | ({"parlay": parlay} if parlay is not None else {}),
            "net_pnl_by_market": markets,
            "fees": fees + 0.5 * withdrawals + commission,
            "open_escrows": len(escrows["open"]),
            "open_escrow_amount": sum(e["amount_usd"] for e in escrows["open"]),
            "escrows_by_outcome": escrows["outcomes"],
            "referral_income": await self._referral(curve),
            "faucet_claims": sum(point["reason"].startswith("faucet_claim") for point in curve),
        }

    async def _escrows(self, curve):
        found = {"open": [], "ended": [], "outcomes": dict.fromkeys(("settled", "timeout", "disputed", "failed"), 0)}
        for reason in [p["reason"] for p in curve if p["reason"].startswith("escrow_lock: ")]:
            escrow = await self.read("escrow", f"/escrow/{reason.split(': ')[1]}")
            status = escrow["status"] if escrow else "failed"
            name = {"released": "settled", "refunded": "timeout"}.get(status, status)
            if name in found["outcomes"]:
                found["outcomes"][name] += 1
            if status in ("funded", "completed"):
                found["open"].append(escrow)
            if status in ("released", "refunded"):
                found["ended"].append(escrow)
        return found

    def _positions(self):
        closed = [row for row in self.positions.values() if row["status"] == "closed"]
        nets, markets = [], defaultdict(float)
        for row in closed:
            opening = [t for t in self.trades.values() if self._opens(t, row)]
            closing = [t for t in self.trades.values() if self._closes(t, row)]
            assert len(opening) == 1
            assert len(closing) <= 1
            nets.append(row["unrealizedPnl"] - sum(t["fee"] for t in opening + closing))
            markets[f"{row['coin']}-USD"] += row["unrealizedPnl"]
        for trade in self.trades.values():
            markets[f"{trade['coin']}-USD"] -= trade["fee"]
        return sum(trade["fee"] for trade in self.trades.values()), nets, dict(markets)

    @staticmethod
    def _opens(trade, row):
        side = "buy" if row["side"] == "long" else "sell"
        found = (trade["coin"], trade["side"], trade["createdAt"], trade["realizedPnl"], trade["sizeUsd"])
        return found == (row["coin"], side, row["openedAt"], 0, row["sizeUsd"])

    @staticmethod
    def _closes(trade, row):
        side = "sell" if row["side"] == "long" else "buy"
        found = (trade["coin"], trade["side"], trade["createdAt"], trade["realizedPnl"], trade["sizeUsd"])
        return found == (row["coin"], side, row["closedAt"], row["unrealizedPnl"], row["sizeUsd"])

    async def _equity(self, balance, escrows):
        total = balance + sum(e["amount_usd"] for e in escrows["open"])
        total += sum(row["amount"] for row in self.casino["challenges"]["outgoing"])
        if "trading" in self.person.keys:
            if self.positions and not self.person.declares_capital:
                return None
            opened = (await self.read("trading", "/v1/trade/positions"))["positions"]
            total += float(self.person.capital) + sum(row["unrealized_pnl"] for row in opened)
            total += sum(row["unrealizedPnl"] for row in self.positions.values() if row["status"] == "closed")
            total -= sum(trade["fee"] for trade in self.trades.values())
            total += (await self.read("trading", "/v1/referral/stats"))["total_earned_usd"]
        if "wallet" in self.person.keys:
            stats = await self.read("wallet", "/v1/referral/stats")
            total += stats["total_earned_usd"] - stats["total_withdrawn_usd"]
        if self.person.addresses:
            query = "&".join(f"{chain}={address}" for chain, address in self.person.addresses.items())
            total += (await self.read("wallet", f"/v1/wallet/usdc-balance?{query}"))["total_usdc"]
            total += (await self.read("wallet", f"/v1/wallet/portfolio-value?{query}"))["total_value_usd"]
        if "domains" in self.person.keys:
            total += (await self.read("domains", "/v1/auth/account"))["balance_usd"]
        return total

    async def _referral(self, curve):
        prefixes = ("referral_commission_", "escrow_referral_commission")
        income = sum(point["change"] for point in curve if point["reason"].startswith(prefixes))
        for service in ("trading", "wallet", "domains"):
            if service in self.person.keys:
                income += (await self.read(service, "/v1/referral/stats"))["total_earned_usd"]
        return income


def bets_of(curve):
    """Net results of single bets and parlays, stakes and payouts, from the ledger's rows alone."""
    outcomes, wagered, paid, parlay = [], 0.0, 0.0, None
    rows = [point for point in curve if point["reason"] in ("reservation", "reservation_release", "withdrawal")]
    for index, point in enumerate(rows):
        if point["reason"] != "reservation":
            continue
        following = [row["reason"] for row in rows[index + 1 : index + 3]]
        if following == ["reservation_release", "withdrawal"]:
            continue
        payout = rows[index + 1]["change"] if following[:1] == ["reservation_release"] else 0.0
        outcomes.append(point["change"] + payout)
        wagered, paid = wagered - point["change"], paid + payout
    parlays = [point for point in curve if point["reason"].startswith("parlay_")]
    for index, point in enumerate(parlays):
        if point["reason"] == "parlay_bet":
            won = index + 1 < len(parlays) and parlays[index + 1]["reason"] == "parlay_win"
            payout = parlays[index + 1]["change"] if won else 0.0
            outcomes.append(point["change"] + payout)
            parlay = (parlay or 0.0) + point["change"] + payout
            wagered, paid = wagered - point["change"], paid + payout
    return outcomes, wagered, paid, parlay


def differences(found, expected):
    """The names of numbers that differ by half a cent or more."""
    wrong = []
    for name, value in expected.items():
        seen = found[name]
        if isinstance(value, dict):
            same = set(seen) == set(value) and all(abs(seen[k] - float(value[k])) < 0.005 for k in value)
        else:
            same = seen == value if seen is None or value is None else abs(seen - float(value)) < 0.005
        if not same:
            wrong.append((name, seen, value))
    return wrong


def test_a_poller_every_fifteen_seconds_finds_the_truth(tmp_path):
    """After an hour of twenty agents every number of every agent equals the books."""

    async def main():
        clock = ManualClock(DEFAULT_ORIGIN)
        async with visiting(Settings(seed=7, agents=20, seconds=3_600.0), clock) as visitor:
            pollers = {person.name: Poller(visitor, person) for person in visitor.sandbox.world.fleet}
            for _ in range(240):
                clock.advance(15)
                for poller in pollers.values():
                    await poller.poll()
            clock.advance(1_000)
            visitor.sandbox.finish()
            books.write(visitor.sandbox.world, tmp_path / "books.db")
            truth = books.truth(tmp_path / "books.db")
            for poller in pollers.values():
                await poller.poll()
            return {name: differences(await pollers[name].numbers(), numbers) for name, numbers in truth.items()}

    found = asyncio.run(main())
    assert len(found) == 20
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
