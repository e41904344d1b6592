"""What the live tests share: ports, real binaries, and a watched fleet in this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import time

import pytest

from fleawatch.cli.compare import compare
from fleawatch.cli.serve import address_of, bound, serving
from fleawatch.cli.simulator import Simulator, write_config
from fleawatch.clock import ScaledClock
from fleawatch.sandbox import books as sandbox_books
from fleawatch.service.build import build
from fleawatch.service.load import load

DEBIAN = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}
"""The package of a program, where it is called otherwise."""


def binary(name):
    """Path of a real program. Missing, it fails the test where `CI` is set, and skips it elsewhere."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not installed. Remedy: make install-test, or apt-get install {DEBIAN.get(name, name)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port():
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


@contextlib.asynccontextmanager
async def watched_fleet(directory, *, agents=8, seed=7, speed=60.0, seconds=10.0, faults=False):
    """A sandbox and the service that watches it, both running; yields (service, base URL, simulator, books path)."""
    async with (
        simulated_fleet(directory, agents=agents, seed=seed, speed=speed, seconds=seconds, faults=faults) as simulator,
        watching(directory, simulator) as (service, address),
    ):
        yield service, address, simulator, directory / "books.sqlite"


@contextlib.asynccontextmanager
async def simulated_fleet(directory, *, agents, speed, seconds, seed=7, faults=False):
    """A running sandbox that nobody watches yet; its journal is `books.sqlite` in the directory."""
    simulator = await Simulator.start(
        seed=seed, agents=agents, speed=speed, seconds=seconds, books=directory / "books.sqlite", faults=faults
    )
    try:
        yield simulator
    finally:
        await simulator.stop()


@contextlib.asynccontextmanager
async def watching(directory, simulator, overrides=None):
    """A service over `state` in the directory that watches a sandbox; entered again, it is a restart."""
    listener = bound("127.0.0.1", 0)
    ready = simulator.ready
    clock = ScaledClock(ready["origin"], ready["speed"], ready["started"])
    path = write_config(ready, directory / "state", listener.getsockname()[1])
    service = build(load(path, environment={}, overrides=overrides or {}), clock=clock, sinks=())
    async with serving(service, listener):
        yield service, address_of(listener)


async def settled(service, simulator, books, within_s=60.0):
    """Wait for the end of the books and the last readings; returns the truth, which the service then equals."""
    await simulator.ended()
    truth = await asyncio.to_thread(sandbox_books.truth, books)
    deadline = time.monotonic() + within_s
    while True:
        await service.poller.sweep()
        _, mismatches = compare(truth, service.monitor.state)
        if not mismatches:
            return truth
        assert time.monotonic() < deadline, mismatches
        await asyncio.sleep(0.2)
