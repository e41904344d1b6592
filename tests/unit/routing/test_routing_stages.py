"""Silences, windows, inhibition, pages by cause, waits, repeats, acknowledgement, escalation: one stage after the other."""

import pytest

from fleawatch.events import AlertAcknowledged, Delivered, Heartbeat, Silenced, SilenceEnded
from fleawatch.flow.routing.settings import Channel, MaintenanceWindow, RoutingPolicy
from fleawatch.flow.routing.standing import standing
from fleawatch.testing.routed import Desk, fingerprint
from fleawatch.units import DAY, HOUR, MINUTE

CHANNELS = (
    Channel(name="pagerduty", kind="pagerduty"),
    Channel(name="chat", kind="slack"),
    Channel(name="texts", kind="sms"),
    Channel(name="desk", kind="log"),
)
QUIET = {"daily_at_s": None, "weekly_at_s": None, "canary_s": None}


def desk_with(*channels, **rules):
    return Desk(RoutingPolicy(channels=channels or CHANNELS, **QUIET, **rules))


@pytest.fixture
def desk():
    """Everything goes to the log, as without configuration."""
    return Desk()


def reasons(deliveries):
    return [(one.channel, one.kind, one.reason) for one in deliveries]


def silence(desk, until=HOUR, silence_id="s-1", **matchers):
    return desk.say(
        Silenced, silence_id=silence_id, matchers=matchers, starts_at=desk.now, ends_at=desk.now + until,
        author="ann", comment="planned",
    )  # fmt: skip


class TestFirst:
    def test_a_page_waits_for_others_and_is_sent_once(self, desk):
        """An alert goes out when the group wait is over, and then not again."""
        assert desk.fire("PFSharpeLow", "a-1") == ()
        assert desk.wait(9) == ()
        assert reasons(desk.wait(1)) == [("log", "alert", "first")]
        assert desk.wait(1) == ()

    def test_a_halting_alert_waits_for_nobody(self, desk):
        """What halts is told at once."""
        assert reasons(desk.fire("PFDrawdownHalt", "a-1")) == [("log", "alert", "first")]

    def test_each_severity_has_its_channels(self):
        """Critical and warning go where the catalog's table sends them; the log hears everything."""
        desk = desk_with()
        desk.fire("PFKeyRejected", "a-1")
        desk.fire("PFSharpeLow", "a-1")
        channels = {(one.channel, one.severity) for one in desk.wait(10)}
        assert channels == {
            ("pagerduty", "critical"), ("chat", "critical"), ("texts", "critical"), ("desk", "critical"),
            ("chat", "warning"), ("desk", "warning"),
        }  # fmt: skip

    def test_what_fires_for_a_moment_only_is_told_with_its_end(self, desk):
        """An alert that ends before it was sent is not lost: its page is sent, and its end."""
        desk.fire("PFSharpeLow", "a-1")
        desk.now += 2
        assert desk.end("PFSharpeLow", "a-1") == ()
        assert reasons(desk.wait(8)) == [("log", "alert", "first"), ("log", "resolved", "all_resolved")]
        assert not desk.fleet.routing.alerts

    def test_annotations_are_never_sent(self, desk):
        """What is drawn on boards pages nobody."""
        desk.fire("PFLargeWin", "a-1")
        assert desk.wait(DAY) == ()
        assert not desk.fleet.routing.alerts

    def test_an_end_is_told_to_whoever_heard_of_the_beginning(self):
        """Every channel that was told is told of the end, at once, and nothing is kept."""
        desk = desk_with()
        desk.fire("PFDrawdownHalt", "a-1")
        assert {(one.channel, one.kind) for one in desk.end("PFDrawdownHalt", "a-1")} == {
            (channel.name, "resolved") for channel in CHANNELS
        }
        assert not desk.fleet.routing.pages
        assert not desk.fleet.routing.gathering

    def test_a_channel_may_decline_ends(self):
        """A channel without `send_resolved` hears only of beginnings."""
        desk = desk_with(Channel(name="texts", kind="sms", send_resolved=False))
        desk.fire("PFDrawdownHalt", "a-1")
        assert desk.end("PFDrawdownHalt", "a-1") == ()
        assert not desk.fleet.routing.alerts

    def test_flapping_between_two_messages_is_one_alert(self, desk):
        """What ends and fires anew before its page was updated is not told twice."""
        desk.fire("PFDrawdownHalt", "a-1")
        desk.fire("PFDrawdownHalt", "b-1")
        desk.wait(MINUTE)
        desk.end("PFDrawdownHalt", "a-1")
        desk.fire("PFDrawdownHalt", "a-1")
        desk.wait(10 * MINUTE)
        assert [one.kind for one in desk.sent] == ["alert", "alert"]
        assert [note.ended_at for one in desk.sent for note in one.alerts if note.ended_at] == []


