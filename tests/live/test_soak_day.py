"""A long run with everything that goes wrong: a simulated day at speed, equal to the books at the end, within bounds."""

from __future__ import annotations

import asyncio
import resource

import pytest
from live_fleet import settled, watched_fleet

MEBIBYTE = 1 << 10  # ru_maxrss counts kibibytes


@pytest.mark.soak
def test_a_day_with_faults_ends_equal_to_the_books(tmp_path):
    """Thirty agents for a simulated day with every fault: no mismatch, no refused fact, and less than 1 GiB."""

    async def run():
        async with watched_fleet(tmp_path, agents=30, speed=120.0, seconds=720.0, faults=True) as (
            service,
            _,
            simulator,
            books,
        ):
            truth = await settled(service, simulator, books, within_s=180.0)
            return len(truth), service.monitor.refused

    assert asyncio.run(run()) == (30, 0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1024 * MEBIBYTE
