"""Laws of routing over any story of alerts: nothing lost, nothing doubled, nobody suppressed by another, replay equals live."""

from collections import defaultdict

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.events import AlertAcknowledged, Delivered, Silenced, SilenceEnded
from fleawatch.flow.outputs import Delivery
from fleawatch.flow.routing.settings import Channel, MaintenanceWindow, RoutingPolicy
from fleawatch.flow.routing.standing import standing
from fleawatch.flow.snapshot import freeze
from fleawatch.testing.routed import Desk, fingerprint
from fleawatch.units import HOUR

AGENTS = ("a-1", "b-1", "c-1")
ALERTS = (
    "PFDrawdownWarning", "PFDrawdownCritical", "PFDrawdownHalt", "PFAgentDown", "PFSharpeLow", "PFApiErrorRateElevated",
    "PFApiErrorRateHigh", "PFAnomalyLoss", "PFNotificationFailing", "PFCollectorStale", "PFWatchdog", "PFLargeWin",
)  # fmt: skip
FLEET = {"PFNotificationFailing": {"channel": "chat"}, "PFCollectorStale": {"collector": "casino"}, "PFWatchdog": {}}
CHANNELS = (
    Channel(name="pager", kind="pagerduty"),
    Channel(name="chat", kind="slack", severities=("critical", "warning", "info")),
    Channel(name="mail", kind="email", severities=("warning",)),
    Channel(name="texts", kind="sms", send_resolved=False),
    Channel(name="ping", kind="deadman"),
)
WINDOW = MaintenanceWindow(name="saturday", days=(5,), start_s=HOUR, duration_s=HOUR, matchers={"agent_id": "c-*"})
RULES = RoutingPolicy(channels=CHANNELS, maintenance=(WINDOW,), throttle_most=3, throttle_s=2 * HOUR)

ABOUT = st.tuples(st.sampled_from(ALERTS), st.sampled_from(AGENTS), st.sampled_from(["", "trade/open"]))
ACTS = st.one_of(
    st.tuples(st.just("fire"), ABOUT),
    st.tuples(st.just("fire"), ABOUT),
    st.tuples(st.just("become"), ABOUT, st.sampled_from(["critical", "warning", "info"])),
    st.tuples(st.just("end"), ABOUT),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 10, 45, 300, 900, 3_600, 14_400, 86_400])),
    st.tuples(
        st.just("silence"), st.sampled_from(["s-1", "s-2"]), st.sampled_from(AGENTS), st.sampled_from([30, 7_200])
    ),
    st.tuples(st.just("unsilence"), st.sampled_from(["s-1", "s-2"])),
    st.tuples(st.just("acknowledge"), ABOUT),
    st.tuples(st.just("refuse"), st.integers(0, 20)),
)
STORIES = st.lists(ACTS, max_size=40)


class Story:
    """A desk, and which alerts the lifecycle holds to be firing: it never ends what does not fire."""

    def __init__(self, rules=RULES):
        self.desk = Desk(rules)
        self.firing = {}

    def act(self, act):  # noqa: PLR0911 - one answer for each kind of act
        """Let one thing happen; what is sent because of it."""
        desk = self.desk
        match act:
            case ("fire", about):
                return self.change("fired", *self.whole(about))
            case ("become", about, severity):
                alert, agent, labels = self.whole(about)
                return self.change("severity_changed", alert, agent, labels, severity) if alert != "PFWatchdog" else ()
            case ("end", about):
                return self.change("resolved", *self.whole(about))
            case ("wait", seconds):
                return desk.wait(seconds)
            case ("silence", name, agent, seconds):
                return desk.say(
                    Silenced, silence_id=name, matchers={"agent_id": agent}, starts_at=desk.now,
                    ends_at=desk.now + seconds, author="ann", comment="",
                )  # fmt: skip
            case ("unsilence", name):
                return desk.say(SilenceEnded, silence_id=name, actor="ann")
            case ("acknowledge", about):
                alert, agent, labels = self.whole(about)
                return desk.say(AlertAcknowledged, fingerprint=fingerprint(alert, agent, **labels), actor="ann")
            case ("refuse", number):
                if not desk.sent:
                    return ()
                one = desk.sent[number % len(desk.sent)]
                return desk.say(Delivered, delivery_id=one.key, channel=one.channel, status="failed")
        raise AssertionError(act)

    def whole(self, about):
        alert, agent, endpoint = about
        if alert in FLEET:
            return alert, "", FLEET[alert]
        return alert, agent, {"endpoint": endpoint} if endpoint else {}

    def change(self, change, alert, agent, labels, severity=None):
        key = (alert, agent, tuple(labels.items()))
        if (change == "fired") == (key in self.firing):
            return ()
        made = self.desk.changed(change, alert, agent, severity, **labels)
        if change == "resolved":
            del self.firing[key]
        else:
            self.firing[key] = made.severity
        return self.desk.change(made)

    def finish(self):
        """Everything ends, and time enough passes for all of it to be told."""
        for alert, agent, labels in list(self.firing):
            self.change("resolved", alert, agent, dict(labels))
        for _ in range(8):
            self.desk.wait(3 * HOUR)