class TestSilence:
    def test_a_silenced_alert_is_visible_and_is_sent_when_the_silence_ends(self, desk):
        """It is logged and counted as suppressed, and goes out if it still fires."""
        silence(desk, agent_id="a-1")
        desk.fire("PFDrawdownHalt", "a-1")
        assert desk.sent == []
        assert [(one.event, one.fields["reason"]) for one in desk.notices] == [("alert_suppressed", "silenced")]
        assert desk.fleet.tallies.get("pf_alert_notifications_total", ("log", "suppressed")) == 1
        assert standing(desk.fleet).alerts[0].status == "silenced"
        assert desk.wait(HOUR - 1) == ()
        assert reasons(desk.wait(1)) == [("log", "alert", "first")]
        assert not desk.fleet.routing.silences

    def test_a_silence_can_be_ended_early(self, desk):
        """What it held back goes out at once."""
        silence(desk, agent_id="a-1")
        desk.fire("PFDrawdownHalt", "a-1")
        assert reasons(desk.say(SilenceEnded, silence_id="s-1", actor="ann")) == [("log", "alert", "first")]

    @pytest.mark.parametrize(
        ("matchers", "covered"),
        [
            ({"agent_id": "a-1"}, True),
            ({"agent_id": "b-1"}, False),
            ({"agent_id": "a-*", "severity": "critical"}, True),
            ({"agent_id": "a-1", "severity": "warning"}, False),
            ({"alertname": "*Draw*Halt"}, True),
            ({"alertname": "PF*Halt*t"}, False),
            ({"alertname": "*"}, True),
            ({"market": ""}, True),
            ({}, False),
        ],
    )
    def test_all_matchers_must_hold(self, desk, matchers, covered):
        """A label that an alert lacks is empty; no matchers match nothing."""
        silence(desk, **matchers)
        desk.fire("PFDrawdownHalt", "a-1")
        assert (desk.sent == []) is covered

    def test_a_silence_of_one_agent_leaves_others_alone(self, desk):
        """The page goes out without the silenced one."""
        silence(desk, agent_id="a-1")
        desk.change(desk.changed("fired", "PFDrawdownHalt", "a-1"), desk.changed("fired", "PFDrawdownHalt", "b-1"))
        assert [note.labels["agent_id"] for one in desk.sent for note in one.alerts] == ["b-1"]

    def test_an_end_is_told_although_it_was_silenced_meanwhile(self, desk):
        """Whoever heard of the beginning is not left in doubt."""
        desk.fire("PFDrawdownHalt", "a-1")
        silence(desk, agent_id="a-1")
        assert reasons(desk.end("PFDrawdownHalt", "a-1")) == [("log", "resolved", "all_resolved")]

    def test_nothing_is_told_of_what_was_silenced_all_its_life(self, desk):
        """Neither its beginning nor its end."""
        silence(desk, agent_id="a-1")
        desk.fire("PFDrawdownHalt", "a-1")
        desk.end("PFDrawdownHalt", "a-1")
        assert desk.wait(2 * HOUR) == ()
        assert not desk.fleet.routing.alerts

    def test_what_gets_critical_breaks_a_silence_that_was_made_before(self, desk):
        """The author silenced a warning; only a silence that names the severity, or a new one, covers the rise."""
        silence(desk, agent_id="a-1")
        desk.fire("PFAnomalyLoss", "a-1")
        desk.wait(MINUTE)
        assert reasons(desk.become("critical", "PFAnomalyLoss", "a-1")) == [("log", "alert", "first")]
        desk.now += 1
        silence(desk, silence_id="s-2", agent_id="a-1")
        assert desk.wait(30 * MINUTE) == ()

    def test_a_silence_that_names_the_severity_covers_the_rise(self, desk):
        """Then its author meant it."""
        silence(desk, agent_id="a-1", severity="*")
        desk.fire("PFAnomalyLoss", "a-1")
        desk.wait(MINUTE)
        assert desk.become("critical", "PFAnomalyLoss", "a-1") == ()


