"""Escrow, faucet, trading, wallet, domains, gateway and the agents' own servers answer like the real ones."""

import asyncio

import pytest

from fleawatch.clock import ManualClock
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN

pytestmark = pytest.mark.live


def visit(scenario, *, agents=16, seconds=0.0):
    """Run `scenario(visitor, clock)` against a sandbox that is `seconds` into its hour."""

    async def main():
        clock = ManualClock(DEFAULT_ORIGIN)
        async with visiting(Settings(seed=7, agents=agents, seconds=3_600.0), clock) as visitor:
            clock.advance(seconds)
            await visitor.get("casino", "/health")
            await scenario(visitor, clock)

    asyncio.run(main())


async def outage(visitor, service, seconds=600):
    await visitor.control("/faults", {"service": service, "kind": "false_zero", "seconds": seconds})


class TestEscrow:
    def test_there_is_no_listing(self):
        """`GET /escrow`, `/escrows` and a query are 404; one escrow is for everybody who knows its id."""

        async def scenario(visitor, _clock):
            hirer = visitor.agent("hirer")
            agent_id = hirer.platform_ids["casino"]
            for path in ("/escrow", "/escrows", f"/escrow?agent_id={agent_id}"):
                assert (await visitor.get("escrow", path, hirer.keys["casino"])).status == 404
            history = (await visitor.get("casino", "/api/v1/kelly/history", hirer.keys["casino"])).body
            reasons = [point["reason"] for point in history["bankroll_curve"]]
            ids = [reason.split(": ")[1] for reason in reasons if reason.startswith("escrow_lock: ")]
            failed = {reason.split(": ")[1] for reason in reasons if reason.startswith("escrow_create_failed")}
            assert len(ids) > 20
            for escrow_id in ids:
                reading = await visitor.get("escrow", f"/escrow/{escrow_id}")
                assert reading.status == (404 if escrow_id in failed else 200)
                if reading.status == 200:
                    assert reading.body["creator_id"] == agent_id
                    assert "events" not in reading.body

        visit(scenario, seconds=1_200)

    def test_participants_see_events(self):
        """With the creator's key the story is told; unknown body fields left no trace."""

        async def scenario(visitor, _clock):
            hirer, worker = visitor.agent("hirer"), visitor.agent("worker")
            body = {
                "amount_usd": 5,
                "description": "trace",
                "counterparty_agent_id": worker.platform_ids["casino"],
                "metadata": {"trace": "x"},
            }
            made = await visitor.post("escrow", "/escrow/create", body, hirer.keys["casino"])
            assert made.status == 201
            assert made.body["net_to_counterparty"] == 4.95
            path = made.body["escrow_id"]
            done = await visitor.post("escrow", f"/escrow/complete/{path}", {}, worker.keys["casino"])
            assert done.body["status"] == "completed"
            shown = (await visitor.get("escrow", f"/escrow/{path}", hirer.keys["casino"])).body
            assert [event["event"] for event in shown["events"]] == ["created", "completed"]
            assert "metadata" not in shown
            paid = await visitor.post("escrow", f"/escrow/release/{path}", {}, hirer.keys["casino"])
            assert (paid.body["amount_released"], paid.body["commission"]) == (4.95, 0.05)
            again = await visitor.post("escrow", f"/escrow/release/{path}", {}, hirer.keys["casino"])
            assert again.status == 409
            late = await visitor.post("escrow", f"/escrow/dispute/{path}", {}, worker.keys["casino"])
            assert late.status == 409

        visit(scenario)

    def test_errors_without_messages(self):
        """401 and the dispute's 404 are a bare code."""

        async def scenario(visitor, _clock):
            bare = await visitor.post("escrow", "/escrow/complete/esc_x", {})
            assert (bare.status, set(bare.body)) == (401, {"error", "_info"})
            key = visitor.agent("flat").keys["casino"]
            lost = await visitor.post("escrow", "/escrow/dispute/esc_x", {}, key)
            assert (lost.status, set(lost.body)) == (404, {"error", "_info"})

        visit(scenario)

    def test_creates_are_twenty_a_minute(self):
        """The 21st is 429, before anything else is looked at."""

        async def scenario(visitor, _clock):
            statuses = [(await visitor.post("escrow", "/escrow/create", {})).status for _ in range(21)]
            assert statuses == [401] * 20 + [429]

        visit(scenario)


