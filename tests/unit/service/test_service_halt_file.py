"""The HALT file, tokens from the configuration, and the parts that carry halts."""

import asyncio
import json

import pytest

from fleawatch.errors import BadConfig
from fleawatch.flow.halting.settings import halting_policy
from fleawatch.service.access import Identity, Tokens, tokens_of
from fleawatch.service.acts import FILE, Order, RefusedActError, Release
from fleawatch.service.config import Agent, Config
from fleawatch.service.config_access import Access
from fleawatch.service.config_actuate import Actuate, halting_of
from fleawatch.service.load import load
from fleawatch.testing.halted import HaltBelt
from fleawatch.testing.watched import controlled, hand_watched


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is plain state
            await asyncio.sleep(0.02)


async def fleet(directory):
    belt = HaltBelt()
    belt.watch("a-1")
    belt.read("a-1")
    watched = await hand_watched(belt.facts, belt.now)
    store = watched.config.store.model_copy(update={"path": directory})
    watched.config = watched.config.model_copy(update={"store": store})
    return controlled(watched)


def test_a_halt_file_stops_the_fleet_until_somebody_resumes_it(tmp_path):
    """Removing it resumes nobody; while it is there nobody can; written anew it halts anew."""

    async def run():
        watched = await fleet(tmp_path)
        control = watched.monitor.state.agents["a-1"].control
        watching = asyncio.create_task(watched.control.acts.watch_file())
        (tmp_path / FILE).write_text("fire in the data centre")
        await until(lambda: control.halt is not None)
        assert (control.halt.actor, control.halt.scope) == (FILE, "fleet")
        release = Release("fleet", "", "ann", "it is out")
        with pytest.raises(RefusedActError) as refused:
            await watched.control.acts.resume(release)
        assert refused.value.status == 409
        (tmp_path / FILE).unlink()
        await asyncio.sleep(0.6)
        assert control.halt is not None
        assert await watched.control.acts.resume(release) == ["a-1"]
        await asyncio.sleep(0.6)
        assert control.halt is None
        (tmp_path / FILE).write_text("again")
        await until(lambda: control.halt is not None)
        watching.cancel()
        await watched.close()

    asyncio.run(run())


def test_an_order_of_a_person_is_one_fact():
    """With a new id each time nobody gave one."""

    async def run():
        watched = controlled(await hand_watched(at=1.0))
        with pytest.raises(RefusedActError):
            await watched.control.acts.halt(Order("agent", "nobody", "halt", "manual", "ann"))
        first = await watched.control.acts.halt(Order("fleet", "", "halt", "manual", "ann"))
        second = await watched.control.acts.halt(Order("fleet", "", "halt", "manual", "ann"))
        assert first[0] != second[0]
        await watched.close()

    asyncio.run(run())


def write(tmp_path, text, **files):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    path = tmp_path / "fleawatch.yaml"
    path.write_text("agents: [{id: a-1, health_url: 'http://127.0.0.1:1'}]\n" + text)
    return path


def secret_of(texts):
    return lambda place: texts[str(place.env)]


