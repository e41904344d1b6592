"""What an agent does, as lines of JSON: one for each fact that a person would look for, under its name in the catalog.

A line carries the trace it belongs to, as W3C writes ids and as Datadog does. What facts bring to light, such as a large
loss or a balance below its limit, has a line behind the fact. Everything is scrubbed, and written by a thread of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.logs import COMMON_FIELDS, RESERVED_FIELDS
from fleawatch.events import BalanceRead, Event, StrategySwitched
from fleawatch.flow.outputs import Notice
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.scrub import Addresses, scrub, scrub_fields, without_addresses
from fleawatch.sinks.factlines import told
from fleawatch.sinks.tiers import Tiers
from fleawatch.sinks.writer import Writer, encoded
from fleawatch.units import iso

_OWN: Final = frozenset(("strategy", "error.kind", "error.message", "error.stack"))
_TAKEN: Final = frozenset((*COMMON_FIELDS, *RESERVED_FIELDS)) - _OWN
_OF_FACTS: Final = frozenset(("faucet_claim", "referral_income", "strategy_switch", "slow_span", "escrow_transaction"))
"""Events that a fact itself tells, with more than its notice has."""
_DECLARED: Final = {name: frozenset(event.fields) for name, event in CATALOG.log_events.items()}
_HEX: Final = 16


def trace_fields(trace_id: int, span_id: int = 0) -> dict[str, str]:
    """Ids of a trace as W3C writes them (32 and 16 hex digits) and as Datadog does (decimal, the lower 64 bits); 0 is none."""
    if not trace_id:
        return {}
    found = {"trace_id": f"{trace_id:032x}", "dd.trace_id": str(trace_id & (1 << 64) - 1)}
    return {**found, "span_id": f"{span_id:016x}", "dd.span_id": str(span_id)} if span_id else found


class Lines:
    """Makes lines of facts.

    Args:
        service, environment, version, strategy: on each line; empty ones are left out.
        addresses: what becomes of addresses of wallets.
    """

    def __init__(
        self,
        *,
        service: str,
        environment: str = "",
        version: str = "",
        strategy: str = "",
        addresses: Addresses = "keep",
    ) -> None:
        given = {"service": service, "env": environment, "version": version}
        self._common = {name: value for name, value in given.items() if value}
        self._strategy = strategy
        self._addresses: Addresses = addresses
        self._tiers = Tiers()

    def of(self, seen: Sequence[Observed], notices: Sequence[Notice] = ()) -> list[bytes]:
        """The lines of what was seen, each with its line feed; a fact that nobody looks for has none.

        Args:
            seen: facts and their spans.
            notices: what these facts brought to light.
        """
        found: list[bytes] = []
        brought: dict[str, list[Notice]] = {}
        for notice in notices:
            brought.setdefault(notice.key.rpartition("#")[0], []).append(notice)
        for one in seen:
            if one.fact is not None:
                found += self._about(one.fact, one, brought.pop(one.fact.fact_id, ()))
        return found

    def _about(self, fact: Event, seen: Observed, notices: Iterable[Notice]) -> Iterable[bytes]:
        line = told(fact, seen.span)
        if line is not None:
            yield self._line(fact.at, fact.agent_id, seen, line[0], line[1], line[2])
        if isinstance(fact, StrategySwitched):
            self._strategy = fact.after
        for notice in notices:
            if notice.event not in _OF_FACTS:
                fields = {name: value for name, value in notice.fields.items() if name in _DECLARED[notice.event]}
                yield self._line(notice.at, notice.agent_id, seen, notice.event, notice.level, fields, notice.message)
        if isinstance(fact, BalanceRead) and fact.service == "casino" and fact.value_usd is not None:
            # What may be spent is what lies at the casino: see `pf_wallet_spendable_usdc`.
            balance = float(fact.value_usd)
            passed = self._tiers.passed(balance)
            if passed is not None:
                fields = {
                    "currency": fact.currency,
                    "balance_usd": balance,
                    "threshold_usd": passed.threshold,
                    "tier": passed.tier,
                }
                yield self._line(fact.at, fact.agent_id, seen, "balance_alert", "warning", fields)

    def _line(
        self,
        at: float,
        agent_id: str,
        seen: Observed,
        event: str,
        level: str,
        fields: dict[str, Any],
        says: str = "",
    ) -> bytes:
        span = seen.span
        ids = trace_fields(*seen.within) if span is None else trace_fields(span.trace_id, span.span_id)
        line: dict[str, Any] = {
            "timestamp": iso(at),
            "level": level,
            "logger": "fleawatch",
            "message": self._clean(says) or event.replace("_", " "),
            **self._common,
            "agent_id": agent_id,
            "event": event,
        }
        other = str(fields.pop("trace_id", None) or "")
        line |= _of_text(other) if other else ids
        fields = {**fields, "strategy": fields.get("strategy") or self._strategy}
        if span is not None and span.error_type:
            fields |= {"error.kind": span.error_type, "error.message": span.error_message}
        for name, value in scrub_fields(
            {name: value for name, value in fields.items() if value not in (None, "")}
        ).items():
            own = f"field.{name}" if name in _TAKEN else name
            line[own] = without_addresses(value, self._addresses) if isinstance(value, str) else value
        return encoded(line) + b"\n"

    def _clean(self, text: str) -> str:
        return without_addresses(scrub(text), self._addresses)


def _of_text(trace_id: str) -> dict[str, str]:
    """Ids of a trace that a fact names by itself."""
    try:
        return trace_fields(int(trace_id, _HEX))
    except ValueError:
        return {}


class FactLog:
    """Writes facts as lines.

    Args:
        where: `stdout`, `stderr` or the path of a file, which is appended to.
        lines: makes them.

    Raises:
        OSError: the file cannot be opened.
    """

    name = "logs"

    def __init__(self, where: str, lines: Lines) -> None:
        self._lines = lines
        self._writer = Writer(where)
        self._notices: list[Notice] = []

    @property
    def dropped(self) -> int:
        """Lines that had no room, or could not be written."""
        return self._writer.dropped

    def tell(self, notices: Sequence[Notice]) -> None:
        """Keep them until the facts come that gave them."""
        self._notices += notices

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        notices, self._notices = self._notices, []
        lines = self._lines.of(seen, notices)
        if lines:
            self._writer.put(lines)
        self._raise()

    def beat(self, state: FleetState, now: float) -> None:
        """Look whether the file is still the one of that name; a rotated one is opened anew."""
        del state, now
        self._writer.renew()
        self._raise()

    def flush(self, within_s: float) -> bool:
        written = self._writer.flush(within_s)
        self._raise()
        return written

    def close(self, within_s: float) -> None:
        self._writer.close(within_s)

    def after_fork(self) -> None:
        """The file is appended to by parent and child alike: each batch of lines is one write."""
        self._notices.clear()
        self._writer.after_fork()

    def _raise(self) -> None:
        """What went wrong in the thread is told to whoever counts what goes wrong."""
        error, self._writer.error = self._writer.error, None
        if error is not None:
            raise error