class TestFaucet:
    def test_a_claim_over_the_wire(self):
        """Once an address; the address is the first forwarded one."""

        async def scenario(visitor, _clock):
            made = (await visitor.post("casino", "/api/v1/auth/register")).body
            claim = {"agent_casino_id": made["agent_id"]}
            first = await visitor.post("faucet", "/faucet/claim", claim)
            assert (first.status, first.body["credited"]) == (200, 1)
            again = await visitor.post("faucet", "/faucet/claim", claim)
            assert again.body["error"] == "ip_rate_limited"
            other = await visitor.ask(
                "POST", "faucet", "/faucet/claim", body=claim, headers={"X-Forwarded-For": "203.0.113.5"}
            )
            assert (other.status, other.body["error"]) == (409, "already_claimed")
            stats = (await visitor.get("faucet", "/faucet/stats")).body
            assert stats["total_value_usd"] == stats["total_claims"]

        visit(scenario)


class TestTrading:
    def test_closed_rows_hide_the_result_in_unrealized_pnl(self):
        """`status=all` is the database's copy, at most fifty rows, camelCase."""

        async def scenario(visitor, _clock):
            person = visitor.agent("momentum")
            trader = visitor.sandbox.world.platform.trading.traders[person.platform_ids["trading"]]
            reading = await visitor.get("trading", "/v1/trade/positions?status=all", person.keys["trading"])
            rows = reading.body["positions"]
            assert (reading.body["source"], len(rows)) == ("database", 50)
            assert len(trader.positions) > 50
            results = {position.id: position.result for position in trader.positions}
            for row in rows:
                if row["status"] == "closed":
                    assert row["unrealizedPnl"] == row["unrealized_pnl"] == results[row["id"]]

        visit(scenario, seconds=2_400)

    def test_history_goes_back_two_hundred_rows_and_no_further(self):
        """Whatever limit or offset is asked for; newest first."""

        async def scenario(visitor, _clock):
            person = visitor.agent("momentum")
            reading = await visitor.get("trading", "/v1/trade/history?limit=900&offset=50", person.keys["trading"])
            trades = reading.body["trades"]
            assert reading.body["count"] == len(trades) == 200
            assert [t["createdAt"] for t in trades] == sorted((t["createdAt"] for t in trades), reverse=True)
            assert {"realizedPnl", "sizeUsd", "fee"} <= set(trades[0])

        visit(scenario, seconds=3_400)

    def test_protective_exits_are_missing_from_the_account(self):
        """`/v1/risk/:id` needs no key and has them, `/auth/account` and the reports do not."""

        async def scenario(visitor, _clock):
            person = visitor.agent("momentum")
            key, agent_id = person.keys["trading"], person.platform_ids["trading"]
            trader = visitor.sandbox.world.platform.trading.traders[agent_id]
            account = (await visitor.get("trading", "/v1/auth/account", key)).body
            public = (await visitor.get("trading", f"/v1/risk/{agent_id}")).body
            missing = sum(p.result for p in trader.positions if p.exit in ("stop_loss", "take_profit"))
            assert missing != 0
            assert public["realized_pnl_usd"] - account["total_pnl"] == pytest.approx(missing, abs=0.01)
            fees = sum(trade.fee for trade in trader.trades)
            assert account["total_fees_paid"] < fees
            assert not {"balance", "equity", "margin"} & set(account)

        visit(scenario, seconds=2_400)

    def test_close_all_closes_nothing(self):
        """The exchange's row loses its id, and closing it finds nothing."""

        async def scenario(visitor, _clock):
            made = (await visitor.post("trading", "/v1/auth/register")).body
            key = made["api_key"]
            order = {"coin": "BTC", "side": "long", "size_usd": 1000}
            opened = await visitor.post("trading", "/v1/trade/open", order, key)
            assert opened.status == 200, opened.body
            assert opened.body["entry_price"] > 0
            assert (await visitor.post("trading", "/v1/trade/close-all", {}, key)).body["closed"] == 1
            rows = (await visitor.get("trading", "/v1/trade/positions", key)).body["positions"]
            assert [row["position_id"] for row in rows] == [None]
            close = {"position_id": opened.body["position_id"]}
            assert (await visitor.post("trading", "/v1/trade/close", close, key)).status == 404

        visit(scenario, seconds=31)

    def test_the_exchange_away(self):
        """Positions 500 or an empty list, the portfolio a false zero, health ok, the books' own routes work."""

        async def scenario(visitor, _clock):
            registered = [(await visitor.post("trading", "/v1/auth/register")).body for _ in range(2)]
            flat, holding = (made["api_key"] for made in registered)
            order = {"coin": "ETH", "side": "short", "size_usd": 1000}
            opened = (await visitor.post("trading", "/v1/trade/open", order, holding)).body
            await outage(visitor, "trading")
            empty = await visitor.get("trading", "/v1/trade/positions", flat)
            assert (empty.status, empty.body["positions"]) == (200, [])
            assert (await visitor.get("trading", "/v1/trade/positions", holding)).status == 500
            portfolio = (await visitor.get("trading", "/v1/trade/portfolio", holding)).body
            assert portfolio["summary"]["unrealized_pnl"] == 0
            assert portfolio["positions"][0]["current_price"] is None
            check = (await visitor.get("trading", "/v1/trade/risk-check", holding)).body
            assert check["positions"][0]["risk"] == "unknown"
            assert (await visitor.get("trading", "/v1/markets")).status == 500
            failed = await visitor.post("trading", "/v1/trade/open", order, flat)
            assert (failed.status, failed.body["error"], failed.body["message"]) == (
                400,
                "trade_failed",
                "fetch failed",
            )
            close = {"position_id": opened["position_id"]}
            unclosed = await visitor.post("trading", "/v1/trade/close", close, holding)
            assert unclosed.body["error"] == "close_failed"
            for path in ("/v1/auth/account", "/v1/trade/history", "/v1/trade/pnl-history", "/v1/trade/drawdown"):
                assert (await visitor.get("trading", path, holding)).status == 200
            health = (await visitor.get("trading", "/health")).body
            assert (health["status"], health["database"]) == ("ok", "ok")

        visit(scenario, seconds=31)

    def test_reports_keep_the_servers_conventions(self):
        """Drawdown is negative, the win rate counts openings, price time is in milliseconds."""

        async def scenario(visitor, clock):
            key = visitor.agent("momentum").keys["trading"]
            drawdown = (await visitor.get("trading", "/v1/trade/drawdown", key)).body
            assert drawdown["summary"]["max_drawdown_usd"] < 0
            history = (await visitor.get("trading", "/v1/trade/pnl-history", key)).body
            assert 0 < history["summary"]["win_rate_pct"] <= 50
            price = (await visitor.get("trading", "/v1/markets/btc/price")).body
            assert price["timestamp"] == int(clock.now() * 1000)
            idle = (await visitor.post("trading", "/v1/auth/register")).body["api_key"]
            assert set((await visitor.get("trading", "/v1/trade/drawdown", idle)).body) == {
                "period_days", "message", "_info",
            }  # fmt: skip
            bare = await visitor.get("trading", "/v1/auth/account", "sk_trade_wrong")
            assert (bare.status, set(bare.body)) == (401, {"error", "_info"})

        visit(scenario, seconds=900)

    @pytest.mark.parametrize(
        "path",
        [
            "/v1/trade/daily-report", "/v1/trade/stats-by-coin", "/v1/trade/trading-hours", "/v1/trade/limit-orders",
            "/v1/trade/risk-settings", "/v1/order-monitor", "/v1/risk-score", "/v1/risk/gauge", "/v1/referral/stats",
            "/v1/public-stats", "/v1/leaderboard", "/v1/feed", "/v1/markets",
        ],
    )  # fmt: skip
    def test_every_report_answers(self, path):
        """200 and an object."""

        async def scenario(visitor, _clock):
            reading = await visitor.get("trading", path, visitor.agent("momentum").keys["trading"])
            assert reading.status == 200

        visit(scenario, agents=2, seconds=300)

    def test_the_brake_can_be_set(self):
        """Opens are blocked once the day's loss reaches it; the answer repeats the settings, the read has the day."""

        async def scenario(visitor, _clock):
            key = visitor.agent("momentum").keys["trading"]
            answer = await visitor.post("trading", "/v1/trade/risk-settings", {"max_daily_loss_usd": 1}, key)
            assert answer.body["success"] is True
            assert answer.body["changed"] == ["max_daily_loss_usd: $1"]
            assert answer.body["risk_settings"]["max_daily_loss_usd"] == 1
            read = (await visitor.get("trading", "/v1/trade/risk-settings", key)).body
            assert read["today"]["trading_blocked"] is True
            order = {"coin": "BTC", "side": "long", "size_usd": 100}
            blocked = await visitor.post("trading", "/v1/trade/open", order, key)
            assert (blocked.status, blocked.body["error"]) == (403, "daily_loss_limit_reached")
            assert blocked.body["resets_at"] == read["today"]["resets_at"]
            wrong = await visitor.post("trading", "/v1/trade/risk-settings", {"max_leverage": "many"}, key)
            assert (wrong.status, wrong.body["error"]) == (400, "invalid_value")

        visit(scenario, seconds=600)

    def test_resting_orders_over_the_wire(self):
        """Placed, listed, cancelled."""

        async def scenario(visitor, _clock):
            key = (await visitor.post("trading", "/v1/auth/register")).body["api_key"]
            order = {"coin": "SOL", "side": "long", "size_usd": 100, "price": 1}
            placed = (await visitor.post("trading", "/v1/trade/limit", order, key)).body
            assert placed["status"] == "pending"
            gone = await visitor.ask("DELETE", "trading", f"/v1/trade/limit-orders/{placed['id']}", key=key)
            assert gone.body["status"] == "cancelled"
            listed = (await visitor.get("trading", "/v1/trade/limit-orders", key)).body
            assert [row["status"] for row in listed["orders"]] == ["cancelled"]

        visit(scenario)


