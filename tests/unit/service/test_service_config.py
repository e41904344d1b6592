"""The configuration: strict, complete about mistakes, silent about secrets."""

from __future__ import annotations

import pytest

from fleawatch.errors import BadConfig
from fleawatch.service.config import Secret
from fleawatch.service.load import load, secret

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


def test_five_mistakes_are_five_complaints(write):
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
        "agents.a-3.keys.casino.file",
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
        (GOOD + "collect: {max_age_s: 1}", "always be stale"),
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
    assert "MY_KEY, which is not set" in found["agents.a-1.keys.casino.env"].what


@pytest.mark.parametrize("text", ["", "  \n", "two words"])
def test_a_file_that_holds_no_key_is_a_mistake(write, tmp_path, text):
    """A key file holds one key and nothing else."""
    (tmp_path / "a.key").write_text(text)
    found = problems(write(GOOD))
    assert "does not hold one key" in found["agents.a-1.keys.casino.file"].what


def test_a_secret_that_vanished_is_a_clear_error(tmp_path):
    """A key that was there when the configuration was checked can be gone when it is used."""
    with pytest.raises(BadConfig, match=r"gone\.key"):
        secret(Secret(file=tmp_path / "gone.key"))
