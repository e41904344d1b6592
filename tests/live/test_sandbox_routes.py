"""The less travelled routes over the wire: poker, advice, deposits, copying, feeds, the documents' orders, controls."""

import asyncio

import pytest

from fleawatch.clock import ManualClock
from fleawatch.sandbox import books
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN

pytestmark = pytest.mark.live
API = "/api/v1"


def visit(scenario, *, agents=16, seconds=0.0, path=None):
    """Run `scenario(visitor, clock)` against a sandbox that is `seconds` into its hour."""

    async def main():
        clock = ManualClock(DEFAULT_ORIGIN)
        wanted = Settings(seed=7, agents=agents, seconds=3_600.0, books=path)
        async with visiting(wanted, clock) as visitor:
            clock.advance(seconds)
            await visitor.get("casino", "/health")
            await scenario(visitor, clock)

    asyncio.run(main())


async def opened(visitor, clock, key, **changes):
    """Open a position, waiting when the price of the moment cannot be written."""
    order = {"coin": "ETH", "side": "long", "size_usd": 500, **changes}
    while True:
        answer = await visitor.post("trading", "/v1/trade/open", order, key)
        if answer.body.get("error") != "trade_failed":
            return answer
        clock.advance(5)


class TestCasino:
    def test_a_hand_of_poker(self, tmp_path):
        """Deal, draw, history, statistics, ledger and books tell the same bet."""
        path = tmp_path / "books.sqlite"

        async def scenario(visitor, _clock):
            person = visitor.agent("flat")
            key = person.keys["casino"]
            dealt = (await visitor.post("casino", f"{API}/games/video-poker/deal", {}, key)).body
            body = {"nonce": dealt["nonce"], "holds": [True] * 5, "amount": 1}
            drawn = await visitor.post("casino", f"{API}/games/video-poker/draw", body, key)
            assert drawn.status == 200, drawn.body
            assert drawn.body["result"]["final_hand"] == dealt["cards"]
            assert drawn.body["result"]["hand_rank"] == dealt["current_hand"]
            history = (await visitor.get("casino", f"{API}/bets/history?game=video_poker", key)).body
            assert [bet["id"] for bet in history["bets"]] == [drawn.body["bet_id"]]
            games = (await visitor.get("casino", f"{API}/stats/me", key)).body["by_game"]
            assert {game["game"]: game["bets"] for game in games}["video_poker"] == 1
            again = await visitor.post("casino", f"{API}/games/video-poker/draw", body, key)
            assert (again.status, again.body["error"]) == (400, "invalid_nonce")
            short = await visitor.post("casino", f"{API}/games/video-poker/draw", {"holds": [True]}, key)
            assert (short.status, short.body["error"]) == (400, "invalid_holds")
            assert (await visitor.post("casino", f"{API}/games/video-poker", body, key)).status == 404
            await visitor.control("/end", {})
            net = drawn.body["amount_won"] - 1
            assert float(books.truth(path)[person.name]["net_pnl_by_game"]["video_poker"]) == net

        visit(scenario, agents=2, seconds=60, path=path)

    def test_poker_counts_for_the_agent(self):
        """Sixty steps a minute over deal and draw, with `reset_at`; the address does not matter."""

        async def scenario(visitor, _clock):
            key = visitor.agent("flat").keys["casino"]
            path = f"{API}/games/video-poker/deal"
            answers = [await visitor.ask("POST", "casino", path, key=key, body={}) for _ in range(61)]
            assert [answer.status for answer in answers] == [200] * 60 + [429]
            assert answers[-1].body["error"] == "rate_limit_exceeded"
            assert "reset_at" in answers[-1].body

        visit(scenario, agents=2)

    def test_advice_changes_nothing_and_outlives_the_books(self):
        """Limits and simulations are answered when writes are refused; five simulations a minute, key or none."""

        async def scenario(visitor, clock):
            key = visitor.agent("flat").keys["casino"]
            rows = len(visitor.sandbox.world.account(visitor.agent("flat")).rows)
            best = await visitor.post("casino", f"{API}/kelly/optimal", {"game": "coin_flip"}, key)
            assert best.body["max_bet"] == pytest.approx(best.body["bankroll"] / 8, abs=0.01)
            body = {"bankroll": 100, "game": "coin_flip", "bet_amount": 5, "num_bets": 20, "simulations": 50}
            await visitor.control("/end", {})
            path = f"{API}/kelly/simulate"
            answers = [await visitor.post("casino", path, body, given) for given in (key, key, key, key, None, key)]
            assert [answer.status for answer in answers] == [200, 200, 200, 200, 401, 429]
            assert answers[0].body["simulations"] == 50
            refused = await visitor.post("casino", f"{API}/auth/deposit-address", {}, key)
            assert refused.status == 503
            assert len(visitor.sandbox.world.account(visitor.agent("flat")).rows) == rows
            clock.advance(61)
            assert (await visitor.post("casino", path, {**body, "game": "chess"}, key)).body["error"] == "unknown_game"

        visit(scenario, agents=2)

    def test_deposit_addresses(self):
        """New is 201 and known is 200; the EVM chains share one; an agent's are its own."""

        async def scenario(visitor, _clock):
            keys = [visitor.agent(name).keys["casino"] for name in ("flat", "momentum")]
            seen = {}
            for chain, status in (("base", 201), ("base", 200), ("ethereum", 201), ("bitcoin", 201)):
                answer = await visitor.post("casino", f"{API}/auth/deposit-address", {"chain": chain}, keys[0])
                assert answer.status == status
                seen[chain] = answer.body["address"]
            assert seen["base"] == seen["ethereum"] != seen["bitcoin"]
            other = (await visitor.post("casino", f"{API}/auth/deposit-address", {}, keys[1])).body
            assert (other["chain"], other["send_token"]) == ("base", "USDC")
            assert other["address"] != seen["base"]
            wrong = await visitor.post("casino", f"{API}/auth/deposit-address", {"chain": "doge"}, keys[0])
            assert (wrong.status, wrong.body["error"]) == (400, "unsupported_chain")
            chains = (await visitor.get("casino", f"{API}/auth/supported-chains", keys[0])).body["deposits"]
            assert [row["chain"] for row in chains] == wrong.body["supported"]

        visit(scenario, agents=2)

    def test_the_network_is_offline_to_itself(self):
        """Its figures ask fixed ports: what listens elsewhere is offline, and counts for nothing."""

        async def scenario(visitor, _clock):
            answer = (await visitor.get("casino", "/network/stats")).body
            assert {service["status"] for service in answer["services"].values()} == {"offline"}
            assert answer["total_agents_across_all_services"] == 0
            visitor.sandbox.desk.ports["trading"] = 3003
            found = (await visitor.get("casino", "/network/stats")).body["services"]
            assert found["trading"]["status"] == "online"
            assert found["trading"]["agents"] == len(visitor.sandbox.world.platform.trading.traders) > 0
            assert found["casino"]["total_bets"] is None

        visit(scenario, agents=2, seconds=120)


