"""An agent in a process of its own that trades at the sandbox, obeying its gate or not.

Run as `python gated_trader.py SETTINGS`, a JSON object: `name`, `character`, `service`, `token`, `state`, `platform`, `key`,
`venue` (casino or trading), `stake`, `pace` (real seconds between two orders) and `address`, under which the platform counts
its calls. Says on standard output, one JSON object a line, what its gate answered and what it did all the same:

    obedient   asks its gate and does what it says; so do slow, crashed and partitioned, to whom a test does something
    lying      has a gate that acknowledges whatever comes, and trades on
    deaf       has no gate at all
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from urllib.parse import urlsplit

from fleawatch import Gate, Order

IGNORES = ("lying", "deaf")


def orders_of(settings):
    """Path and body of each next order: bets that never win, or positions on one side."""
    number = 0
    while True:
        number += 1
        if settings["venue"] == "casino":
            yield "/api/v1/games/dice", {"amount": settings["stake"], "direction": "under", "threshold": 1}
        else:
            coin = ("BTC", "ETH", "SOL")[number % 3]
            yield "/v1/trade/open", {"coin": coin, "side": "long", "size_usd": settings["stake"]}


def send(settings, path, body):
    """Send one order; its status, None when no answer came."""
    where = urlsplit(settings["platform"])
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=5)
    headers = {
        "Authorization": f"Bearer {settings['key']}",
        "Content-Type": "application/json",
        "X-Forwarded-For": settings["address"],
    }
    try:
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return None
    else:
        return answer.status
    finally:
        connection.close()


def main():
    settings = json.loads(sys.argv[1])
    gate = None
    if settings["character"] != "deaf":
        gate = Gate(
            settings["name"],
            service=settings["service"],
            token=settings["token"],
            state_file=settings["state"],
            limits={},
        )
    for path, body in orders_of(settings):
        answer = None if gate is None else gate.may_open(Order(notional_usd=settings["stake"]))
        sends = settings["character"] in IGNORES or answer.allowed
        status = send(settings, path, body) if sends else None
        said = {"at": time.time(), "sent": sends, "status": status}
        if answer is not None:
            said |= {"allowed": answer.allowed, "state": answer.state, "reason": answer.reason, "epoch": answer.epoch}
        print(json.dumps(said), flush=True)
        time.sleep(settings["pace"])


main()
