"""What is shipped: the wheel holds everything that the program reads at run time."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "fleawatch"
DATA = {".md", ".sql", ".jinja", ".html", ".css", ".js", ".svg", ".json"}

TELL = """
import json, sys
sys.path.insert(0, sys.argv[1])
import fleawatch
from fleawatch.service.runbooks import runbook_texts
print(json.dumps({"from": fleawatch.__file__, "texts": runbook_texts()}))
"""

AGENT = """
import json, re
from importlib.metadata import requires
import fleawatch
telemetry = fleawatch.Telemetry("a-1", metrics="127.0.0.1:0")
with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
    order.filled("ord-1", price=100)
telemetry.flush(10)
orders = re.findall(r"^pf_orders_total\\{.* ([0-9.]+)$", telemetry.metrics().decode(), re.M)
telemetry.shutdown()
wanted = [re.split("[<>=]", one)[0] for one in requires("fleawatch") if "extra ==" not in one]
print(json.dumps({"from": fleawatch.__file__, "orders": sum(map(float, orders)), "wanted": wanted}))
"""

USERS_TEST = """
def test_it(capture):
    with capture.telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
        pass
    assert capture.fact("order_placed")["notional_usd"] == "5"
"""
EARLY = "import sys, fleawatch, pytest; sys.exit(pytest.main(['-q', '-W', 'error']))"


@pytest.mark.live
class TestWheel:
    def test_files(self, wheel):
        """Every file beside the modules that is read at run time is in it."""
        with zipfile.ZipFile(wheel) as content:
            packed = set(content.namelist())
        wanted = {f"fleawatch/{path.relative_to(PACKAGE)}" for path in PACKAGE.rglob("*") if path.suffix in DATA}
        assert any(name.startswith("fleawatch/catalog/runbooks/") for name in wanted)
        assert wanted - packed == set()

    def test_runbooks(self, wheel):
        """The texts of the runbooks are read from it as they are in the tree, even while it is packed."""
        done = subprocess.run(
            [sys.executable, "-c", TELL, wheel], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["from"].startswith(str(wheel))
        texts = {
            path.stem: path.read_text(encoding="utf-8") for path in (PACKAGE / "catalog" / "runbooks").glob("*.md")
        }
        assert told["texts"] == texts

    def test_base_install(self, wheel, tmp_path):
        """Alone with its three dependencies it watches an agent, and takes less than five megabytes beyond them."""
        python = tmp_path / "venv" / "bin" / "python"
        uv = Path(sys.executable).with_name("uv")
        for command in (
            [uv, "venv", "--offline", "--quiet", "--python", sys.executable, tmp_path / "venv"],
            [uv, "pip", "install", "--offline", "--quiet", "--python", python, wheel],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr
        done = subprocess.run(
            [python, "-c", AGENT], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert set(told["wanted"]) == {"prometheus-client", "msgspec", "opentelemetry-api"}
        assert told["orders"] == 1
        package = Path(told["from"]).parent
        assert package.is_relative_to(tmp_path)
        assert sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) < 5_000_000

    def test_fixtures(self, wheel, tmp_path):
        """Beside pytest it brings its fixtures, with warnings as errors too, also where a program imports it first."""
        python = tmp_path / "venv" / "bin" / "python"
        uv = Path(sys.executable).with_name("uv")
        (tmp_path / "test_users.py").write_text(USERS_TEST)
        for command in (
            [uv, "venv", "--offline", "--quiet", "--python", sys.executable, tmp_path / "venv"],
            [uv, "pip", "install", "--offline", "--quiet", "--python", python, wheel, "pytest"],
            [python, "-W", "error", "-m", "pytest", "-q", "test_users.py"],
            [python, "-W", "error", "-c", EARLY],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
