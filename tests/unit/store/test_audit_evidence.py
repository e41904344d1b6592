"""A bundle of evidence holds what belongs to an incident, no secret, and proves itself without the database."""

import hashlib
import io
import json
import zipfile

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.errors import StoreError
from fleawatch.events import AgentError, AlertAcknowledged, Delivered
from fleawatch.store import FILE_NAME, SqliteStore
from fleawatch.store.audit.bundle import merkle_root, pack, verify_bundle
from fleawatch.store.audit.evidence import evidence
from fleawatch.store.audit.files import beside, read_key
from fleawatch.testing.audit_contract import cycle, delivery, fired, halt_ordered, order, silenced
from fleawatch.testing.store_contract import bet

INCIDENT = "00ff00ff00ff00ff"


def fill(store):
    """Long before; the incident of a-1 at 10,000 s with a halt; another agent beside it; long after."""
    store.commit([order(1), order(2, agent_id="a-2")], [])
    for number in range(100, 200):
        store.commit([cycle(number, agent_id="a-2")], [])
    error = AgentError(
        fact_id="sdk:agent_error:1", agent_id="a-1", at=9_990.0, seen_at=9_990.0, source="sdk", component="broker",
        message="refused: Bearer abcdef0123456789",
    )  # fmt: skip
    store.commit([order(9_980), bet(9_985), error, order(9_981, agent_id="a-2"), silenced(1, at=9_986.0)], [])
    store.commit([cycle(10_000)], [fired("f", at=10_000.0, fingerprint=INCIDENT)])
    store.commit([halt_ordered("h-1", at=10_001.0)], [delivery("d", at=10_001.0, fingerprint=INCIDENT)])
    for number in range(20_000, 20_100):
        store.commit([cycle(number)], [])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / FILE_NAME
    store = SqliteStore(path)
    fill(store)
    store.close()
    return path


@pytest.fixture(scope="module")
def key(path):
    return read_key(beside(path).key)


@pytest.fixture(scope="module")
def made(path):
    return evidence(path, beside(path), INCIDENT)


def unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(content):
    return [json.loads(line) for line in content.splitlines()]


@pytest.fixture
def judge(tmp_path):
    def verified(content, key=None):
        file = tmp_path / "bundle.zip"
        file.write_bytes(content)
        return verify_bundle(file, key)

    return verified


def test_it_holds_what_belongs_to_the_incident(made):
    """Entries of its agent and of the fleet around its time are in it; other agents and times are not."""
    files = unpacked(made.content)
    shown = [(entry["kind"], entry["agent_id"]) for entry in lines(files["audit.jsonl"])]
    assert shown == [
        ("order_placed", "a-1"), ("silenced", ""), ("decision_cycle", "a-1"), ("alert_change", "a-1"),
        ("halt_ordered", "a-1"), ("delivery", "a-1"),
    ]  # fmt: skip
    bodies = [json.loads(fact["body"]) for fact in lines(files["facts.jsonl"])]
    assert [body["kind"] for body in bodies] == [
        "order_placed", "bet_settled", "agent_error", "silenced", "decision_cycle", "halt_ordered",
    ]  # fmt: skip
    assert b"a-2" not in made.content
    assert all(b"a-2" not in content for content in files.values())
    assert b"alert_change" in files["timeline.txt"]


def test_no_secret_is_in_it(made):
    """A token in a fact's text is cut out, and the fact says so."""
    files = unpacked(made.content)
    assert all(b"abcdef0123456789" not in content for content in files.values())
    assert [fact["scrubbed"] for fact in lines(files["facts.jsonl"])].count(True) == 1
    assert json.loads(files["manifest.json"])["facts_scrubbed"] == 1


def test_it_is_proven_with_the_key(made, key, judge):
    """Seal, chain and anchors fit."""
    verdict = judge(made.content, key)
    assert (verdict.sound, verdict.first_bad, verdict.unchecked) == (True, None, ())
    assert (verdict.incident, verdict.entries, verdict.facts) == (INCIDENT, 6, 6)


def test_without_the_key_it_says_what_is_not_proven(made, judge):
    """Hashes are proven; chain, anchors and seal are named as not checked."""
    verdict = judge(made.content)
    assert verdict.sound
    assert verdict.unchecked == ("seal of the manifest", "chain from anchor to anchor", "anchors")


def test_the_same_log_gives_the_same_bytes(made, path):
    """No time and no chance is in a bundle."""
    assert evidence(path, beside(path), INCIDENT).content == made.content


