"""The state as Prometheus reads it."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import AgentRetired, ApiCall, HealthRead, SchemaSurprise, SourceUnavailable, StrategySwitched
from fleawatch.events.agent import Check
from fleawatch.flow.samples import readers_of, samples
from fleawatch.flow.tally import Distribution
from fleawatch.sinks import prometheus
from fleawatch.sinks.prometheus import Exposition
from fleawatch.sinks.wire import Family, escaped, fill, histogram_template
from fleawatch.testing.exposition_facts import (
    END,
    START,
    Ledger,
    balance,
    declared,
    everything,
    fact,
    folded,
    parsed,
    read,
    value,
)

SCHEMES = frozenset({"prometheus", "grafana", "monitoring"})


@pytest.fixture(name="full", scope="module")
def _full():
    return folded(*everything())


def exposition(**more):
    """An exposition that says nothing of its process."""
    return Exposition(CATALOG, process=dict, **more)


def expected(state, at, owner="monitor"):
    """What the samples say, by name and labels as a parser sees them."""
    found = {}
    for metric, labels, number in samples(readers_of(CATALOG, owner), state, at):
        pairs = dict(zip(metric.label_names, labels, strict=True))
        if isinstance(number, Distribution):
            total = 0
            for bound, count in zip((*metric.buckets, float("inf")), number.counts, strict=True):
                total += count
                le = "+Inf" if bound == float("inf") else repr(float(bound))
                found[f"{metric.name}_bucket", tuple(sorted({**pairs, "le": le}.items()))] = float(total)
            found[f"{metric.name}_count", tuple(sorted(pairs.items()))] = float(total)
            found[f"{metric.name}_sum", tuple(sorted(pairs.items()))] = number.total
        else:
            found[metric.name, tuple(sorted(pairs.items()))] = float(number)
    return found


class TestValues:
    @pytest.mark.parametrize("owner", ["monitor", "agent"])
    @pytest.mark.parametrize("openmetrics", [False, True])
    def test_a_parser_reads_what_the_state_says(self, full, owner, openmetrics):
        """The official parsers read back every sample with its exact value, and nothing else."""
        body = exposition(owners=(owner,)).render(full, END, openmetrics)
        assert parsed(body, openmetrics=openmetrics) == expected(full, END, owner)

    def test_a_second_scrape_says_what_changed(self, full):
        """What is kept between scrapes never hides a new label, a new value, or an agent declared anew."""
        state = folded(declared(), *Ledger().end(START), read(START))
        one = exposition()
        ledger = Ledger()
        for event in (
            ledger.row(START + 1, "deposit", "50"),
            ledger.row(START + 2, "stake", "-5"),
            ledger.row(START + 3, "payout", "9"),
            fact(StrategySwitched, START + 4, before="kelly", after="carry"),
            ledger.row(START + 5, "stake", "-5"),
            ledger.row(START + 6, "payout", "1"),
            fact(SchemaSurprise, START + 7, endpoint="stats/me", field="won"),
            fact(AgentRetired, START + 8),
            declared(at=START + 9, strategy="grid"),
            *Ledger().end(START + 10),
            read(START + 10),
        ):
            folded(event, state=state)
            assert parsed(one.render(state, START + 10)) == expected(state, START + 10)

    def test_more_agents_than_are_taken_at_once(self, monkeypatch):
        """A fleet of several batches is whole, each family in one piece, every agent once."""
        monkeypatch.setattr(prometheus, "AGENTS_AT_ONCE", 7)
        names = [f"a-{number:02d}" for number in range(30)]
        state = folded(*(event for name in names for event in _played(name)))
        body = exposition().render(state, START)
        assert parsed(body) == expected(state, START)
        _assert_families_are_whole(body)

    def test_the_order_of_facts_between_agents_does_not_matter(self):
        """Two fleets with the same agents give the same body, whoever came first."""
        names = ["b-2", "a-1", "c-3"]
        bodies = {
            exposition().render(folded(*(e for name in order for e in _played(name))), START)
            for order in (names, sorted(names), names[::-1])
        }
        assert len(bodies) == 1

    def test_vanished_agents_leave_nothing_behind(self):
        """After an agent was retired neither the body nor what is kept knows it."""
        one = exposition()
        state = folded(*_played("a-1"), *_played("a-2"))
        one.render(state, START)
        folded(fact(AgentRetired, START, "a-2"), state=state)
        assert b"a-2" not in one.render(state, START)
        assert set(one._memories) == {name for roster in one._rosters for name in roster.names} == {"a-1"}

    def test_another_agent_of_the_same_name_is_another_agent(self):
        """An agent that was retired and declared anew between two scrapes has nothing of its predecessor."""
        one = exposition()
        one.render(folded(*_played("a-1")), START)
        anew = folded(declared(strategy="carry"), *list(_played("a-1"))[1:])
        assert parsed(one.render(anew, START)) == expected(anew, START)

    @given(st.lists(st.sampled_from(["bet", "read", "fail", "switch", "newcomer", "nothing"]), max_size=6))
    @settings(max_examples=40, deadline=None)
    def test_what_is_kept_changes_no_body(self, happenings):
        """Whatever happened between scrapes, and however often nothing did, a body is that of a fresh exposition."""
        one, state, ledger = exposition(), folded(*_played("a-1"), *_played("a-2")), Ledger("a-1")
        for number, what in enumerate(["nothing", "nothing", *happenings, "nothing"]):
            at = START + number
            folded(*_happened(what, at, ledger), state=state)
            assert one.render(state, at) == exposition().render(state, at)

    def test_an_empty_fleet_is_a_valid_body(self):
        """Before the first fact there are the fleet's own counters, and in OpenMetrics the end."""
        assert value(exposition().render(folded(), START), "pf_facts_late_total") == 0
        assert exposition().render(folded(), START, True).endswith(b"\n# EOF\n")

    def test_rendering_changes_no_number(self, full):
        """A scrape can be repeated: the same state at the same time gives the same body."""
        one = exposition()
        assert one.render(full, END) == one.render(full, END) == exposition().render(full, END)


