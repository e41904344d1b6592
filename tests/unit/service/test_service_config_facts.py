"""The configuration in force is a fact, recorded when it changes."""

import json

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


def test_the_files_of_the_audit_log_are_relative_to_the_configuration(tmp_path):
    """A path in a configuration means the same from every directory."""
    file = tmp_path / "fleawatch.yaml"
    file.write_text(
        "audit: {key_file: safe/k}\nagents:\n  - {id: a-1, keys: {casino: {env: CASINO_KEY}}}\n", encoding="utf-8"
    )
    loaded = load(file, environment={"CASINO_KEY": "x"})
    assert (loaded.audit.key_file, loaded.audit.anchors_file) == (tmp_path / "safe" / "k", None)