class TestMaintenance:
    def test_a_window_holds_back_what_it_matches_until_it_closes(self):
        """The clock of the tests begins on a Saturday: a window on Saturdays from 01:00 for half an hour."""
        window = MaintenanceWindow(
            name="deploy", days=(5,), start_s=HOUR, duration_s=1800, matchers={"agent_id": "a-*"}
        )
        desk = Desk(RoutingPolicy(maintenance=(window,)))
        desk.wait(HOUR)
        desk.fire("PFDrawdownHalt", "a-1")
        desk.fire("PFDrawdownHalt", "b-1")
        assert [one.agent_id for one in desk.sent] == ["b-1"]
        assert {(one.status, one.by) for one in standing(desk.fleet).alerts} == {
            ("active", ""),
            ("maintenance", "deploy"),
        }
        assert "a-1" not in {note.labels["agent_id"] for one in desk.wait(1799) for note in one.alerts}
        assert "a-1" in {note.labels["agent_id"] for one in desk.wait(1) for note in one.alerts}

    def test_a_window_may_last_over_the_end_of_the_week(self):
        """Sunday 23:00 for two hours holds on Monday at 00:30."""
        window = MaintenanceWindow(name="w", days=(6,), start_s=23 * HOUR, duration_s=2 * HOUR, matchers={"x": "*"})
        monday = 4 * DAY + 100 * 7 * DAY
        assert window.began(monday + HOUR / 2) == monday - HOUR
        assert window.began(monday + HOUR) is None
        assert window.began(monday - HOUR - 1) is None


class TestInhibit:
    def test_critical_holds_back_the_warning_of_its_agent_and_family(self, desk):
        """The warning is sent when the critical one is over and it still fires."""
        desk.fire("PFOrderLatencyCritical", "a-1")
        desk.fire("PFOrderLatencyHigh", "a-1")
        desk.fire("PFOrderLatencyHigh", "b-1")
        told = {(note.alert, note.labels["agent_id"]) for one in desk.wait(10) for note in one.alerts}
        assert told == {("PFOrderLatencyCritical", "a-1"), ("PFOrderLatencyHigh", "b-1")}
        desk.now += HOUR
        after = desk.end("PFOrderLatencyCritical", "a-1")
        assert {(one.kind, note.alert) for one in after for note in one.alerts if note.labels["agent_id"] == "a-1"} == {
            ("resolved", "PFOrderLatencyCritical"),
            ("alert", "PFOrderLatencyHigh"),
        }

    def test_an_agent_that_is_down_says_it_all(self, desk):
        """Everything else of that agent is held back, and nothing of another one or of the fleet."""
        desk.fire("PFAgentDown", "a-1")
        desk.fire("PFSharpeLow", "a-1")
        desk.fire("PFKeyRejected", "a-1")
        desk.fire("PFKeyRejected", "b-1")
        desk.fire("PFCollectorStale", collector="casino")
        told = {(note.alert, note.labels.get("agent_id")) for one in desk.wait(10) for note in one.alerts}
        assert told == {("PFAgentDown", "a-1"), ("PFKeyRejected", "b-1"), ("PFCollectorStale", None)}

    def test_a_warning_that_gets_critical_passes_although_the_agent_is_down(self, desk):
        """Money is lost by agents that are down as well."""
        desk.fire("PFDrawdownWarning", "a-1")
        desk.fire("PFAgentDown", "a-1")
        desk.wait(10)
        told = desk.fire("PFDrawdownCritical", "a-1")
        assert [(one.kind, [note.alert for note in one.alerts]) for one in told] == [("alert", ["PFDrawdownCritical"])]

    def test_what_is_silenced_holds_nothing_back(self, desk):
        """An alert that nobody hears of cannot stand for others."""
        silence(desk, alertname="PFAgentDown")
        desk.fire("PFAgentDown", "a-1")
        desk.fire("PFSharpeLow", "a-1")
        assert [note.alert for one in desk.wait(10) for note in one.alerts] == ["PFSharpeLow"]

    def test_alerts_of_the_fleet_hold_nothing_back(self, desk):
        """Two collectors have no agent in common."""
        desk.fire("PFNotificationFailing", channel="chat")
        desk.fire("PFCollectorStale", collector="casino")
        assert len(desk.wait(10)) == 2


