"""What an agent loads: as little as it uses, whatever else is installed."""

import json
import os
import subprocess
import sys

PARTS = {f"fleawatch.{part}" for part in ("store", "service", "notify", "web", "cli", "actuate", "sources", "sandbox")}
LIBRARIES = {
    "asyncio", "sqlite3", "aiohttp", "pydantic", "starlette", "uvicorn", "structlog", "click", "yaml", "jinja2", "datadog",
    "opentelemetry.sdk", "opentelemetry.exporter", "requests", "httpx", "grpc", "numpy", "pytest",
}  # fmt: skip


def loaded_by(program):
    """Modules that a fresh interpreter has loaded after the program."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PF_", "OTEL_", "DD_"))}
    environ.pop("PYTEST_CURRENT_TEST", None)
    code = f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_front_door_is_lazy():
    """`import fleawatch` loads its own release number, the hook for the program's end, and no library."""
    found = loaded_by("import fleawatch")
    assert {name for name in found if name.startswith("fleawatch")} == {
        "fleawatch", "fleawatch._version", "fleawatch.ending",
    }  # fmt: skip
    assert not {"msgspec", "prometheus_client", "opentelemetry"} & found


ORDER = """
with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
    order.filled("ord-1", price=100)
assert telemetry.flush(10)
telemetry.metrics(openmetrics=True)
telemetry.shutdown()
"""


def test_telemetry_with_metrics_loads_neither_the_service_nor_its_libraries(tmp_path):
    """Also after orders and a scrape, with a server of its own and a folder for several processes."""
    made = f"from fleawatch import Telemetry\ntelemetry = Telemetry('a-1', metrics='127.0.0.1:0', metrics_dir={str(tmp_path)!r})"
    found = loaded_by(made + ORDER)
    assert not found & (PARTS | LIBRARIES)


def test_an_agent_loads_nothing_that_judges_alerts():
    """Judging is the monitor's: an agent folds its own facts, and no more."""
    made = "from fleawatch import Telemetry\ntelemetry = Telemetry('a-1', metrics='127.0.0.1:0')"
    judging = (
        "fleawatch.flow.step",
        "fleawatch.flow.evaluate",
        "fleawatch.flow.halting.halt",
        "fleawatch.flow.lifecycle",
    )
    assert not {name for name in loaded_by(made + ORDER) if name.startswith(judging)}


def test_a_program_that_pushes_loads_no_server(tmp_path):
    """And the one that logs and ships no metrics of several processes."""
    made = "from fleawatch import Telemetry\ntelemetry = Telemetry('a-1', pushgateway='http://127.0.0.1:9')"
    found = loaded_by(made + "\ntelemetry.shutdown()")
    assert not found & (PARTS | LIBRARIES | {"fleawatch.sinks.workers", "fleawatch.sinks.otlp"})


def test_making_it_uses_up_no_ids_and_tells_nothing():
    """The rehearsal of an order stays behind the scenes."""
    program = """
from fleawatch import Telemetry
from fleawatch.sdk.telemetry.context import Ids, current
from fleawatch.sinks.recorder import Recorder
seen = Recorder()
telemetry = Telemetry("a-1", ids=Ids(seed=7), sinks=[seen], heartbeat_s=None)
with telemetry.signal("BTC-USD") as signal:
    pass
telemetry.flush(10)
assert signal.trace_id == f"{Ids(seed=7).under(None).trace_id:032x}"
assert len(seen.facts) == 1 and not current().is_valid
telemetry.shutdown()
"""
    assert loaded_by(program)