class TestWallet:
    def test_a_failed_chain_is_a_zero_with_an_error(self):
        """And still a 200: the totals count it as nothing."""

        async def scenario(visitor, _clock):
            person = visitor.agent("onchain")
            key, address = person.keys["wallet"], person.addresses["base"]
            path = f"/v1/wallet/usdc-balance?base={address}"
            before = (await visitor.get("wallet", path, key)).body
            assert before["total_usdc"] == before["balances"][0]["usdc_balance"] > 0
            assert "error" not in before["balances"][0]
            await outage(visitor, "wallet")
            after = await visitor.get("wallet", path, key)
            assert (after.status, after.body["total_usdc"]) == (200, 0)
            assert after.body["balances"][0]["error"]
            value = (await visitor.get("wallet", f"/v1/wallet/portfolio-value?ethereum={address}", key)).body
            assert (value["total_value_usd"], value["wallets"][0]["price_usd"]) == (0, None)
            broken = await visitor.get("wallet", f"/v1/wallet/balance/{address}?chain=ethereum", key)
            assert (broken.status, broken.body["error"]) == (502, "rpc_error")
            solana = person.addresses["solana"]
            swallowed = (await visitor.get("wallet", f"/v1/wallet/balance/{solana}?chain=solana", key)).body
            assert float(swallowed["balance"]["native"]["amount"]) == 0

        visit(scenario, seconds=60)

    def test_there_is_no_balance_of_an_agent(self):
        """The paths that documents mention do not exist; native amounts are text."""

        async def scenario(visitor, _clock):
            person = visitor.agent("onchain")
            key = person.keys["wallet"]
            for path in ("/v1/balance", "/v1/wallet/balances", "/v1/wallet/balance"):
                assert (await visitor.get("wallet", path, key)).status == 404
            path = f"/v1/wallet/balance/{person.addresses['ethereum']}?chain=ethereum"
            native = (await visitor.get("wallet", path, key)).body["balance"]["native"]
            assert native["amount"] == str(int(native["wei"]) / 10**18)
            assert (await visitor.get("wallet", path + "x", key)).status == 400

        visit(scenario)

    def test_swaps_keep_their_first_status(self):
        """Activity says pending for ever; the live status says otherwise; fees and referral are there."""

        async def scenario(visitor, _clock):
            person = visitor.agent("onchain")
            key = person.keys["wallet"]
            activity = (await visitor.get("wallet", "/v1/wallet/activity?type=swap", key)).body
            assert {event["status"] for event in activity["events"]} == {"pending"}
            order = activity["events"][0]["order_id"]
            assert (await visitor.get("wallet", f"/v1/wallet/swap/status/{order}", key)).body["status"] == "completed"
            boss = visitor.agent("referrer").keys["wallet"]
            stats = (await visitor.get("wallet", "/v1/referral/stats", boss)).body
            expected = activity["summary"]["total_fees_paid"] * 0.1
            assert stats["total_earned_usd"] == stats["available_usd"] == pytest.approx(expected, abs=1e-4)
            for path in (
                "/v1/wallet/chains/health",
                "/v1/public-stats",
                "/v1/wallet/swap-analytics",
                "/v1/wallet/portfolio",
            ):
                assert (await visitor.get("wallet", path, key)).status == 200

        visit(scenario, seconds=1_800)

    def test_a_guest_can_make_a_wallet(self):
        """Register, create, save an address, be refused a swap of nothing."""

        async def scenario(visitor, _clock):
            key = (await visitor.post("wallet", "/v1/auth/register")).body["api_key"]
            assert key.startswith("pk_live_")
            made = await visitor.post("wallet", "/v1/wallet/create", {}, key)
            assert set(made.body["addresses"]) == {"ethereum", "base", "solana", "bitcoin", "tron", "monero"}
            saved = {"chain": "solana", "address": made.body["addresses"]["solana"]}
            assert (await visitor.post("wallet", "/v1/wallet/portfolio/addresses", saved, key)).body["saved"]
            assert (await visitor.get("wallet", "/v1/wallet/portfolio", key)).body["total_value_usd"] == 0
            refused = await visitor.post("wallet", "/v1/wallet/swap", {}, key)
            assert refused.status == 400

        visit(scenario)


