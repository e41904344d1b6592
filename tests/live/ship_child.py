"""An agent that bets on and on and is killed at any moment, for the test beside it.

Run as `python ship_child.py SERVICE TOKEN SPOOL FIRST LAST`: it tells of the bets FIRST to LAST and prints a number
once the facts up to it are in its spool; at the end it waits until the service has them all and prints `done`.
"""

from __future__ import annotations

import sys
import time

from fleawatch import Telemetry

STEP = 20


def main():
    """Bet."""
    service, token, spool, first, last = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
    telemetry = Telemetry(
        "bettor-01",
        service=service,
        token_file=token,
        spool=spool,
        heartbeat_s=None,
        environ={"PF_AGENT_ID": "bettor-01"},
    )
    for number in range(first, last + 1):
        with telemetry.bet("dice", "1") as bet:
            bet.settled(f"bet-{number}", "1.97" if number % 2 else "0")
        if number % STEP == 0 or number == last:
            while not telemetry._pipeline.flush(5.0):
                time.sleep(0.01)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            time.sleep(0.05)
    if telemetry.shutdown(120.0) and not telemetry.dropped:
        sys.stdout.write("done\n")
    else:
        sys.stdout.write(f"{telemetry.dropped}\n")


main()