class TestTrading:
    def test_following_over_the_wire(self):
        """Follow, be copied, see it from both sides, leave."""

        async def scenario(visitor, clock):
            keys, ids = [], []
            for _ in range(2):
                made = (await visitor.post("trading", "/v1/auth/register")).body
                keys.append(made["api_key"])
                ids.append(made["agent_id"])
            (leader, follower), path = keys, f"/v1/copy/follow/{ids[0]}"
            terms = {"allocation_usdc": 200, "stop_loss_pct": 5}
            made = await visitor.post("trading", path, terms, follower)
            assert (made.status, made.body["leader_id"], made.body["allocation"]) == (201, ids[0], 200)
            assert (await visitor.post("trading", path, terms, follower)).body["error"] == "already_following"
            await opened(visitor, clock, leader)
            copies = (await visitor.get("trading", "/v1/trade/positions", follower)).body["positions"]
            assert [row["coin"] for row in copies] == ["ETH"]
            listed = (await visitor.get("trading", "/v1/copy/following", follower)).body
            assert (listed["count"], listed["following"][0]["stop_loss_pct"]) == (1, 5)
            followers = (await visitor.get("trading", "/v1/copy/followers", leader)).body
            assert (followers["total_followers"], followers["total_allocated_usdc"]) == (1, 200)
            mine = (await visitor.get("trading", "/v1/copy/my-leader-stats", leader)).body
            assert mine["summary"]["open_copy_positions"] == 1
            public = (await visitor.get("trading", f"/v1/copy/leader/{ids[0]}/stats")).body
            assert public["copy_stats"]["active_followers"] == 1
            left = await visitor.ask("DELETE", "trading", path, key=follower)
            assert (left.body["positions_closed"], left.body["positions_failed_to_close"]) == (1, 0)
            assert (await visitor.get("trading", "/v1/trade/positions", follower)).body["count"] == 0
            rows = (await visitor.get("trading", "/v1/trade/positions?status=all", follower)).body["positions"]
            assert [(row["status"], row["unrealizedPnl"]) for row in rows] == [("closed", 0)]
            assert (await visitor.get("trading", "/v1/trade/history", follower)).body["count"] == 1
            assert (await visitor.ask("DELETE", "trading", path, key=follower)).status == 404

        visit(scenario, agents=2)

    def test_leaders_are_public_with_whole_ids(self):
        """Ranked by P&L before fees; nobody is a leader without trades."""

        async def scenario(visitor, _clock):
            board = (await visitor.get("trading", "/v1/copy/leaderboard")).body["leaderboard"]
            pnls = [row["pnl_30d"] for row in board]
            assert pnls == sorted(pnls, reverse=True)
            traders = visitor.sandbox.world.platform.trading.traders
            assert {row["agent_id"] for row in board} == {one.id for one in traders.values() if one.trades}
            assert (await visitor.get("trading", board[0]["stats_url"])).status == 200
            assert (await visitor.get("trading", "/v1/copy/leader/ag_x/stats")).status == 404
            assert (await visitor.get("trading", "/v1/copy/followers")).status == 401

        visit(scenario, seconds=600)

    def test_an_opening_row_shows_a_result_of_zero(self):
        """Not `null`: only the sides and times tell an opening from a close that came out even."""

        async def scenario(visitor, _clock):
            key = visitor.agent("momentum").keys["trading"]
            rows = (await visitor.get("trading", "/v1/trade/history?limit=200", key)).body["trades"]
            assert sum(row["realizedPnl"] == 0 for row in rows) >= len(rows) // 3
            assert None not in {row["realizedPnl"] for row in rows}

        visit(scenario, seconds=900)

    def test_a_single_position_is_a_concentration(self):
        """`none` without, `elevated` with one coin, `critical` near liquidation."""

        async def scenario(visitor, clock):
            key = (await visitor.post("trading", "/v1/auth/register")).body["api_key"]
            idle = (await visitor.get("trading", "/v1/trade/risk-check", key)).body
            assert (idle["overall_risk"], idle["status"]) == ("none", "no_positions")
            await opened(visitor, clock, key, leverage=2)
            one = (await visitor.get("trading", "/v1/trade/risk-check", key)).body
            assert (one["overall_risk"], one["summary"]["long_pct"]) == ("elevated", 100)
            await opened(visitor, clock, key, coin="SOL", leverage=20)
            near = (await visitor.get("trading", "/v1/trade/risk-check", key)).body
            assert near["overall_risk"] == "critical"
            assert "SOL long" in near["warnings"][0]["message"]

        visit(scenario, agents=2)


