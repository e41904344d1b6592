"""Laws of labels: whatever an agent says, no metric grows wider than its labels allow, and no money is lost by it."""

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import OTHER
from fleawatch.events import (
    AgentError,
    ApiCall,
    BalanceRead,
    BetSettled,
    OrderFilled,
    OrderPlaced,
    PositionMarked,
    PositionOpened,
    SignalComputed,
    SlowSpan,
    SpanErrors,
    StrategySwitched,
)
from fleawatch.flow.samples import readers_of, samples
from fleawatch.ports import Observed
from fleawatch.sinks.dogstatsd import DogStatsD
from fleawatch.sinks.scrape import Scrape
from fleawatch.testing.secrets import core, secrets
from fleawatch.testing.telemetry_contract import AT, declared, folded

READERS = readers_of(CATALOG, "agent", "monitor")
MANY = 340
"""Values of one label: more than any label of an agent may have, but its own id."""

PREFIXES = st.sampled_from(("m", "M", "x-", "A1", "v", "ä", "a b", "a|b,#c", "\n", "", "sk_live_"))


def words(prefix, count):
    return [f"{prefix}{number}" for number in range(count)]


def facts_of(word, number):
    """Facts that carry a word in every open label that an agent can fill."""
    base = {"agent_id": "a-1", "at": AT + number, "seen_at": AT + number, "source": "sdk"}

    def name(kind):
        return f"{kind}:{number}"

    yield OrderPlaced(
        fact_id=name("o"), **base, order_id=name("o"), market=word, side="buy", order_type="market", status="rejected", reason=word,
        endpoint=word, notional_usd=Decimal(10), latency_s=0.1, strategy=word,
    )  # fmt: skip
    yield OrderFilled(
        fact_id=name("f"), **base, trade_id=name("t"), order_id=name("o"), market=word, side="buy", notional_usd=Decimal(10),
        price=Decimal(100), fee_usd=Decimal("0.5"), realized_pnl_usd=Decimal(0), expected_price=Decimal(99), strategy=word,
    )  # fmt: skip
    yield PositionOpened(
        fact_id=name("p"), **base, position_id=name("p"), market=word, side="buy", notional_usd=Decimal(10), quantity=Decimal(1),
        entry_price=Decimal(10), leverage=Decimal(1), margin_usd=Decimal(10), strategy=word,
    )  # fmt: skip
    yield PositionMarked(
        fact_id=name("pm"), **base, position_id=name("p"), market=word, price=Decimal(11), unrealized_pnl_usd=Decimal(1)
    )
    yield BetSettled(
        fact_id=name("b"), **base, bet_id=name("b"), game=word, stake=Decimal(1), payout=Decimal(0), strategy=word
    )
    yield BalanceRead(
        fact_id=name("br"), **base, service="wallet", currency=word, amount=Decimal(1), value_usd=Decimal(1)
    )
    yield ApiCall(fact_id=name("c"), **base, endpoint=word, method=word, status_code=word, duration_s=0.1)
    yield SignalComputed(
        fact_id=name("s"),
        **base,
        strategy=word,
        action=word,
        result=word,
        duration_s=0.01,
        market=word,
        model_version=word,
    )
    yield StrategySwitched(fact_id=name("sw"), **base, before=word, after=word)
    yield AgentError(fact_id=name("e"), **base, component=word)
    yield SlowSpan(fact_id=name("sl"), **base, span_name=word, duration_s=3.0, threshold_s=2.0)
    yield SpanErrors(fact_id=name("se"), **base, span_name=word, errors=9, samples=100)


def hostile(prefix, count=MANY):
    state = declared()
    facts = [fact for number, word in enumerate(words(prefix, count)) for fact in facts_of(word, number)]
    return folded(state, *facts), facts


def values_of(state):
    """The values of every label of every metric, and the sums."""
    found, sums = defaultdict(set), defaultdict(float)
    for metric, labels, value in samples(READERS, state, AT + MANY):
        for label, one in zip(metric.labels, labels, strict=True):
            found[metric.name, label].add(one)
        if isinstance(value, float | int):
            sums[metric.name] += value
    return found, sums


