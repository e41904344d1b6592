"""The configuration in force is a fact, recorded when it changes."""

import json

import msgspec

from fleawatch.service.config import Config
from fleawatch.service.fleet import config_facts
from fleawatch.service.load import load
from fleawatch.store import MemoryStore


def config(**more):
    return Config.model_validate(
        {"agents": [{"id": "a-1", "keys": {"casino": {"env": "CASINO_KEY"}}}], **more}
    )  # fmt: skip


def test_a_configuration_is_recorded_once():
    """The same configuration at the next start is no fact; another one is; going back is one again."""
    store, first, second = MemoryStore(), config(), config(collect={"interval_s": 5.0})
    for at, given, count in ((1.0, first, 1), (2.0, first, 0), (3.0, second, 1), (4.0, first, 1)):
        facts = config_facts(given, store, at)
        assert len(facts) == count
        store.commit(facts, [])
    digests = [json.loads(entry.body)["digest"] for entry in store.audit(kinds=["config_changed"])]
    assert digests[0] == digests[2] != digests[1]


def changes(*configs):
    """What each configuration in turn says of the one before."""
    store, found = MemoryStore(), []
    for at, given in enumerate(configs, 1):
        facts = config_facts(given, store, float(at))
        store.commit(facts, [])
        found += [fact.changed for fact in facts]
    return found


def fleet(*agents, **more):
    return config(agents=[{"keys": {"casino": {"env": f"KEY_{agent['id']}"}}, **agent} for agent in agents], **more)


def test_what_changed_is_named():
    """Set, changed and taken back to the default are three changes of one setting; the first configuration changes nothing."""
    given = [
        {},
        {"collect": {"interval_s": 5.0}},
        {"collect": {"interval_s": 6.0}},
        {"limits": {"drawdown_halt": None}},
    ]
    assert changes(*(config(**one) for one in given)) == [
        (), ("collect.interval_s",), ("collect.interval_s",), ("collect.interval_s", "limits.drawdown_halt"),
    ]  # fmt: skip


def test_agents_are_named_by_their_ids():
    """A property by its name, one that comes or goes as a whole by its own; their order is nothing."""
    one, other, third = {"id": "a-1"}, {"id": "a-2", "strategy": "kelly"}, {"id": "a-3"}
    found = changes(
        fleet(one, other), fleet({**one, "strategy": "flat", "limits": {"silence": 60}}, other), fleet(third, one, other),
        fleet(other, one, third), fleet(one, third),
    )  # fmt: skip
    assert found == [
        (),
        ("agents.a-1.limits.silence", "agents.a-1.strategy"),
        ("agents.a-1.limits.silence", "agents.a-1.strategy", "agents.a-3"),
        (),
        ("agents.a-2",),
    ]


def test_no_value_is_part_of_the_fact():
    """Neither of a setting nor of a secret, nor a name that looks like a key."""
    store = MemoryStore()
    given = fleet(
        {"id": "a-1", "health_url": "http://127.0.0.1:9/very-own"},
        strategies={"sk_live_0123": {"limits": {"silence": 77}}},
    )
    config_facts(config(), store, 1.0)
    (fact,) = config_facts(given, store, 2.0)
    told = repr(fact)
    assert "agents.a-1.health_url" in fact.settings
    assert "strategies.(key).limits.silence" in fact.settings
    for value in ("very-own", "sk_live", "77.0", "KEY_a-1"):
        assert value not in told


def test_a_configuration_recorded_without_its_settings_names_nothing():
    """A store of an earlier release holds the digest alone: what changed since is not known, and not guessed."""
    store = MemoryStore()
    (first,) = config_facts(config(), store, 1.0)
    store.commit([msgspec.structs.replace(first, settings={})], [])
    (second,) = config_facts(config(limits={"silence": 60}), store, 2.0)
    assert second.changed == ()
    store.commit([second], [])
    (third,) = config_facts(config(limits={"silence": 61}), store, 3.0)
    assert third.changed == ("limits.silence",)


def test_the_files_of_the_audit_log_are_relative_to_the_configuration(tmp_path):
    """A path in a configuration means the same from every directory."""
    file = tmp_path / "fleawatch.yaml"
    file.write_text(
        "audit: {key_file: safe/k}\nagents:\n  - {id: a-1, keys: {casino: {env: CASINO_KEY}}}\n", encoding="utf-8"
    )
    loaded = load(file, environment={"CASINO_KEY": "x"})
    assert (loaded.audit.key_file, loaded.audit.anchors_file) == (tmp_path / "safe" / "k", None)
