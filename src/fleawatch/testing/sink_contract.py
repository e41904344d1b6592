"""What every sink must do, as tests: subclass `SinkContract`, say how it is made and read, and run it under pytest."""

# ruff: noqa: S101 - a contract speaks in asserts, as pytest does

from __future__ import annotations

from abc import ABC, abstractmethod

from fleawatch.flow.outputs import Notice
from fleawatch.ports import Sink


def notice(number: int, *, event: str = "escrow_settled") -> Notice:
    """Notice `number`, of which the key is told."""
    return Notice(
        key=f"casino:bet_settled:bet_{number}#0",
        agent_id="a-1",
        at=1_700_000_000.0 + number,
        event=event,
        level="info",
        message=f"an escrow of {number}.00 USD ended: settled",
        fields={"amount_usd": float(number), "subject": f"e{number}", "reason": "settled"},
    )


class SinkContract(ABC):
    """Give it a `sink` fixture that yields a new sink for every test, and `accepted`."""

    @abstractmethod
    def accepted(self, sink: Sink) -> list[str]:
        """Keys of the outputs that `sink` has carried away, in order."""

    def test_outputs_arrive_in_order(self, sink: Sink) -> None:
        """What was emitted has arrived when `emit` returns, in the order in which it was emitted."""
        for number in (3, 1, 2):
            sink.emit(notice(number))
            assert self.accepted(sink)[-1] == notice(number).key
        assert self.accepted(sink) == [notice(number).key for number in (3, 1, 2)]

    def test_a_repeated_output_is_no_error(self, sink: Sink) -> None:
        """After a crash between acting and remembering it, the same output comes again: it is taken."""
        sink.emit(notice(1))
        sink.emit(notice(1))
        assert set(self.accepted(sink)) == {notice(1).key}

    def test_nothing_is_lost_at_the_end(self, sink: Sink) -> None:
        """What was emitted before `close` is there after it."""
        sink.emit(notice(1))
        sink.close()
        assert self.accepted(sink) == [notice(1).key]

    def test_closing_twice_is_closing(self, sink: Sink) -> None:
        """A second `close` does nothing."""
        sink.close()
        sink.close()
        assert self.accepted(sink) == []

    def test_a_field_of_any_kind_is_taken(self, sink: Sink) -> None:
        """Numbers that are not finite, empty values and line feeds are the sink's business, not the caller's."""
        odd = Notice(
            key="odd", agent_id="", at=0.0, event="x", level="warning", message="two\nlines",
            fields={"infinite": float("inf"), "nothing": None, "yes": True, "text": "\u2028\x00\n", "": 1},
        )  # fmt: skip
        sink.emit(odd)
        assert self.accepted(sink) == ["odd"]
