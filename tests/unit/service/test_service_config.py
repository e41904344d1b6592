"""The configuration: strict, complete about mistakes, silent about secrets."""

from __future__ import annotations

import pytest

from fleawatch.cli.simulator import write_config
from fleawatch.errors import BadConfig
from fleawatch.service.config_secret import Secret
from fleawatch.service.load import load
from fleawatch.service.secrets import secret

KEY = "sk_live_0123456789abcdef"


@pytest.fixture(name="write")
def _write(tmp_path):
    """A function that writes a configuration and a key file beside it."""
    (tmp_path / "a.key").write_text(KEY + "\n")

    def write(text):
        path = tmp_path / "fleawatch.yaml"
        path.write_text(text)
        return path

    return write


GOOD = "agents: [{id: a-1, keys: {casino: {file: a.key}}}]\n"


def problems(path, environment=None, **overrides):
    with pytest.raises(BadConfig) as caught:
        load(path, environment or {}, overrides)
    return {problem.where: problem for problem in caught.value.problems}


def test_a_small_file_is_enough(write):
    """An agent and where its key is make a configuration; everything else has a default."""
    config = load(write(GOOD), {})
    assert config.listen.address == "127.0.0.1"
    assert config.listen.port == 9712
    assert config.platform.bases.casino == "https://casino.purpleflea.com"
    assert secret(config.agents[0].keys["casino"]) == KEY


def test_paths_are_relative_to_the_file(write, tmp_path):
    """A service started from anywhere finds the same files."""
    config = load(write(GOOD), {})
    assert config.store.path == tmp_path / "fleawatch-state"
    assert config.agents[0].keys["casino"].file == tmp_path / "a.key"


def test_mistakes_of_sections_agents_and_keys_are_told_together(write):
    """Every mistake is told at once, with key, value and remedy."""
    found = problems(
        write(
            "listen: {port: 99999, adress: x}\n"
            "collect: {interval_s: soon}\n"
            "agents:\n"
            f"  - {{id: a-1, keys: {{casino: {KEY}}}}}\n"
            "  - {id: a-2, keys: {casino: {file: missing.key}}, capital_usd: -5}\n"
            "  - {id: a-3, keys: {casino: {file: missing.key}}}\n"
        )
    )
    assert set(found) == {
        "listen.port", "listen.adress", "collect.interval_s", "agents[0].keys.casino", "agents[1].capital_usd",
        "agents.a-2.keys.casino.file", "agents.a-3.keys.casino.file",
    }  # fmt: skip
    assert found["listen.port"].what == "was 99999"
    assert "did you mean address?" in found["listen.adress"].remedy
    assert all(problem.remedy for problem in found.values())


def test_a_key_in_the_file_is_refused_and_not_repeated(write):
    """A secret that was written into the configuration is named by its place, never by its text."""
    with pytest.raises(BadConfig) as caught:
        load(write(f"agents: [{{id: a-1, keys: {{casino: {KEY}}}}}]\n"), {})
    assert KEY not in str(caught.value)
    assert "{file: PATH}" in str(caught.value)


def test_an_id_that_is_a_key_is_refused_and_not_repeated(write):
    """Ids are shown everywhere, so that a key as an id would be too."""
    with pytest.raises(BadConfig) as caught:
        load(write(f"agents: [{{id: {KEY}, keys: {{casino: {{file: a.key}}}}}}]\n"), {})
    assert KEY not in str(caught.value)


