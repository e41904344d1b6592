"""Every telemetry sink passes the same contract; the in-memory twin first."""

import pytest

from fleawatch.sinks.recorder import Recorder
from fleawatch.testing.telemetry_contract import TelemetrySinkContract


class TestRecorder(TelemetrySinkContract):
    """The twin in memory."""

    @pytest.fixture
    def sink(self):
        """An open recorder."""
        return Recorder()
