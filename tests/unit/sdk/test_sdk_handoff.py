"""A task of one agent for another: two traces that know of each other, and tokens that are not believed."""

import base64
import hashlib
import hmac
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach

from fleawatch import Handoff, Telemetry
from fleawatch.errors import BadConfig
from fleawatch.sdk.handoff.token import LONGEST, LONGEST_TEXT
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sinks.recorder import Recorder

KEY = "0123456789abcdef" * 4
OTHER = "f" * 64


class Party:
    """An agent with a handoff, whose clock can be set forward."""

    def __init__(self, agent_id, key_file, *, key=KEY, sample=1.0, trust_remote=(), **more):
        key_file.write_text(f"{key}\n")
        self.key_file = key_file
        self.recorder = Recorder()
        self.telemetry = Telemetry(
            agent_id, sinks=[self.recorder], heartbeat_s=None, ids=Ids(sample), trust_remote=trust_remote
        )
        self.handoff = Handoff(self.telemetry, key_file=str(key_file), **more)

    def wait(self, seconds):
        before = self.telemetry.now_ns
        self.telemetry.now_ns = lambda: before() + int(seconds * 1e9)

    def span(self, name):
        self.telemetry.flush()
        return next(span for span in self.recorder.spans if span.name == name)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """An environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(("PF_", "OTEL_", "DD_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def party(tmp_path):
    """Makes agents; they are shut down at the end."""
    made = []

    def make(agent_id="worker-1", **more):
        made.append(Party(agent_id, tmp_path / f"key-{len(made)}", **more))
        return made[-1]

    yield make
    for one in made:
        one.telemetry.shutdown()


def ask(requester, task_type="summarise", **more):
    """A description with a token."""
    with requester.handoff.create(task_type, **more) as task:
        return task.describe("Summarise the report")


def forged(claims, *, key=KEY, salt=b"fleawatch handoff 1\0", raw=None):
    """A token that somebody with the key made by hand."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode() if raw is None else raw).rstrip(b"=")
    mac = base64.urlsafe_b64encode(hmac.new(key.encode(), salt + body, hashlib.sha256).digest()).rstrip(b"=")
    return f"pf1.{body.decode()}.{mac.decode()}"


def claims(now, **more):
    """A document that is believed, in its order."""
    given_claims = {
        "requester": "lead-1", "worker": "", "task_type": "dig", "trace": "ab" * 16, "span": "cd" * 8,
        "issued": int(now), "expires": int(now) + 60, "nonce": os.urandom(16).hex(), "baggage": {},
    } | more  # fmt: skip
    return list(given_claims.values())


def test_the_worker_has_a_trace_of_its_own_that_is_linked(party):
    """A consumer span without a parent, linked to the producer span that asked."""
    requester, worker = party("lead-1"), party("worker-1")
    text = ask(requester, worker="worker-1")
    assert text.startswith("Summarise the report [pf1.")
    with worker.handoff.execute(text, escrow_id="esc_1") as task:
        assert task.received.requester == "lead-1"
        with worker.telemetry.signal("BTC-USD"):
            pass
    asked, done = requester.span("pf.task.create"), worker.span("pf.task.execute")
    assert (asked.kind, done.kind, done.parent_id) == ("producer", "consumer", 0)
    assert done.trace_id != asked.trace_id
    assert [(link.trace_id, link.span_id) for link in done.links] == [(asked.trace_id, asked.span_id)]
    assert (done.attributes["pf.requester_agent_id"], done.attributes["pf.task_type"]) == ("lead-1", "summarise")
    assert worker.span("pf.signal.analysis").parent_id == done.span_id
    assert "worker-1" not in asked.attributes.values()


def test_what_the_worker_does_to_the_escrow_is_linked_to_the_request(party):
    """Days later, in a trace of its own."""
    requester, worker = party("lead-1"), party("worker-1")
    with worker.handoff.execute(ask(requester), escrow_id="esc_1"):
        pass
    with worker.telemetry.escrow_complete("esc_1"):
        pass
    asked = requester.span("pf.task.create")
    assert [link.span_id for link in worker.span("pf.escrow.complete").links] == [asked.span_id]


def test_only_a_trusted_requester_is_a_parent(party):
    """By name; whether the trace is sampled is decided here all the same."""
    requester = party("lead-1")
    worker = party("worker-1", trust_remote=("lead-1",), sample=0.0)
    with worker.handoff.execute(ask(requester)):
        pass
    asked, done = requester.span("pf.task.create"), worker.span("pf.task.execute")
    assert (done.trace_id, done.parent_id, done.links) == (asked.trace_id, asked.span_id, ())
    assert (asked.sampled, done.sampled) == (True, False)


