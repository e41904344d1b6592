"""The shape of the API's documents: names that programs rely on are changed on purpose or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleawatch.testing.asgi import call
from fleawatch.testing.watched import example_watched
from fleawatch.web.app import create_app

LIST = Path(__file__).with_name("web_api_shape.txt")
PATHS = (
    "/api/v1/fleet",
    "/api/v1/agents",
    "/api/v1/agents/hazel",
    "/api/v1/events?limit=1&kind=bet_settled",
    "/health",
    "/api/v1/agents/nobody",
)
KEYED = ("by_class", "known_since", "parts", "checks", "platform_ids", "layers")
"""Objects whose keys are words of the fleet: what their values look like is promised, not which there are."""


def shape(value, path=""):
    """Every path of a document; a list stands for its first element, `number` for an object with the five fields."""
    if isinstance(value, dict) and value.keys() == {"value", "as_of", "source", "freshness", "reason"}:
        return {f"{path} number"}
    if isinstance(value, dict):
        keyed = path.rpartition(".")[2] in KEYED
        return {line for key, one in value.items() for line in shape(one, f"{path}.{'*' if keyed else key}")} or {
            f"{path} object"
        }
    if isinstance(value, list):
        return {line for one in value[:1] for line in shape(one, f"{path}[]")} or {f"{path} list"}
    return {f"{path}"}


@pytest.fixture(scope="module", name="answers")
def _answers():
    async def ask():
        watched = await example_watched(12, 4)
        app = create_app(watched)
        found = {path: (await call(app, path)).json() for path in PATHS}
        await watched.close()
        return found

    return asyncio.run(ask())


def test_documents_keep_their_shape(answers):
    """Each document has exactly the paths of the list beside this test."""
    lines = [f"{path} {line}" for path in PATHS for line in sorted(shape(answers[path]))]
    assert LIST.read_text(encoding="utf-8").splitlines() == lines
