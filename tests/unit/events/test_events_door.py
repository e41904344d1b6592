"""The door: what a fact must be to get in, and what is said about one that is not."""

from decimal import Decimal

import msgspec
import pytest

import fleawatch.events
from fleawatch.errors import BadEvent
from fleawatch.events import (
    KINDS,
    Amended,
    BetSettled,
    Event,
    GameTotal,
    GameTotals,
    LimitsInForce,
    ParlaySettled,
    ReferralTotals,
    Tick,
    check,
    checked,
    decode,
    encode,
    fact_id,
    ledger_id,
    merge,
    reading_id,
)
from fleawatch.events.base import LATEST
from fleawatch.testing.belt import Belt

MAKE = Belt().make


def bet(**fields):
    """A bet of 1.50 USD that was lost."""
    given = {"bet_id": "bet_1", "game": "dice", "stake": "1.50", "payout": 0, **fields}
    return MAKE(BetSettled, given.pop("agent_id", "a-1"), **given)


def problems(data):
    """Where a refused fact is wrong, and what is said about it."""
    with pytest.raises(BadEvent) as refused:
        decode(data)
    return {one.where: one.what for one in refused.value.problems}


def test_every_class_of_fact_is_exported_and_has_a_kind():
    """The package exports each class of the vocabulary under its own name, and each has its own tag."""
    exported = {
        name: value
        for name in fleawatch.events.__all__
        if isinstance(value := getattr(fleawatch.events, name), type)
        and issubclass(value, Event)
        and value is not Event
    }
    assert set(exported.values()) == set(KINDS.values())
    assert all(exported[kind.__name__] is kind for kind in KINDS.values())
    assert all(kind.__struct_config__.tag == tag for tag, kind in KINDS.items())


def test_every_fact_is_frozen_and_says_what_it_means():
    """No fact can be changed after it was made, and each class has a sentence about itself."""
    for kind in KINDS.values():
        assert kind.__struct_config__.frozen
        assert kind.__struct_config__.forbid_unknown_fields
        assert kind.__doc__
    with pytest.raises(AttributeError):
        bet().stake = Decimal(2)


def test_money_crosses_the_wire_to_the_last_digit():
    """Amounts travel as text, so that no reader rounds them."""
    fact = bet(stake="997.5430000000000001")
    assert b'"997.5430000000000001"' in encode(fact)
    assert decode(encode(fact)).stake == Decimal("997.5430000000000001")


def test_a_number_in_json_is_read_as_it_is_written():
    """A JSON number becomes the decimal that it spells, not the nearest double."""
    assert decode(encode(bet()).replace(b'"1.50"', b"0.1")).stake == Decimal("0.1")


def test_the_ids_of_one_fact_are_the_same_for_every_reporter():
    """Ids are made of service, kind and the platform's id; of a ledger row its place; of a reading its moment."""
    assert fact_id("casino", "bet_settled", "bet_1") == "casino:bet_settled:bet_1"
    assert ledger_id("casino", "a-1", 7) == "casino:ledger_entry:a-1:7"
    assert reading_id("trading", "positions_read", "a-1", 1.23456) == "trading:positions_read:a-1:1.235"


@pytest.mark.parametrize("name", ["", "a", "a-1", "0_x", "a" * 63])
def test_an_agents_name_is_lower_case_and_short(name):
    """Names of the fleet get in; the empty one is for facts about the fleet."""
    assert decode(encode(bet(agent_id=name))).agent_id == name


@pytest.mark.parametrize("name", ["A-1", "-a", "a b", "a\n", "a" * 64, "sk_live_!", "ä"])
def test_another_name_is_refused(name):
    """Capitals, blanks, line ends and names that are too long are refused."""
    assert "agent_id" in problems(encode(bet(agent_id=name)))


def test_what_is_no_json_object_is_refused_as_such():
    """Broken text, broken UTF-8, deep nesting and other JSON are named for what they are."""
    assert "was not JSON" in problems(b"{")[""]
    assert "was not JSON" in problems(b'{"kind":"tick","source":"\xff"}')[""]
    assert "was not JSON" in problems(b"[" * 100_000)[""]
    assert problems(b"[]") == {"": "was a JSON list"}
    assert problems(b"null") == {"": "was a JSON null"}
    assert problems(b'{"kind":"no_such"}') == {"kind": "was 'no_such'"}
    assert problems(b'{"kind":["tick"]}') == {"kind": "was ['tick']"}


