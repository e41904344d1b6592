"""Laws of facts: they survive the wire unchanged, and nothing that is no fact ever gets in."""

import json
import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.inspect import DecimalType, FloatType, IntType, type_info

from fleawatch.errors import BadEvent
from fleawatch.events import AMENDABLE, KINDS, SCHEMA_VERSION, Amended, check, decode, encode, merge
from fleawatch.events.numbers import options, plain
from fleawatch.testing import strategies

EVERY = sorted(KINDS)
MONEY = {"stake", "payout", "notional_usd", "price", "fee_usd", "realized_pnl_usd", "fact_id", "agent_id", "at"}


def numeric_fields(kind):
    """Name and type of every plain numeric field of a kind."""
    for field in type_info(kind).fields:
        for option in options(field.type):
            if isinstance(plain(option), FloatType | DecimalType | IntType):
                yield field.name, plain(option)


@pytest.mark.parametrize("tag", EVERY)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_kind_survives_the_wire(tag, data):
    """Encoding and decoding any fact gives the same fact, and encoding it again the same bytes."""
    fact = data.draw(strategies.facts(KINDS[tag]))
    assert check(fact) == ()
    wire = encode(fact)
    again = decode(wire)
    assert again == fact
    assert type(again) is KINDS[tag]
    assert encode(again) == wire


@pytest.mark.parametrize("tag", EVERY)
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_a_bad_number_in_any_field_is_refused_and_named(tag, data):
    """NaN, infinity and numbers beyond any account are refused in each numeric field, in the process and on the wire."""
    fact = data.draw(strategies.facts(KINDS[tag]))
    for name, kind in numeric_fields(KINDS[tag]):
        if isinstance(kind, IntType):
            continue
        for bad in (math.nan, math.inf, -math.inf, 1e21):
            value = Decimal(bad) if isinstance(kind, DecimalType) else bad
            broken = msgspec.structs.replace(fact, **{name: value})
            assert [one.where for one in check(broken)] == [name]
            raw = json.loads(encode(fact)) | {name: str(value) if isinstance(kind, DecimalType) else bad}
            with pytest.raises(BadEvent) as refused:
                decode(json.dumps(raw))
            assert name in {one.where for one in refused.value.problems}


@pytest.mark.parametrize("tag", EVERY)
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_a_negative_time_is_refused_in_every_kind(tag, data):
    """No kind lets a time before 1970 in, nor one in milliseconds."""
    fact = data.draw(strategies.facts(KINDS[tag]))
    times = [name for name, _ in numeric_fields(KINDS[tag]) if name.endswith("at")]
    assert {"at", "seen_at"} <= set(times)
    for name in times:
        for bad in (-1.0, 1_800_000_000_000.0):
            broken = msgspec.structs.replace(fact, **{name: bad})
            assert [one.where for one in check(broken)] == [name]
            with pytest.raises(BadEvent) as refused:
                decode(encode(broken))
            assert name in {one.where for one in refused.value.problems}


@pytest.mark.parametrize("tag", EVERY)
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_all_problems_of_a_fact_are_reported_at_once(tag, data):
    """Every field missing, every field wrong, an unknown field: one refusal names them all."""
    fact = data.draw(strategies.facts(KINDS[tag]))
    fields = {field.name: field for field in msgspec.structs.fields(KINDS[tag])}
    with pytest.raises(BadEvent) as refused:
        decode(json.dumps({"kind": tag, "surprise": 1}))
    named = {one.where.partition(".")[0] for one in refused.value.problems}
    assert named == {name for name, field in fields.items() if field.required} | {"surprise"}

    raw = json.loads(encode(fact)) | {name: {"no": "such type"} for name in fields}
    with pytest.raises(BadEvent) as refused:
        decode(json.dumps(raw))
    wrong = {one.where.partition(".")[0] for one in refused.value.problems}
    maps = {name for name in fields if "dict[str, str]" in str(fields[name].type)}
    assert wrong == fields.keys() - maps


@settings(max_examples=60, deadline=None)
@given(fact=strategies.any_fact(), newer=st.integers(1, 1000))
def test_a_newer_schema_version_is_refused(fact, newer):
    """A fact of a later release is refused whole, whatever its kind."""
    later = msgspec.structs.replace(fact, v=SCHEMA_VERSION + newer)
    with pytest.raises(BadEvent, match="upgrade Fleawatch"):
        decode(encode(later))


@settings(max_examples=100, deadline=None)
@given(junk=st.one_of(st.binary(max_size=60), st.text(max_size=60), st.builds(json.dumps, st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4) | st.sampled_from([*EVERY, "kind"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "at", "v", "stake", "x"]), inner, max_size=4),
    max_leaves=8,
))))  # fmt: skip
def test_junk_is_refused_with_a_reason_and_never_crashes(junk):
    """Whatever bytes arrive, the answer is a refusal with at least one problem that can be printed."""
    with pytest.raises(BadEvent) as refused:
        decode(junk)
    assert refused.value.problems
    str(refused.value).encode()


@pytest.mark.parametrize("kind", AMENDABLE)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_merging_adds_what_is_missing_and_moves_no_money(kind, data):
    """A merged fact keeps every money field and everything it knew, and takes only what it lacked."""
    booked = data.draw(strategies.facts(kind))
    report = data.draw(strategies.facts(kind, fact_id=booked.fact_id, agent_id=booked.agent_id))
    booked = msgspec.structs.replace(booked, source="trading")
    merged = merge(booked, report)
    for name in kind.__struct_fields__:
        known, told, now = getattr(booked, name), getattr(report, name), getattr(merged, name)
        assert now == (told if known is None and name not in MONEY else known)
    assert merge(merged, report) is merged
    assert merge(booked, booked) is booked
    amended = Amended(
        fact_id="amended:x", agent_id=booked.agent_id, at=0.0, seen_at=0.0, source="sdk", before=booked, after=merged
    )
    assert decode(encode(amended)) == amended


@pytest.mark.parametrize("kind", AMENDABLE)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_order_of_reporters_does_not_matter(kind, data):
    """Where each reporter knows its own properties, any order of them ends in the same knowledge."""
    optional = [f.name for f in msgspec.structs.fields(kind) if f.default is None]
    full = data.draw(strategies.facts(kind, **dict.fromkeys(optional, None)))
    told = data.draw(strategies.facts(kind))
    owners = {name: data.draw(st.integers(0, 2)) for name in optional}
    reports = [
        msgspec.structs.replace(
            full,
            source=f"reporter-{number}",
            seen_at=float(number),
            **{name: getattr(told, name) for name in optional if owners[name] == number},
        )
        for number in range(3)
    ]
    results = []
    for order in data.draw(st.lists(st.permutations(reports), min_size=2, max_size=4)):
        merged = order[0]
        for report in order[1:]:
            merged = merge(merged, report)
        results.append(msgspec.structs.replace(merged, source="", seen_at=0.0))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("kind", AMENDABLE)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_platform_decides_money_and_time_whoever_came_first(kind, data):
    """The agent's report and the platform's end in the same fact in either order: the platform's, with what it lacks."""
    told = data.draw(strategies.facts(kind))
    shown = data.draw(strategies.facts(kind, fact_id=told.fact_id, agent_id=told.agent_id))
    told, shown = msgspec.structs.replace(told, source="sdk"), msgspec.structs.replace(shown, source="trading")
    merged = merge(told, shown)
    assert merged == merge(shown, told)
    assert merged.source == "trading"
    assert all(getattr(merged, name) == getattr(shown, name) for name in (*(MONEY & set(kind.__struct_fields__)), "at"))