def _happened(what, at, ledger):
    """Facts of one of the things that can happen between two scrapes."""
    if what == "bet":
        return [ledger.row(at, "deposit", "1"), *ledger.end(at)]
    if what == "read":
        return [read(at, "a-2")]
    if what == "fail":
        return [fact(SourceUnavailable, at, "a-2", collector="casino", reason="timeout", duration_s=1)]
    if what == "switch":
        return [fact(StrategySwitched, at, "a-1", before="kelly", after=f"s{at:.0f}")]
    return _played(f"a-{at:.0f}") if what == "newcomer" else []


def _played(name):
    ledger = Ledger(name)
    yield declared(name)
    yield ledger.row(START, "deposit", "50")
    yield ledger.row(START, "stake", "-5")
    yield from ledger.end(START)
    yield read(START, name)


class TestFormat:
    @pytest.mark.parametrize("openmetrics", [False, True])
    def test_families_are_whole_and_said_once(self, full, openmetrics):
        """All samples of a family stand together under one header, families in order of their names."""
        body = exposition(aliases=SCHEMES).render(full, END, openmetrics)
        _assert_families_are_whole(body)
        if not openmetrics:
            heads = [line.split()[2] for line in body.split(b"\n") if line.startswith(b"# TYPE")]
            assert heads == sorted(heads)
        assert body.endswith(b"\n")
        assert b"\n\n" not in body

    def test_help_is_escaped(self):
        """Line feeds, backslashes and, in OpenMetrics, quotes in a help text stay inside its line."""
        family = Family("pf_x_total", "counter", "1", 'a\\b\n"c"', ("agent_id",))
        assert family.header(openmetrics=False) == b'\n# HELP pf_x_total a\\\\b\\n"c"\n# TYPE pf_x_total counter'
        assert family.header(openmetrics=True) == b'\n# HELP pf_x a\\\\b\\n\\"c\\"\n# TYPE pf_x counter'

    def test_units_only_where_the_name_ends_in_them(self):
        """OpenMetrics wants the unit as the last part of the name, so other families state none."""
        ends = Family("pf_age_seconds", "gauge", "seconds", "h", ()).header(openmetrics=True)
        assert ends.endswith(b"\n# UNIT pf_age_seconds seconds")
        assert b"UNIT" not in Family("pf_age_s", "gauge", "seconds", "h", ()).header(openmetrics=True)

    def test_a_sum_that_is_no_number_has_no_lines(self):
        """A distribution whose sum overflowed is left out rather than written as infinity."""
        family = Family("pf_x_seconds", "histogram", "seconds", "h", ("agent_id",), (1.0,))
        template = histogram_template(family, (), by_agent=True)
        assert fill(template, Distribution([1, 0], float("inf")), b"a-1") == b""
        assert fill(template, Distribution([1, 2], 2.5), b"a%d").endswith(b'_sum{agent_id="a%d"} 2.5')

    def test_numbers_that_are_not_finite_have_no_line(self):
        """NaN and infinity in the state are absent samples, and their neighbours are not."""
        state = folded(*_played("a-1"), *_played("a-2"), *_played("a-3"))
        state.agents["a-1"].equity = float("nan")
        state.agents["a-2"].equity = float("inf")
        body = exposition().render(state, START)
        assert [labels for name, labels in parsed(body) if name == "pf_equity_usdc"] == [(("agent_id", "a-3"),)]

    def test_the_process_speaks_for_itself(self, full):
        """Release, interpreter and process metrics are there, exactly those that the catalog knows."""
        found = parsed(Exposition(CATALOG).render(full, END))
        for name in ("fleawatch_build_info", "python_info", "process_cpu_seconds_total", "process_open_fds"):
            assert any(name == sample for sample, _ in found), name
        names = {name for name, _ in found if name.startswith(("process_", "python_"))}
        assert names <= CATALOG.metrics.keys()

    def test_an_agent_does_not_export_the_monitors_process(self, full):
        """Process metrics have one owner, too."""
        assert not [
            name for name, _ in parsed(Exposition(CATALOG, owners=("agent",)).render(full, END)) if "process" in name
        ]