class TestFeeds:
    @pytest.mark.parametrize(
        ("service", "path", "name"),
        [
            ("wallet", "/v1/feed", "feed"),
            ("wallet", "/v1/leaderboard", "leaderboard"),
            ("domains", "/v1/feed", "feed"),
            ("casino", f"{API}/streaks", "streaks"),
            ("casino", f"{API}/feed", "feed"),
            ("trading", "/v1/feed", "feed"),
        ],
    )
    def test_feeds_tell_what_happened(self, service, path, name):
        """Public, newest first where they are dated, ids cut short; empty before anything happened."""

        async def scenario(visitor, clock):
            clock.advance(3_000)
            rows = (await visitor.get(service, path)).body[name]
            assert rows
            assert all(row["agent_id"].endswith("...") for row in rows)
            if name == "feed":
                times = [row["at"] for row in rows]
                assert times == sorted(times, reverse=True)

        visit(scenario)

    def test_nothing_is_auctioned(self):
        """There are no auctions here, and none are invented."""

        async def scenario(visitor, _clock):
            assert (await visitor.get("domains", "/v1/auctions")).body["auctions"] == []

        visit(scenario, agents=2)

    def test_fixed_prices_are_not_the_market(self):
        """The public portfolio values at a price from long ago."""

        async def scenario(visitor, _clock):
            person = visitor.agent("onchain")
            address, wallet = person.addresses["ethereum"], visitor.sandbox.world.platform.wallet
            held = sum(float(wallet.held(chain, address, "ETH")) for chain in ("ethereum", "base"))
            answer = (await visitor.get("wallet", f"/v1/portfolio?address={address}")).body
            assert answer["total_value_usd"] == pytest.approx(held * 3_200)
            assert (await visitor.get("wallet", "/v1/portfolio")).status == 400

        visit(scenario, seconds=300)