def test_two_agents_of_one_name_are_refused(write):
    """A name stands for one agent."""
    line = "{id: a-1, keys: {casino: {file: a.key}}}"
    with pytest.raises(BadConfig, match="named twice: a-1"):
        load(write(f"agents: [{line}, {line}]\n"), {})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "agents: was missing"),
        ("- 1", "was a list"),
        ("a: [", "was not YAML"),
        ("agents: []", "at least 1 item"),
        ("agents: [{id: a-1}]", "names nothing to read"),
        ("agents: [{id: a-1, addresses: {base: '0x1'}}]", "add keys.wallet"),
        ("agents: [{id: a-1, keys: {casino: {file: a.key, env: X}}}]", "either file or env"),
        ("agents: [{id: a-1, keys: {bank: {file: a.key}}}]", "agents[0].keys.bank"),
        (GOOD + "platform: {bases: {casino: ftp://x}}", "scheme and host only"),
        (GOOD + "collect: {max_age_s: 59.9}", "set it to 60 or more"),
        (GOOD + "collect: {interval_s: 20}", "set it to 80 or more"),
        (GOOD + "collect: {timeout_s: 9, reading_timeout_s: 8}", "set it to 9 or more"),
        (GOOD + "store: {keep_facts_days: 3}", "store.keep_facts_days: is not a key"),
        (GOOD + "platform: {bases: {faucet: 'https://x'}}", "platform.bases.faucet: is not a key"),
        (GOOD + "platform: {bases: {casino: 'https://u:p@x'}}", "was (hidden): not a base address"),
        (GOOD + "platform: {bases: {casino: 'https://x:70000'}}", "not a base address"),
        (GOOD + "platform: {layout: gateway}", "agents[0].keys: lacks gateway"),
        ("agents: [{id: a-1, keys: {gateway: {file: a.key}}}]", "or set platform.layout: gateway"),
        ("agents: [{id: a-1, health_url: 'http://x', recipients: ['two words']}]", "no platform id or address"),
        ("agents: [{id: a-1, health_url: 'ftp://x'}]", "http(s)://host[:port][/path]"),
        ("agents: [{id: a-1, health_url: 'http://x/a?b=c'}]", "not an address"),
        (
            "agents: [{id: a-1, keys: {wallet: {file: a.key}}, addresses: {bse: x}}]",
            "did you mean base? known: base, b",
        ),
        ("listen: {port: 1}\n" + GOOD + "listen: {port: 2}", "line 3: listen stands twice, first in line 1"),
    ],
)
def test_what_cannot_work_is_refused(write, text, what):
    """A configuration that could not work is refused with the reason."""
    with pytest.raises(BadConfig) as caught:
        load(write(text), {})
    assert what in str(caught.value)


def test_a_missing_file_names_the_option(tmp_path):
    """Whoever forgot the file learns which option names it."""
    with pytest.raises(BadConfig, match="--config FILE"):
        load(tmp_path / "none.yaml", {})


def test_environment_stands_over_file_and_command_line_over_environment(write):
    """Precedence: command line, environment, file, default."""
    path = write(GOOD + "listen: {port: 1}\n")
    assert load(path, {}).listen.port == 1
    assert load(path, {"FLEAWATCH_LISTEN__PORT": "2"}).listen.port == 2
    assert load(path, {"FLEAWATCH_LISTEN__PORT": "2"}, {"listen.port": 3}).listen.port == 3


def test_a_wrong_environment_variable_is_told_like_a_wrong_key(write):
    """A value from the environment is checked as strictly as one from the file."""
    found = problems(write(GOOD), {"FLEAWATCH_LISTEN__PROT": "2"})
    assert "listen.prot" in found


def test_keys_come_from_the_environment_too(write):
    """A key can be a variable, and a variable that is not set is a mistake by name."""
    path = write("agents: [{id: a-1, keys: {casino: {env: MY_KEY}}}]\n")
    config = load(path, {"MY_KEY": KEY})
    assert secret(config.agents[0].keys["casino"], {"MY_KEY": KEY}) == KEY
    found = problems(path)
    assert "names a variable that is not set" in found["agents.a-1.keys.casino.env"].what


@pytest.mark.parametrize("text", ["", "  \n", "two words"])
def test_a_file_that_holds_no_key_is_a_mistake(write, tmp_path, text):
    """A key file holds one key and nothing else."""
    (tmp_path / "a.key").write_text(text)
    found = problems(write(GOOD))
    assert "does not hold one key" in found["agents.a-1.keys.casino.file"].what


def test_a_secret_that_vanished_is_a_clear_error(tmp_path):
    """A key that was there when the configuration was checked can be gone when it is used."""
    with pytest.raises(BadConfig, match="could not be read: No such file") as caught:
        secret(Secret(file=tmp_path / "gone.key"))
    assert "gone.key" not in str(caught.value)
    with pytest.raises(BadConfig, match="is not set") as caught:
        secret(Secret(env="hunter2"), {})
    assert "hunter2" not in str(caught.value)


def test_five_mistakes_are_exactly_five_complaints(write):
    """One mistake gets one complaint, and none follows from another."""
    found = problems(
        write(
            "listen: {prot: 1, port: 70000}\ncollect: {interval_s: 0, timeout_s: -1}\n"
            'agents: [{id: "A B", keys: {casino: {file: a.key}}}]\n'
        )
    )
    assert list(found) == ["listen.port", "listen.prot", "collect.interval_s", "collect.timeout_s", "agents[0].id"]