class TestTokens:
    def test_they_are_found_beside_the_configuration(self, tmp_path):
        """By files relative to it, and by variables whose names begin like settings."""
        path = write(
            tmp_path,
            "access: {tokens: [{name: ann, role: operator, token: {file: ann}}, {name: a-1, role: agent, agent: a-1, "
            "token: {env: FLEAWATCH_TOKEN_A1}}]}\n",
            ann="x" * 32,
        )
        config = load(path, {"FLEAWATCH_TOKEN_A1": "y" * 32})
        assert config.access.tokens[0].token.file == tmp_path / "ann"

    def test_a_token_that_is_not_there_is_told_at_the_start(self, tmp_path):
        """By its place, without a value."""
        path = write(tmp_path, "access: {tokens: [{name: ann, role: operator, token: {file: gone}}]}\n")
        with pytest.raises(BadConfig, match=r"access\.tokens\[0\]\.token"):
            load(path, {})

    @pytest.mark.parametrize(
        "token",
        ["{name: ann, role: operator, agent: a-1, token: {env: T}}", "{name: ann, role: agent, token: {env: T}}",
         "{name: 'a b', role: viewer, token: {env: T}}", "{name: ann, role: root, token: {env: T}}", "{name: ann, role: viewer}",
         "{name: ann, role: viewer, token: 'inline-token-000000'}"],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused(self, tmp_path, token):
        """And no token that was written inline is shown."""
        with pytest.raises(BadConfig) as refused:
            load(write(tmp_path, f"access: {{tokens: [{token}]}}\n"), {"T": "x" * 32})
        assert "inline-token" not in str(refused.value)

    def test_every_mistake_of_tokens_is_told_at_once(self):
        """Too short, twice the same, an agent nobody listed."""
        access = Access.model_validate(
            {"tokens": [
                {"name": "a", "role": "viewer", "token": {"env": "SHORT"}}, {"name": "b", "role": "viewer", "token": {"env": "X"}},
                {"name": "c", "role": "agent", "agent": "gone", "token": {"env": "X"}},
            ]}
        )  # fmt: skip
        config = Config(agents=(Agent(id="a-1", health_url="http://127.0.0.1:1"),), access=access)
        with pytest.raises(BadConfig) as refused:
            tokens_of(config, secret_of({"SHORT": "short", "X": "x" * 32}))
        assert len(refused.value.problems) == 3
        assert "x" * 32 not in str(refused.value)

    def test_a_token_is_known_by_itself_alone(self):
        """Not by a part of it, nor with something behind it; and it is shown nowhere."""
        tokens = Tokens([("secret-token-00001", Identity("ann", "operator"))])
        assert tokens.identify("Bearer secret-token-00001").name == "ann"
        assert tokens.identify("bearer secret-token-00001").name == "ann"
        for wrong in ("secret-token-00001", "Bearer secret-token-0000", "Bearer secret-token-000011", "Bearer \udcff"):
            assert tokens.identify(wrong) is None
        assert "secret" not in repr(tokens) + json.dumps(vars(tokens), default=repr)

    def test_each_of_many_is_known_as_whose_it_is(self):
        """And a digest that somebody could compute is kept nowhere: it is another in each process."""
        many = [(f"secret-token-{number:05}", Identity(f"a-{number}", "agent", f"a-{number}")) for number in range(50)]
        tokens, others = Tokens(many), Tokens(many)
        assert [tokens.identify(f"Bearer {token}") for token, _ in many] == [identity for _, identity in many]
        assert tokens.agents == {f"a-{number}" for number in range(50)}
        assert tokens._known.keys().isdisjoint(others._known)


class TestMeans:
    @pytest.mark.parametrize(
        "means",
        [{"flatten": True}, {"brake": True}, {"process": {"kind": "pm2"}}, {"process": {"kind": "pm2", "name": "a; rm -rf /"}},
         {"process": {"kind": "pm2", "name": "--all"}}, {"process": {"kind": "kubernetes", "name": "pod/x"}},
         {"process": {"kind": "command"}}, {"process": {"kind": "command", "command": ["x"], "name": "y"}},
         {"process": {"kind": "systemd", "name": "$(x)"}}],
    )  # fmt: skip
    def test_what_could_do_something_else_is_refused(self, means):
        """A key on purpose, a plain name, one way."""
        with pytest.raises(ValueError, match="Value error"):
            Actuate.model_validate({"agents": {"a-1": means}})

    def test_the_belt_knows_for_whom_what_is_allowed(self):
        """Only what was opted into."""
        actuate = Actuate.model_validate(
            {
                "agents": {
                    "a-1": {"process": {"kind": "pm2", "name": "bot"}},
                    "b-1": {"flatten": True, "key": {"env": "K"}},
                }
            }
        )
        policy = halting_policy(halting_of(actuate))
        assert (policy.process, policy.platform, policy.flatten) == ({"a-1"}, set(), {"b-1"})
