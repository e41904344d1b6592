"""An agent in a process of its own, which a test kills or forks. Says on standard output what its gate answers."""

from __future__ import annotations

import os
import sys
import threading
import time
from decimal import Decimal

from fleawatch import Gate, Order
from fleawatch.events import BalanceRead

ORDER = Order(notional_usd=1)


def balance(number, amount):
    at = time.time() + number
    return BalanceRead(
        fact_id=f"t:{os.getpid()}:{number}", agent_id="a-1", at=at, seen_at=at, source="sdk", service="trading",
        currency="USDC", amount=Decimal(amount), value_usd=Decimal(amount),
    )  # fmt: skip


def say(text):
    print(text, flush=True)


def breach(path):
    """Breach, and wait to be killed."""
    gate = Gate("a-1", service=None, state_file=path)
    say(gate.may_open(ORDER).reason)
    gate.record(balance(0, 1000))
    gate.record(balance(1, 790))
    say(gate.may_open(ORDER).reason)
    time.sleep(60)


def ask(path):
    """Say how the gate stands after a start, then let it recover and say it again."""
    with Gate("a-1", service=None, state_file=path) as gate:
        say(gate.may_open(ORDER).reason)
        gate.record(balance(5, 5000))
        say(gate.may_open(ORDER).reason)


def fork(url):
    """Open, fork when told to, and say what the child may do before and after it has a lease of its own."""
    gate = Gate("a-1", service=url, state_file="memory:")
    while not gate.may_open(ORDER):
        time.sleep(0.01)
    say("open")
    sys.stdin.readline()
    child = os.fork()
    if child == 0:
        say(gate.may_open(ORDER).reason)
        end = time.monotonic() + 50
        while not gate.may_open(ORDER) and time.monotonic() < end:
            time.sleep(0.01)
        say(gate.may_open(ORDER).reason)
        os._exit(0)
    os.waitpid(child, 0)
    say(gate.may_open(ORDER).reason)
    gate.close()


def fork_while_busy(path):
    """Fork many times while threads use the gate; every child must get an answer."""
    gate = Gate("a-1", service=None, state_file=path)
    stop = threading.Event()

    def use():
        number = 0
        while not stop.is_set():
            number += 1
            gate.record(balance(number, 1000))
            gate.may_open(ORDER)

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    good = 0
    for _ in range(30):
        child = os.fork()
        if child == 0:
            os._exit(0 if gate.may_close(ORDER) else 3)
        good += os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    gate.close()
    say(str(good))


if __name__ == "__main__":
    {"breach": breach, "ask": ask, "fork": fork, "busy": fork_while_busy}[sys.argv[1]](sys.argv[2])
