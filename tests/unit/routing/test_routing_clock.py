"""What goes by the clock and by the budget: throttle, digests, summaries, canaries, the watchdog."""

import pytest

from fleawatch.events import HaltOrdered
from fleawatch.flow.policy import Policy
from fleawatch.flow.routing import digest, heed
from fleawatch.flow.routing.settings import Channel, RoutingPolicy
from fleawatch.flow.routing.standing import standing
from fleawatch.flow.routing.state import Period
from fleawatch.flow.routing.summary import summary
from fleawatch.testing.belt import MIDNIGHT, Belt
from fleawatch.testing.routed import Desk
from fleawatch.units import DAY, HOUR, MINUTE

MAIL = Channel(name="mail", kind="email", severities=("critical", "warning", "info"))
QUIET = {"daily_at_s": None, "weekly_at_s": None, "canary_s": None}


def named(deliveries):
    return [(one.channel, one.kind, one.reason) for one in deliveries]


class TestThrottle:
    @pytest.fixture
    def desk(self):
        """Two notifications in ten minutes, and both are used up."""
        desk = Desk(RoutingPolicy(channels=(MAIL,), throttle_most=2, group_wait_s=0, **QUIET))
        desk.fire("PFSharpeLow", "a-1")
        desk.fire("PFWinRatioLow", "a-1")
        return desk

    def test_what_is_too_much_is_visible_and_comes_as_one_digest(self, desk):
        """When there is room again; then each of it is told of as if it had come by itself."""
        assert len(desk.sent) == 2
        assert desk.fire("PFCalmarLow", "a-1") == ()
        assert desk.fire("PFFundingBleed", "b-1") == ()
        assert [(one.fields["reason"], one.fields["channel"]) for one in desk.notices] == [("throttled", "mail")] * 2
        assert desk.wait(10 * MINUTE - 1) == ()
        (told,) = desk.wait(1)
        assert (told.kind, told.reason) == ("digest", "throttle_over")
        assert [note.alert for note in told.alerts] == ["PFCalmarLow", "PFFundingBleed"]
        assert named(desk.end("PFCalmarLow", "a-1")) == [("mail", "resolved", "all_resolved")]

    def test_what_ended_meanwhile_is_in_the_digest(self, desk):
        """Nothing is dropped; its end is told there, and it is forgotten."""
        desk.fire("PFCalmarLow", "a-1")
        desk.now += 60
        assert desk.end("PFCalmarLow", "a-1") == ()
        (told,) = desk.wait(9 * MINUTE)
        assert [(note.alert, note.ended_at) for note in told.alerts] == [("PFCalmarLow", MIDNIGHT + 60)]
        assert "PFCalmarLow" not in {one.alert for one in desk.fleet.routing.alerts.values()}

    def test_critical_alerts_and_ends_are_never_throttled(self, desk):
        """Whatever was sent before."""
        desk.fire("PFCalmarLow", "a-1")
        assert len(desk.fire("PFKeyRejected", "a-1")) == 1
        assert len(desk.end("PFSharpeLow", "a-1")) == 1

    def test_where_pages_are_incidents_nothing_waits(self):
        """A digest could open an incident at PagerDuty and never close it."""
        pager = Channel(name="pager", kind="pagerduty", severities=("critical", "warning"))
        desk = Desk(RoutingPolicy(channels=(pager,), throttle_most=1, group_wait_s=0, **QUIET))
        desk.fire("PFSharpeLow", "a-1")
        assert named(desk.fire("PFWinRatioLow", "a-1")) == [("pager", "alert", "first")]

    def test_ends_use_up_nothing(self, desk):
        """The budget is for what fires."""
        desk.wait(10 * MINUTE)
        desk.end("PFSharpeLow", "a-1")
        desk.end("PFWinRatioLow", "a-1")
        assert len(desk.fire("PFCalmarLow", "a-1")) == 1
        assert desk.notices == []

    def test_what_is_withheld_anew_is_told_anew(self, desk):
        """After its digest a repeat may have to wait as well, and says so."""
        desk.fire("PFCalmarLow", "a-1")
        desk.wait(10 * MINUTE)
        desk.wait(4 * HOUR)
        assert [one.fields["alertname"] for one in desk.notices] == ["PFCalmarLow", "PFCalmarLow"]

    def test_what_comes_later_waits_behind_what_is_withheld(self, desk):
        """Even if there is room again before the digest went."""
        desk.fire("PFCalmarLow", "a-1")
        desk.now += 11 * MINUTE
        assert desk.fire("PFFundingBleed", "a-1") == ()
        assert [len(one.alerts) for one in desk.wait(1)] == [2]