class TestDomains:
    def test_the_expiring_list_is_invented(self):
        """It needs no key and names domains that nobody has; expiry is in the own list."""

        async def scenario(visitor, _clock):
            key = visitor.agent("domains").keys["domains"]
            invented = (await visitor.get("domains", "/v1/domains/expiring")).body["expiring"]
            mine = (await visitor.get("domains", "/v1/domains", key)).body
            names = {row["domain"] for row in mine["domains"]}
            assert mine["total"] == len(names) > 0
            assert not names & {row["domain"] for row in invented}
            account = (await visitor.get("domains", "/v1/auth/account", key)).body
            assert round(account["balance_usd"], 2) == account["balance_usd"]
            assert account["total_spent"] == pytest.approx(sum(row["price_paid"] for row in mine["domains"]))

        visit(scenario, seconds=1_800)

    def test_prices_are_in_euros(self):
        """What is paid is dollars with a markup."""

        async def scenario(visitor, _clock):
            made = (await visitor.post("domains", "/v1/auth/register")).body
            found = (await visitor.get("domains", "/v1/domains/search?domain=free.com")).body
            assert (found["price_eur"], found["total_usd"]) == (11.0, 14.26)
            poor = await visitor.post("domains", "/v1/domains/purchase", {"domain": "free.com"}, made["api_key"])
            assert (poor.status, poor.body["error"]) == (400, "insufficient_balance")

        visit(scenario)

    def test_the_leaderboard_fails_on_a_fresh_database(self):
        """500 until somebody has bought something; health says ok with the database away."""

        async def scenario(visitor, _clock):
            assert (await visitor.get("domains", "/v1/leaderboard")).status == 500
            await outage(visitor, "domains")
            health = (await visitor.get("domains", "/health")).body
            assert (health["status"], health["database"]) == ("ok", "error")
            assert (await visitor.get("domains", "/v1/stats")).status == 500

        visit(scenario, agents=2)


