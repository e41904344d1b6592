"""The small parts of a gate: windows, limits, documents, the shield, the clocks."""

from __future__ import annotations

import logging
import math
import time

import msgspec
import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.sdk.gate.limits import ENFORCED, in_force, sorted_out
from fleawatch.sdk.gate.windows import ErrorWindow, OrderWindow
from fleawatch.sdk.lease.document import Report, read_lease, write_report
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.timing import SystemTiming

LEASE = b'{"agent_id": "a-1", "epoch": 1, "state": "active", "issued_at": 5, "ttl_s": 60, "later": [1]}'


def test_an_order_window_forgets_whole_seconds():
    """A second leaves only when all of it is a minute old."""
    window = OrderWindow()
    for at in (0.0, 0.9, 30.0):
        window.turn(at)
        window.add(10.0)
    window.turn(60.5)
    assert (window.count, window.notional) == (3, 30.0)
    window.turn(61.0)
    assert (window.count, window.notional) == (1, 10.0)
    window.turn(1_000.0)
    assert (window.count, window.notional) == (0, 0.0)


def test_an_error_window_forgets_after_five_minutes():
    """And judges from twenty calls on."""
    window = ErrorWindow()
    assert window.share(0.0) is None
    for number in range(20):
        window.add(float(number), failed=number % 2 == 0)
    assert window.share(20.0) == 0.5
    assert window.share(330.0) is None


def test_every_limit_a_gate_enforces_is_in_the_catalog():
    """One word for one thing, on both sides."""
    assert set(ENFORCED) <= set(CATALOG.limits)


def test_the_names_of_unknown_limits_are_bounded():
    """In length and number, whatever a service sends."""
    limits, unknown = sorted_out({**{f"{n}" * 100: 1.0 for n in range(100)}, "order_rate": 5, "notional_rate": None})
    assert limits == {"order_rate": 5.0}
    assert len(unknown) == 32
    assert max(map(len, unknown)) == 64


def test_own_limits_without_a_lease():
    """Defaults hold unless the program names them; None switches one off."""
    assert in_force({"drawdown_halt": None, "order_rate": 3.0}, {}) == {
        "daily_loss_ratio": 0.1, "drawdown_critical": 0.15, "drawdown_warning": 0.1, "order_rate": 3.0,
    }  # fmt: skip


def test_a_lease_is_read_and_fields_of_a_later_release_are_left_aside():
    """A newer service can say more."""
    lease = read_lease(LEASE, "a-1")
    assert (lease.epoch, lease.state, lease.ttl_s, lease.halt) == (1, "active", 60.0, None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"\xff", LEASE.replace(b"a-1", b"b-2"), LEASE.replace(b"60", b"0"), LEASE.replace(b"60", b"-1"),
        LEASE.replace(b"active", b"open"), LEASE.replace(b'"epoch": 1', b'"epoch": -1'), LEASE.replace(b"5,", b"1e999,"),
        LEASE.replace(b"[1]", b'1, "ramp": {"until": 1, "max_notional_usd": -5}'), b" " * 100_000 + LEASE,
        LEASE.replace(b"[1]", b"[" * 50_000),
    ],
)  # fmt: skip
def test_a_bad_lease_is_refused(body):
    """Garbage, another agent's, numbers without sense, and more than 64 KiB."""
    with pytest.raises(ValueError, match="lease"):
        read_lease(body, "a-1")


def test_a_report_is_as_the_service_expects_it():
    """Every field by its name."""
    report = Report(
        epoch=1, state="active", reason="ok", limits={}, unknown_limits=(), halt_id=None, last_order_at=None, now=1.0
    )
    assert msgspec.json.decode(write_report(report)) == {
        "epoch": 1, "state": "active", "reason": "ok", "limits": {}, "unknown_limits": [], "halt_id": None,
        "last_order_at": None, "now": 1.0,
    }  # fmt: skip


def test_the_shield_drops_counts_and_logs_once_a_minute(caplog):
    """Quietly in production."""
    shield = Shield(raises=False)
    with caplog.at_level(logging.WARNING, "fleawatch"):
        for _ in range(3):
            with shield.over("record"):
                raise RuntimeError("broken")
    assert shield.dropped == {"record": 3}
    assert len(caplog.records) == 1


def test_the_shield_raises_in_tests(monkeypatch):
    """A mistake is found before it is shipped."""
    with pytest.raises(RuntimeError), Shield().over("record"):
        raise RuntimeError("broken")
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert not Shield().raises


def test_the_systems_clocks_agree_with_the_machine():
    """The time of day, and a pace that counts sleep where the kernel can."""
    timing = SystemTiming()
    assert math.isclose(timing.now(), time.time(), abs_tol=5)
    assert timing.elapsed() <= timing.elapsed()