class TestMetrics:
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(PREFIXES)
    def test_no_label_has_more_values_than_it_may(self, prefix):
        """And `other` beside them."""
        found, _ = values_of(hostile(prefix)[0])
        wide = {
            (name, label.name, len(values))
            for (name, label), values in found.items()
            if len(values - {OTHER}) > label.limit
        }
        assert wide == set()

    @pytest.mark.parametrize("prefix", ["m", "M", "ä", "sk_live_"])
    def test_no_money_is_lost(self, prefix):
        """Sums over all values are those of the facts, whatever became `other`; what did is counted."""
        state, _ = hostile(prefix)
        _, sums = values_of(state)
        assert sums["pf_trade_volume_usdc_total"] == 10 * MANY
        assert sums["pf_trade_fees_usdc_total"] == pytest.approx(0.5 * MANY)
        assert sums["pf_casino_wagered_usdc_total"] == MANY
        assert sums["pf_orders_total"] == sums["pf_order_rejections_total"] == MANY
        assert sums["pf_casino_rounds_total"] == MANY
        assert sums["pf_wallet_balance_usd"] == pytest.approx(MANY)
        assert sums["pf_label_overflow_total"] > 0

    def test_the_exposition_is_no_wider(self):
        """A scrape of a hostile agent has as many lines as its labels allow, however long the stream."""
        sink = Scrape()
        state, facts = hostile("m")
        sink.take([Observed(fact, None) for fact in facts], state)
        first = sink.body(AT + MANY, openmetrics=False).count(b"\n")
        more = folded(
            state, *(fact for number, word in enumerate(words("n", 50), MANY) for fact in facts_of(word, number))
        )
        sink.take([Observed(facts[0], None)], more)
        assert sink.body(AT + MANY, openmetrics=False).count(b"\n") <= first + 3


class Sent:
    """What a sink told its client, in place of one."""

    packets_dropped = 0

    def __init__(self):
        self.tags = defaultdict(set)
        self.sums = defaultdict(float)

    def gauge(self, metric, value=1, tags=()):
        for tag in tags:
            key, _, word = tag.partition(":")
            self.tags[metric, key].add(word)

    def distribution(self, metric, value, tags=()):
        self.gauge(metric, value, tags)
        self.sums[f"count {metric}"] += 1

    def increment(self, metric, value=1, tags=()):
        self.gauge(metric, value, tags)
        self.sums[metric] += value

    def flush(self):
        """Nothing waits."""

    flush_aggregated_metrics = stop = flush


class TestDogStatsD:
    @pytest.mark.parametrize("prefix", ["m", "M", "ä", "a|b,#c"])
    def test_tags_are_as_narrow_and_sums_as_large(self, prefix):
        """A tag has no more values than its label, and every order and round is counted."""
        client = Sent()
        sink = DogStatsD(lambda: client, "a-1", "momentum")
        state, facts = hostile(prefix)
        sink.take([Observed(fact, None) for fact in facts], state)
        sink.beat(state, AT + MANY)
        limits = {
            "strategy": 20, "market": 300, "error_type": 40, "model_version": 10, "game_type": 40, "currency": 50, "component": 30,
        }  # fmt: skip
        assert [key for key, found in client.tags.items() if len(found - {OTHER}) > limits.get(key[1], 8)] == []
        assert client.sums["agent.order.executions_total"] == client.sums["count agent.order.latency_ms"] == MANY
        assert client.sums["agent.casino.rounds"] == MANY

    @settings(max_examples=30, deadline=None)
    @given(secrets)
    def test_no_secret_becomes_a_label_or_a_tag(self, secret):
        """Where a word of the agent's is a secret, `other` is shown."""
        client, scrape = Sent(), Scrape()
        facts = list(facts_of(secret, 1))
        state = folded(declared(), *facts)
        seen = [Observed(fact, None) for fact in facts]
        sink = DogStatsD(lambda: client, "a-1", "momentum")
        sink.take(seen, state)
        sink.beat(state, AT + 1)
        scrape.take(seen, state)
        assert core(secret).lower() not in " ".join(word for values in client.tags.values() for word in values)
        assert core(secret).encode() not in scrape.body(AT + 1, openmetrics=False)
