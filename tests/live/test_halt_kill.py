"""A service that is killed while it halts, stops, brakes, closes positions and pages: nothing is lost, repeated for no reason, or resumed."""

from __future__ import annotations

import collections
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleawatch.store import SqliteStore
from fleawatch.store.audit.files import beside
from fleawatch.store.audit.reading import verify_log

pytestmark = pytest.mark.live

KILLS, SEED = 207, 5
CHILD = Path(__file__).with_name("halt_kill_child.py")


def run(directory, kills, rounds):
    """One run of the story: what it says of itself, and the lines of the world."""
    directory.mkdir()
    command = [sys.executable, CHILD, directory, directory / "world", str(SEED), str(kills), str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=400, check=True)
    return json.loads(done.stdout), [json.loads(line) for line in (directory / "world").read_text().splitlines()]


@pytest.fixture(scope="module", name="runs")
def _runs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("kills")
    said, killed = run(directory / "killed", KILLS, 0)
    calm_said, calm = run(directory / "calm", 0, said["rounds"])
    assert calm_said["rounds"] == said["rounds"]
    return directory / "killed", said, killed, calm


def acts(lines, *, failed=False):
    """What was done outside, as agent, halt and path; what failed is another matter."""
    return [(one["agent"], one["halt"], one["path"]) for one in lines if "act" in one and one["failed"] == failed]


def pages(lines):
    return [one["page"] for one in lines if "page" in one]


def test_it_was_killed_everywhere(runs):
    """At more than two hundred points, each kind as often as any."""
    _, said, _, _ = runs
    assert sum(said["killed"].values()) == KILLS
    assert set(said["killed"].values()) == {KILLS // len(said["killed"])}


def test_no_act_is_lost(runs):
    """Every agent that a run without kills stops, brakes or flattens is stopped, braked or flattened here, for each halt."""
    _, _, killed, calm = runs
    assert set(acts(killed)) == set(acts(calm))
    assert len(set(acts(calm))) >= 3 * 5


def test_no_page_is_lost(runs):
    """Every page of a run without kills came, in the order of its incident, and no other came."""
    _, _, killed, calm = runs
    assert set(pages(killed)) == set(pages(calm))
    for incident in {page.partition(":")[0] for page in pages(calm)}:
        arrived = [page for page in dict.fromkeys(pages(killed)) if page.startswith(incident)]
        assert arrived == [page for page in pages(calm) if page.startswith(incident)]


def test_what_has_ended_is_not_done_again(runs):
    """An act or a page is repeated only under its key and by another process, when the one before died before it had written its end."""
    _, _, killed, _ = runs
    finished = set()
    by_key = collections.defaultdict(list)
    for one in killed:
        key = one.get("act") or one.get("page")
        if "finished" in one:
            assert one["finished"] not in finished
            finished.add(one["finished"])
        elif key is not None:
            assert key not in finished
            by_key[key].append(one)
    for attempts in by_key.values():
        for before, after in itertools.pairwise(attempts):
            assert before.get("failed") or before["life"] != after["life"]
    repeated = sum(len(attempts) - 1 for attempts in by_key.values())
    # A death costs at most the repetition of what one claim had given out.
    assert repeated <= KILLS


def test_halted_stays_halted(runs):
    """At the end of every round, and at every birth, everybody stands as in a run without kills."""
    _, _, killed, calm = runs
    expected = {one["round"]: one["standing"] for one in calm if "round" in one}
    for one in killed:
        if "round" in one:
            assert one["standing"] == expected[one["round"]]
        elif one.get("born"):
            # A round that was cut short may be booked or not, agent by agent.
            number = one["born"]
            for name, held in one["standing"].items():
                assert held in (expected[number - 1][name], expected[number][name])


def test_the_record_is_whole(runs):
    """Each page is booked once as delivered, nothing is left or dead but what a resume overtook, and the audit log is sound."""
    directory, _, killed, _ = runs
    file = directory / "fleawatch.db"
    store = SqliteStore(file, mode="reader")
    try:
        facts = store.facts(kinds=["delivered"], limit=100_000)
        booked = collections.Counter(fact.event.delivery_id for fact in facts if fact.event.status == "ok")
        dead = {one.error for one in store.dead()}
    finally:
        store.close()
    assert booked == collections.Counter(dict.fromkeys(pages(killed), 1))
    assert dead <= {"refused: the halt is over"}
    verdict = verify_log(file, beside(file))
    assert (verdict.first_bad, verdict.facts_gone) == (None, 0)
    assert [one["pending"] for one in killed if "pending" in one] == [0]
