"""The catalog as a whole: how it is put together, who owns what, and decisions that must not slip."""

from dataclasses import fields

import pytest

from fleawatch.catalog import query as q
from fleawatch.catalog.api import error_share
from fleawatch.catalog.assembly import Catalog, by_name
from fleawatch.catalog.declare import LATENCY, alert, clears_at
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.lint_references import questions
from fleawatch.catalog.logs import COMMON_FIELDS, RESERVED_FIELDS
from fleawatch.catalog.slos import API_SUCCESS, ORDER_SPEED, bad_share
from fleawatch.catalog.spec import Clear
from fleawatch.catalog.tree import walk
from fleawatch.errors import CatalogError


def _limit(name):
    return CATALOG.limits[name].default


class TestAssembly:
    def test_sorted(self):
        """Every section is sorted by name."""
        sections = [getattr(CATALOG, field.name) for field in fields(Catalog)]
        mappings = [section for section in sections if hasattr(section, "keys")]
        assert len(mappings) == 9
        assert [list(each) == sorted(each) for each in mappings] == [True] * 9

    def test_read_only(self):
        """Nothing can be added while the service runs."""
        with pytest.raises(TypeError):
            CATALOG.metrics["pf_new"] = CATALOG.metrics["pf_equity_usdc"]

    def test_declared_twice(self, metric):
        """Names that are declared twice are all listed."""
        twice = [metric(name="pf_b"), metric(name="pf_a"), metric(name="pf_b"), metric(name="pf_a")]
        with pytest.raises(CatalogError, match="metrics declared twice: pf_a, pf_b"):
            by_name(twice, "metrics")

    def test_aliases(self):
        """An alias comes with the metric it is derived from."""
        metric, alias = CATALOG.aliases["pf_drawdown_fraction"]
        assert (metric.name, alias.schemes) == ("pf_drawdown_ratio", ("prometheus",))

    def test_owners(self):
        """Every metric has one owner, and both own some."""
        agent, monitor = CATALOG.owned_by("agent"), CATALOG.owned_by("monitor")
        assert {*agent, *monitor} == set(CATALOG.metrics.values())
        assert set(agent).isdisjoint(monitor)
        assert agent
        assert monitor


class TestOwners:
    @pytest.mark.parametrize(
        "name",
        [
            "pf_order_latency_seconds",
            "pf_api_requests_total",
            "pf_signals_total",
            "pf_decision_cycle_duration_seconds",
            "pf_market_data_age_seconds",
            "pf_order_rejections_total",
            "pf_agent_memory_ratio",
            "pf_slow_spans_total",
            "pf_agent_errors_total",
        ],
    )
    def test_agent(self, name):
        """What only the agent's process can know is exported by the agent."""
        assert CATALOG.metrics[name].owner == "agent"

    @pytest.mark.parametrize(
        "name",
        [
            "pf_equity_usdc",
            "pf_trade_pnl_usdc",
            "pf_drawdown_ratio",
            "pf_casino_rounds_total",
            "pf_escrow_open",
            "pf_wallet_balance_usd",
            "pf_referral_income_usdc_total",
            "pf_agent_up",
            "pf_collector_errors_total",
            "pf_alerts_firing",
            "pf_gate_state",
            "pf_trading_halted",
        ],
    )
    def test_monitor(self, name):
        """Money, risk, health as seen from outside and the gate as confirmed are exported by the monitor."""
        assert CATALOG.metrics[name].owner == "monitor"


