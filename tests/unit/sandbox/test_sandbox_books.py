"""The books file: what it holds, the truth computed from it, and a lie of one cent."""

import functools
import shutil
import sqlite3
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest

from fleawatch.errors import StoreError
from fleawatch.sandbox import World, books
from fleawatch.sandbox.__main__ import parse

KEYS = {
    "balance", "equity", "bets", "trades", "wins", "losses", "pushes", "wagered", "paid", "net_pnl_by_game",
    "net_pnl_by_market", "fees", "open_escrows", "open_escrow_amount", "escrows_by_outcome", "referral_income",
    "faucet_claims",
}  # fmt: skip


@functools.cache
def world():
    made = World(7, 20)
    made.advance(3_600.0)
    return made


@functools.cache
def _written():
    path = Path(tempfile.mkdtemp(prefix="sandbox-books-")) / "books.db"
    books.write(world(), path)
    return path


@pytest.fixture(name="path")
def _path(tmp_path):
    """A copy of the books of seed 7 after an hour."""
    return Path(shutil.copy(_written(), tmp_path / "books.db"))


@pytest.fixture(scope="module", autouse=True)
def _tidy():
    yield
    if _written.cache_info().currsize:
        shutil.rmtree(_written().parent)


def person(character):
    return next(p for p in world().fleet if p.character == character)


class TestTruth:
    def test_every_fleet_agent_has_every_number(self, path):
        """The fleet and nobody else, with the keys that are promised."""
        truth = books.truth(path)
        assert list(truth) == [p.name for p in world().fleet]
        assert all(set(numbers) == KEYS for numbers in truth.values())

    def test_balances_are_what_the_servers_say(self, path):
        """To the cent, though the file was written from the journal and the servers count doubles."""
        truth = books.truth(path)
        for p in world().fleet:
            assert float(truth[p.name]["balance"]) == pytest.approx(world().account(p).balance, abs=1e-6)

    def test_bets_and_money_by_game_agree_with_the_servers_totals(self, path):
        """Wagered and paid include parlays; each game's net is its payouts less its stakes."""
        truth = books.truth(path)
        for p in world().fleet:
            account, numbers = world().account(p), truth[p.name]
            assert numbers["bets"] == len(account.bets) + len(account.parlays)
            assert float(numbers["wagered"]) == pytest.approx(account.total_wagered, abs=1e-6)
            assert float(numbers["paid"]) == pytest.approx(account.total_won, abs=1e-6)
            games = {name: totals.won - totals.wagered for name, totals in account.games.items()}
            assert set(numbers["net_pnl_by_game"]) - {"parlay"} == set(games)
            for name, net in games.items():
                assert float(numbers["net_pnl_by_game"][name]) == pytest.approx(net, abs=1e-6)
            assert numbers["wins"] + numbers["losses"] + numbers["pushes"] == numbers["bets"] + numbers["trades"]

    def test_plinko_wins_are_counted_by_money(self, path):
        """All of them carry the flag; the truth has more losses than wins, and pushes."""
        numbers = books.truth(path)[person("plinko").name]
        assert numbers["losses"] > 100
        assert numbers["pushes"] > 0

    def test_equity_follows_the_definition(self, path):
        """An escrow's lock stays in the creator's equity, a dispute leaves it; chains and referral money are in."""
        truth, platform = books.truth(path), world().platform
        hirer = person("hirer")
        mine = [e for e in platform.escrow.escrows.values() if e.creator.person is hirer]
        locked = sum(e.amount for e in mine if e.is_open)
        assert locked > 0
        assert truth[hirer.name]["equity"] == truth[hirer.name]["balance"] + locked
        assert truth[hirer.name]["open_escrow_amount"] == locked
        holder = person("onchain")
        value = sum(
            float(amount) * platform.wallet.price(coin)
            for (_, address), coins in platform.wallet.holdings.items()
            if address in holder.addresses.values()
            for coin, amount in coins.items()
        )
        assert float(truth[holder.name]["equity"] - truth[holder.name]["balance"]) == pytest.approx(value, abs=1e-6)

    def test_a_traders_equity_is_capital_result_and_mark(self, path):
        """Capital + results - recorded fees + unrealised; None without declared capital."""
        truth = books.truth(path)
        assert truth[person("meanrev").name]["equity"] is None
        momentum = person("momentum")
        trader = world().platform.trading.traders[momentum.platform_ids["trading"]]
        mark = world().kernel.market.mark
        value = float(momentum.capital) + sum(p.result for p in trader.positions)
        value += sum(p.unrealized(mark(p.coin, world().kernel.now)) for p in trader.positions if p.at_exchange)
        value -= sum(trade.fee for trade in trader.trades)
        numbers = truth[momentum.name]
        assert float(numbers["equity"] - numbers["balance"]) == pytest.approx(value, abs=1e-6)
        assert float(sum(numbers["net_pnl_by_market"].values())) == pytest.approx(
            sum(p.result for p in trader.positions) - sum(trade.fee for trade in trader.trades), abs=1e-6
        )
        assert numbers["trades"] == sum(p.status == "closed" for p in trader.positions)

    def test_fees_and_income_have_every_source(self, path):
        """Withdrawals, escrow commission and trading cost; casino, escrow, trading, wallet and domains bring."""
        truth = books.truth(path)
        payer = world().account(person("payer"))
        assert truth[payer.name]["fees"] == Decimal("0.5") * sum(w["status"] == "completed" for w in payer.withdrawals)
        ended = [
            e
            for e in world().platform.escrow.escrows.values()
            if e.creator.person is person("hirer") and e.status in ("released", "refunded")
        ]
        assert truth[person("hirer").name]["fees"] == sum(e.commission for e in ended)
        referrer = person("referrer")
        sources = {
            p.account.split(":")[1] for p in world().kernel.journal.postings
            if p.agent_id == referrer.name and p.account.startswith("referral:")
        }  # fmt: skip
        assert sources == {"casino", "trading", "wallet", "domains"}
        assert truth[referrer.name]["referral_income"] > 0

    def test_escrow_outcomes_are_all_there(self, path):
        """Over the fleet each outcome occurs."""
        truth = books.truth(path).values()
        for outcome in ("settled", "timeout", "disputed", "failed"):
            assert sum(numbers["escrows_by_outcome"][outcome] for numbers in truth) > 0

    def test_a_missing_file_is_named(self, tmp_path):
        """With the remedy."""
        with pytest.raises(StoreError, match="--books"):
            books.truth(tmp_path / "none.db")