class TestGateway:
    def test_the_documented_layout(self):
        """Balances by currency, open escrows with what they lock, an agent's statistics, by name or by casino id."""

        async def scenario(visitor, _clock):
            hirer = visitor.agent("hirer")
            key, world = hirer.keys["gateway"], visitor.sandbox.world
            for name in (hirer.name, hirer.platform_ids["casino"]):
                balances = (await visitor.get("gateway", f"/api/wallet/{name}/balances", key)).body["balances"]
                assert balances == {"USDC": world.account(hirer).balance}
            opened = (await visitor.get("gateway", f"/api/escrow?agent_id={hirer.name}&status=open", key)).body
            mine = [e for e in world.platform.escrow.escrows.values() if e.creator.person is hirer and e.is_open]
            assert opened["count"] == len(mine)
            assert opened["total_locked_usdc"] == pytest.approx(float(sum(e.amount for e in mine)))
            stats = (await visitor.get("gateway", f"/api/agents/{hirer.name}/stats", key)).body
            assert stats["strategy"] == "escrow-hirer"
            assert 0 <= stats["drawdown_pct"] <= 1
            assert (await visitor.get("gateway", "/api/health")).status == 200

        visit(scenario, seconds=600)

    def test_a_key_opens_its_own_door_only(self):
        """401 without, 403 for another agent, 404 for nobody."""

        async def scenario(visitor, _clock):
            key = visitor.agent("flat").keys["gateway"]
            for path, given, status in (
                ("/api/agents/flat-00/stats", None, 401),
                ("/api/agents/coin-04/stats", key, 403),
                ("/api/agents/nobody/stats", key, 404),
                ("/api/escrow", key, 404),
            ):
                assert (await visitor.get("gateway", path, given)).status == status

        visit(scenario)

    def test_bets_answer_with_their_pnl(self):
        """`pnl_delta_usdc` = amount won - amount bet, with the documents' spelling of the game."""

        async def scenario(visitor, _clock):
            person = visitor.agent("flat")
            body = {"agent_id": person.name, "amount": 1, "side": "heads"}
            answer = (await visitor.post("gateway", "/api/casino/coinflip", body, person.keys["gateway"])).body
            assert answer["pnl_delta_usdc"] == pytest.approx(0.99 if answer["won"] else -1.0)

        visit(scenario)