class TestGateway:
    @pytest.mark.parametrize(
        ("path", "names"),
        [
            ("/v1/trading/order", ("asset", "quantity", "order_type")),
            ("/v1/orders", ("market", "size", "type")),
        ],
    )
    def test_an_order_of_the_documents_is_a_position(self, path, names):
        """Filled at a price near the expected one, with a fee; it is in the trading server's own lists."""

        async def scenario(visitor, clock):
            person = visitor.agent("momentum")
            asset, quantity, kind = names
            body = {asset: "ETH-USD", quantity: 0.2, kind: "market", "side": "buy"}
            answer = await visitor.post("gateway", path, body, person.keys["gateway"])
            while answer.body.get("error") == "trade_failed":
                clock.advance(5)
                answer = await visitor.post("gateway", path, body, person.keys["gateway"])
            assert answer.status in (200, 201), answer.body
            assert answer.body["filled_quantity"] == pytest.approx(0.2, abs=0.001)
            assert answer.body["fill_price"] == pytest.approx(answer.body["expected_price"], rel=0.02)
            assert answer.body["fee_usd"] > 0
            trader = visitor.sandbox.world.platform.trading.traders[person.platform_ids["trading"]]
            assert answer.body["order_id"] in {position.order_id for position in trader.positions}

        visit(scenario, seconds=30)

    def test_orders_are_refused_as_elsewhere(self):
        """Unknown assets, other types, no trading account, no key, the agent's own limits."""

        async def scenario(visitor, _clock):
            good = {"asset": "ETH", "side": "sell", "quantity": 0.1, "order_type": "market"}
            trader, player = visitor.agent("momentum").keys, visitor.agent("flat").keys["gateway"]
            await visitor.post("trading", "/v1/trade/risk-settings", {"max_position_usd": 100}, trader["trading"])
            for changes, key, status, error in (
                ({"asset": "GOLD"}, trader["gateway"], 400, "invalid_request"),
                ({"side": "hold"}, trader["gateway"], 400, "invalid_request"),
                ({"quantity": -1}, trader["gateway"], 400, "invalid_size"),
                ({"order_type": "iceberg"}, trader["gateway"], 400, "unsupported_order_type"),
                ({}, trader["gateway"], 400, "position_too_large"),
                ({}, player, 404, "not_registered"),
                ({}, None, 401, "unauthorized"),
            ):
                answer = await visitor.post("gateway", "/v1/trading/order", {**good, **changes}, key)
                assert (answer.status, answer.body["error"]) == (status, error)

        visit(scenario)

    @pytest.mark.parametrize("path", ["/v1/escrow/create", "/v1/escrow"])
    def test_an_escrow_from_funding_to_release(self, path):
        """Conditions become the description, the counterparty may go by its name, the release tells how long it took."""

        async def scenario(visitor, clock):
            # Neither of them deals in escrows of its own accord, so nobody else ends this one.
            payer, worker = visitor.agent("flat"), visitor.agent("coin")
            key = payer.keys["gateway"]
            body = {"amount_usd": 10, "counterparty_id": worker.name, "conditions": "summary", "timeout_hours": 2}
            made = await visitor.post("gateway", path, body, key)
            assert (made.status, made.body["status"], made.body["fee_usd"]) == (201, "funded", 0.1)
            shown = (await visitor.get("escrow", f"/escrow/{made.body['escrow_id']}")).body
            assert shown["counterparty_id"] == worker.platform_ids["casino"]
            assert (shown["description"], shown["timeout_hours"]) == ("summary", 2)
            clock.advance(90)
            release = f"/v1/escrow/{made.body['escrow_id']}/release"
            foreign = await visitor.post("gateway", release, {}, worker.keys["gateway"])
            assert foreign.status == 403
            done = await visitor.post("gateway", release, {"reason": "done"}, key)
            assert (done.body["released_amount_usd"], done.body["hold_duration_seconds"]) == (9.9, 90)
            assert (await visitor.post("gateway", release, {}, key)).status == 409

        visit(scenario)

    def test_balances_by_symbol_in_dollars(self):
        """By the agent's name or an address, and without either; somebody else's wallet is unknown."""

        async def scenario(visitor, _clock):
            person = visitor.agent("onchain")
            key = person.keys["gateway"]
            balances = (await visitor.get("gateway", "/v1/balance", key)).body["balances"]
            assert set(balances) > {"USDC"}
            for wallet in (person.name, person.addresses["base"]):
                assets = (await visitor.get("gateway", f"/v1/wallet/{wallet}/balance", key)).body["assets"]
                assert assets == balances
            price = visitor.sandbox.world.platform.wallet.price("ETH")
            assert balances["ETH"]["usd_value"] == pytest.approx(balances["ETH"]["amount"] * price)
            assert (await visitor.get("gateway", "/v1/wallet/flat-00/balance", key)).status == 404

        visit(scenario, seconds=300)