def _assert_families_are_whole(body):
    lines = body.decode().split("\n")
    heads = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    family = None
    for line in lines[:-1]:
        if line.startswith("# "):
            family = line.split()[2] if line != "# EOF" else None
        else:
            assert line.partition("{")[0].partition(" ")[0].startswith(family), (family, line)
    kinds = [
        kind for kind, _ in groupby(line.split()[1] for line in lines if line.startswith("# ") and line != "# EOF")
    ]
    assert kinds.count("HELP") == len(heads)


class TestHostileText:
    @settings(max_examples=60, deadline=None)
    @given(agent_id=st.text(min_size=1), word=st.text(), other=st.text(), openmetrics=st.booleans())
    def test_no_text_breaks_the_format(self, agent_id, word, other, openmetrics):
        """Whatever words facts and configurations hold, both parsers read the body, without NaN and without doubles."""
        state = folded(
            declared(agent_id, strategy=word, environment=other, version=word, collectors=(word, "casino")),
            read(START, agent_id, collector=word),
            read(START, agent_id, collector=other),
            read(START, agent_id),
            balance(START, "5", agent_id, currency=word),
            balance(START, "5", agent_id, service="wallet", currency=other, account=word),
            fact(HealthRead, START, agent_id, up=True, checks=(Check(name=word, ok=True),)),
            fact(SchemaSurprise, START, agent_id, endpoint=word, field=other),
            fact(ApiCall, START, agent_id, endpoint=word, method=other, status_code=word, duration_s=0.1),
        )
        for owner in ("monitor", "agent"):
            found = parsed(
                exposition(owners=(owner,), aliases=SCHEMES).render(state, START, openmetrics), openmetrics=openmetrics
            )
            assert all(number - number == 0.0 for number in found.values())

    @given(st.text())
    @settings(max_examples=100)
    def test_escaped_text_ends_where_it_should(self, text):
        """An escaped value holds no bare quote and no line feed."""
        plain = escaped(text).replace(b"\\\\", b"").replace(b'\\"', b"")
        assert b'"' not in plain
        assert b"\n" not in plain
        assert b"\0" not in plain