class TestAgentsOwnServers:
    def test_health_and_metrics_have_the_documented_fields(self):
        """Plain JSON without `_info`; 200 while all checks pass."""

        async def scenario(visitor, _clock):
            person = visitor.agent("flat")
            health = await visitor.get("agents", f"/agents/{person.name}/health")
            assert health.status == 200
            assert set(health.body) == {"status", "uptime_secs", "agent_id", "checks", "timestamp"}
            assert set(health.body["checks"]) == {"exchange_api", "wallet", "strategy_heartbeat", "system"}
            metrics = await visitor.get("agents", f"/agents/{person.name}/metrics")
            assert set(metrics.body) == {"balance", "pnl_24h", "open_positions"}
            assert metrics.body["balance"] == visitor.sandbox.world.account(person).balance
            assert (await visitor.get("agents", "/agents/nobody/health")).status == 404

        visit(scenario, seconds=120)

    def test_metrics_of_a_failing_source_are_an_empty_document(self):
        """A client that reads missing fields as 0 sees a balance of nothing."""

        async def scenario(visitor, _clock):
            await outage(visitor, "agents")
            assert (await visitor.get("agents", "/agents/flat-00/metrics")).body == {}
            assert (await visitor.get("agents", "/agents/flat-00/health")).status == 503

        visit(scenario, seconds=60)
