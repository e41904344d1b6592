"""The wallet service's chains and swaps, and the domains service's balance."""

from decimal import Decimal

import pytest

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.domains import PRICES_EUR
from fleawatch.sandbox.services.platform import Platform


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


def holder(platform, name="holly", code=None):
    person = Person(name=name, character="onchain", strategy="s")
    agent = platform.wallet.register(person, code)
    person.addresses = platform.wallet.create_addresses(person)
    return agent


PAIR = {"from_chain": "base", "from_token": "USDC", "to_chain": "ethereum", "to_token": "ETH"}


class TestWallet:
    def test_ethereum_and_base_share_an_address(self, platform):
        """The same derivation serves both."""
        addresses = holder(platform).person.addresses
        assert addresses["ethereum"] == addresses["base"]

    def test_a_swap_takes_half_a_percent(self, platform):
        """What arrives is worth the amount less the fee, at the mark; the row stays pending for ever."""
        agent = holder(platform)
        platform.wallet.receive(agent.person, "base", "USDC", Decimal(1_000))
        row = platform.wallet.swap(agent, PAIR | {"amount": "200"})
        person, price = agent.person, platform.wallet.price("ETH")
        assert platform.wallet.held("base", person.addresses["base"], "USDC") == 800
        bought = platform.wallet.held("ethereum", person.addresses["ethereum"], "ETH")
        assert float(bought) * price == pytest.approx(199.0, abs=1e-3)
        assert (row["fee_usd"], row["from_amount"], row["status"]) == (1.0, "200000000", "pending")
        assert platform.kernel.journal.balance("chain:holly:ethereum", "ETH") == bought

    def test_three_levels_share_the_fee(self, platform):
        """10, 5 and 2.5 % of it, kept at the service."""
        top = holder(platform, "top")
        middle = holder(platform, "middle", top.referral_code)
        low = holder(platform, "low", middle.referral_code)
        agent = holder(platform, "holly", low.referral_code)
        platform.wallet.receive(agent.person, "base", "USDC", Decimal(1_000))
        platform.wallet.swap(agent, PAIR | {"amount": 200})
        earned = [platform.wallet.earned(who) for who in (low, middle, top)]
        assert earned == [Decimal("0.1"), Decimal("0.05"), Decimal("0.025")]

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"amount": "5000"}, "insufficient_balance"),
            ({"amount": "much"}, "invalid_request"),
            ({"amount": "-1"}, "invalid_request"),
            ({"to_chain": "base", "to_token": "USDC", "amount": "1"}, "invalid_request"),
            ({"to_chain": "mars", "amount": "1"}, "unsupported_pair"),
            ({"to_chain": "tron", "to_token": "TRX", "amount": "1"}, "unsupported_pair"),
        ],
    )
    def test_wrong_swaps_are_refused(self, platform, change, error):
        """Each with its code; nothing moves."""
        agent = holder(platform)
        platform.wallet.receive(agent.person, "base", "USDC", Decimal(1_000))
        with pytest.raises(RefusedError, match=error):
            platform.wallet.swap(agent, PAIR | change)
        assert agent.swaps == []

    def test_coins_without_a_market_have_no_price(self, platform):
        """USDC is one dollar; Monero is unknown."""
        assert platform.wallet.price("USDC") == 1.0
        assert platform.wallet.price("XMR") is None

    def test_referral_money_needs_a_dollar_to_leave(self, platform):
        """Below it the withdrawal is refused."""
        with pytest.raises(RefusedError, match="below_minimum"):
            platform.wallet.withdraw_referral(holder(platform))


class TestDomains:
    def registrant(self, platform, name="dora", code=None):
        return platform.domains.register(Person(name=name, character="domains", strategy="s"), code)

    def test_prices_are_euros_paid_in_dollars_with_a_markup(self, platform):
        """11 EUR at 1.08 plus 20 % is 14.26 USD."""
        agent = self.registrant(platform)
        platform.domains.deposit(agent, 100.0)
        row = platform.domains.purchase(agent, "Example.com ")
        assert (row["domain"], row["price_paid"]) == ("example.com", 14.26)
        assert agent.balance == Decimal("85.74")

    def test_the_referrer_gets_a_fifth_of_the_markup(self, platform):
        """Into its domains balance."""
        boss = self.registrant(platform, "boss")
        agent = self.registrant(platform, code=boss.referral_code)
        platform.domains.deposit(agent, 100.0)
        platform.domains.purchase(agent, "example.ai")
        markup = round(PRICES_EUR["ai"] * 1.08 * 0.2, 2)
        assert boss.earnings[0]["markup_usd"] == markup
        assert float(boss.balance) == pytest.approx(markup * 0.2, abs=0.005)

    @pytest.mark.parametrize(
        ("name", "status", "error"),
        [
            ("no dots", 400, "invalid_domain"),
            ("x.museum", 400, "unsupported_tld"),
            ("taken.com", 409, "domain_taken"),
            ("dear.ai", 400, "insufficient_balance"),
        ],
    )
    def test_wrong_purchases_are_refused(self, platform, name, status, error):
        """Each with its code; insufficient funds are 400 here."""
        agent = self.registrant(platform)
        platform.domains.deposit(agent, 20.0)
        platform.domains.taken.add("taken.com")
        with pytest.raises(RefusedError) as refused:
            platform.domains.purchase(agent, name)
        assert (refused.value.status, refused.value.error) == (status, error)