class TestSeverity:
    def test_a_rise_to_critical_is_told_at_once_everywhere(self):
        """Channels that knew the warning and channels that take only critical hear of it in the same moment."""
        desk = desk_with()
        desk.fire("PFAnomalyLoss", "a-1")
        desk.wait(10)
        assert set(reasons(desk.become("critical", "PFAnomalyLoss", "a-1"))) == {
            ("pagerduty", "alert", "first"), ("chat", "alert", "severity_raised"),
            ("texts", "alert", "first"), ("desk", "alert", "severity_raised"),
        }  # fmt: skip

    def test_a_fall_is_not_told_and_a_new_rise_is(self):
        """Who was told of critical hears nothing of warning, until it is critical again, and then of the end."""
        desk = desk_with(Channel(name="pagerduty", kind="pagerduty"))
        desk.fire("PFAnomalyLoss", "a-1")
        desk.become("critical", "PFAnomalyLoss", "a-1")
        assert desk.become("warning", "PFAnomalyLoss", "a-1") == ()
        assert desk.wait(2 * HOUR) == ()
        assert reasons(desk.become("critical", "PFAnomalyLoss", "a-1")) == [("pagerduty", "alert", "severity_raised")]
        assert reasons(desk.end("PFAnomalyLoss", "a-1")) == [("pagerduty", "resolved", "all_resolved")]


class TestPages:
    def test_many_agents_hit_by_one_endpoint_are_one_page(self):
        """27 alerts within the group wait are one notification on each channel, which names what they share."""
        desk = desk_with()
        for number in range(27):
            desk.now += 0.3
            desk.fire("PFApiErrorRateCritical", f"a-{number}", endpoint="trade/open")
        told = desk.wait(3)
        assert {one.channel for one in told} == {"pagerduty", "chat", "texts", "desk"}
        assert len(told) == 4
        assert {len(one.alerts) for one in told} == {27}
        assert told[0].title == "[CRITICAL] PFApiErrorRateCritical: 27 agents (endpoint trade/open, strategy steady)"
        assert told[0].agent_id == ""

    def test_who_joins_later_is_told_as_news_of_the_page(self, desk):
        """A warning waits for the group interval, a critical one for a minute at most."""
        desk.fire("PFApiErrorRateHigh", "a-1", endpoint="trade/open")
        desk.fire("PFApiErrorRateCritical", "b-1", endpoint="trade/open")
        first = desk.wait(10)
        desk.now += 30
        desk.fire("PFApiErrorRateHigh", "c-1", endpoint="trade/open")
        desk.fire("PFApiErrorRateCritical", "d-1", endpoint="trade/open")
        assert desk.wait(29) == ()
        news = desk.wait(1)
        assert [(one.reason, one.severity, len(one.alerts)) for one in news] == [("new_alerts", "critical", 2)]
        later = desk.wait(240)
        assert [(one.reason, one.severity, len(one.alerts)) for one in later] == [("new_alerts", "warning", 2)]
        assert {one.group for one in (*news, *later)} == {one.group for one in first}

    def test_different_endpoints_are_different_pages(self, desk):
        """A cause is not hidden behind another one."""
        desk.fire("PFApiErrorRateHigh", "a-1", endpoint="trade/open")
        desk.fire("PFApiErrorRateHigh", "b-1", endpoint="auth/ledger")
        assert len(desk.wait(10)) == 2

    def test_without_a_named_cause_only_a_storm_is_one_page(self, desk):
        """Drawdowns within a minute are one page; one that comes hours later is an incident of its own."""
        desk.fire("PFSharpeLow", "a-1")
        desk.fire("PFSharpeLow", "b-1")
        (first,) = desk.wait(10)
        desk.wait(HOUR)
        desk.fire("PFSharpeLow", "c-1")
        (later,) = desk.wait(10)
        assert (len(first.alerts), len(later.alerts)) == (2, 1)
        assert first.group != later.group

    def test_the_rest_of_a_page_resolves_by_itself(self, desk):
        """Some ends are news of the page after the interval; the last one ends it at once."""
        desk.fire("PFSharpeLow", "a-1")
        desk.fire("PFSharpeLow", "b-1")
        desk.wait(10)
        desk.now += MINUTE
        assert desk.end("PFSharpeLow", "a-1") == ()
        some = desk.wait(4 * MINUTE)
        assert [(one.kind, one.reason, len(one.alerts)) for one in some] == [("alert", "some_resolved", 2)]
        assert reasons(desk.end("PFSharpeLow", "b-1")) == [("log", "resolved", "all_resolved")]
        assert [note.labels["agent_id"] for note in desk.sent[-1].alerts] == ["b-1"]


