"""Outputs as lines of JSON."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.catalog.logs import COMMON_FIELDS, RESERVED_FIELDS
from fleawatch.flow.outputs import Notice
from fleawatch.scrub import REDACTED, scrub, scrub_fields
from fleawatch.sinks.jsonlog import JsonLog
from fleawatch.units import looks_like_key


def lines(*notices):
    """The lines of these notices, and the text as it was written."""
    stream = io.StringIO()
    sink = JsonLog(stream)
    for notice in notices:
        sink.emit(notice)
    return [json.loads(line) for line in stream.getvalue().split("\n") if line], stream.getvalue()


def told(message="m", /, **fields):
    return Notice(
        key="k",
        agent_id="a-1",
        at=1_700_000_000.25,
        event="large_loss",
        level="warning",
        message=message,
        fields=fields,
    )


class TestLine:
    def test_whole_line(self):
        """A notice is one object with the fields every line has, then those of its event."""
        (line,), text = lines(told("lost 5.00 USD at once", amount_usd=-5.0, subject="bet"))
        assert line == {
            "timestamp": "2023-11-14T22:13:20.250Z", "level": "warning", "logger": "fleawatch",
            "message": "lost 5.00 USD at once", "service": "fleawatch", "event": "large_loss", "agent_id": "a-1",
            "key": "k", "amount_usd": -5.0, "subject": "bet",
        }  # fmt: skip
        assert text.endswith("}\n")

    @pytest.mark.parametrize("name", [*RESERVED_FIELDS, "message", "level", "key", "service"])
    def test_an_event_cannot_overwrite_the_line(self, name):
        """A field with the name of a common or reserved one is kept beside it."""
        (line,), _ = lines(told(**{name: "mine"}))
        assert line[f"field.{name}"] == "mine"
        assert line.get(name) != "mine"

    def test_common_names_are_the_catalogs(self):
        """Every field that all lines have is one that the catalog knows, but for the key of the output."""
        (line,), _ = lines(told())
        assert set(line) - {"key"} <= set(COMMON_FIELDS)

    @settings(max_examples=60)
    @given(
        st.text(), st.dictionaries(st.text(max_size=8), st.text() | st.floats() | st.none() | st.booleans(), max_size=4)
    )
    def test_always_one_line_of_strict_json(self, message, fields):
        """Whatever a notice holds, it is one line, and valid JSON without NaN or infinity."""
        found, text = lines(told(message, **{f"x{name}": value for name, value in fields.items()}))
        assert text.splitlines(keepends=True) == [text]
        assert len(found) == 1
        json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} was written"))

    def test_errors_of_the_stream_reach_the_caller(self):
        """A line that could not be written is not taken for written."""
        stream = io.StringIO()
        sink = JsonLog(stream)
        stream.close()
        with pytest.raises(ValueError, match="closed"):
            sink.emit(told())


class TestScrubbing:
    @pytest.mark.parametrize(
        "secret",
        [
            "sk_live_abc123", "pk_live_xyz", "sk_trade_9-9", "sk_domains_q", "pf_live_token", "PF_TEST_1", "pk_trade_0",
            "Bearer eyJhbGciOi.J9.x_y-z", "bearer=abc", "Authorization: Basic dXNlcjpwYXNz",
        ],
    )  # fmt: skip
    def test_no_secret_is_written(self, secret):
        """Keys of the platform and tokens are cut from messages, names and values, wherever they stand."""
        _, text = lines(told(f"call with {secret} failed", detail=f'{{"header":"{secret}"}}', **{secret: 1}))
        tail = secret.split(" ")[-1].split("=")[-1]
        assert tail not in text
        assert REDACTED in text

    @pytest.mark.parametrize("name", ["api_key", "Authorization", "password", "client_secret", "access_token"])
    def test_a_field_named_like_a_secret_is_empty(self, name):
        """What is called a secret is one, whatever it looks like."""
        assert scrub_fields({name: "plain words"}) == {name: REDACTED}

    def test_words_that_only_look_similar_stay(self):
        """Ordinary text is not touched."""
        text = "the bear market risk_live desk; keys: 3, token count 7"
        assert scrub(text) == text
        assert scrub_fields({"tokens": 7, "keyword": "x"}) == {"tokens": 7, "keyword": "x"}

    @settings(max_examples=80)
    @given(
        st.text(),
        st.sampled_from(["sk_live_", "sk_trade_", "sk_domains_", "pk_live_", "pf_live_", "PF_Test_"]),
        st.text(),
    )
    def test_nothing_that_looks_like_a_key_is_left(self, before, prefix, after):
        """Whatever stands around it, the prefix of a platform key is never written."""
        assert not looks_like_key(scrub(before + prefix + after))