class TestDigest:
    @pytest.fixture
    def desk(self):
        return Desk(RoutingPolicy(channels=(MAIL,), **QUIET))

    def test_info_comes_once_a_day(self, desk):
        """With what ended; what still fires comes the next day again; and no day without news has a digest."""
        desk.wait(1)
        desk.fire("PFApiErrorRateElevated", "a-1")
        desk.fire("PFApiErrorRateElevated", "b-1")
        desk.wait(HOUR)
        assert desk.end("PFApiErrorRateElevated", "a-1") == ()
        (told,) = desk.wait(7 * HOUR)
        assert (told.kind, told.reason, told.title) == ("digest", "scheduled", "Digest: 2 alerts")
        assert [note.ended_at is None for note in told.alerts] == [False, True]
        (again,) = desk.wait(DAY)
        assert [note.labels["agent_id"] for note in again.alerts] == ["b-1"]
        desk.end("PFApiErrorRateElevated", "b-1")
        (last,) = desk.wait(DAY)
        assert last.alerts[0].ended_at is not None
        assert desk.wait(DAY) == ()

    def test_it_tells_a_bounded_number_and_counts_the_rest(self, desk, monkeypatch):
        """A digest of thousands is read by nobody."""
        monkeypatch.setattr(digest, "MOST", 2)
        for number in range(5):
            desk.fire("PFApiErrorRateElevated", f"a-{number}")
        desk.wait(1)
        (told,) = desk.wait(8 * HOUR)
        assert (len(told.alerts), told.title, told.text) == (2, "Digest: 5 alerts", "and 3 more")

    def test_what_becomes_a_warning_is_sent_by_itself(self, desk):
        """Info for the digest, warning for now."""
        desk.fire("PFSlowSpan", "a-1", span_name="pf.trade.execute")
        assert desk.wait(MINUTE) == ()
        assert named(desk.become("warning", "PFSlowSpan", "a-1", span_name="pf.trade.execute")) == [
            ("mail", "alert", "first")
        ]


class TestSchedule:
    def test_summaries_and_canaries_go_by_the_clock_and_once(self):
        """Daily at 08:00 UTC, weekly on Monday at 08:00; a test of the channel at midnight."""
        desk = Desk(RoutingPolicy(channels=(MAIL,)))
        told = [one for _ in range(7 * 24) for one in desk.wait(HOUR)]
        kinds = [(one.kind, one.group) for one in told]
        assert kinds.count(("summary", "summary-daily")) == 7
        assert kinds.count(("summary", "summary-weekly")) == 1
        assert kinds.count(("canary", "canary")) == 7
        assert len({one.key for one in told}) == len(told) == 15

    def test_what_was_missed_is_sent_once(self):
        """After an outage of three days there is one summary, not three."""
        desk = Desk(RoutingPolicy(channels=(MAIL,), canary_s=None, weekly_at_s=None))
        desk.wait(1)
        assert len(desk.wait(3 * DAY)) == 1

    def test_an_earlier_hour_holds_from_the_moment_it_is_configured(self):
        """The hour that was planned before does not stand in its way."""
        desk = Desk(RoutingPolicy(channels=(MAIL,), canary_s=None, weekly_at_s=None, daily_at_s=8 * HOUR))
        desk.wait(1)
        desk.policy = Policy(
            routing=RoutingPolicy(channels=(MAIL,), canary_s=None, weekly_at_s=None, daily_at_s=2 * HOUR)
        )
        desk.wait(1)
        assert [one.kind for one in desk.wait(2 * HOUR)] == ["summary"]

    def test_nothing_goes_by_the_clock_where_nothing_is_judged_and_nobody_is_configured(self):
        """A fleet that is only watched is quiet."""
        desk = Desk()
        desk.wait(1)
        assert desk.wait(DAY) == ()

    def test_the_watchdog_is_heard_of_regularly_and_only_by_the_dead_man_receiver(self):
        """Every five minutes from when it fires, until it does no more; nobody else hears of it."""
        desk = Desk(RoutingPolicy(channels=(MAIL, Channel(name="deadman", kind="deadman")), **QUIET))
        desk.fire("PFWatchdog")
        told = [one for _ in range(61) for one in desk.wait(MINUTE)]
        assert {one.channel for one in told} == {"deadman"}
        assert {(one.kind, one.reason, one.group) for one in told} == {("watchdog", "heartbeat", "PFWatchdog")}
        assert len(told) in (12, 13, 14)
        assert [one.status for one in standing(desk.fleet).alerts] == ["active"]
        desk.end("PFWatchdog")
        assert desk.wait(HOUR) == ()
        assert not desk.fleet.routing.alerts


