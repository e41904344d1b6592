"""The shape of a state: what a snapshot says it holds, and which releases may read it."""

import msgspec
import pytest

from fleawatch.flow import snapshot
from fleawatch.flow.shape import shape_of
from fleawatch.flow.snapshot import FLEET, freeze, thaw
from fleawatch.flow.state import FleetState, empty_fleet


class Inner(msgspec.Struct):
    """A part of a state."""

    amounts: dict[str, tuple[float, int | None]]


class Placed(msgspec.Struct, array_like=True):
    """A part whose fields are known by place."""

    first: float
    second: float


class Outer(msgspec.Struct):
    """A state."""

    inner: Inner
    others: list[Inner]
    placed: Placed | None = None


def reshaped(change):
    """A frozen empty fleet whose list of fields went through `change`."""
    frozen = freeze(empty_fleet())
    held, order, body = msgspec.msgpack.decode(frozen[FLEET], type=tuple[list[str], list[str], msgspec.Raw])
    return {**frozen, FLEET: msgspec.msgpack.encode((change(held), order, body))}


def test_every_field_of_every_struct_is_named_with_its_type():
    """Nested structs count, and a struct encoded as an array names its places."""
    assert shape_of(Outer) == {
        "Outer.inner: Inner",
        "Outer.others: list[Inner]",
        "Outer.placed: union[Placed, none]",
        "Inner.amounts: dict[str, tuple[float, union[int, none]]]",
        "Placed[0].first: float",
        "Placed[1].second: float",
    }


def test_no_two_structs_of_the_state_share_a_name():
    """A line of the shape names one field only."""
    lines = [line.split(":")[0] for line in shape_of(FleetState)]
    assert len(lines) == len(set(lines)) > 200


def test_a_snapshot_of_this_release_is_read_exactly():
    """What this release froze lacks nothing."""
    assert freeze(thaw(reshaped(lambda held: held), exact=True)) == freeze(empty_fleet())


@pytest.mark.parametrize("exact", [False, True])
def test_a_field_that_this_release_does_not_have_is_refused_by_name(exact):
    """A sum that was renamed since would come back as 0: the snapshot is refused, and the message names the field."""
    with pytest.raises(
        ValueError, match=r"another shape: it holds AgentState\.net_flows: float, this release does not"
    ):
        thaw(reshaped(lambda held: [*held, "AgentState.net_flows: float"]), exact=exact)


def test_many_foreign_fields_are_counted():
    """The message stays short."""
    with pytest.raises(ValueError, match=r"Old\.a: int, Old\.b: int, Old\.c: int and 2 more"):
        thaw(reshaped(lambda held: [*held, *(f"Old.{name}: int" for name in "abcde")]))


def test_a_field_that_the_snapshot_lacks_starts_at_its_default_unless_asked_for_exactly():
    """A restart goes on with a new statistic from now; a replay from there would count it from another moment."""
    older = reshaped(lambda held: [line for line in held if not line.startswith("FleetState.late")])
    assert freeze(thaw(older)) == freeze(empty_fleet())
    with pytest.raises(ValueError, match=r"another shape: it lacks FleetState\.late: int"):
        thaw(older, exact=True)


def test_a_snapshot_without_its_shape_is_refused():
    """A body that only holds a state is of a release that did not say what it held."""
    bare = msgspec.msgpack.encode(empty_fleet())
    with pytest.raises(ValueError, match="another shape"):
        thaw({FLEET: bare})
    assert snapshot.FLEET in freeze(empty_fleet())
