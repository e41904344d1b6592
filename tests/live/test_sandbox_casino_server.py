"""The casino's server answers like the real one, traps included; time is moved by hand."""

import asyncio
import csv
import io

import pytest

from fleawatch.clock import ManualClock
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN
from fleawatch.units import iso

pytestmark = pytest.mark.live
API = "/api/v1"


def visit(scenario, *, agents=16, seconds=0.0):
    """Run `scenario(visitor, clock)` against a sandbox that is `seconds` into its hour."""

    async def main():
        clock = ManualClock(DEFAULT_ORIGIN)
        async with visiting(Settings(seed=7, agents=agents, seconds=3_600.0), clock) as visitor:
            clock.advance(seconds)
            await visitor.get("casino", "/health")
            await scenario(visitor, clock)

    asyncio.run(main())


def accounts(visitor):
    return visitor.sandbox.world.platform.bank.accounts


class TestForm:
    def test_every_object_carries_info_and_arrays_do_not(self):
        """`_info` is in answers and in errors; the CSV has none."""

        async def scenario(visitor, _clock):
            person = visitor.agent("flat")
            key = person.keys["casino"]
            for path, status in (("/auth/balance", 200), ("/nowhere", 404), ("/public-stats", 200)):
                reading = await visitor.get("casino", API + path, key)
                assert reading.status == status
                assert set(reading.body["_info"]) == {"service", "docs", "referral", "version"}
            refused = await visitor.get("casino", API + "/auth/balance")
            assert (refused.status, refused.body["error"]) == (401, "unauthorized")
            assert "_info" in refused.body
            exported = await visitor.get("casino", API + "/bets/export.csv", key)
            assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
            assert b"_info" not in exported.raw

        visit(scenario, seconds=60)

    def test_money_is_a_double_and_times_are_iso_or_seconds(self):
        """Unrounded balances; `at` in ISO with `.000Z`, `createdAt` in whole seconds."""

        async def scenario(visitor, _clock):
            person = visitor.agent("multi")
            reading = await visitor.get("casino", API + "/auth/ledger", person.keys["casino"])
            row = reading.body["entries"][0]
            assert set(row) == {
                "id", "agentId", "type", "amount", "balanceAfter", "reason", "reference", "service", "createdAt", "at",
            }  # fmt: skip
            assert row["at"] == iso(row["createdAt"])
            assert row["at"].endswith(".000Z")
            balances = [entry["balanceAfter"] for entry in reading.body["entries"]]
            assert any(round(balance, 2) != balance for balance in balances)

        visit(scenario, seconds=900)

    def test_a_body_that_is_not_json_is_refused_where_the_route_wants_one(self):
        """400 `invalid_json` for games; the lenient routes take it for an empty object."""

        async def scenario(visitor, _clock):
            key = visitor.agent("flat").keys["casino"]
            played = await visitor.ask("POST", "casino", API + "/games/dice", key=key, body=b"not json")
            assert (played.status, played.body["error"]) == (400, "invalid_json")
            registered = await visitor.ask("POST", "casino", API + "/auth/register", body=b"not json")
            assert registered.status == 201

        visit(scenario)

    def test_the_date_header_is_simulated_time(self):
        """A client that reads the Date learns the sandbox's time, not the machine's."""

        async def scenario(visitor, clock):
            clock.advance(3_000_000)
            reading = await visitor.get("casino", "/health")
            assert reading.headers["Date"] == "Mon, 07 Dec 2026 03:20:00 GMT"

        visit(scenario)

    def test_old_paths_redirect(self):
        """301 and 302 to the public totals."""

        async def scenario(visitor, _clock):
            for path, status in ((API + "/stats", 301), ("/stats", 302)):
                reading = await visitor.get("casino", path)
                assert (reading.status, reading.headers["Location"]) == (status, API + "/public-stats")

        visit(scenario)