def test_an_agent_with_a_mistake_is_still_searched_for_others(write):
    """Missing key files, names used twice and agents without a source are told beside errors of values."""
    with pytest.raises(BadConfig) as caught:
        load(
            write(
                "listen: {port: soon}\nagents:\n"
                "  - {id: a-1, capital_usd: -1, keys: {casino: {file: none.key}}}\n"
                "  - {id: a-1, keys: {casino: {file: a.key}}}\n"
                "  - {id: B, keys: {trading: {env: NOT_THERE}}}\n"
                "  - {id: c}\n"
            ),
            {},
        )
    assert {problem.where for problem in caught.value.problems} == {
        "listen.port", "agents[0].capital_usd", "agents.a-1.keys.casino.file", "agents[1].id", "agents[2].id",
        "agents[2].keys.trading.env", "agents[3]",
    }  # fmt: skip
    assert len(caught.value.problems) == 7


@pytest.mark.parametrize(
    "agent",
    [
        "keys: {casino: TEXT}",
        "keys: {casino: {env: TEXT}}",
        "keys: {casino: {file: TEXT}}",
        "keys: {casino: {key: TEXT}}",
        "keys: {casino: {file: a.key, key: TEXT}}",
        "keys: {casino: {TEXT: a}}",
        "keys: {casino: [TEXT]}",
        "keys: {casino: [[TEXT, {a: TEXT}]]}",
        "keys: {bank: TEXT}",
        "keys: {TEXT: casino}",
        "keys: [TEXT]",
        "keys: TEXT",
        "casino_key: TEXT",
        "casino: {key: TEXT}",
        "strategy: [TEXT]",
        "health_url: 'http://user:TEXT@host'",
        "health_url: 'http://host/?token=TEXT'",
        "health_url: *TEXT",
    ],
)
@pytest.mark.parametrize("text", [KEY, "hunter2-0123456789"])
def test_no_form_of_a_misplaced_secret_is_repeated(write, agent, text):
    """Whatever shape a secret was written in, with a known prefix or without, no complaint repeats it."""
    with pytest.raises(BadConfig) as caught:
        load(write(f"agents: [{{id: a-1, {agent.replace('TEXT', text)}}}]\n"), {})
    assert text not in str(caught.value)
    assert text not in repr(caught.value)


def test_a_whole_section_is_never_repeated(write):
    """A mapping or a list in the wrong place is named as such, because anything may stand in it."""
    found = problems(write(f"agents: {{a-1: {{casino: {KEY}}}}}\nlisten: [hunter2]\nkeys: {{casino: hunter2}}\n"))
    assert found["agents"].what == "was a mapping"
    assert found["listen"].what == "was a list"
    assert found["keys"].what == "is not a key (value a mapping)"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("listen.port", "true"),
        ("collect.interval_s", "true"),
        ("collect.timeout_s", ".inf"),
        ("collect.max_age_s", ".nan"),
        ("collect.max_age_s", "1000000"),
        ("collect.reading_timeout_s", "'9'"),
        ("store.keep_readings_hours", ".inf"),
        ("store.snapshot_s", "100000"),
        ("collect.concurrency", "2.0"),
    ],
)
def test_what_is_no_sensible_number_is_refused(write, key, value):
    """Truth values, infinities, text and numbers out of all proportion are one mistake each."""
    section, name = key.split(".")
    assert list(problems(write(f"{GOOD}{section}: {{{name}: {value}}}\n"))) == [key]


@pytest.mark.parametrize("value", ["true", ".inf", ".nan", "1e+30"])
def test_capital_is_a_finite_amount(write, value):
    """Capital that is no amount of money is refused."""
    text = f"agents: [{{id: a-1, keys: {{casino: {{file: a.key}}}}, capital_usd: {value}}}]\n"
    assert list(problems(write(text))) == ["agents[0].capital_usd"]


def test_whole_numbers_stand_for_seconds_and_four_intervals_are_enough(write):
    """A number of seconds needs no decimal point, and the shortest allowed age is four intervals."""
    collect = load(write(GOOD + "collect: {interval_s: 10, max_age_s: 40}\n"), {}).collect
    assert (collect.interval_s, collect.max_age_s) == (10.0, 40.0)
    assert (collect.timeout_s, collect.reading_timeout_s) == (5.0, 60.0)


def test_a_gateway_is_read_with_its_own_key(write):
    """With the layout of one host, an agent needs the key of that host."""
    text = "platform: {layout: gateway}\nagents: [{id: a-1, keys: {gateway: {file: a.key}}}]\n"
    assert load(write(text), {}).platform.layout == "gateway"