def played(story, rules=RULES):
    run = Story(rules)
    for act in story:
        run.act(act)
    return run


@settings(deadline=None)
@given(STORIES)
def test_every_beginning_that_was_told_is_told_to_end_exactly_once(story):
    """By channel and alert: told of it, told of its end, told of it anew ... and at last nothing is left open or kept."""
    run = played(story)
    run.finish()
    known = defaultdict(bool)
    texts = {channel.name for channel in CHANNELS if not channel.send_resolved}
    for one in run.desk.sent:
        if one.kind in ("summary", "canary", "watchdog") or one.group.startswith("digest-"):
            continue
        for note in one.alerts:
            place = (one.channel, note.fingerprint)
            if note.ended_at is None:
                known[place] = True
            elif one.kind == "resolved" and one.channel not in texts:
                assert known.pop(place, False), one
            elif any(other.ended_at is None for other in one.alerts) or one.group.startswith("overflow-"):
                known.pop(place, None)
            else:
                known[place] = True
    assert not [place for place, open_ in known.items() if open_ and place[0] not in texts]
    routing = run.desk.fleet.routing
    assert (routing.alerts, routing.pages, routing.gathering) == ({}, {}, {})


@settings(deadline=None)
@given(STORIES)
def test_no_key_is_used_twice(story):
    """The store refuses a key it knows: a doubled key would be a lost page."""
    run = played(story)
    run.finish()
    keys = [one.key for one in (*run.desk.sent, *run.desk.notices)]
    assert len(keys) == len(set(keys))


@settings(deadline=None)
@given(STORIES, st.data())
def test_a_restart_at_any_fact_changes_nothing(story, data):
    """The same deliveries, notices and state, wherever a snapshot was taken."""
    at = data.draw(st.integers(0, len(story)))
    whole, cut = Story(), Story()
    for place, act in enumerate(story):
        if place == at:
            cut.desk.restart()
        assert whole.act(act) == cut.act(act)
    assert whole.desk.notices == cut.desk.notices
    assert freeze(whole.desk.fleet) == freeze(cut.desk.fleet)