class TestDecisions:
    @pytest.mark.parametrize(
        ("limit", "default"),
        [
            ("drawdown_warning", 0.10),
            ("drawdown_warning_clear", 0.08),
            ("drawdown_critical", 0.15),
            ("drawdown_critical_clear", 0.12),
            ("drawdown_halt", 0.20),
            ("drawdown_stop", 0.25),
            ("balance_low", 100),
            ("balance_critical", 50),
            ("balance_exhausted", 25),
            ("order_latency_high", 0.5),
            ("order_latency_critical", 1.0),
            ("api_errors_elevated", 0.02),
            ("api_errors_high", 0.05),
            ("api_errors_critical", 0.20),
            ("escrow_expiry", 1800),
            ("residual", 0.01),
            ("sharpe_returns", 500),
            ("daily_loss_usdc", None),
            ("burn_1h", 14.4),
        ],
    )
    def test_defaults(self, limit, default):
        """The tiers that were decided are the defaults."""
        assert _limit(limit) == default

    @pytest.mark.parametrize(
        ("name", "action"),
        [
            ("PFDrawdownWarning", "notify_agent"),
            ("PFDrawdownCritical", "reduce"),
            ("PFDrawdownHalt", "halt"),
            ("PFTotalLoss", "halt"),
            ("PFDailyLossLimit", "halt"),
            ("PFOutflowHigh", "freeze_payments"),
            ("PFRiskUnknown", "reduce"),
            ("PFOrderLoop", "reduce"),
            ("PFStakeEscalation", "reduce"),
            ("PFDirectionAgainstSignal", "reduce"),
            ("PFMarketDataStale", "reduce"),
            ("PFDrawdownFast", "reduce"),
            ("PFDependencyDown", "none"),
        ],
    )
    def test_actions(self, name, action):
        """Each guard does what was decided, and no more."""
        assert CATALOG.alerts[name].action == action

    @pytest.mark.parametrize("name", ["PFDrawdownHalt", "PFMaxDrawdownStop", "PFOutflowHigh", "PFTotalLoss"])
    def test_latched(self, name):
        """What stops an agent for good is resolved by a person only."""
        assert CATALOG.alerts[name].clear == Clear(manual=True)

    def test_no_alert_halts_below_critical(self):
        """Whatever stops or limits trading is critical."""
        acting = [a for a in CATALOG.alerts.values() if a.action in {"reduce", "halt", "freeze_payments"}]
        assert [alert.name for alert in acting if alert.severity != "critical"] == []

    def test_annotations_are_info_events(self):
        """An annotation is an event of severity info, and does nothing."""
        drawn = [alert for alert in CATALOG.alerts.values() if alert.kind == "annotation"]
        assert len(drawn) == 6
        assert all(a.severity == "info" and a.action == "none" and isinstance(a.condition, q.Event) for a in drawn)
        assert all(CATALOG.log_events[a.condition.kind].annotation for a in drawn)

    def test_rules_read_no_alias(self):
        """No rule, recording or objective reads a name of the guides."""
        read = {node.metric for _, tree in questions(CATALOG) for node in walk(tree) if isinstance(node, q.Select)}
        assert read.isdisjoint(CATALOG.aliases)

    def test_latency_bounds(self):
        """Every latency threshold is a bucket, so that a quantile near it is not guessed."""
        thresholds = {
            _limit("order_latency_high"),
            _limit("order_latency_critical"),
            _limit("slow_trade"),
            _limit("slow_escrow"),
        }
        assert thresholds <= set(LATENCY)

    def test_money_limits_have_units(self):
        """Every threshold on money is in USD."""
        assert {CATALOG.limits[name].unit for name in ("balance_low", "residual", "daily_loss_usdc")} == {"usdc"}

    def test_log_fields(self):
        """No event uses a top-level field that a log store takes for itself."""
        used = {field for event in CATALOG.log_events.values() for field in event.fields} | set(COMMON_FIELDS)
        assert used.isdisjoint(RESERVED_FIELDS)

    def test_free_text_is_off(self):
        """Free text leaves the process only when it is asked for, and parties only hashed."""
        privacy = {name: CATALOG.attributes[name].privacy for name in ("pf.conditions", "pf.task", "pf.release_reason")}
        assert set(privacy.values()) == {"off"}
        assert CATALOG.attributes["pf.counterparty"].privacy == "hashed"

    def test_spans_name_the_agent(self):
        """Every span says which agent it belongs to."""
        assert [span.name for span in CATALOG.spans.values() if "pf.agent_id" not in span.attributes] == []


class TestBuilders:
    def test_alert(self):
        """An alert is about an agent unless told otherwise, and its runbook has its name."""
        built = alert("PFThing", "info", q.Always(), family="f", summary="s", description="d")
        assert (built.scope, built.runbook, built.severity) == ("agent", "PFThing", "info")

    def test_clears_at(self):
        """Clearing levels are kept by name."""
        pair = (CATALOG.limits["balance_low"], CATALOG.limits["balance_low_clear"])
        assert clears_at(pair, good_s=5.0) == Clear(levels=(("balance_low", "balance_low_clear"),), good_s=5.0)

    def test_metric_where(self):
        """A metric's selection keeps the filters, and none selects all."""
        metric = CATALOG.metrics["pf_drawdown_ratio"]
        assert metric.where(window="1h") == q.Select("pf_drawdown_ratio", (q.Match("window", ("1h",)),))
        assert metric.where() == q.Select("pf_drawdown_ratio")

    def test_error_share(self):
        """The error share is zero-filled, by the labels asked for, and needs enough calls."""
        share = error_share(300, "agent_id")
        assert share.minimum == q.Threshold("calls_judged")
        assert share.numerator.by == share.denominator.by == ("agent_id",)

    def test_own_faults_are_left_out(self):
        """The objective leaves the caller's own faults out above and below the line."""
        share = bad_share(API_SUCCESS, 300)
        excluded = q.Match("status_code", ("404", "409", "422"), negated=True)
        assert all(excluded in side.of.of.where for side in (share.numerator, share.denominator))

    def test_slow_orders(self):
        """The speed objective counts what is above its bucket."""
        share = bad_share(ORDER_SPEED, 300)
        assert (share.left, share.right.bound) == (q.Number(1.0), 1.0)

    def test_burn_rates(self):
        """Each objective has an alert per burn rate, over a long and a short window."""
        burning = [a for a in CATALOG.alerts.values() if a.family.startswith("slo_")]
        assert len(burning) == 8
        assert [a.severity for a in burning if a.name.startswith("PFApiBudgetBurn")] == [
            "warning",
            "critical",
            "info",
            "critical",
        ]
        assert {len(a.condition.parts) for a in burning if a.name.startswith("PFOrderSpeed")} == {2}

    def test_a_failure_or_two_burn_no_budget(self):
        """Where failures are counted, a share of them is judged from five on: one in twenty calls is no evidence."""
        burning = [a for a in CATALOG.alerts.values() if a.name.startswith("PFApiBudgetBurn")]
        assert [a.condition.parts[-1].right for a in burning] == [q.Threshold("burn_errors")] * 4
