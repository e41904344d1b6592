"""The label dictionary and what it lets through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.catalog import labels
from fleawatch.catalog.labels import LABELS, OTHER, bounded
from fleawatch.units import WINDOWS


class TestBounded:
    @pytest.mark.parametrize(
        ("label", "value", "expected"),
        [
            (labels.AGENT_ID, "alice-1", "alice-1"),
            (labels.AGENT_ID, "Alice", OTHER),
            (labels.AGENT_ID, "", OTHER),
            (labels.AGENT_ID, "alice\n", OTHER),
            (labels.AGENT_ID, "a" * 64, OTHER),
            (labels.MARKET, "btc-usd", "BTC-USD"),
            (labels.MARKET, "xyz:tsla", "XYZ:TSLA"),
            (labels.MARKET, "BTC USD", OTHER),
            (labels.CURRENCY, "usdc", "USDC"),
            (labels.STATUS_ORDER, "success", "success"),
            (labels.STATUS_ORDER, "2xx", OTHER),
            (labels.STATUS_API, "2xx", "2xx"),
            (labels.STATUS_CODE, "429", "429"),
            (labels.STATUS_CODE, "invalid_body", "invalid_body"),
            (labels.STATUS_CODE, "999", OTHER),
            (labels.ENDPOINT, "trade/open", "trade/open"),
            (labels.ENDPOINT, "escrow/esc_0123456789abcdef", OTHER),
            (labels.VERSION, "1.2.3+local", "1.2.3+local"),
        ],
    )
    def test_values(self, label, value, expected):
        """A value comes back as the label may carry it, or as `other`."""
        assert bounded(label, value) == expected

    @pytest.mark.parametrize("key", ["sk_live_abc", "pf_live_abc", "sk_trade_0", "pk_live_0"])
    def test_keys(self, key):
        """A platform key becomes `other`, although it looks like a word."""
        assert [bounded(label, key) for label in (labels.AGENT_ID, labels.STRATEGY, labels.VERSION)] == [OTHER] * 3

    def test_allow_list(self):
        """An allow-list narrows an open label, after the case is folded."""
        assert bounded(labels.MARKET, "eth", ["BTC", "ETH"]) == "ETH"
        assert bounded(labels.MARKET, "doge", ["BTC", "ETH"]) == OTHER
        assert bounded(labels.STRATEGY, "momentum", []) == OTHER

    @settings(max_examples=100)
    @given(st.sampled_from(LABELS), st.text(max_size=80))
    def test_hostile_text(self, label, text):
        """Whatever the text, the answer is allowed, stays the same when asked again, and holds no control character."""
        answer = bounded(label, text)
        assert answer == OTHER or bounded(label, answer) == answer
        assert answer.isprintable()


class TestDictionary:
    def test_fixed_values_are_let_through(self):
        """Every declared value of a fixed label is allowed by it."""
        assert [
            (label.name, value) for label in LABELS for value in label.values if bounded(label, value) != value
        ] == []

    def test_limit_of_fixed_labels(self):
        """A fixed label has as many values as its limit says, without doubles."""
        assert [label.name for label in LABELS if label.values and len(set(label.values)) != label.limit] == []

    def test_windows(self):
        """The window label knows every window."""
        assert labels.WINDOW.values == tuple(WINDOWS)

    @pytest.mark.parametrize(
        ("label", "most"),
        [
            (labels.ENDPOINT, 40),
            (labels.METHOD, 5),
            (labels.STATUS_CODE, 25),
            (labels.STATUS_API, 7),
            (labels.ORDER_TYPE, 6),
            (labels.STRATEGY, 20),
            (labels.MARKET, 300),
            (labels.GAME_TYPE, 40),
            (labels.MODEL_VERSION, 10),
            (labels.CURRENCY, 50),
        ],
    )
    def test_bounds(self, label, most):
        """Labels keep within the bound that was decided for them."""
        assert label.limit <= most

    @pytest.mark.parametrize(
        "name", ["counterparty", "order_id", "escrow_id", "address", "trace_id", "message", "service", "env"]
    )
    def test_never_labels(self, name):
        """Ids, free text and names that belong to others are no labels."""
        assert name not in {label.name for label in LABELS}