class TestAttention:
    @pytest.mark.parametrize(("alert", "after"), [("PFKeyRejected", HOUR), ("PFSharpeLow", 4 * HOUR)])
    def test_what_fires_on_is_repeated(self, alert, after):
        """Critical every hour, warning every four."""
        desk = Desk(RoutingPolicy(escalate_after_s=None))
        desk.fire(alert, "a-1")
        desk.wait(10)
        assert desk.wait(after - 1) == ()
        assert reasons(desk.wait(1)) == [("log", "repeat", "repeat_elapsed")]
        assert desk.wait(after - 1) == ()

    def test_a_critical_alert_that_nobody_takes_goes_to_every_channel_once(self):
        """Also to one that takes only warnings; and that one hears of the end."""
        desk = desk_with(Channel(name="pagerduty", kind="pagerduty"), Channel(name="mail", kind="email", severities=("warning",)))  # fmt: skip
        desk.fire("PFKeyRejected", "a-1")
        assert {one.channel for one in desk.wait(10)} == {"pagerduty"}
        assert set(reasons(desk.wait(15 * MINUTE))) == {
            (name, "escalation", "not_acknowledged") for name in ("pagerduty", "mail")
        }
        assert desk.wait(20 * MINUTE) == ()
        assert {one.channel for one in desk.end("PFKeyRejected", "a-1")} == {"pagerduty", "mail"}

    def test_an_acknowledged_alert_is_neither_repeated_nor_escalated(self, desk):
        """Until it fires anew."""
        desk.fire("PFKeyRejected", "a-1")
        desk.wait(10)
        desk.say(AlertAcknowledged, fingerprint=fingerprint("PFKeyRejected", "a-1"), actor="ann")
        assert (standing(desk.fleet).alerts[0].status, standing(desk.fleet).alerts[0].by) == ("acknowledged", "ann")
        assert desk.wait(7 * HOUR) == ()
        desk.end("PFKeyRejected", "a-1")
        desk.fire("PFKeyRejected", "a-1")
        desk.wait(10)
        assert reasons(desk.wait(15 * MINUTE)) == [("log", "escalation", "not_acknowledged")]

    def test_a_rise_needs_a_new_acknowledgement(self, desk):
        """Who took a warning did not take what it became."""
        desk.fire("PFAnomalyLoss", "a-1")
        desk.wait(10)
        desk.say(AlertAcknowledged, fingerprint=fingerprint("PFAnomalyLoss", "a-1"), actor="ann")
        assert len(desk.become("critical", "PFAnomalyLoss", "a-1")) == 1
        assert reasons(desk.wait(15 * MINUTE)) == [("log", "escalation", "not_acknowledged")]

    def test_acknowledging_what_does_not_fire_changes_nothing(self, desk):
        """It is counted as ignored."""
        desk.say(AlertAcknowledged, fingerprint="0" * 16, actor="ann")
        assert desk.fleet.ignored == {"alert_not_firing": 1}

    def test_an_alert_that_is_over_cannot_be_taken(self, desk):
        """Although its page has still to say so."""
        desk.fire("PFSharpeLow", "a-1")
        desk.fire("PFSharpeLow", "b-1")
        desk.wait(10)
        desk.end("PFSharpeLow", "a-1")
        desk.say(AlertAcknowledged, fingerprint=fingerprint("PFSharpeLow", "a-1"), actor="ann")
        assert desk.fleet.ignored == {"alert_not_firing": 1}

    def test_the_failure_of_a_channel_is_told_to_all_others(self):
        """Those that take its severity, or any other one."""
        desk = desk_with()
        desk.fire("PFNotificationFailing", channel="chat")
        assert {one.channel for one in desk.wait(10)} == {"pagerduty", "texts", "desk"}
        small = desk_with(Channel(name="pagerduty", kind="pagerduty"), Channel(name="mail", kind="email", severities=("warning",)))  # fmt: skip
        small.fire("PFNotificationFailing", channel="pagerduty")
        assert {one.channel for one in small.wait(10)} == {"mail"}

    def test_a_critical_page_that_a_channel_refused_goes_to_every_channel_at_once(self):
        """Once: a refusal of that is not answered again."""
        desk = desk_with(Channel(name="pagerduty", kind="pagerduty"), Channel(name="mail", kind="email", severities=("warning",)))  # fmt: skip
        (first,) = desk.fire("PFDrawdownHalt", "a-1")
        refused = {"channel": "pagerduty", "status": "failed"}
        told = desk.say(Delivered, delivery_id=first.key, **refused)
        assert set(reasons(told)) == {(name, "escalation", "channel_refused") for name in ("pagerduty", "mail")}
        assert desk.say(Delivered, delivery_id=told[0].key, **refused) == ()
        assert desk.say(Delivered, delivery_id="canary:mail:canary:1", channel="mail", status="failed") == ()


