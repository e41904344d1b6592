"""Guards against replayed tokens: one contract for memory and directory, and what only a directory can do."""

import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch import Handoff, Telemetry
from fleawatch.errors import BadConfig
from fleawatch.sdk.handoff.replay import KEPT_S, Replay, SharedReplay
from fleawatch.testing.replay_contract import STEPS, ReplayContract

KEY = "0123456789abcdef" * 4
WORKER = """
import sys, time
from fleawatch import Handoff, Telemetry
worker = Handoff(Telemetry("worker-1", environ={}, heartbeat_s=None), key_file=sys.argv[1], replay_dir=sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
print(",".join(worker.accept(token).reason or "believed" for token in sys.argv[3:]), flush=True)
"""


class TestMemory(ReplayContract):
    def guard(self, directory, most):
        return Replay(most)


class TestShared(ReplayContract):
    def guard(self, directory, most):
        return SharedReplay(directory / "seen", "a-1", most)


class Twins:
    """Two processes with one directory take turns."""

    def __init__(self, directory, most):
        self._both = [SharedReplay(directory / "seen", "a-1", most) for _ in range(2)]

    def denies(self, nonce, expires_at, now):
        self._both.reverse()
        return self._both[0].denies(nonce, expires_at, now)


class TestTwins(ReplayContract):
    def guard(self, directory, most):
        return Twins(directory, most)


@given(kind=st.sampled_from([TestMemory, TestShared, TestTwins]), steps=STEPS, most=st.integers(1, 5))
def test_any_history_is_as_a_list_would_have_it(tmp_path_factory, kind, steps, most):
    """In memory, in a directory, and by two processes in turn."""
    kind.check_history(tmp_path_factory.mktemp("seen"), steps, most)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """An environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(("PF_", "OTEL_", "DD_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(name="key_file")
def _key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY)
    return path


@pytest.fixture(name="telemetry")
def _telemetry():
    with Telemetry("worker-1", heartbeat_s=None) as telemetry:
        yield telemetry


def test_what_is_written_is_the_agents_alone_and_says_nothing(tmp_path):
    """Directory 0700, files 0600 and empty, names without the nonce; what is not ours stays."""
    old = os.umask(0)
    try:
        guard = SharedReplay(tmp_path / "deep" / "seen", "a-1")
        assert guard.denies("5e" * 16, 10.0, 0.0) == ""
    finally:
        os.umask(old)
    (path,) = (tmp_path / "deep" / "seen").iterdir()
    assert (stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)
    assert path.stat().st_size == 0
    assert "5e5e" not in path.name
    note = path.parent / "README"
    note.write_text("leave me")
    assert guard.denies("b", 9e9, 20.0 + KEPT_S) == ""
    assert (path.exists(), note.exists(), len(guard)) == (False, True, 1)


def test_agents_that_share_a_directory_do_not_keep_tokens_from_each_other(tmp_path):
    """A token for anybody is believed once by each agent."""
    guards = [SharedReplay(tmp_path, name) for name in ("a-1", "a-2", "a-1")]
    assert [guard.denies("a", 10.0, 0.0) for guard in guards] == ["", "", "replayed"]


@pytest.mark.parametrize("way", ["gone", "a file", "full"])
def test_what_cannot_be_written_down_is_not_believed_and_raises_nothing(
    tmp_path, monkeypatch, telemetry, key_file, way
):
    """A directory that is gone, is no directory any more, or has no room: the link is lost, counted, and the work goes on."""
    seen = tmp_path / "seen"
    handoff = Handoff(telemetry, key_file=str(key_file), replay_dir=seen)
    with handoff.create("dig") as task:
        token = task.token
    if way == "full":
        monkeypatch.setattr(os, "open", _no_room)
    else:
        seen.rmdir()
        if way == "a file":
            seen.write_text("")
    with handoff.execute(token) as task:
        assert (task.received.reason, task.received.link) == ("unwritable", None)
    assert handoff.refused == {"unwritable": 1}
    monkeypatch.undo()
    assert telemetry.dropped == {}


def _no_room(*arguments):
    raise OSError(28, "No space left on device")


def test_a_directory_that_others_can_write_is_refused(tmp_path, telemetry, key_file):
    """Whoever can delete what was seen can have it believed again; so is what is no directory."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name, said in (("open", "others may write"), ("key", "File exists")):
        with pytest.raises(BadConfig, match=said) as refused:
            Handoff(telemetry, key_file=str(key_file), replay_dir=tmp_path / name)
        assert "handoff_replay_dir" in str(refused.value)


@pytest.mark.parametrize("way", ["made anew", "a link", "opened"])
def test_a_directory_that_others_can_write_later_on_is_not_believed(way, tmp_path):
    """It is judged each time: somebody else may have made it anew, or let others in."""
    seen, open_to_all = tmp_path / "seen", tmp_path / "open"
    guard = SharedReplay(seen, "a-1")
    assert guard.denies("a" * 32, 1_000.0, 0.0) == ""
    if way != "opened":
        seen.rename(tmp_path / "gone")
    if way == "a link":
        open_to_all.mkdir()
        seen.symlink_to(open_to_all)
    else:
        seen.mkdir(exist_ok=True)
    seen.chmod(0o777)
    assert guard.denies("a" * 32, 1_000.0, 0.0) == "unwritable"
    seen.chmod(0o700)
    assert guard.denies("b" * 32, 1_000.0, 0.0) == ""


def test_the_environment_names_the_directory(tmp_path, monkeypatch, key_file):
    """`PF_HANDOFF_REPLAY_DIR`; a token is not believed again after a restart."""
    monkeypatch.setenv("PF_HANDOFF_REPLAY_DIR", str(tmp_path / "seen"))
    reasons, token = [], ""
    for _ in range(2):
        with Telemetry("worker-1", heartbeat_s=None) as telemetry:
            handoff = Handoff(telemetry, key_file=str(key_file))
            if not token:
                with handoff.create("dig") as task:
                    token = task.token
            reasons.append(handoff.accept(token).reason)
    assert reasons == ["", "replayed"]


def test_of_four_processes_that_race_exactly_one_believes_each_token(tmp_path, telemetry, key_file):
    """Whichever it is."""
    tokens = []
    for _ in range(25):
        with Handoff(telemetry, key_file=str(key_file)).create("dig") as task:
            tokens.append(task.token)
    command = [sys.executable, "-c", WORKER, key_file, tmp_path / "seen", *tokens]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 4
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        found = [worker.communicate(timeout=60)[0].strip().split(",") for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    by_token = [sorted(reasons) for reasons in zip(*found, strict=True)]
    assert by_token == [["believed", "replayed", "replayed", "replayed"]] * 25