class TestBooksOverHttp:
    def test_kelly_history_is_the_whole_ledger_oldest_first(self):
        """Every row, signed, without ids; its last balance is the balance."""

        async def scenario(visitor, clock):
            person = visitor.agent("multi")
            key = person.keys["casino"]
            for _ in range(3):
                history = (await visitor.get("casino", API + "/kelly/history", key)).body
                balance = (await visitor.get("casino", API + "/auth/balance", key)).body["balance_usd"]
                curve = history["bankroll_curve"]
                rows = visitor.sandbox.world.account(person).rows
                assert history["data_points"] == len(curve) == len(rows)
                assert [point["change"] for point in curve] == [row.change for row in rows]
                assert set(curve[0]) == {"balance", "change", "reason", "at"}
                assert curve[-1]["balance"] == balance
                assert sum(point["change"] for point in curve) == pytest.approx(balance, abs=1e-6)
                clock.advance(120)

        visit(scenario, seconds=300)

    def test_the_ledger_shows_fifty_rows_whatever_is_asked(self):
        """No parameter changes that."""

        async def scenario(visitor, _clock):
            key = visitor.agent("flat").keys["casino"]
            reading = await visitor.get("casino", API + "/auth/ledger?limit=500&offset=10", key)
            assert len(reading.body["entries"]) == 50

        visit(scenario, seconds=900)

    def test_history_is_in_cents_and_the_stats_are_not(self):
        """Summed `net` of history differs from the exact result; `/stats/me` has the unrounded totals."""

        async def scenario(visitor, _clock):
            person = visitor.agent("multi")
            key, account = person.keys["casino"], visitor.sandbox.world.account(person)
            history = (await visitor.get("casino", API + "/bets/history?limit=200", key)).body
            stats = (await visitor.get("casino", API + "/stats/me", key)).body
            assert all(round(bet["net"], 2) == bet["net"] for bet in history["bets"])
            assert len(history["bets"]) == len(account.bets)
            exact = sum(bet.amount_won - bet.amount for bet in account.bets)
            assert sum(bet["net"] for bet in history["bets"]) != pytest.approx(exact, abs=1e-4)
            by_game = sum(game["won"] - game["wagered"] for game in stats["by_game"])
            assert by_game == pytest.approx(exact, abs=1e-9)

        visit(scenario, seconds=1_200)

    def test_rates_are_percent(self):
        """`win_rate` and `win_rate_pct` go to 100 and count the flag: plinko always wins."""

        async def scenario(visitor, _clock):
            key = visitor.agent("plinko").keys["casino"]
            stats = (await visitor.get("casino", API + "/stats/me", key)).body
            history = (await visitor.get("casino", API + "/bets/history", key)).body
            assert stats["lifetime"]["win_rate"] == stats["by_game"][0]["win_rate"] == 100.0
            assert history["summary"]["win_rate_pct"] == 100.0
            assert stats["lifetime"]["net_profit"] < 0

        visit(scenario, seconds=1_200)

    def test_parlays_are_in_the_totals_and_in_no_bet_row(self):
        """Lifetime wagered exceeds the sum over games; `game=parlay` is refused."""

        async def scenario(visitor, _clock):
            key = visitor.agent("parlay").keys["casino"]
            stats = (await visitor.get("casino", API + "/stats/me", key)).body
            assert stats["lifetime"]["total_wagered"] > sum(game["wagered"] for game in stats["by_game"])
            assert "parlay" not in {game["game"] for game in stats["by_game"]}
            refused = await visitor.get("casino", API + "/bets/history?game=parlay", key)
            assert (refused.status, refused.body["error"]) == (400, "invalid_game")

        visit(scenario, seconds=900)

    def test_all_levels_of_referral_are_reported_as_the_first(self):
        """The ledger's reasons know the levels, the statistics do not."""

        async def scenario(visitor, _clock):
            person = visitor.agent("referrer")
            key = person.keys["casino"]
            stats = (await visitor.get("casino", API + "/auth/referral/stats", key)).body
            rows = visitor.sandbox.world.account(person).rows
            levels = {row.reason.partition(":")[0] for row in rows if row.reason.startswith("referral_commission")}
            assert levels >= {"referral_commission_l1", "referral_commission_l2"}
            assert stats["by_level"]["level_1"]["earned_usd"] == stats["total_earned_usd"] > 0
            assert stats["by_level"]["level_2"]["earned_usd"] == 0

        visit(scenario, seconds=1_800)