def test_an_alert_that_no_channel_takes_is_visible():
    """It is suppressed under that reason."""
    desk = desk_with(Channel(name="texts", kind="sms"))
    desk.fire("PFSharpeLow", "a-1")
    assert desk.wait(HOUR) == ()
    assert [one.fields["reason"] for one in desk.notices] == ["no_channel"]


def test_a_fact_that_changes_no_alert_costs_nothing(desk):
    """Routing looks at nothing."""
    before = desk.fleet.routing
    assert desk.say(Heartbeat, "a-1") == ()
    assert desk.fleet.routing is before
    assert before.at == 0.0


def test_standing_shows_the_most_severe_first(desk):
    """With who was told, and by which page."""
    desk.fire("PFSharpeLow", "a-1")
    desk.fire("PFDrawdownHalt", "a-1")
    shown = standing(desk.fleet).alerts
    assert [(one.alert.alert, one.status, one.told) for one in shown] == [
        ("PFDrawdownHalt", "active", ("log",)),
        ("PFSharpeLow", "active", ()),
    ]
    assert shown[0].page == desk.sent[0].group


class TestAgain:
    """An alert that fires anew while somebody has still to hear of its end."""

    def test_who_heard_of_the_end_hears_of_the_new_beginning(self):
        """Mail still waits behind its throttle, so the alert is kept; the log knew of its end and is told anew."""
        mail = Channel(name="mail", kind="email")
        desk = desk_with(mail, Channel(name="desk", kind="log"), throttle_most=2, group_wait_s=0)
        for number in range(2):
            desk.sent.clear()
            desk.fleet.routing.channels.clear()
            desk.fire("PFSharpeLow", f"x-{number}", market=f"M-{number}")
        mail_book, log_book = (desk.fleet.routing.channels[name] for name in ("mail", "desk"))
        mail_book.sent, log_book.sent = [desk.now, desk.now], []
        assert reasons(desk.fire("PFCalmarLow", "a-1")) == [("desk", "alert", "first")]
        desk.now += 1
        assert reasons(desk.end("PFCalmarLow", "a-1")) == [("desk", "resolved", "all_resolved")]
        desk.now += 1
        desk.fire("PFCalmarLow", "a-1")
        assert ("desk", "alert", "new_alerts") in reasons(desk.wait(5 * MINUTE))

    def test_it_is_escalated_although_its_second_beginning_was_not_told(self, desk):
        """Who knew that it fires was not told again; after fifteen minutes every channel is."""
        desk.fire("PFDrawdownHalt", "a-1")
        desk.fire("PFDrawdownHalt", "b-1")
        desk.wait(MINUTE)
        desk.say(AlertAcknowledged, fingerprint=fingerprint("PFDrawdownHalt", "a-1"), actor="ann")
        desk.say(AlertAcknowledged, fingerprint=fingerprint("PFDrawdownHalt", "b-1"), actor="ann")
        desk.end("PFDrawdownHalt", "a-1")
        desk.fire("PFDrawdownHalt", "a-1")
        assert desk.wait(14 * MINUTE) == ()
        (told,) = desk.wait(MINUTE)
        assert (told.kind, [note.labels["agent_id"] for note in told.alerts]) == ("escalation", ["a-1"])