def test_half_a_letter_is_refused():
    """A lone surrogate is no text, and the refusal can be printed."""
    wire = encode(MAKE(Tick)).replace(b'"source":"test"', b'"source":"\\ud800"')
    with pytest.raises(BadEvent) as refused:
        decode(wire)
    str(refused.value).encode()


def test_what_json_forbids_is_named_at_its_field():
    """NaN, Infinity and numbers out of range are reported where they stand, with everything else that is wrong."""
    wire = encode(bet()).replace(b'"stake":"1.50"', b'"stake":NaN,"latency_s":-Infinity,"zzz":1e999')
    assert problems(wire) == {
        "zzz": "was not a field of this kind",
        "stake": "was nan",
        "latency_s": "was -inf",
    }


def test_problems_inside_a_fact_are_named_by_their_path():
    """Rows and facts inside a fact are looked at as closely as the fact itself."""
    totals = MAKE(GameTotals, "a-1", games=(), bets=1)
    raw = encode(totals).replace(b"[]", b'[{"game":"a","bets":-1,"wagered":"NaN","paid":"1"},{"x":1}]')
    found = problems(raw)
    assert found["games[0].bets"] == "was -1"
    assert found["games[0].wagered"] == "was NaN"
    assert {"games[1].x", "games[1].game", "games[1].bets", "games[1].wagered", "games[1].paid"} < found.keys()
    amended = MAKE(Amended, "a-1", before=bet(), after=bet())
    found = problems(encode(amended).replace(b'"after":{"kind":"bet_settled"', b'"after":{"kind":"tick"'))
    assert found["after.kind"] == "was 'tick'"


def test_a_fact_built_here_is_checked_to_its_depth():
    """Rows, inner facts, maps and tuples of a fact made in this process are checked too."""
    row = GameTotal(game="dice", bets=1, wagered=Decimal("NaN"), paid=Decimal(-1))
    assert [one.where for one in check(MAKE(GameTotals, "a-1", games=(row,), bets=1))] == [
        "games[0].wagered",
        "games[0].paid",
    ]
    limits = MAKE(LimitsInForce, "a-1", limits={"fine": 1.0, "bad": float("inf")})
    assert [one.where for one in check(limits)] == ["limits.bad"]
    totals = MAKE(ReferralTotals, "a-1", service="casino", earned_usd=0, referred=(1, -2))
    assert [one.where for one in check(totals)] == ["referred[1]"]
    bad = msgspec.structs.replace(bet(), stake=Decimal(-1))
    amended = MAKE(Amended, "a-1", before=bet(), after=bad)
    assert [one.where for one in check(amended)] == ["after.stake"]
    with pytest.raises(BadEvent, match=r"kind amended was refused\n  - after.stake: was -1"):
        checked(amended)


def test_an_amount_that_would_become_infinite_is_refused():
    """A finite decimal that no double can hold would poison every sum: it is refused at the door."""
    assert "beyond any account" in problems(encode(bet()).replace(b'"1.50"', b'"1e400"'))["stake"]
    assert check(bet(stake="1e19")) == ()


def test_the_last_second_of_the_calendar_is_a_time_and_the_next_is_not():
    """Times end with the year 9999, so that every time can be written as a date."""
    assert check(MAKE(Tick, at=LATEST, seen_at=LATEST)) == ()
    assert [one.where for one in check(MAKE(Tick, at=LATEST + 1, seen_at=LATEST))] == ["at"]


def test_facts_of_different_ids_do_not_merge():
    """Merging two facts is a mistake of the caller, also when only their kinds differ."""
    with pytest.raises(ValueError, match="only reports of one fact merge"):
        merge(bet(fact_id="x"), bet(fact_id="y"))
    parlay = MAKE(ParlaySettled, "a-1", fact_id="x", parlay_id="x", legs=2, stake=1, payout=0)
    with pytest.raises(ValueError, match="only reports of one fact merge"):
        merge(bet(fact_id="x"), parlay)


def test_a_report_about_another_agent_adds_nothing():
    """Nobody puts his strategy under somebody else's bet."""
    booked = bet(fact_id="x")
    assert merge(booked, bet(fact_id="x", agent_id="b-1", strategy="mine")) is booked