def test_a_key_that_stands_twice_is_told_beside_other_mistakes(write):
    """YAML would let the last one win; the line and the key are named instead, once for each."""
    found = problems(write("agents:\n  - id: a-1\n    id: a-2\n    keys: {casino: {file: a.key}}\nlisten: {port: x}\n"))
    assert set(found) == {"line 3", "listen.port"}
    assert found["line 3"].what == "id stands twice, first in line 2"


def test_merged_mappings_are_not_keys_that_stand_twice(write):
    """A value that replaces a merged one is what merging is for."""
    text = (
        "agents:\n  - &one {id: a-1, strategy: x, keys: {casino: {file: a.key}}}\n"
        "  - &two {<<: *one, id: a-2}\n  - {<<: *two, id: a-3}\n"
    )
    assert [agent.id for agent in load(write(text), {}).agents] == ["a-1", "a-2", "a-3"]


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("FLEAWATCH_LISTEN__ADDRESS", "[hunter2", "was not YAML"),
        ("FLEAWATCH_COLECT__INTERVAL_S", "3", "did you mean collect?"),
        ("FLEAWATCH_COLLECT", "3", "is a section without a key"),
        ("FLEAWATCH_COLLECT__", "3", "is a section without a key"),
        ("FLEAWATCH_LISTEN__PORT__X", "3", "has no keys below listen.port"),
        ("FLEAWATCH_AGENTS__0__ID", "hunter2", "agents are set in the file only"),
    ],
)
def test_a_variable_that_sets_nothing_is_a_mistake_by_name(write, name, value, what):
    """A variable that cannot be taken is named; its value is not shown."""
    with pytest.raises(BadConfig) as caught:
        load(write(GOOD), {name: value})
    [problem] = caught.value.problems
    assert problem.where == name
    assert what in str(problem)
    assert "hunter2" not in str(caught.value)


def test_variables_of_others_are_left_alone(write):
    """Options of commands, an orchestrator's own variables and variables that hold keys are no settings."""
    path = write("agents: [{id: a-1, keys: {casino: {env: FLEAWATCH_KEYS__CASINO}}}]\n")
    variables = {
        "FLEAWATCH_CONFIG": "x", "FLEAWATCH_URL": "http://x", "FLEAWATCH_PORT": "tcp://10.0.0.1:9712",
        "FLEAWATCH_KEYS__CASINO": KEY,
    }  # fmt: skip
    assert load(path, variables).agents[0].id == "a-1"


@pytest.mark.parametrize("speed", [1.0, 60.0, 10_000.0])
def test_the_configuration_of_a_sandbox_is_sound(tmp_path, speed):
    """What is written for a simulated fleet is accepted at every speed, and names only what is read."""
    names = ("casino", "trading", "wallet", "escrow", "faucet", "domains", "gateway", "agents")
    agent = {"agent_id": "a-1", "strategy": "x", "environment": "demo", "keys": {"casino": KEY, "gateway": KEY}}
    ready = {"speed": speed, "bases": dict.fromkeys(names, "http://127.0.0.1:1"), "agents": [agent]}
    config = load(write_config(ready, tmp_path, 0), {})
    assert config.platform.bases.casino == "http://127.0.0.1:1"
    assert set(config.agents[0].keys) == {"casino"}


class TestRules:
    """Alerts that are off and limits that are changed, by name."""

    @staticmethod
    def problems(tmp_path, text):
        """What is wrong with a configuration that holds `text` beside one agent."""
        path = tmp_path / "fleet.yaml"
        path.write_text(f"agents:\n  - id: a\n    health_url: http://127.0.0.1:1\n{text}")
        with pytest.raises(BadConfig) as refused:
            load(path, environment={})
        return [str(problem) for problem in refused.value.problems]

    def test_an_alert_that_does_not_exist_is_named(self, tmp_path):
        """A misspelled alert would stay on."""
        found = self.problems(tmp_path, "alerts:\n  disabled: [PFDrawdwnHalt]\n")
        assert len(found) == 1
        assert "alerts.disabled" in found[0]
        assert "PFDrawdwnHalt" in found[0]

    def test_a_limit_that_does_not_exist_is_named(self, tmp_path):
        """A misspelled limit would protect nobody."""
        found = self.problems(tmp_path, "limits:\n  drawdwn_halt: 0.1\n")
        assert len(found) == 1
        assert "drawdwn_halt" in found[0]

    def test_a_limit_without_end_is_refused(self, tmp_path):
        """Infinity is no limit."""
        assert len(self.problems(tmp_path, "limits:\n  drawdown_halt: .inf\n")) == 1