def test_a_halt_is_an_incident(path, key, judge):
    """The id of a halt finds the same."""
    verdict = judge(evidence(path, beside(path), "h-1").content, key)
    assert (verdict.sound, verdict.entries) == (True, 6)


def test_what_became_of_a_page_belongs_to_the_incident(tmp_path):
    """The end of a delivery is found by the delivery, however late it comes; an acknowledgement by the fingerprint."""
    path = tmp_path / FILE_NAME
    store = SqliteStore(path)
    fill(store)
    ended = Delivered(
        fact_id="monitor:delivered:1", agent_id="", at=30_000.0, seen_at=30_000.0, source="monitor", delivery_id="d",
        channel="ops", status="ok", receipt="m-17",
    )  # fmt: skip
    taken = AlertAcknowledged(
        fact_id="operator:ack:1",
        agent_id="a-1",
        at=40_000.0,
        seen_at=40_000.0,
        source="ada",
        fingerprint=INCIDENT,
        actor="ada",
    )
    store.commit([ended, taken], [])
    store.close()
    made = evidence(path, beside(path), INCIDENT)
    kinds = [entry["kind"] for entry in lines(unpacked(made.content)["audit.jsonl"])]
    assert {"delivered", "alert_acknowledged"} <= set(kinds)


def test_an_incident_of_the_fleet_shows_every_agents_control(tmp_path):
    """A halt of the whole fleet shows what was decided about each agent, without their orders."""
    path = tmp_path / FILE_NAME
    store = SqliteStore(path)
    store.commit([order(90), order(91, agent_id="a-2"), halt_ordered("h-2", at=95.0, agent_id="a-2")], [])
    store.commit([halt_ordered("h-fleet", at=100.0, agent_id="")], [])
    store.close()
    made = evidence(path, beside(path), "h-fleet")
    shown = [entry["ref"] for entry in lines(unpacked(made.content)["audit.jsonl"]) if entry["kind"] != "audit_opened"]
    assert shown == ["monitor:halt_ordered:h-2", "monitor:halt_ordered:h-fleet"]


def test_facts_that_do_not_fit_are_counted(path, monkeypatch):
    """A bundle has a bound, and says what it left out."""
    monkeypatch.setattr("fleawatch.store.audit.evidence.MOST_FACTS", 4)
    made = evidence(path, beside(path), INCIDENT)
    assert (made.facts, made.left_out) == (4, 2)
    assert json.loads(unpacked(made.content)["manifest.json"])["facts_left_out"] == 2


@pytest.mark.parametrize("name", ["", "nobody", "00ff", "a-1"])
def test_an_incident_that_nobody_knows_is_refused(path, name):
    """The refusal tells incidents that are there; a part of a name, or an agent's, is none."""
    with pytest.raises(StoreError, match=r"names the incident.*h-1, 00ff00ff00ff00ff"):
        evidence(path, beside(path), name)


def test_evidence_of_a_log_that_is_not_sound_says_so(tmp_path):
    """The bundle is still made: where the log is bad is a part of the evidence, and the key finds it in the bundle."""
    path = tmp_path / FILE_NAME
    store = SqliteStore(path)
    fill(store)
    seq = next(entry.seq for entry in store.audit(kinds=["halt_ordered"]))
    store._database._connection.execute(
        "UPDATE audit_log SET body = replace(body, 'PFDrawdownCritical', 'nobody') WHERE seq = ?", (seq,)
    )
    store.close()
    made = evidence(path, beside(path), INCIDENT)
    assert not made.sound
    assert json.loads(unpacked(made.content)["verification.json"])["first_bad"]["seq"] == seq
    (tmp_path / "b.zip").write_bytes(made.content)
    verdict = verify_bundle(tmp_path / "b.zip", read_key(beside(path).key))
    assert verdict.first_bad.where in (f"audit.jsonl entry {seq}", f"segment.json entry {seq}")


def rewritten(content, key=None, **changed):
    """The bundle with some files changed, and its manifest made anew as a forger without the key would (or with one)."""
    files = unpacked(content)
    about = json.loads(files.pop("manifest.json"))
    seal = files.pop("seal.json")
    files |= {name.replace("__", "."): text for name, text in changed.items()}
    forged = unpacked(pack(about, files, key or bytes(32)))
    if key is None:
        forged["manifest.json"] = forged["manifest.json"].replace(
            json.loads(forged["manifest.json"])["key_id"].encode(), about["key_id"].encode()
        )
        forged["seal.json"] = seal
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in forged.items():
            archive.writestr(name, text)
    return target.getvalue()


