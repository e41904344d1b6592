"""What survives a kill, and what a file that cannot be read means."""

from __future__ import annotations

import json

import pytest

from fleawatch import Order
from fleawatch.errors import BadConfig
from fleawatch.sdk.gate import statefile
from fleawatch.sdk.gate.statefile import StateFile

ORDER = Order(notional_usd=100)


def killed(gate):
    """Take the gate away as a kill would: nothing more is written."""
    gate._keeper.stop()
    gate._core.dirty = False


def test_a_breach_survives_a_kill_right_after_it(bench):
    """The closing is in the kernel's hands when `record` returns; the whole state need not be written yet."""
    gate = bench.gate()
    gate.record(bench.balance(1000))
    gate.record(bench.balance(790))
    killed(gate)
    assert not bench.path.exists() or b"drawdown_halt" not in bench.path.read_bytes()
    gate = bench.gate()
    assert gate.may_open(ORDER).reason == "drawdown_halt"


def test_the_belt_and_its_baseline_survive(bench):
    """After a restart the drawdown goes on from the same peak, a loss while away included."""
    gate = bench.gate()
    gate.record(bench.balance(1000))
    gate.record(bench.balance(900))
    gate.close()
    gate = bench.gate()
    assert gate.status().drawdown == pytest.approx(0.1)
    gate.record(bench.balance(840))
    assert gate.may_open(ORDER).reason == "drawdown_critical"


def test_a_belt_of_another_release_begins_anew_with_its_drawdown(bench):
    """What matters to the guard is kept where the rest cannot be read."""
    gate = bench.gate()
    gate.record(bench.balance(1000))
    gate.record(bench.balance(900))
    gate.close()
    saved = json.loads(bench.path.read_text())
    saved["belt"] = dict.fromkeys(saved["belt"], "AAAA")
    bench.path.write_text(json.dumps(saved))
    gate = bench.gate()
    gate.record(bench.balance(500))
    assert gate.status().drawdown == pytest.approx(0.1)


def test_a_resume_survives_and_is_recorded(bench):
    """Who, why, when; and a later start is active."""
    gate = bench.gate()
    gate.halt("me")
    assert gate.resume("looked at it", "ada")
    killed(gate)
    saved = json.loads(bench.path.read_text())
    assert saved["last_resume"]["actor"] == "ada"
    assert saved["last_resume"]["reason"] == "looked at it"
    gate = bench.gate()
    assert (gate.may_open(ORDER).reason, gate.epoch) == ("ok", 1)


def test_a_resume_that_cannot_be_written_does_not_open(bench, monkeypatch):
    """Otherwise a kill would undo what somebody was told."""
    gate = bench.gate()
    gate.halt("me")
    gate._keeper.stop()
    monkeypatch.setattr(statefile, "_sync_folder", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
    answer = gate.resume("try", "me")
    assert (answer.reason, answer.state) == ("state_unwritable", "halted")
    assert gate.may_open(ORDER).reason == "manual"
    monkeypatch.undo()
    assert gate.resume("try", "me")


def test_a_full_disk_closes_all_the_same(bench, monkeypatch):
    """The gate of this process is closed; that it would not survive is counted."""
    gate = bench.gate()
    monkeypatch.setattr(StateFile, "append", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    gate.halt("me")
    assert gate.may_open(ORDER).reason == "manual"
    assert gate.status().dropped == {"state_unwritable": 1}


@pytest.mark.parametrize(
    "content",
    ["", "{", "null", '{"v": 1}', '{"v": 99}', b"\xff\xfe", "OTHER", "DEEP"],
    ids=["empty", "torn", "null", "fields", "newer", "bytes", "other-agent", "deep"],
)
def test_a_state_that_cannot_be_read_halts(bench, content, caplog):
    """With a named reason, a message that names the file and the remedy, and a copy of what was there."""
    gate = bench.gate()
    gate.record(bench.balance(1000))
    gate.close()
    if content == "OTHER":
        content = bench.path.read_text().replace('"a-1"', '"b-2"')
    if content == "DEEP":
        content = "[" * 100_000
    bench.path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = bench.path.read_bytes()
    gate = bench.gate()
    assert gate.may_close(ORDER).reason == "state_unreadable"
    assert str(bench.path) in caplog.text
    assert "rebase=True" in caplog.text
    assert (bench.path.parent / "gate.json.damaged").read_bytes() == before
    gate.close()
    gate = bench.gate()
    assert gate.may_close(ORDER).reason == "state_unreadable"
    assert gate.resume("looked", "me").reason == "state_unreadable"
    assert gate.resume("looked", "me", rebase=True)


def test_a_state_that_may_not_be_read_halts(bench):
    """A directory in its place is as good as a damaged file."""
    bench.path.mkdir()
    assert bench.gate().may_open(ORDER).reason == "state_unreadable"


@pytest.mark.parametrize("torn", ['{"state": "halt', "nonsense\n"])
def test_a_torn_closing_halts(bench, torn):
    """Somebody was closing when the process died."""
    bench.gate().close()
    with (bench.path.parent / "gate.json.latch").open("a") as file:
        file.write(torn)
    gate = bench.gate()
    assert gate.may_open(ORDER).reason == "state_unreadable"
    assert gate.resume("looked", "me", rebase=True)
    gate.close()
    assert bench.gate().may_open(ORDER)


def test_the_files_are_the_users_alone(bench):
    """They say what an agent holds."""
    gate = bench.gate()
    gate.halt("me")
    gate.beat()
    for path in bench.path.parent.glob("gate.json*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_process_that_shares_the_state_closes_too(bench):
    """Several workers of one agent: one closes, all close, and none writes the closing away."""
    one = bench.gate()
    other = bench.gate()
    one.halt("me")
    other.beat()
    assert other.may_open(ORDER).reason == "manual"
    other.close()
    one.close()
    assert bench.gate().may_open(ORDER).reason == "manual"


def test_a_save_keeps_what_another_process_latched_meanwhile(bench):
    """The stricter of two writers wins within an epoch."""
    one, other = bench.gate(), bench.gate()
    for gate in (one, other):
        gate._keeper.stop()
    one.halt("me")
    one._core.save()
    other.record(bench.balance(1000))
    other._core.save()
    assert other.may_open(ORDER).reason == "manual"
    assert json.loads(bench.path.read_text())["control"]["latch"]["reason"] == "manual"


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(bench, tmp_path):
    """With the remedy: better no agent than one that forgets its halt."""
    (tmp_path / "file").touch()
    with pytest.raises(BadConfig, match="memory:"):
        bench.gate(state_file=tmp_path / "file" / "gate.json")


def test_memory_keeps_nothing(bench):
    """For tests and notebooks."""
    gate = bench.gate(state_file="memory:")
    gate.halt("me")
    gate.close()
    assert bench.gate(state_file="memory:").may_open(ORDER)
    assert list(bench.path.parent.iterdir()) == []


def test_the_state_lies_in_the_users_state_directory_by_default(bench, monkeypatch, tmp_path):
    """A gate that is not told where keeps its state all the same."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    gate = bench.gate(state_file=None)
    gate.close()
    assert (tmp_path / "fleawatch" / "a-1.json").exists() or (tmp_path / "fleawatch" / "a-1.json.latch").exists()
