"""The service's own log: one JSON line an event on standard error, scrubbed.

Lines are written by a thread of their own: a standard error that nobody reads loses lines and holds up nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import sys
import time
from logging.handlers import QueueHandler, QueueListener
from typing import Any, Final

import structlog

from fleawatch.scrub import scrub

MOST_WAITING: Final = 10_000
_DRAIN_S: Final = 2.0
_PAUSE_S: Final = 0.05


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send everything that is logged in this process to standard error as scrubbed JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.EventRenamer("message"),
                _scrubbed,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    lines: queue.Queue[Any] = queue.Queue(MOST_WAITING)
    QueueListener(lines, handler).start()
    atexit.register(_drain, lines)
    root = logging.getLogger()
    root.handlers[:] = [_Dropping(lines)]
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True


class _Dropping(QueueHandler):
    """Drops a line when too many wait: the log must never hold up what it tells about."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)

    def flush(self) -> None:
        _drain(self.queue)


def _drain(lines: Any) -> None:
    """Wait until what was logged is written, for two seconds at most."""
    end = time.monotonic() + _DRAIN_S
    while not lines.empty() and time.monotonic() < end:
        time.sleep(_PAUSE_S)
    time.sleep(_PAUSE_S)


def _scrubbed(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: scrub(value) if isinstance(value, str) else value for key, value in event.items()}
