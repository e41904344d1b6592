"""Two processes on one file: one service at a time, readers at any time, and a disk that may not be written."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fleawatch.errors import StoreError
from fleawatch.store import SqliteStore
from fleawatch.testing.store_contract import bet

pytestmark = pytest.mark.live

SERVICE = """
import sys, time
from fleawatch.store import SqliteStore
from fleawatch.testing.store_contract import bet
store = SqliteStore(sys.argv[1])
store.commit([bet(1)], [])
print("ready", flush=True)
time.sleep(60)
"""

REFUSED = """
import os, sys
from fleawatch.errors import StoreError
from fleawatch.store import SqliteStore
from fleawatch.testing.store_contract import bet
if os.geteuid() == 0:  # only now: the interpreter itself may be out of reach for nobody
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    SqliteStore(sys.argv[1]).commit([bet(2)], [])
except StoreError as error:
    print(error)
else:
    print("written")
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fleawatch.db"


@pytest.fixture
def service(path):
    """Another process that owns the store."""
    process = subprocess.Popen([sys.executable, "-c", SERVICE, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait(10)
    process.stdout.close()


def test_a_second_service_is_told_who_runs_the_first(path, service):
    """The refusal names the lock file and the pid of the other process."""
    with pytest.raises(StoreError, match=rf"fleawatch\.db\.lock: process {service.pid} already runs a service"):
        SqliteStore(path)


def test_a_reader_reads_beside_the_service(path, service):
    """Reading needs no lock and sees what the other process committed."""
    reader = SqliteStore(path, mode="reader")
    assert [event for _, event in reader.facts()] == [bet(1)]
    reader.close()


def test_a_killed_service_leaves_no_lock(path, service):
    """After SIGKILL the next service opens at once, and finds what was committed."""
    os.kill(service.pid, signal.SIGKILL)
    service.wait(10)
    store = SqliteStore(path)
    assert [event for _, event in store.facts()] == [bet(1)]
    store.close()


def test_a_directory_that_may_not_be_written_is_named():
    """On a state directory of somebody else the service says which file it could not open and what to do."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "fleawatch.db"
        SqliteStore(path).close()
        for file in Path(name).iterdir():
            file.chmod(0o444)
        Path(name).chmod(0o555)
        run = subprocess.run(
            [sys.executable, "-c", REFUSED, str(path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        Path(name).chmod(0o755)
    assert run.stderr == ""
    assert "fleawatch.db" in run.stdout
    assert "Remedy: check that the directory exists and that this user may write there" in run.stdout