class TestSummary:
    def test_it_says_what_is_known(self):
        """Equity, result, worst drawdown, and what was counted since the last one."""
        belt = Belt()
        for name in ("a-1", "b-1"):
            belt.watch(name)
            belt.row(name, "deposit", 100)
        belt.wait(15)
        belt.bet("a-1", 50, 0)
        belt.wait(15)
        period = Period(fired={"critical": 2, "info": 1}, suppressed=3, halts=1)
        assert summary(belt.fleet, "daily", period, MIDNIGHT + DAY).splitlines() == [
            "Fleet, 24h to 2027-01-17T00:00:00.000Z",
            "Agents: 2, 0 halted",
            "Equity: 150.00 USD",
            "P&L: -50.00 USD",
            "Worst drawdown: 50.0% (a-1)",
            "Alerts fired: 2 critical, 0 warning, 1 info",
            "Not sent: 3",
            "Halts ordered: 1",
        ]

    def test_unknown_stays_unknown(self):
        """Nothing is 0 because nobody knows it; a fleet that is known in part says so."""
        belt = Belt()
        belt.declare("a-1")
        lines = summary(belt.fleet, "weekly", Period(), MIDNIGHT).splitlines()
        assert lines[2:5] == ["Equity: unknown", "P&L: unknown", "Worst drawdown: unknown"]
        belt.watch("b-1")
        belt.row("b-1", "deposit", 100)
        belt.fail("b-1")
        belt.wait(100)
        assert summary(belt.fleet, "daily", Period(), MIDNIGHT).splitlines()[2] == (
            "Equity: 100.00 USD, unknown of 1, in part as last known of 1"
        )

    def test_it_counts_from_summary_to_summary(self):
        """Alerts, suppressed ones and halts of the day before are not told again."""
        desk = Desk(RoutingPolicy(channels=(MAIL,), canary_s=None, weekly_at_s=None, escalate_after_s=None))
        desk.wait(1)
        desk.fire("PFDrawdownHalt", "a-1")
        desk.say(
            HaltOrdered, "a-1", halt_id="h-1", mode="halt", scope="agent", target="a-1", reason="manual", actor="ann"
        )
        first, second = (
            next(one.text for one in desk.wait(DAY) if one.kind == "summary").splitlines() for _ in range(2)
        )
        assert (first[-3], first[-1]) == ("Alerts fired: 1 critical, 0 warning, 0 info", "Halts ordered: 1")
        assert (second[-3], second[-1]) == ("Alerts fired: 0 critical, 0 warning, 0 info", "Halts ordered: 0")


def test_silences_are_bounded(monkeypatch):
    """One more than fits is refused and counted: hearing too much is safer than hearing nothing."""
    monkeypatch.setattr(heed, "MOST_SILENCES", 1)
    desk = Desk()
    for name in ("s-1", "s-2"):
        desk.say(
            heed.Silenced, silence_id=name, matchers={"agent_id": "a-1"}, starts_at=0, ends_at=desk.now + 9,
            author="ann", comment="",
        )  # fmt: skip
    assert [one.silence_id for one in standing(desk.fleet).silences] == ["s-1"]
    assert desk.fleet.ignored == {"too_many_silences": 1}


def test_a_policy_that_contradicts_itself_lists_every_problem():
    """One error with all complaints, each with its remedy."""
    with pytest.raises(ValueError, match="contradicts itself") as caught:
        RoutingPolicy(
            channels=(
                Channel(name="Bad Name", severities=("warning",)),
                Channel(name="m", severities=("loud",)),
                Channel(name="m", digest=("critical",)),
            ),
            throttle_most=0,
            group_wait_s=float("nan"),
            repeat_s={"critical": 1.0},
        )
    text = str(caught.value)
    for piece in (
        "'Bad Name'", "'loud'", "daily digest", "two channels are called m", "no channel takes critical",
        "throttle_most was 0", "group_wait_s was nan", "lacks warning", "lacks info", "repeat_s of critical was 1",
    ):  # fmt: skip
        assert piece in text


@pytest.mark.parametrize(
    ("name", "kind", "severities"),
    [
        ("telegram", "telegram", ("critical", "warning")),
        ("on-call", "pagerduty", ("critical",)),
        ("slack_digest", "slack", ("info",)),
        ("ping", "deadman", ("none",)),
        ("mail", "email", ("critical", "warning")),
        ("desk", "log", ("critical", "warning", "info")),
    ],
)
def test_severities_come_from_the_catalogs_table(name, kind, severities):
    """By name, then by kind; others take what is urgent."""
    assert Channel(name=name, kind=kind).severities == severities


def test_the_default_policy_sends_everything_to_the_log():
    """Nothing is lost where nothing is configured."""
    assert [channel.name for channel in Policy().routing.heralds] == ["log"]