class TestAliases:
    def test_none_by_default(self, full):
        """Without being asked for, no alias is served."""
        assert not {name for name, _ in parsed(exposition().render(full, END))} & CATALOG.aliases.keys()

    def test_only_the_schemes_asked_for(self, full):
        """Each guide's names come with that guide."""
        names = {name for name, _ in parsed(exposition(aliases=frozenset({"monitoring"})).render(full, END))}
        assert {name for name in names if name in CATALOG.aliases} == {
            "purpleflea_balance_usd", "purpleflea_max_drawdown_pct", "purpleflea_open_positions", "purpleflea_pnl_24h_usd",
            "purpleflea_sharpe_ratio", "purpleflea_win_rate_pct",
        }  # fmt: skip

    def test_values_follow_their_metric(self, full):
        """Filtered, summed over dropped labels, scaled, or counted down: each alias is its metric seen differently."""
        body = exposition(aliases=SCHEMES).render(full, END)
        a1 = {"agent_id": "a-1"}
        assert value(body, "pf_drawdown_pct", **a1) == value(body, "pf_drawdown_ratio", window="all_time", **a1)
        assert value(body, "purpleflea_max_drawdown_pct", **a1) == pytest.approx(
            100 * value(body, "pf_drawdown_max_ratio", window="all_time", **a1)
        )
        assert value(body, "pf_escrow_open_count", **a1) == 1
        assert value(body, "pf_escrow_seconds_to_expiry", **a1) == 23 * 3600
        assert value(body, "pf_referral_fees_usdc_total", **a1) == 2.0
        realized = sum(
            number for (name, labels), number in parsed(body).items()
            if name == "pf_trade_pnl_usdc_total" and dict(labels)["agent_id"] == "a-1"
        )  # fmt: skip
        assert realized == pytest.approx(full.agents["a-1"].casino.net + full.agents["a-1"].trading.net)
        assert value(body, "pf_wallet_balance_usdc", currency="ETH", **a1) == 1_000.0
        assert b"# HELP pf_drawdown_pct Deprecated alias of pf_drawdown_ratio: " in body

    def test_labels_beside_the_list_are_in_the_sum(self):
        """A referral of a level that no list knows has its own series, and is in the alias that adds all levels, once."""
        ledger = Ledger()
        state = folded(declared(), ledger.row(START, "referral", "1", level=1), *ledger.end(START), read(START))
        state.agents["a-1"].tallies.add("pf_referral_income_usdc_total", ("casino", "4"), 4.0)
        body = exposition(aliases=SCHEMES).render(state, START)
        tier = {"agent_id": "a-1", "pf_service": "casino", "referral_tier": "4"}
        assert value(body, "pf_referral_income_usdc_total", **tier) == 4.0
        assert value(body, "pf_referral_fees_usdc_total", agent_id="a-1") == 5.0

    def test_a_scaled_histogram(self, full):
        """Latency in milliseconds keeps its counts and sum, with the bounds of its guide, once for all statuses."""
        found = parsed(exposition(owners=("agent",), aliases=SCHEMES).render(full, END))
        labels = (("agent_id", "a-1"), ("endpoint", "trade/open"), ("order_type", "market"))
        bounds = [dict(pairs)["le"] for name, pairs in found if name == "pf_order_latency_ms_bucket"]
        assert bounds == ["2.0", "5.0", "10.0", "25.0", "50.0", "100.0", "250.0", "500.0", "1000.0", "2500.0", "+Inf"]
        assert found["pf_order_latency_ms_count", labels] == 22.0
        assert found["pf_order_latency_ms_sum", labels] == pytest.approx(4_400.0)
        assert found["pf_order_latency_ms_bucket", tuple(sorted((*labels, ("le", "100.0"))))] == 0.0
        assert found["pf_order_latency_ms_bucket", tuple(sorted((*labels, ("le", "250.0"))))] == 22.0

    def test_the_last_observation(self, full):
        """A gauge over a distribution shows what was observed last."""
        body = exposition(owners=("agent",), aliases=SCHEMES).render(full, END)
        assert value(body, "purpleflea_api_latency_ms", agent_id="a-1", endpoint="trade/open") == pytest.approx(300.0)