def test_baggage_passes_by_name_in_both_directions(party):
    """What is not allowed is neither sent nor believed, and what no token can hold is left out."""
    requester = party("lead-1", baggage=("tenant", "secret", "long"))
    worker = party("worker-1", baggage=("tenant",))
    context = None
    for name, value in (("tenant", "t-9"), ("secret", "s"), ("other", "o"), ("long", "x" * 65)):
        context = baggage.set_baggage(name, value, context)
    token = attach(context)
    text = ask(requester)
    detach(token)
    with worker.handoff.execute(text) as task:
        assert task.received.baggage == {"tenant": "t-9"}
        assert baggage.get_all() == {"tenant": "t-9"}
    assert baggage.get_all() == {}
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_token_is_believed_once(party):
    """A second time, from wherever, the work has no link."""
    requester, worker = party("lead-1"), party("worker-1")
    text = ask(requester)
    assert worker.handoff.accept(text).reason == ""
    assert worker.handoff.accept(text).reason == "replayed"
    assert worker.handoff.refused == {"replayed": 1}


def test_a_token_holds_for_its_time_and_its_worker(party):
    """After it, before it, or for somebody else it says nothing."""
    requester, worker = party("lead-1", lifetime_s=60), party("worker-1")
    assert worker.handoff.accept(ask(requester, worker="worker-2")).reason == "elsewhere"
    text = ask(requester)
    requester.wait(3600)
    assert worker.handoff.accept(ask(requester)).reason == "early"
    worker.wait(61)
    assert worker.handoff.accept(text).reason == "expired"


def test_keys_are_renewed_without_losing_what_is_under_way(party):
    """The first line signs, every line is believed; another key is not."""
    requester, worker = party("lead-1"), party("worker-1")
    text = ask(requester)
    worker.key_file.write_text(f"{OTHER}\n{KEY}\n")
    assert worker.handoff.accept(text).reason == ""
    requester.key_file.write_text(f"{OTHER}\n")
    assert worker.handoff.accept(ask(requester)).reason == ""
    worker.key_file.write_text(f"{KEY}\n")
    assert worker.handoff.accept(ask(requester)).reason == "forged"
    worker.key_file.unlink()
    assert worker.handoff.accept(ask(requester)).reason == "no_key"
    requester.key_file.write_text("short\n")
    assert ask(requester) == "Summarise the report"
    assert requester.handoff.refused == {"no_key": 1}


@pytest.mark.parametrize("key", ["", "short", f"short\n{KEY}"])
def test_without_a_key_there_is_no_handoff(party, key):
    """The complaint says how one is made, and not what stood there."""
    with pytest.raises(BadConfig, match="openssl rand") as refused:
        party("lead-1", key=key, lifetime_s=-1)
    assert "lifetime_s" in str(refused.value)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("task_type", ["Summarise This", "x" * 64, "", "a\nb", "sk_live_0123456789abcdef"])
def test_a_kind_of_task_is_a_short_word(party, task_type):
    """Anything else is `other`, at both ends."""
    requester, worker = party("lead-1"), party("worker-1")
    assert worker.handoff.accept(ask(requester, task_type)).task_type == "other"


