"""What enters the audit log is declared, for every kind there is."""

import msgspec
import pytest

from fleawatch.events import KINDS, control
from fleawatch.events.base import Event, kind_of
from fleawatch.flow.outputs import AnyOutput
from fleawatch.store.audit.declared import AUDITED, AUDITED_OUTPUTS, NOT_AUDITED, NOT_AUDITED_OUTPUTS

OUTPUTS = {kind_of(kind.__name__): kind for kind in AnyOutput.__args__}


def test_every_kind_of_fact_is_decided_once():
    """Each kind of the vocabulary is audited, or left out for one reason: a new kind cannot be forgotten."""
    left_out = [kind for kinds in NOT_AUDITED.values() for kind in kinds]
    assert sorted([*AUDITED, *left_out]) == sorted(KINDS)


def test_every_kind_of_output_is_decided_once():
    """The same of outputs."""
    left_out = [kind for kinds in NOT_AUDITED_OUTPUTS.values() for kind in kinds]
    assert sorted([*AUDITED_OUTPUTS, *left_out]) == sorted(OUTPUTS)


def test_what_people_and_guards_decide_is_audited():
    """Of the facts of control only the renewal of leases is left out."""
    kinds = {
        kind_of(thing.__name__)
        for thing in vars(control).values()
        if isinstance(thing, type) and issubclass(thing, Event) and thing is not Event
    }
    assert kinds - set(AUDITED) == {"lease_granted"}


@pytest.mark.parametrize("kind", sorted(AUDITED))
def test_the_fields_shown_of_a_fact_exist(kind):
    """A field that was renamed is noticed here, not at the first halt."""
    names = {field.name for field in msgspec.structs.fields(KINDS[kind])}
    assert set(AUDITED[kind]) <= names


@pytest.mark.parametrize("kind", sorted(set(AUDITED) & {kind_of(name) for name in vars(control)}))
def test_facts_of_control_show_everything(kind):
    """Of what people and guards decide, no field of its own is left out."""
    common = {field.name for field in msgspec.structs.fields(Event)}
    names = {field.name for field in msgspec.structs.fields(KINDS[kind])}
    assert set(AUDITED[kind]) == names - common


@pytest.mark.parametrize("kind", sorted(AUDITED_OUTPUTS))
def test_the_fields_shown_of_an_output_exist(kind):
    """The same of outputs."""
    names = {field.name for field in msgspec.structs.fields(OUTPUTS[kind])}
    assert {field.partition(".")[0] for field in AUDITED_OUTPUTS[kind]} <= names
