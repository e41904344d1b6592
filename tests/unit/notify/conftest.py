"""Channels before a server that records what comes."""

from __future__ import annotations

import asyncio

import pytest

from fleawatch.errors import DeliveryError
from fleawatch.notify.exchange import Exchange
from fleawatch.testing.doubles import HttpDouble
from fleawatch.testing.notifier_contract import NOW


@pytest.fixture
def talk():
    """Send deliveries in order through a channel made by `make(exchange, base)`; ends and requests come back."""

    def run(make, deliveries, answers):
        async def work():
            async with HttpDouble(answers) as double:
                notifier = make(Exchange(deadline_s=2.0, now=lambda: NOW), double.url)
                ends = []
                for one in deliveries:
                    try:
                        ends.append(await notifier.send(one))
                    except DeliveryError as error:
                        ends.append(error)
                await notifier.close()
                return ends, double.requests

        return asyncio.run(work())

    return run