class TestOrder:
    def test_inside_a_second_the_oldest_comes_first(self):
        """History, ledger and recent activity descend by second, and not inside one."""

        async def scenario(visitor, _clock):
            person = visitor.agent("flat")
            key, world = person.keys["casino"], visitor.sandbox.world
            account = world.account(person)
            before = len(account.bets)
            for _ in range(5):
                world.platform.casino.bet(account, "dice", 0.5, {"direction": "over", "threshold": 50})
            ids = [bet.id for bet in account.bets[before:]]
            bets = (await visitor.get("casino", API + "/bets/history?limit=5", key)).body["bets"]
            assert [bet["id"] for bet in bets] == ids
            assert len({bet["at"] for bet in bets}) == 1

        visit(scenario, seconds=100.5)

    def test_recent_activity_misses_the_latest_rows_of_a_busy_second(self):
        """Ten rows of a second that has more: the newest are not among them."""

        async def scenario(visitor, _clock):
            person = visitor.agent("flat")
            key, world = person.keys["casino"], visitor.sandbox.world
            account = world.account(person)
            before = len(account.rows)
            for _ in range(12):
                world.platform.casino.bet(account, "dice", 0.5, {"direction": "over", "threshold": 50})
            reading = await visitor.get("casino", API + "/auth/balance", key)
            shown = [activity["balance_after"] for activity in reading.body["recent_activity"]]
            assert shown == [row.balance_after for row in account.rows[before : before + 10]]
            assert reading.body["balance_usd"] == account.rows[-1].balance_after

        visit(scenario, seconds=100.5)

    def test_offset_pages_shift_when_bets_arrive(self):
        """The second page repeats a bet of the first after a new one; `since` and ids do not."""

        async def scenario(visitor, clock):
            person = visitor.agent("flat")
            key, world = person.keys["casino"], visitor.sandbox.world
            first = (await visitor.get("casino", API + "/bets/history?limit=10", key)).body["bets"]
            clock.advance(5)
            world.advance(clock.now() - DEFAULT_ORIGIN)
            world.platform.casino.bet(world.account(person), "dice", 0.5, {"direction": "over", "threshold": 50})
            second = (await visitor.get("casino", API + "/bets/history?limit=10&offset=10", key)).body["bets"]
            assert {bet["id"] for bet in first} & {bet["id"] for bet in second}
            since = first[0]["at"]
            newer = (await visitor.get("casino", f"{API}/bets/history?since={since}&limit=200", key)).body["bets"]
            assert {bet["at"] >= since for bet in newer} == {True}
            assert newer[0]["id"] == world.account(person).bets[-1].id

        visit(scenario, seconds=600)

    def test_a_negative_offset_breaks_the_query(self):
        """500 `internal_error`."""

        async def scenario(visitor, _clock):
            key = visitor.agent("flat").keys["casino"]
            reading = await visitor.get("casino", API + "/bets/history?offset=-1", key)
            assert (reading.status, reading.body["error"]) == (500, "internal_error")

        visit(scenario, seconds=60)


