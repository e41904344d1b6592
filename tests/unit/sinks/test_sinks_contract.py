"""The twins of the sink under one contract."""

import io
import json

import pytest

from fleawatch.sinks.jsonlog import JsonLog
from fleawatch.sinks.memory import MemorySink
from fleawatch.testing.sink_contract import SinkContract, notice


class TestMemorySink(SinkContract):
    @pytest.fixture
    def sink(self):
        return MemorySink()

    def accepted(self, sink):
        return [output.key for output in sink.outputs]

    def test_a_closed_sink_refuses(self):
        """An output after `close` is an error of the caller, who must hear of it."""
        sink = MemorySink()
        sink.close()
        with pytest.raises(ValueError, match="closed"):
            sink.emit(notice(1))


class TestJsonLog(SinkContract):
    @pytest.fixture
    def sink(self):
        return JsonLog(io.StringIO())

    def accepted(self, sink):
        return [json.loads(line)["key"] for line in sink._stream.getvalue().splitlines()]