class TestFalsify:
    @pytest.mark.parametrize("seed", range(6))
    def test_one_cent_changes_one_number_of_one_agent(self, path, seed):
        """And it says which."""
        before = books.truth(path)
        told = books.falsify(path, seed)
        after = books.truth(path)
        changed = [
            (agent, key) for agent, numbers in after.items() for key in numbers if numbers[key] != before[agent][key]
        ]
        assert changed == [(told["agent_id"], told["number"])]
        difference = after[told["agent_id"]][told["number"]] - before[told["agent_id"]][told["number"]]
        assert abs(difference) == Decimal("0.01")
        assert told["after"] - told["before"] == Decimal("0.01")


class TestFile:
    def test_the_journal_in_the_file_balances(self, path):
        """Every transaction sums to zero in each currency."""
        sums = {}
        with sqlite3.connect(path) as connection:
            for txn, currency, amount in connection.execute("SELECT txn, currency, amount FROM journal"):
                sums[txn, currency] = sums.get((txn, currency), Decimal(0)) + Decimal(amount)
        connection.close()
        assert len(sums) > 9_000
        assert not any(sums.values())

    def test_writing_again_replaces_the_file(self, tmp_path):
        """Nothing is left beside it."""
        small = World(3, 1)
        path = tmp_path / "b.db"
        books.write(small, path)
        small.advance(300.0)
        books.write(small, path)
        assert [p.name for p in tmp_path.iterdir()] == ["b.db"]
        assert books.truth(path)[small.fleet[0].name]["bets"] > 0


class TestCommandLine:
    def test_a_run_has_an_exact_horizon(self):
        """Seconds times speed."""
        settings = parse(["--speed", "60", "--for", "60", "--faults"])
        assert settings.horizon == 3_600.0
        assert len(settings.faults.faults) == 64

    @pytest.mark.parametrize(
        "arguments",
        [["--agents", "0"], ["--speed", "0"], ["--faults"], ["--ports", "bank=1"], ["--ports", "casino=x"]],
    )
    def test_wrong_arguments_exit_with_two(self, arguments, capsys):
        """With a message that says what was wrong."""
        with pytest.raises(SystemExit) as exited:
            parse(arguments)
        assert exited.value.code == 2
        assert "error" in capsys.readouterr().err

    def test_ports_may_be_fixed(self):
        """By service."""
        assert parse(["--ports", "casino=18001,control=18009"]).ports == {"casino": 18001, "control": 18009}