@settings(deadline=None)
@given(
    STORIES,
    st.sampled_from(["same", "pair"]),
    st.lists(st.tuples(st.sampled_from(["s-1", "s-2", "s-3"]), st.sampled_from(AGENTS[1:])), max_size=3),
)
def test_a_warning_that_gets_critical_is_told(story, how, silences):
    """Whatever else happened and whatever of others is silenced: every critical channel hears of it; at once, if the
    alert itself rose, and within the group wait if a critical alert follows a warning.
    """
    acts = [act for act in story if act[0] != "acknowledge" and not (act[0] == "silence" and act[2] == "a-1")]
    run = played([act for act in acts if not (act[0] in ("fire", "become", "end") and act[1][1] == "a-1")])
    desk = run.desk
    for name, agent in silences:
        run.act(("silence", name, agent, 7_200))
    run.act(("fire", ("PFAnomalyLoss" if how == "same" else "PFDrawdownWarning", "a-1", "")))
    run.act(("wait", 10))
    if how == "same":
        told = run.act(("become", ("PFAnomalyLoss", "a-1", ""), "critical"))
        wanted = fingerprint("PFAnomalyLoss", "a-1")
    else:
        told = run.act(("fire", ("PFDrawdownCritical", "a-1", ""))) + desk.wait(10)
        wanted = fingerprint("PFDrawdownCritical", "a-1")
    heard = {one.channel for one in told for note in one.alerts if note.fingerprint == wanted}
    assert heard >= {"pager", "chat", "texts"}
    assert {one.severity for one in told for note in one.alerts if note.fingerprint == wanted} == {"critical"}


@settings(deadline=None)
@given(STORIES)
def test_two_agents_never_suppress_each_other(story):
    """What one agent's alerts are muted by is the same whether or not the others exist."""

    def muted(run):
        return {
            one.alert.fingerprint: (one.status, one.by)
            for one in standing(run.desk.fleet).alerts
            if one.alert.labels.get("agent_id") == "a-1"
        }

    def alone(act):
        return act[0] not in ("fire", "become", "end", "acknowledge") or act[1][1] == "a-1" or act[1][0] in FLEET

    together, apart = Story(), Story()
    for act in story:
        if act[0] == "refuse":
            continue
        together.act(act)
        if alone(act):
            apart.act(act)
        assert muted(together) == muted(apart)


@settings(deadline=None)
@given(st.lists(ACTS, max_size=25))
def test_an_agents_critical_alerts_are_told_whatever_others_do(story):
    """Within the storm's span, to every critical channel, unless it is itself muted."""
    run = played(story)
    run.act(("fire", ("PFDrawdownHalt", "b-1", "")))
    if ("PFDrawdownHalt", "b-1", ()) not in run.firing:
        return
    run.desk.wait(60)
    mark = fingerprint("PFDrawdownHalt", "b-1")
    stands = next(one for one in standing(run.desk.fleet).alerts if one.alert.fingerprint == mark)
    if stands.status in ("active", "acknowledged") and stands.alert.severity == "critical":
        assert set(stands.told) >= {"pager", "chat", "texts"}


@settings(deadline=None)
@given(STORIES)
def test_deliveries_hold_what_their_kind_promises(story):
    """Known channels only, ends in ends, criticals only where they are, and all of it fit to be written and read."""
    run = played(story)
    run.finish()
    for one in run.desk.sent:
        assert one.channel in {channel.name for channel in CHANNELS}
        assert (one.channel == "ping") == (one.kind == "watchdog")
        assert one.title
        if one.kind == "resolved":
            assert all(note.ended_at is not None for note in one.alerts)
        if one.kind == "escalation":
            assert {note.severity for note in one.alerts} == {"critical"}
        if one.kind in ("repeat", "escalation"):
            assert all(note.ended_at is None and not note.acknowledged_by for note in one.alerts)
        assert not (one.channel == "chat" and "PFNotificationFailing" in {note.alert for note in one.alerts})
        assert "PFLargeWin" not in {note.alert for note in one.alerts}
        assert msgspec.json.decode(msgspec.json.encode(one), type=Delivery) == one


@settings(deadline=None)
@given(STORIES)
def test_memory_is_bounded_by_what_fires(story):
    """However long the story: no more alerts than there are, no page without a member, no silence that is over."""
    run = played(story)
    run.desk.wait(1)
    routing = run.desk.fleet.routing
    assert set(routing.gathering.values()) <= set(routing.pages)
    assert all(page.members for page in routing.pages.values())
    assert all(silence.ends_at > run.desk.now for silence in routing.silences.values())
    assert all(len(book.sent) <= RULES.throttle_most for book in routing.channels.values())
    placed = {mark for page in routing.pages.values() for mark in page.members}
    assert placed == {mark for mark, one in routing.alerts.items() if one.page}
