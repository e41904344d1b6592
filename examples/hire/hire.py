"""Two agents and one escrow: one asks and pays, the other works, and their traces are linked by a signed token.

    HANDOFF_KEY_FILE=handoff.key ESCROW_URL=... REQUESTER_KEY_FILE=... WORKER_KEY_FILE=... WORKER_ID=ag_... python hire.py

The token travels in the escrow's description, which anybody who knows the escrow's id can read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from fleawatch import Handoff, Telemetry


class Party:
    """An agent with its telemetry and its key at the platform."""

    def __init__(self, name: str, key_file: str, environ: Mapping[str, str], **chosen: Any) -> None:
        self.telemetry = Telemetry(name, environ=environ, **chosen)
        self.handoff = Handoff(self.telemetry, key_file=environ["HANDOFF_KEY_FILE"])
        self._key_file = Path(key_file)
        self._base = environ["ESCROW_URL"]
        self._client = self.telemetry.client(httpx.Client(timeout=10.0))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer of the escrow service. Raises `httpx.HTTPStatusError` when it refuses."""
        headers = {"Authorization": f"Bearer {self._key_file.read_text().strip()}"}
        response = self._client.request(method, f"{self._base}{path}", json=body, headers=headers)
        response.raise_for_status()
        return dict(response.json())

    def close(self) -> None:
        """Tell what waits, and let go."""
        self._client.close()
        self.telemetry.shutdown()


def ask(lead: Party, worker_id: str) -> str:
    """Lock five dollars for a summary; the id of the escrow."""
    with (
        lead.handoff.create("summarise", worker="worker-01") as task,
        lead.telemetry.escrow_create(amount_usd=5, counterparty=worker_id, timeout_hours=24) as escrow,
    ):
        body = {
            "amount_usd": 5,
            "counterparty_agent_id": worker_id,
            "timeout_hours": 24,
            "description": task.describe("Summarise the report"),
        }
        made = lead.call("POST", "/escrow/create", body)
        expires_at = datetime.fromisoformat(made["auto_release_at"]).timestamp()
        escrow.created(made["creator_id"], made["escrow_id"], expires_at=expires_at)
    return str(made["escrow_id"])


def work(worker: Party, escrow_id: str) -> None:
    """Read what is to be done, do it, and say so."""
    description = worker.call("GET", f"/escrow/{escrow_id}")["description"]
    with worker.handoff.execute(description, escrow_id=escrow_id):
        pass  # the work
    with worker.telemetry.escrow_complete(escrow_id):
        worker.call("POST", f"/escrow/complete/{escrow_id}", {})


def pay(lead: Party, escrow_id: str) -> float:
    """Release the money; what the worker got, USD."""
    with lead.telemetry.escrow_release(escrow_id) as release:
        paid = lead.call("POST", f"/escrow/release/{escrow_id}", {})
        release.released(paid["amount_released"], commission_usd=paid["commission"])
    return float(paid["amount_released"])


def main(environ: Mapping[str, str] = os.environ) -> None:
    """Hire, work, pay."""
    lead = Party("lead-01", environ["REQUESTER_KEY_FILE"], environ, logs=environ.get("LEAD_LOG"))
    worker = Party("worker-01", environ["WORKER_KEY_FILE"], environ, logs=environ.get("WORKER_LOG"))
    try:
        escrow_id = ask(lead, environ["WORKER_ID"])
        work(worker, escrow_id)
        print(json.dumps({"escrow_id": escrow_id, "paid_usd": pay(lead, escrow_id)}))
    finally:
        lead.close()
        worker.close()


if __name__ == "__main__":
    main()
