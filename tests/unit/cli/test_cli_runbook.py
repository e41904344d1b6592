"""The runbooks as they are shipped: complete, true to the catalog, and with commands that exist."""

import json
import re
import shlex
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner

import fleawatch
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.lint_runbooks import lint_runbooks
from fleawatch.catalog.runbook import SECTIONS, sections
from fleawatch.cli.reference import configuration_page
from fleawatch.cli.root import cli
from fleawatch.events import KINDS, ApiCall, EntryKind
from fleawatch.flow.samples.unbuilt import UNBUILT
from fleawatch.render.runbooks import runbook_pages
from fleawatch.service.runbooks import runbook_texts

TEXTS = runbook_texts()
INDEX = runbook_pages(CATALOG, TEXTS)["docs/runbooks/README.md"]
SOURCES = Path(fleawatch.__file__).parent

BY_AGENTS = {
    "agent_error", "api_call", "decision_cycle", "escrow_failed", "market_tick", "order_book_snapshot", "order_placed",
    "signal_computed", "slow_span", "span_errors", "strategy_switched",
}  # fmt: skip
"""Kinds of facts that only agents tell; everything else that a page asks for is read by the service, or decided."""

DECIDED = {
    "config_changed", "delivered", "halt_acknowledged", "halt_confirmed", "halt_delivered", "halt_ordered", "halt_probed",
    "limits_declared", "limits_in_force",
}  # fmt: skip
"""Kinds of facts about what people, guards and the service itself did."""

_INLINE = re.compile(r"`((?:fleawatch|curl) [^`]+)`")
_LINE = re.compile(r"^ *((?:fleawatch|curl) .+)$", re.MULTILINE)
_FENCED = re.compile(r"^ *```sh skip\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`")


def commands(text):
    """Every command of a text, in a block or within a line."""
    blocks = [line for block in _FENCED.findall(text) for line in _LINE.findall(block)]
    return blocks + _INLINE.findall(_FENCED.sub("", text))


OURS = sorted({one for text in (*TEXTS.values(), INDEX) for one in commands(text) if one.startswith("fleawatch ")})
CURLS = sorted({one for text in TEXTS.values() for one in commands(text) if one.startswith("curl ")})


def refused(line):
    """Why the command line does not take `line`; empty when it does."""
    command, words = cli, shlex.split(line)[1:]
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        command, words = found, words[1:]
    context = click.Context(command)
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
        for parameter in command.params:
            value = given.get(parameter.name)
            if parameter.required and not isinstance(value, str | bool):
                return f"{parameter.name} is missing"
            if isinstance(parameter.type, click.Choice) and isinstance(value, str):
                parameter.type.convert(value, parameter, context)
    except click.UsageError as error:
        return error.format_message()
    return f"too much: {rest}" if rest else ""


