# ruff: noqa: S101 - assert is how a contract speaks
"""What every guard against replayed tokens must do, as tests: `class TestShared(ReplayContract): ...` with a method `guard`."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path

from hypothesis import strategies as st

from fleawatch.sdk.handoff.replay import KEPT_S, Denial, Guard

STEPS = st.lists(st.tuples(st.integers(0, 7), st.floats(0, 120)), max_size=40)
"""Which token comes, and after how many seconds."""
LIFE_S = 60.0


class ReplayContract(ABC):
    """Laws of a guard that remembers at most `most` tokens."""

    @abstractmethod
    def guard(self, directory: Path, most: int) -> Guard:
        """One that has seen nothing; the directory is its own."""

    def test_once(self, tmp_path: Path) -> None:
        """A token is believed once, and others beside it."""
        guard = self.guard(tmp_path, 10)
        assert [guard.denies(nonce, 10.0, 0.0) for nonce in ("a", "b", "a", "b")] == ["", "", "replayed", "replayed"]

    def test_full(self, tmp_path: Path) -> None:
        """Full of what holds it believes nothing new; what was seen is still known, and room is made by time."""
        guard = self.guard(tmp_path, 2)
        assert [guard.denies(nonce, 10.0, 0.0) for nonce in ("a", "b", "c", "a")] == ["", "", "full", "replayed"]
        assert guard.denies("c", 20.0, 10.0 + KEPT_S - 1) == "full"
        assert guard.denies("c", 20.0, 10.0 + KEPT_S) == ""

    def test_clock_that_is_behind(self, tmp_path: Path) -> None:
        """What has just ended by one clock is still known to another."""
        guard = self.guard(tmp_path, 10)
        assert guard.denies("a", 10.0, 0.0) == ""
        assert guard.denies("b", 500.0, 10.0 + KEPT_S - 1) == ""
        assert guard.denies("a", 10.0, 9.0) == "replayed"

    def test_threads(self, tmp_path: Path) -> None:
        """Of many threads with one token exactly one is believed."""
        guard, start = self.guard(tmp_path, 100), threading.Barrier(8)
        found: list[Denial] = []

        def ask() -> None:
            start.wait()
            found.append(guard.denies("a", 10.0, 0.0))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == ["", *["replayed"] * 7]

    @classmethod
    def check_history(cls, directory: Path, steps: list[tuple[int, float]], most: int) -> None:
        """After any history it answers as whoever remembers everything would; a law for `STEPS` and small `most`."""
        guard = cls().guard(directory, most)
        now = 1_000.0
        ends: dict[str, float] = {}
        for number, wait in steps:
            now += wait
            ends = {one: end for one, end in ends.items() if end + KEPT_S > now}
            nonce = str(number)
            # A token that is forgotten comes back as another one of its name.
            end = ends.get(nonce, float(int(now + LIFE_S)))
            expected = "replayed" if nonce in ends else "full" if len(ends) >= most else ""
            assert guard.denies(nonce, end, now) == expected
            if not expected:
                ends[nonce] = end
