"""What a span says of an operation: the catalog's attributes in the catalog's types, without secrets, cut to a length.

Who somebody is leaves as a digest, so that it can be followed and not be named; free text of an agreement not at all,
unless it is asked for.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from fleawatch.catalog.spans import ATTRIBUTES
from fleawatch.events.span import Attributes, AttributeValue, SpanEvent, SpanRecord
from fleawatch.scrub import Addresses, scrub, scrub_within, without_addresses
from fleawatch.sdk.telemetry.operation import Operation
from fleawatch.secretforms import REDACTED, SECRET_NAME

_TYPES: Final = {attribute.name: attribute.type for attribute in ATTRIBUTES}
_HASHED: Final = frozenset(attribute.name for attribute in ATTRIBUTES if attribute.privacy == "hashed")
LONGEST_TEXT: Final = 512
"""Characters of an attribute's text."""
_LOOKED_AT: Final = 4_096
"""Characters of a text that are scrubbed: what is cut from it leaves enough."""
EXCEPTION: Final = "exception"
"""Event of a span that an error ended."""
_LONGEST_CLASS: Final = 200
_KNOWN_ERRORS: Final = 40
_LONGEST_ERROR: Final = 80


class Describer:
    """Makes spans of finished operations.

    Args:
        agent_id: on every span.
        private: attributes that are never recorded.
        addresses: what becomes of addresses of wallets in text.
    """

    def __init__(self, agent_id: str, private: frozenset[str] = frozenset(), addresses: Addresses = "keep") -> None:
        self._agent_id = agent_id
        self._private = private
        self._addresses: Addresses = addresses
        self._errors: set[str] = set()

    def span(self, item: Operation) -> SpanRecord | None:
        """The span of a finished operation; None when its block was never entered."""
        place = item.place
        if place is None:
            return None
        attributes: Attributes = {"pf.agent_id": self._agent_id}
        described = item.described()
        failure = scrub(str(described.pop("error.type", None) or ""))
        if item.error is not None:
            failure = failure or type(item.error).__name__
        failure = self._bounded(failure)
        self.describe(attributes, described)
        if failure:
            attributes["error.type"] = failure
        return SpanRecord(
            name=item.span_name,
            kind=item.span_kind,
            trace_id=place.trace_id,
            span_id=place.span_id,
            parent_id=place.parent_id,
            sampled=place.sampled,
            trace_state=place.trace_state,
            start_ns=item.started_ns,
            end_ns=max(item.ended_ns, item.started_ns),
            attributes=attributes,
            events=self._events(item),
            links=item.links,
            error_type=failure,
            error_message="" if item.error is None else self.said(item.error),
        )

    def _events(self, item: Operation) -> tuple[SpanEvent, ...]:
        """What happened within it, and last the error that ended it, where one did."""
        moments = item.moments
        if item.error is not None:
            moments = [*moments, (EXCEPTION, item.ended_ns, self.exception(item.error))]
        return tuple(
            SpanEvent(name=self.text(name), at_ns=at, attributes=self.describe({}, more)) for name, at, more in moments
        )

    def exception(self, error: BaseException) -> dict[str, str]:
        """An error as OpenTelemetry's conventions have it, without its stack: lines of a program may hold what is secret."""
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        return {"exception.type": name[:_LONGEST_CLASS], "exception.message": self.said(error)}

    def describe(self, into: Attributes, given: dict[str, Any]) -> Attributes:
        """Put what is known into attributes, of the catalog's types; text is scrubbed and cut."""
        for name, value in given.items():
            if value is None or value == "" or name in self._private:
                continue
            if name in _TYPES:
                into[name] = _hashed(value) if name in _HASHED else self._typed(_TYPES[name], value)
            else:
                # A name of the agent's own may say that a secret follows, or hold one.
                into[self.text(name)] = REDACTED if SECRET_NAME.search(name) else self._typed("", value)
        return into

    def _typed(self, kind: str, value: Any) -> AttributeValue:
        if kind == "double":
            return float(value)
        if kind == "int":
            return int(value)
        return value if isinstance(value, (bool, int, float)) else self.text(value)

    def text(self, value: Any) -> str:
        """A text of a span without secrets, cut to a length."""
        return without_addresses(scrub_within(str(value), _LOOKED_AT), self._addresses)[:LONGEST_TEXT]

    def said(self, error: BaseException) -> str:
        """The message of an error, or its class where it cannot say what it is."""
        try:
            return self.text(error)
        except BaseException:  # noqa: BLE001 - whatever its `__str__` does: ending our thread, or the agent's, is not its to say
            return self.text(type(error).__name__)

    def _bounded(self, failure: str) -> str:
        """The class of an error, or the code of a refusal, as long as there are few of them."""
        if not failure or failure in self._errors:
            return failure
        if len(self._errors) >= _KNOWN_ERRORS or len(failure) > _LONGEST_ERROR:
            return "other"
        self._errors.add(failure)
        return failure


def _hashed(value: Any) -> str:
    """Who it is can be followed and not be named: 12 hex digits."""
    return hashlib.sha256(str(value).encode()).hexdigest()[:12]