class TestTexts:
    def test_true_to_the_catalog(self):
        """Every alert has its text with the five sections, and no text names what the catalog does not have."""
        assert lint_runbooks(CATALOG, TEXTS) == ()

    @pytest.mark.parametrize("name", sorted(TEXTS))
    def test_length(self, name):
        """A text is long enough to help and short enough to be read at night."""
        assert 20 <= len(TEXTS[name].splitlines()) <= 60

    @pytest.mark.parametrize("name", sorted(TEXTS))
    def test_form(self, name):
        """Every block of commands is closed and is not run by those who try the documentation."""
        fences = [line.strip() for line in TEXTS[name].splitlines() if line.strip().startswith("```")]
        assert fences == ["```sh skip", "```"] * (len(fences) // 2)
        assert all(line == line.rstrip() for line in TEXTS[name].splitlines())

    def test_words_exist(self):
        """A word in backquotes that looks like a name of the program or the platform is one that the sources know."""
        known = "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.rglob("*.py")))
        words = {word: name for name, text in TEXTS.items() for word in _WORD.findall(text)}
        assert {word: name for word, name in words.items() if not re.search(rf"\b{word}\b", known)} == {}

    def test_keys_exist(self):
        """The keys of the configuration that change limits and alerts are those that the frame names."""
        page = runbook_pages(CATALOG, TEXTS)["docs/runbooks/PFDrawdownHalt.md"]
        configuration = configuration_page()
        for key in ("agents[].limits", "strategies.*.limits", "limits", "alerts.disabled"):
            assert f"`{key}`" in page
            assert f"| `{key}` |" in configuration


class TestCommands:
    @pytest.mark.parametrize("line", OURS)
    def test_exist(self, line):
        """Every command of a page is taken by the command line."""
        assert refused(line) == ""

    @pytest.mark.parametrize(
        "line",
        [
            "fleawatch stop",
            "fleawatch report --since 3",
            "fleawatch report a b",
            "fleawatch replay",
            "fleawatch report --window 2h",
        ],
    )
    def test_mistakes_are_found(self, line):
        """What the command line would refuse is refused here."""
        assert refused(line) != ""

    @pytest.mark.parametrize("line", CURLS)
    def test_kinds(self, line):
        """Facts are asked for by kinds that exist, and by fields that they have."""
        for kinds in re.findall(r"kind=([a-z_,]+)", line):
            assert set(kinds.split(",")) <= set(KINDS)
        for fields in re.findall(r"\.fact \| \[([^\]]+)\]", line):
            assert set(re.findall(r"\.(\w+)", fields)) <= set(ApiCall.__struct_fields__)
        for entries in re.findall(r'select\(\.entry \| test\("([^"]+)"\)\)', line):
            assert all(any(part in entry for entry in get_args(EntryKind)) for part in entries.split("|"))

    def test_told(self):
        """A kind that a page asks for is one that somebody tells: the sources, the service, agents, or who decides."""
        asked = {kind for line in CURLS for kinds in re.findall(r"kind=([a-z_,]+)", line) for kind in kinds.split(",")}
        readers = [*(SOURCES / "sources").rglob("*.py"), *(SOURCES / "service").rglob("*.py")]
        code = "\n".join(path.read_text(encoding="utf-8") for path in readers)
        read = {kind for kind in asked if f"{KINDS[kind].__name__}(" in code}
        assert asked - read - BY_AGENTS - DECIDED == set()
        assert (BY_AGENTS | DECIDED) - asked == set()

    @pytest.mark.parametrize("line", [line for line in CURLS if "/metrics |" in line])
    def test_metrics(self, line):
        """What is looked for on the monitor's page of metrics is exported there, and not by the agent."""
        names = re.findall(r"\bpf_[a-z0-9_]+", line)
        assert names
        assert [name for name in names if CATALOG.metrics[name].owner != "monitor"] == []

    def test_metrics_that_wait(self):
        """Metrics that nobody fills yet are named only where their alert cannot fire without them."""
        named = {name for line in CURLS for name in re.findall(r"\bpf_[a-z0-9_]+", line)}
        pages = {alert for alert, text in TEXTS.items() if any(name in text for name in named & UNBUILT.keys())}
        assert pages <= {"PFAnomalyLoss", "PFRegimeChange", "PFStakeEscalation"}


class TestCommand:
    @pytest.mark.parametrize("name", ["PFDrawdownHalt", "drawdownhalt", "pfdrawdownhalt"])
    def test_page(self, name):
        """The page of an alert is printed, whatever the case and with or without PF."""
        done = CliRunner().invoke(cli, ["runbook", name])
        assert done.exit_code == 0
        assert done.output.startswith("# PFDrawdownHalt\n")
        assert [f"\n## {title}\n" in done.output for title in SECTIONS] == [True] * 5
        assert "sh skip" not in done.output
        assert "{limit:" not in done.output

    def test_json(self):
        """A program gets the parts of the page."""
        done = CliRunner().invoke(cli, ["runbook", "PFDrawdownHalt", "--json"])
        found = json.loads(done.output)
        assert tuple(found["sections"]) == SECTIONS
        assert (found["alert"], found["severity"], found["action"]) == ("PFDrawdownHalt", "critical", "halt")
        assert found["path"] == "docs/runbooks/PFDrawdownHalt.md"
        assert found["limits"] == {"drawdown_halt": 0.2}
        assert sections(found["markdown"])["Act"] == found["sections"]["Act"]

    def test_unknown(self):
        """A name that is no alert's is refused with the nearest ones."""
        done = CliRunner().invoke(cli, ["runbook", "PFDrawdwnHal"])
        assert done.exit_code == 2
        assert "'PFDrawdwnHal' is no alert. Nearest: PFDrawdownHalt" in done.output

    def test_nothing_near(self):
        """A name that is near to none is told where all of them are."""
        done = CliRunner().invoke(cli, ["runbook", "zzzz"])
        assert done.exit_code == 2
        assert "fleawatch runbook lists them all" in done.output

    def test_list(self):
        """Without a name every alert is listed."""
        done = CliRunner().invoke(cli, ["runbook"])
        assert [name for name in CATALOG.alerts if name not in done.output] == []

    def test_list_json(self):
        """A program gets the list as well."""
        found = json.loads(CliRunner().invoke(cli, ["runbook", "--json"]).output)["runbooks"]
        assert [one["alert"] for one in found] == list(CATALOG.alerts)