def hostile(now):
    """Tokens of somebody who has the key, and of many who have not."""
    good = claims(now)
    deep = "[" * 5000 + "]" * 5000
    return {
        "nothing": ("", "missing"), "no text": (None, "missing"), "a number": (7, "missing"), "a list": (["pf1."], "missing"),
        "plain text": ("Please dig a hole", "missing"), "only a prefix": ("pf1.", "malformed"),
        "binary": (b"\x00\xff\xfe pf1.\x80\x81.", "malformed"), "binary text": ("pf1.\x00\x01.\x02", "malformed"),
        "surrogates": ("\ud800pf1.\udfff.", "malformed"), "unicode digits": ("pf1.١٢٣.٤٥٦", "malformed"),
        "another key": (forged(good, key=OTHER), "forged"), "another purpose": (forged(good, salt=b""), "forged"),
        "no signature": (forged(good).rpartition(".")[0] + ".", "malformed"),
        "a signature of zeros": (forged(good).rpartition(".")[0] + "." + "A" * 43, "forged"),
        "cut": (forged(good)[:-1], "malformed"), "longer": (forged(good) + "A", "malformed"),
        "another version": (forged(good).replace("pf1.", "pf2."), "missing"),
        "too long a token": ("pf1." + "A" * LONGEST + "." + "A" * 43, "oversized"),
        "too long a text": ("x" * LONGEST_TEXT + forged(good), "oversized"),
        "too many bytes": (b"x" * LONGEST_TEXT + b"pf1.", "oversized"),
        "many prefixes": ("pf1." * 16_000, "oversized"), "many starts": (" pf1." * 13_000, "malformed"),
        "nested": (forged(claims(now, task_type=forged(good))), "malformed"),
        "deep": (forged(None, raw=deep[:700].encode()), "malformed"), "no document": (forged(None, raw=b"\xff\x00"), "malformed"),
        "an object": (forged({"requester": "lead-1"}), "malformed"), "too short": (forged(good[:-1]), "malformed"),
        "too much": (forged([*good, 1]), "malformed"),
        "no trace": (forged(claims(now, trace="0" * 32)), "malformed"), "capitals": (forged(claims(now, trace="AB" * 16)), "malformed"),
        "no span": (forged(claims(now, span="0" * 16)), "malformed"), "a numeric trace": (forged(claims(now, trace=1)), "malformed"),
        "a name with a newline": (forged(claims(now, requester="lead-1\n")), "malformed"),
        "a key for a name": (forged(claims(now, requester="sk_live_0123456789abcdef")), "malformed"),
        "a long name": (forged(claims(now, requester="x" * 64)), "malformed"),
        "much baggage": (forged(claims(now, baggage={f"b{n}": "v" for n in range(9)})), "malformed"),
        "nested baggage": (forged(claims(now, baggage={"tenant": {"a": 1}})), "malformed"),
        "long baggage": (forged(claims(now, baggage={"tenant": "x" * 65})), "malformed"),
        "endless": (forged(claims(now, expires=int(now) + 32 * 86_400)), "malformed"),
        "backwards": (forged(claims(now, expires=int(now) - 1)), "malformed"),
        "no time": (forged(claims(now, issued=True)), "malformed"), "infinite": (forged(claims(now, expires=float("inf"))), "malformed"),
        "huge": (forged(claims(now, expires=2**70)), "malformed"), "negative": (forged(claims(now, issued=-1)), "malformed"),
        "last year's": (forged(claims(now - 1e6)), "expired"), "next year's": (forged(claims(now + 1e6)), "early"),
    }  # fmt: skip


def test_hostile_tokens_are_refused_and_raise_nothing(party):
    """Each with its reason; the work goes on in a trace of its own that says nothing of what was claimed."""
    worker = party("worker-1", trust_remote=("lead-1",), baggage=("tenant",))
    now = worker.telemetry.now_ns() / 1e9
    found = {name: worker.handoff.accept(text).reason for name, (text, _) in hostile(now).items()}
    assert found == {name: reason for name, (_, reason) in hostile(now).items()}
    for text, _ in hostile(now).values():
        with worker.handoff.execute(text):
            pass
    worker.telemetry.flush()
    for span in worker.recorder.spans:
        assert (span.parent_id, span.links, span.attributes) == (0, (), {"pf.agent_id": "worker-1"})
    assert worker.telemetry.dropped == {}
    assert worker.handoff.accept(forged(claims(now))).reason == ""


def test_the_last_token_of_a_text_counts(party):
    """What stands before it may be a quotation of another task."""
    requester, worker = party("lead-1"), party("worker-1")
    first = ask(requester, "dig")
    with requester.handoff.create("fill") as task:
        text = task.describe(f"As before: {first}")
    assert worker.handoff.accept(text).task_type == "fill"
    assert worker.handoff.accept(first).task_type == "dig"


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A worker for many tokens."""
    found = Party("worker-1", tmp_path_factory.mktemp("keys") / "key")
    yield found
    found.telemetry.shutdown()


@given(
    text=st.one_of(
        st.text(),
        st.binary(),
        st.text(alphabet="pf1._-AZaz09 ").map(lambda text: f"pf1.{text}"),
        st.integers(),
        st.none(),
    )
)
def test_nothing_a_stranger_writes_is_believed(judge, text):
    """Without the key there is no text that is, and none that raises."""
    assert judge.handoff.accept(text).reason in ("missing", "malformed", "forged", "oversized")


@given(place=st.integers(min_value=4), bits=st.integers(min_value=1, max_value=63))
def test_a_token_that_was_changed_anywhere_is_not_believed(judge, place, bits):
    """One character is enough."""
    good = forged(claims(judge.telemetry.now_ns() / 1e9))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = 4 + place % (len(good) - 4)
    before = alphabet.find(good[place])
    changed = good[:place] + alphabet[(before + bits) % 64] + good[place + 1 :]
    if changed != good:
        assert judge.handoff.accept(changed).reason in ("missing", "malformed", "forged")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


@given(document=st.one_of(_JSON, st.lists(_JSON, min_size=9, max_size=9)))
def test_a_signed_document_of_another_form_is_not_believed(judge, document):
    """Also who has the key must say it in the one form that there is."""
    assert judge.handoff.accept(forged(document)).reason in ("malformed", "oversized", "expired", "early")
