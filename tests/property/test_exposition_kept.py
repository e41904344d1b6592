"""What an exposition keeps between scrapes changes no byte of a body."""

import math

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import SERVICE
from fleawatch.events import SourceRead, SourceUnavailable
from fleawatch.flow.fold import fold
from fleawatch.flow.samples import AgentView, Memory, readers_of
from fleawatch.risk.windows import DrawdownWindow, falls
from fleawatch.sinks.prometheus import Exposition
from fleawatch.testing import strategies
from fleawatch.testing.exposition_facts import END, declared, everything, folded, tick
from fleawatch.units import DAY, WINDOWS

AGENTS = st.sampled_from(["a-1", "a-2"])
LATER = st.sampled_from([0.0, 1.0, 15.0, 90.0, 4_000.0, 2 * DAY])


@st.composite
def news(draw):
    """What comes between two scrapes: seconds that pass, facts of any kind, mostly of those that are watched, or nothing."""
    passed = draw(LATER)
    watching = st.sampled_from([SourceRead, SourceUnavailable])
    kinds = draw(st.lists(st.one_of(strategies.kinds(), watching), max_size=4))
    facts = []
    for kind in kinds:
        fixed = {"agent_id": draw(AGENTS)}
        if kind in (SourceRead, SourceUnavailable):
            fixed["collector"] = st.sampled_from([*SERVICE.values, "probe", "bets"])
        facts.append((draw(strategies.facts(kind, **fixed)), draw(st.booleans())))
    return passed, facts, draw(st.booleans())


def placed(fact, at):
    """The fact as if it had happened at `at`."""
    return msgspec.structs.replace(fact, at=at, seen_at=at)


class TestKept:
    """An exposition that has rendered before, beside one that has not."""

    @given(st.lists(news(), min_size=1, max_size=6), st.sampled_from(["monitor", "agent"]))
    @settings(max_examples=40, deadline=None)
    def test_a_body_is_that_of_a_fresh_exposition(self, story, owner):
        """Whatever facts come and however much time passes between scrapes, the bytes are those of a first scrape."""
        state = folded(*everything(), declared("a-2", at=END, collectors=("casino", "escrow", "probe")))
        one = Exposition(CATALOG, owners=(owner,), process=dict)
        now = END
        one.render(state, now)
        for passed, facts, ticked in story:
            now += passed
            for fact, moved in facts:
                fold(state, placed(fact, now) if moved else fact)
            if ticked:
                fold(state, tick(now))
            assert one.render(state, now) == Exposition(CATALOG, owners=(owner,), process=dict).render(state, now)


class TestReaders:
    """Readers that remember what they found."""

    @given(st.lists(news(), min_size=1, max_size=6))
    @settings(max_examples=40, deadline=None)
    def test_the_same_mapping_says_the_same(self, story):
        """A mapping that a reader has given is never changed by what comes afterwards."""
        readers = readers_of(CATALOG, "monitor").keyed
        state, memory, now, given_before = folded(*everything()), Memory(), END, []
        for passed, facts, _ in story:
            now += passed
            for fact, _ in facts:
                fold(state, placed(fact, now))
            if "a-1" in state.agents:
                view = AgentView(state.agents["a-1"], now, memory)
                given_before += [(found, dict(found)) for found in (reader.read(view) for reader in readers)]
            assert all(found == copied for found, copied in given_before)


class TestFalls:
    """All windows of an agent asked in one go."""

    @given(st.lists(st.tuples(st.floats(0, 90_000), st.floats(0, 100), st.booleans()), max_size=20))
    def test_they_are_what_each_window_says(self, marks):
        """The drawdowns now and the largest ones are those that the windows give one by one."""
        pairs = [(DrawdownWindow(width), DrawdownWindow(width)) for width in (*WINDOWS.values(), math.inf)]
        at = 0.0
        for passed, nav, peak in marks:
            at += passed
            for pair in pairs:
                for window in pair:
                    window.update(at, nav, peak)
            singly = [one.current() for one, _ in pairs] + [one.max() for one, _ in pairs]
            assert falls(window for _, window in pairs) == singly