class TestRateLimits:
    def test_history_is_sixty_a_minute_for_all_agents_together(self):
        """Without a forwarded address everybody shares a bucket; another path has its own; a minute later all is well."""

        async def scenario(visitor, clock):
            people = [visitor.agent(name) for name in ("flat", "coin", "plinko")]
            for index in range(60):
                key = people[index % 3].keys["casino"]
                assert (await visitor.get("casino", API + "/bets/history?limit=1", key)).status == 200
            key = people[0].keys["casino"]
            refused = await visitor.get("casino", API + "/bets/history", key)
            assert (refused.status, refused.body["error"]) == (429, "rate_limited")
            assert "Retry-After" not in refused.headers
            assert "reset_at" not in refused.body
            assert (await visitor.get("casino", API + "/bets/export.csv", key)).status == 200
            assert (await visitor.get("casino", API + "/stats/me", key)).status == 200
            elsewhere = {"X-Forwarded-For": "203.0.113.9, 10.0.0.1"}
            spoofed = await visitor.ask("GET", "casino", API + "/bets/history", key=key, headers=elsewhere)
            assert spoofed.status == 200
            clock.advance(60)
            assert (await visitor.get("casino", API + "/bets/history", key)).status == 429
            clock.advance(0.5)
            assert (await visitor.get("casino", API + "/bets/history", key)).status == 200

        visit(scenario, seconds=120)

    def test_batches_are_ten_a_minute_for_an_agent(self):
        """`rate_limit_exceeded` with `reset_at`, whatever the address."""

        async def scenario(visitor, _clock):
            key = visitor.agent("flat").keys["casino"]
            readings = []
            for index in range(11):
                headers = {"X-Forwarded-For": f"203.0.113.{index}"}
                readings.append(
                    await visitor.ask(
                        "POST", "casino", API + "/bets/batch", key=key, headers=headers, body={"bets": [{"game": "x"}]}
                    )
                )
            assert [reading.status for reading in readings] == [200] * 10 + [429]
            assert readings[-1].body["error"] == "rate_limit_exceeded"
            assert readings[-1].body["reset_at"].endswith("Z")

        visit(scenario)


class TestWrites:
    def test_a_batch_answers_with_the_servers_wrong_summary(self):
        """`total_wagered` 0, `net_pnl` equal to the total won."""

        async def scenario(visitor, _clock):
            key = visitor.agent("flat").keys["casino"]
            bets = [{"game": "coin_flip", "amount": 1, "side": "heads"}] * 8
            answer = (await visitor.post("casino", API + "/bets/batch", {"bets": bets}, key)).body
            assert answer["summary"]["total_wagered"] == 0
            assert answer["summary"]["net_pnl"] == answer["summary"]["total_won"] > 0

        visit(scenario)

    def test_a_guest_can_register_and_play(self):
        """A real key, an account in the books, and the faucet's shared address already used up."""

        async def scenario(visitor, _clock):
            code = (await visitor.get("casino", API + "/auth/referral/code", visitor.agent("flat").keys["casino"])).body
            body = {"referral_code": code["referral_code"]}
            made = (await visitor.post("casino", API + "/auth/register", body)).body
            assert made["api_key"].startswith("sk_live_")
            account = accounts(visitor)[made["agent_id"]]
            assert account.balance == 0.0
            assert account.referred_by.person is visitor.agent("flat")
            visitor.sandbox.world.platform.bank.deposit(account, 40.0)
            played = await visitor.post(
                "casino", API + "/games/coin-flip", {"amount": 1, "side": "heads"}, made["api_key"]
            )
            assert played.body["game"] == "coin_flip"
            assert (await visitor.get("casino", f"{API}/stats/profile/{made['agent_id']}")).body["career"][
                "total_bets"
            ] == 1

        visit(scenario)

    def test_every_simple_write_has_its_answer(self):
        """Payment, withdrawal, parlay, bonus, challenge, tournament and risk factor, over the wire."""

        async def scenario(visitor, _clock):
            flat, coin = visitor.agent("flat"), visitor.agent("worker")
            key, other = flat.keys["casino"], coin.keys["casino"]
            ids = flat.platform_ids["casino"], coin.platform_ids["casino"]

            async def post(path, body, with_key=key, method="POST"):
                return await visitor.ask(method, "casino", API + path, key=with_key, body=body)

            assert (await post("/stats/pay", {"to_agent_id": ids[1], "amount": 1, "memo": "hi"})).body["memo"] == "hi"
            assert (await post("/auth/withdraw", {"amount": 5, "address": "0x" + "1" * 40})).body[
                "status"
            ] == "completed"
            legs = [{"game": "coin_flip", "params": {"side": "heads"}}] * 2
            assert (await post("/games/parlay", {"amount": 1, "bets": legs})).body["parlay_id"].startswith("par_")
            assert (await post("/daily/claim", {})).body["claimed"] is True
            assert (await post("/daily/claim", {})).body["error"] == "already_claimed"
            made = (await post("/challenges", {"challenged_id": ids[1], "amount": 1})).body
            outgoing = (await visitor.get("casino", API + "/challenges", key)).body["outgoing"]
            assert [(row["id"], row["amount"]) for row in outgoing] == [(made["id"], 1.0)]
            assert isinstance(outgoing[0]["created_at"], int)
            assert (await post(f"/challenges/{made['id']}/accept", {}, other)).body["status"] == "settled"
            assert (await post("/tournaments/trn_0001/enter", {})).body["entered"] is True
            assert (await post("/kelly/config", {"risk_factor": 0.5}, method="PUT")).body["risk_factor"] == 0.5
            assert (await post("/kelly/config", {"risk_factor": 5}, method="PUT")).status == 400

        visit(scenario)


