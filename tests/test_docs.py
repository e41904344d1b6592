"""Every command in the documentation runs, and every page and link is where it is said to be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(sh(?: background| skip)?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"^make (install|install-test|check|test|demo|bench|soak|render)\b.*$")
WHEELS = ROOT / ".wheelhouse"
SERVICES = ("casino", "trading", "wallet", "escrow", "domains")


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def runnable(page):
    """Whether a page has a command beyond those of the Makefile, which the test command itself is made of."""
    return any(
        kind != "sh skip" and any(line.strip() and not MAKE.match(line) for line in text.splitlines())
        for kind, text in blocks(page)
    )


@pytest.fixture(scope="module", name="environment")
def _environment(wheel):
    """A platform to read, the keys of one of its agents as the pages expect them, and the package as a reader installs it."""
    origin = str(time.time())
    sandbox = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "fleawatch.sandbox",
            "--seed",
            "7",
            "--agents",
            "8",
            "--speed",
            "1",
            "--for",
            "3600",
            "--origin",
            origin,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = json.loads(sandbox.stdout.readline())
        agent = next(agent for agent in ready["agents"] if agent["agent_id"] == "momentum-01")
        bases = {f"FLEAWATCH_PLATFORM__BASES__{name.upper()}": ready["bases"][name] for name in SERVICES}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        keys = {"CASINO_KEY": agent["keys"]["casino"], "TRADING_KEY": agent["keys"]["trading"]}
        assert WHEELS.is_dir(), "what the tutorial installs is not there: run make install-test"
        yield {
            **os.environ,
            "PATH": path,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": f"{WHEELS} {wheel.parent}",
            **bases,
            **keys,
            "FLEAWATCH_LISTEN__PORT": "9713",
            "FLEAWATCH_URL": "http://127.0.0.1:9713",
        }
    finally:
        sandbox.stdin.close()
        sandbox.terminate()
        sandbox.wait(10)
        sandbox.stdout.close()


@pytest.mark.live
@pytest.mark.parametrize(
    "page", [page for page in PAGES if runnable(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_commands_of_a_page_run_in_order(page, environment, tmp_path):
    """A reader who types the commands of a page in an empty directory gets what the page promises."""
    if any("-m venv .venv" in text for _, text in blocks(page)):
        environment = {**environment, "PATH": f"{tmp_path / '.venv' / 'bin'}:{environment['PATH']}"}
    else:
        (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    background = []
    try:
        for kind, text in blocks(page):
            if kind == "sh skip" or all(MAKE.match(line) or not line.strip() for line in text.splitlines()):
                continue
            if kind == "sh background":
                background.append(_start(text, environment, tmp_path))
                continue
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    finally:
        for process in background:
            process.terminate()
            assert process.wait(15) == 0


def _start(text, environment, directory):
    """Start a command that stays, and wait until its service is ready."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {text}"],
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ready = "import sys, urllib.request as u; u.urlopen(sys.argv[1] + '/-/ready', timeout=2).close()"
    for _ in range(100):
        time.sleep(0.2)
        asked = subprocess.run(
            [sys.executable, "-c", ready, environment["FLEAWATCH_URL"]], capture_output=True, check=False
        )
        if asked.returncode == 0:
            return process
        assert process.poll() is None, "the command ended by itself"
    process.terminate()
    process.wait(10)
    pytest.fail("the service was not ready after 20 s")
    return process


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    """No page points at a file that is not there."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_gives_both_commands():
    """A stranger finds `make demo` and `make test` on the first screen."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    assert len(text.splitlines()) <= 80