class TestControl:
    def test_whether_an_order_came_through(self, tmp_path):
        """Asked while it runs and of the file afterwards; refused ones do not count; the token is needed."""
        path = tmp_path / "books.sqlite"

        async def scenario(visitor, clock):
            person = visitor.agent("silent")
            before = (await visitor.control(f"/orders?agent={person.name}&after=0")).body["accepted"]
            assert before
            assert before[0]["action"] == "bet"
            clock.advance(1_300)
            await visitor.get("casino", "/health")
            after = clock.now()
            asked = f"/orders?agent={person.name}&after={after}"
            clock.advance(120)
            assert (await visitor.control(asked)).body["accepted"] == []
            key, body = person.keys["casino"], {"amount": 9_999, "side": "heads"}
            assert (await visitor.post("casino", f"{API}/games/coin-flip", body, key)).status == 400
            assert (await visitor.control(asked)).body["accepted"] == []
            placed = await visitor.post("casino", f"{API}/games/coin-flip", {**body, "amount": 0.1}, key)
            found = (await visitor.control(asked)).body["accepted"]
            assert [one["reference"] for one in found] == [placed.body["bet_id"]]
            await visitor.control("/end", {})
            assert [one.reference for one in books.accepted(path, person.name, after)] == [placed.body["bet_id"]]
            assert (await visitor.control("/orders?agent=nobody")).status == 404
            assert (await visitor.control(f"/orders?agent={person.name}&after=noon")).status == 400
            assert (await visitor.get("control", asked)).status == 401

        visit(scenario, seconds=300, path=path)