class TestReads:
    def test_reading_marks_the_agent_active(self):
        """`last_active` follows whoever reads with the key: no staleness can be told from it."""

        async def scenario(visitor, clock):
            person = visitor.agent("silent")
            account = visitor.sandbox.world.account(person)
            clock.advance(1_500)
            await visitor.get("casino", API + "/auth/balance", person.keys["casino"])
            assert account.last_active == int(clock.now())
            assert person.last_action < clock.now() - 250

        visit(scenario)

    def test_an_expired_key_is_refused_everywhere(self):
        """401 from its hour on, before it 200."""

        async def scenario(visitor, clock):
            person = visitor.agent("expiring")
            key = person.keys["casino"]
            assert (await visitor.get("casino", API + "/auth/balance", key)).status == 200
            clock.advance(person.key_expires_at - clock.now())
            assert (await visitor.get("casino", API + "/auth/balance", key)).status == 401
            path = f"/api/wallet/{person.name}/balances"
            assert (await visitor.get("gateway", path, person.keys["gateway"])).status == 401

        visit(scenario)

    @pytest.mark.parametrize(
        "path",
        [
            "/auth/deposits", "/auth/withdrawals", "/auth/tier", "/auth/deposit-bonus", "/daily", "/daily/recovery",
            "/stats/session", "/stats/streak", "/session/current", "/session/history", "/analytics", "/kelly/limits",
            "/challenges", "/tournaments", "/house-stats", "/game-stats", "/leaderboard?period=24h", "/feed",
            "/recent-wins", "/streaks", "/stats/referral-leaderboard", "/games", "/fairness/summary",
        ],
    )  # fmt: skip
    def test_every_read_answers(self, path):
        """200 and an object, for a busy agent."""

        async def scenario(visitor, _clock):
            reading = await visitor.get("casino", API + path, visitor.agent("multi").keys["casino"])
            assert reading.status == 200
            assert isinstance(reading.body, dict)

        visit(scenario, seconds=400)

    def test_csv_and_audit_tell_the_same_bets(self):
        """The CSV in cents, one bet unrounded."""

        async def scenario(visitor, _clock):
            person = visitor.agent("multi")
            key = person.keys["casino"]
            text = (await visitor.get("casino", API + "/bets/export.csv", key)).raw.decode()
            rows = list(csv.DictReader(io.StringIO(text)))
            account = visitor.sandbox.world.account(person)
            assert {row["bet_id"] for row in rows} == {bet.id for bet in account.bets}
            audit = (await visitor.get("casino", f"{API}/fairness/audit/{rows[0]['bet_id']}", key)).body
            assert round(audit["amount"], 2) == float(rows[0]["amount_usd"])
            assert (await visitor.get("casino", f"{API}/fairness/audit/bet_none", key)).status == 404

        visit(scenario, seconds=300)

    def test_public_lists_cut_the_ids(self):
        """Leaderboards show six characters and dots."""

        async def scenario(visitor, _clock):
            rows = (await visitor.get("casino", API + "/leaderboard")).body["leaderboard"]
            assert all(len(row["agent_id"]) == 9 and row["agent_id"].endswith("...") for row in rows)

        visit(scenario, seconds=60)