class TestAtOnce:
    def test_a_rise_waits_for_nothing_although_its_page_was_just_sent(self):
        """Another agent's critical alert of the same cause went out a second before."""
        desk = desk_with()
        desk.fire("PFAnomalyLoss", "a-1")
        desk.fire("PFAnomalyLoss", "b-1")
        desk.wait(10)
        desk.become("critical", "PFAnomalyLoss", "b-1")
        desk.now += 1
        told = desk.become("critical", "PFAnomalyLoss", "a-1")
        assert {one.channel for one in told} == {"pagerduty", "chat", "texts", "desk"}

    def test_a_rise_passes_although_the_agent_is_down(self, desk):
        """It was held back as a warning, and is not as critical."""
        desk.fire("PFAgentDown", "a-1")
        desk.wait(10)
        desk.fire("PFAnomalyLoss", "a-1")
        assert desk.wait(MINUTE) == ()
        assert len(desk.become("critical", "PFAnomalyLoss", "a-1")) == 1

    def test_notifications_of_one_moment_have_keys_of_their_own(self, desk):
        """Critical, warning and critical again within one second are two notifications."""
        desk.fire("PFAnomalyLoss", "a-1")
        desk.wait(10)
        for severity in ("critical", "warning", "critical"):
            desk.become(severity, "PFAnomalyLoss", "a-1")
        assert [one.reason for one in desk.sent] == ["first", "severity_raised", "severity_raised"]
        assert len({one.key for one in desk.sent}) == 3


def test_a_named_cause_gathers_agents_as_long_as_its_page_lives(desk):
    """Who is hit by the same endpoint an hour later joins the incident."""
    desk.fire("PFApiErrorRateHigh", "a-1", endpoint="trade/open")
    desk.wait(10)
    desk.wait(HOUR)
    (news,) = desk.fire("PFApiErrorRateHigh", "b-1", endpoint="trade/open")
    assert (news.reason, news.group, len(news.alerts)) == ("new_alerts", desk.sent[0].group, 2)


def test_what_was_silenced_after_it_was_told_is_not_repeated(desk):
    """And is not escalated either."""
    desk.fire("PFKeyRejected", "a-1")
    desk.wait(10)
    silence(desk, until=DAY, agent_id="a-1")
    assert desk.wait(5 * HOUR) == ()


def test_a_refusal_is_answered_once_and_forgotten(desk):
    """What comes to the page later is told in its own time."""
    (first,) = desk.fire("PFDrawdownHalt", "a-1")
    desk.say(Delivered, delivery_id=first.key, channel="log", status="failed")
    desk.wait(MINUTE)
    desk.fire("PFDrawdownHalt", "b-1")
    assert [one.kind for one in desk.wait(10)] == []
    assert [one.kind for one in desk.sent] == ["alert", "escalation", "alert"]
