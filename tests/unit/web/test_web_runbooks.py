"""What the runbooks ask of the service is answered by it."""

import re
import shlex

import pytest

from fleawatch.service.runbooks import runbook_texts

_ADDRESS = re.compile(r"http://127\.0\.0\.1:9712(/[^\s'`]*)")
_CURL = re.compile(r"(curl [^\n`]+)")
CURLS = sorted({line for text in runbook_texts().values() for line in _CURL.findall(text) if "127.0.0.1" in line})


def first(line):
    """What stands before the first pipe that is not in quotes."""
    words = shlex.split(line)
    return words[: words.index("|")] if "|" in words else words


def asked(line):
    """The keys of the document that the jq after it reads."""
    words = shlex.split(line)
    if "jq" not in words:
        return set()
    expression = next(word for word in words[words.index("jq") + 1 :] if not word.startswith("-"))
    return set(re.findall(r"(?:^|, )\.(\w+)", expression.partition("|")[0]))


@pytest.mark.parametrize("line", CURLS)
def test_every_address_answers(line, get, example):
    """Every address of a page answers, and its document has the keys that are read from it."""
    agent = min(example.monitor.state.agents)
    (path,) = _ADDRESS.findall(next(word for word in first(line) if "127.0.0.1" in word))
    answer = get(path.replace("AGENT", agent))
    assert answer.status == 200
    wanted = asked(line)
    assert wanted <= set(answer.json()) if wanted else not line.count("jq")
