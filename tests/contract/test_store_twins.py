"""Whatever is done to them, in whatever order, the twins show the same."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fleawatch.errors import StoreError
from fleawatch.ports import Snapshot
from fleawatch.store import MemoryStore, SqliteStore
from fleawatch.testing.outputs_contract import delivery
from fleawatch.testing.store_contract import amended, bet, declared, ledger_row, notice, retired

AGENTS = st.sampled_from(["a-1", "b-1", "c-1"])
KINDS = st.lists(st.sampled_from(["bet_settled", "ledger_entry", "amended", "agent_declared", "tick"]), max_size=3)
SMALL = st.integers(0, 8)
TIMES = st.integers(0, 60).map(float)

BETS = st.builds(bet, SMALL, agent_id=AGENTS, seen_at=TIMES)
FACTS = st.one_of(
    BETS,
    st.builds(amended, BETS, strategy=st.sampled_from(["kelly", "flat"])),
    st.builds(ledger_row, SMALL, agent_id=AGENTS, service=st.sampled_from(["casino", "wallet"])),
    st.builds(declared, AGENTS, strategy=st.sampled_from(["kelly", "flat"]), at=TIMES),
    st.builds(retired, AGENTS, at=TIMES),
)
CHANNELS = st.sampled_from(["ops", "sms"])
OUTPUTS = st.lists(
    st.one_of(
        st.builds(notice, st.sampled_from(["k1", "k2", "k3", "k4", "k5"])),
        st.builds(
            delivery, st.sampled_from(["d1", "d2", "d3", "d4"]), channel=CHANNELS, group=st.sampled_from(["g-1", "g-2"])
        ),
    ),
    max_size=3,
)
OUTPUT_KINDS = st.none() | st.lists(st.sampled_from(["notice", "delivery"]), max_size=2)
REFUSED = "refused"


class Twins(RuleBasedStateMachine):
    """Every call goes to both; answers and refusals must be equal, and so must all that can be seen afterwards."""

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "fleawatch.db"
        self.memory, self.sqlite = MemoryStore(), SqliteStore(self.path)
        self.output_ids = set()

    def both(self, call):
        answers = [outcome(call, store) for store in (self.memory, self.sqlite)]
        assert answers[0] == answers[1]
        return answers[0]

    @rule(facts=st.lists(FACTS, max_size=5), outputs=OUTPUTS)
    def commit(self, facts, outputs):
        self.both(lambda store: store.commit(facts, outputs))

    @rule(facts=st.lists(FACTS, max_size=8, unique_by=lambda fact: fact.fact_id), outputs=OUTPUTS)
    def commit_what_is_new(self, facts, outputs):
        known = self.both(lambda store: store.known([fact.fact_id for fact in facts]))
        new = [fact for fact in facts if fact.fact_id not in known]
        assert self.both(lambda store: store.commit(new, outputs)) != REFUSED

    @rule(
        seq=st.integers(0, 12),
        bodies=st.dictionaries(st.sampled_from(["", "a-1", "b-1"]), st.binary(max_size=3)),
        keep_at=st.none() | TIMES,
    )
    def save(self, seq, bodies, keep_at):
        self.both(lambda store: store.save(Snapshot(seq, bodies), keep_at=keep_at))

    @rule(
        now=TIMES,
        limit=st.integers(-1, 3),
        lease_s=st.sampled_from([0.0, 5.0, 30.0]),
        kinds=OUTPUT_KINDS,
        channel=st.none() | CHANNELS,
    )
    def claim(self, **asked):
        claimed = self.both(lambda store: store.claim(**asked))
        self.output_ids.update(claim.id for claim in claimed)

    @rule(data=st.data(), now=TIMES)
    def finish(self, data, now):
        output_id = data.draw(st.sampled_from([0, *sorted(self.output_ids)]))
        self.both(lambda store: store.finish(output_id, now=now))

    @rule(data=st.data(), now=TIMES, retry_at=st.none() | TIMES)
    def fail(self, data, now, retry_at):
        output_id = data.draw(st.sampled_from([0, *sorted(self.output_ids)]))
        self.both(lambda store: store.fail(output_id, now=now, error="x", retry_at=retry_at))

    @rule(before=TIMES, kinds=KINDS)
    def prune(self, before, kinds):
        self.both(lambda store: store.prune(before=before, kinds=kinds))

    @rule(
        after=SMALL,
        before=st.none() | SMALL,
        limit=st.integers(-1, 6),
        agent_id=st.none() | AGENTS,
        kinds=st.none() | KINDS,
        newest_first=st.booleans(),
    )
    def read(self, **asked):
        self.both(lambda store: store.facts(**asked))

    @rule(agent_id=AGENTS, service=st.sampled_from([None, "casino", "escrow"]), limit=st.integers(-1, 4))
    def read_ledger(self, agent_id, service, limit):
        self.both(lambda store: store.ledger(agent_id, service=service, limit=limit))

    @rule()
    def reopen(self):
        self.sqlite.close()
        self.sqlite = SqliteStore(self.path)

    @invariant()
    def show_the_same(self):
        self.both(lambda store: (store.facts(), store.agents(), store.snapshot(), store.pending()))
        self.both(lambda store: (store.channels(), store.dead()))
        self.both(lambda store: store.known([bet(number).fact_id for number in range(9)]))
        self.both(lambda store: (store.kept(), store.base()))

    def teardown(self):
        self.sqlite.close()
        self.folder.cleanup()


def outcome(call, store):
    try:
        return call(store)
    except StoreError:
        return REFUSED


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
