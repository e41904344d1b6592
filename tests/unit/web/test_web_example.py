"""The example fleet of the test kit: its facts are sound, reconcile, and show every kind of trouble."""

from __future__ import annotations

from fleawatch.events import check
from fleawatch.testing.fleet import agent_names, end_of, example_facts


def test_the_same_seed_gives_the_same_facts():
    """A function of agents, hours and seed."""
    assert example_facts(3, 1, 5) == example_facts(3, 1, 5)
    assert example_facts(3, 1, 5) != example_facts(3, 1, 6)


def test_facts_are_sound_and_unique():
    """Every fact passes the door, and none is there twice."""
    facts = example_facts(12, 2)
    assert [check(fact) for fact in facts if check(fact)] == []
    assert len({fact.fact_id for fact in facts}) == len(facts)


def test_books_reconcile(example):
    """No agent of the example has unexplained money."""
    books = [book for agent in example.monitor.state.agents.values() for book in agent.books.values()]
    assert {book.conservation.residual() for book in books} == {0.0}


def test_every_trouble_is_there(example):
    """One fresh, one refused key, one exchange that does not answer, one never read, one unknown by design."""
    agents = example.monitor.state.agents
    assert agents["alder"].unknown == {}
    assert agents["dahlia"].unknown["casino"] == "unauthorized"
    assert agents["hazel"].unknown == {"trading": "timeout"}
    assert agents["kelp"].equity is None
    assert agents["elm"].by_design


def test_names_and_end():
    """Names are unique in a fleet of any size, and the end is where the last tick is."""
    assert len(set(agent_names(1_000))) == 1_000
    assert example_facts(1, 1)[-1].at == end_of(1)
