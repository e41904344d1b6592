"""What an agent pays before its first order: imports, `Telemetry()` with a metrics server, and the first order itself.

Every figure is the median over fresh interpreters, each with its byte code compiled, as an installed package has it. Imports
and making it are timed in processor seconds: they wait for nothing, so only other processes' turns are left out. A first order is compared with the median of those that follow at two hundred a second, in the same process. The size is
that of the package as a wheel unpacks it, with the byte code of what an agent loads; an installer that compiles modules that
no agent loads makes more of it, which is printed beside.

    python -m benchmarks.start [--json]
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from benchmarks.harness import at_most, report, wants_json

STARTS: Final = 15
IMPORT_S: Final = 0.030
TELEMETRY_S: Final = 0.200
FIRST: Final = 2.0
SIZE: Final = 5_000_000
ROOT: Final = Path(__file__).parents[1]

_PROGRAM: Final = """
import json, statistics, time
begun = time.process_time()
import fleawatch
imported = time.process_time()
telemetry = fleawatch.Telemetry("a-1", metrics="127.0.0.1:0")
made = time.process_time()
orders = []
for number in range(101):
    started = time.perf_counter()
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        order.filled("ord", price=100)
    orders.append(time.perf_counter() - started)
    time.sleep(0.005)
telemetry.shutdown()
print(json.dumps([imported - begun, made - imported, orders[0], statistics.median(orders[1:])]))
"""


def starts() -> list[list[float]]:
    """Seconds of import, of `Telemetry()`, of the first order and of a later one, for each fresh interpreter."""
    # Where Python is told to keep no byte code, every start would compile the sources, as no installed package has to.
    unset = ("PF_", "OTEL_", "DD_", "PYTHONDONTWRITEBYTECODE")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    command = [sys.executable, "-c", _PROGRAM]
    subprocess.run(command, check=True, capture_output=True, env=environ)
    return [
        json.loads(subprocess.run(command, check=True, capture_output=True, env=environ).stdout) for _ in range(STARTS)
    ]


def installed_bytes() -> tuple[int, int]:
    """Bytes of the package as a wheel unpacks it: with the byte code of what an agent has loaded, and with that of all."""
    with tempfile.TemporaryDirectory() as folder:
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "build", "--wheel", "--offline", "--quiet", "--out-dir", folder, ROOT], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        into = Path(folder) / "site"
        with zipfile.ZipFile(wheel) as content:
            content.extractall(into)
        environ = {**os.environ, "PYTHONPATH": str(into), "PYTHONDONTWRITEBYTECODE": ""}
        subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, env=environ)
        of_agent = _bytes_in(into)
        compileall.compile_dir(into, quiet=2)
        return of_agent, _bytes_in(into)


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> int:
    """Measure and report."""
    as_json = wants_json(__doc__ or "")
    imported, made, first, later = (statistics.median(column) for column in zip(*starts(), strict=True))
    size, with_all = installed_bytes()
    figures: dict[str, float | str] = {
        "import_ms": imported * 1e3,
        "telemetry_ms": made * 1e3,
        "first_order_us": first * 1e6,
        "later_order_us": later * 1e6,
        "installed_megabytes": size / 1e6,
        "installed_megabytes_all_byte_code": with_all / 1e6,
    }
    targets = {
        "import_seconds": at_most(imported, IMPORT_S),
        "telemetry_seconds": at_most(made, TELEMETRY_S),
        "first_order_to_median": at_most(first / later, FIRST),
        "installed_bytes": at_most(size, SIZE),
    }
    return report("start", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