def test_every_bit_that_is_changed_is_found(made, key, judge):
    """Any change of any file of the bundle is named by that file, with the key or without."""
    files = unpacked(made.content)
    for name in sorted(set(files) - {"manifest.json", "seal.json"}):
        for place in {0, len(files[name]) // 2, len(files[name]) - 1}:
            text = bytearray(files[name])
            text[place] ^= 1
            target = io.BytesIO()
            with zipfile.ZipFile(target, "w") as archive:
                for each, content in files.items():
                    archive.writestr(each, bytes(text) if each == name else content)
            for given_key in (None, key):
                assert judge(target.getvalue(), given_key).first_bad.where == name


def test_a_file_added_or_left_out_is_found(made, judge):
    """The manifest lists every file."""
    for changed in ({"extra.txt": b"x"}, {"facts.jsonl": None}):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, content in {**unpacked(made.content), **changed}.items():
                if content is not None:
                    archive.writestr(name, content)
        assert judge(target.getvalue()).first_bad.where == next(iter(changed))


def test_a_forged_bundle_does_not_pass_with_the_key(made, key, judge):
    """Entries and hashes that a forger made anew agree with one another, but not with the key."""
    files = unpacked(made.content)
    text = files["timeline.txt"].replace(b"a-1", b"a-9")
    forged = rewritten(made.content, timeline__txt=text)
    assert judge(forged).sound
    assert judge(forged, key).first_bad.where == "seal.json"
    assert judge(made.content, bytes(32)).first_bad.where == "seal.json"


def test_even_the_holder_of_the_key_cannot_leave_an_entry_out(made, key, judge):
    """An entry that is not shown still has its digest in the chain; one that is changed does not fit its own."""
    entries = lines(unpacked(made.content)["audit.jsonl"])
    entries[3]["agent_id"] = "a-9"
    text = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    found = judge(rewritten(made.content, key, audit__jsonl=text), key).first_bad
    assert found.where == f"audit.jsonl entry {entries[3]['seq']}"
    segment = json.loads(unpacked(made.content)["segment.json"])
    del segment["digests"][-1]
    found = judge(rewritten(made.content, key, segment__json=json.dumps(segment).encode()), key).first_bad
    assert found.where in ("segment.json", f"audit.jsonl entry {entries[-1]['seq']}")


def test_a_changed_fact_does_not_fit_its_entry(made, key, judge):
    """The digest in an entry binds the fact."""
    facts = lines(unpacked(made.content)["facts.jsonl"])
    facts[0]["body"] = facts[0]["body"].replace("100.10", "1.10")
    text = b"".join(msgspec.json.encode(fact) + b"\n" for fact in facts)
    found = judge(rewritten(made.content, key, facts__jsonl=text), key).first_bad
    assert found.where == f"facts.jsonl fact {facts[0]['seq']}"


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut"])
def test_what_is_no_bundle_is_refused(judge, content):
    """A file of anything else is an error with a remedy."""
    with pytest.raises(StoreError, match="Remedy"):
        judge(content)


@pytest.mark.parametrize("manifest", ["{}", "[]", "null", "{", '{"format": "other"}'])
def test_a_zip_of_something_else_is_bad(judge, manifest):
    """A ZIP without the form of a bundle is bad, and no traceback."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("manifest.json", manifest)
    assert not judge(target.getvalue()).sound


def test_the_merkle_root_of_nothing_and_one_and_three():
    """As RFC 6962 has it: SHA-256 of nothing; leaves begin with 0, nodes with 1; the left side is a power of two."""

    def leaf(text):
        return hashlib.sha256(b"\x00" + text).digest()

    def node(left, right):
        return hashlib.sha256(b"\x01" + left + right).digest()

    assert merkle_root([]) == hashlib.sha256(b"").hexdigest()
    assert merkle_root([b"a"]) == leaf(b"a").hex()
    assert merkle_root([b"a", b"b", b"c"]) == node(node(leaf(b"a"), leaf(b"b")), leaf(b"c")).hex()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=20), st.data())
def test_the_merkle_root_changes_with_every_leaf(leaves, data):
    """No leaf can be changed or dropped under one root."""
    place = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves]
    changed[place] += b"x"
    assert merkle_root(changed) != merkle_root(leaves)
    assert merkle_root(leaves[:place] + leaves[place + 1 :]) != merkle_root(leaves)
