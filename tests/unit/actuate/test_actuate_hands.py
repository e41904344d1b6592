"""What is done to stop an agent: argument lists, closed lists of paths, answers that are kept as what they are."""

import asyncio
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from fleawatch.actuate import routes
from fleawatch.actuate.brake import LIMIT_USD, Brake
from fleawatch.actuate.flatten import MOST, Flatten
from fleawatch.actuate.hand import Hand
from fleawatch.actuate.memory import MemoryActuator
from fleawatch.actuate.process import ProcessStop, kubernetes, pm2, systemd
from fleawatch.actuate.routes import CLOSE, READ_LIMITS, SET_LIMITS, Deed
from fleawatch.ports import Outcome
from fleawatch.service.config_actuate import Process
from fleawatch.service.hands import _arguments
from fleawatch.testing.actuator_contract import ActuatorContract, command

KEY = "sk_trade_" + "a" * 48


class Exchange:
    """A trading server that answers as told and keeps what it was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen = []
        self.limit = 50_000.0

    async def handle(self, request):
        body = await request.json() if request.method == "POST" else None
        self.seen.append((request.method, request.path, body, request.headers.get("Authorization")))
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "hang":
            await asyncio.sleep(5)
        if answer == "late":
            self.limit = LIMIT_USD
            await asyncio.sleep(5)
        if answer != 200:
            return web.json_response({"error": "close_failed"}, status=int(answer))
        if request.path.endswith("risk-settings"):
            self.limit = body["max_position_usd"] if body else self.limit
            return web.json_response({"risk_settings": {"max_position_usd": self.limit}})
        return web.json_response({"status": "closed"})


@asynccontextmanager
async def hand(exchange, deadline_s=0.2):
    """A hand at the exchange."""
    server = web.ServerRunner(web.Server(exchange.handle))
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        yield Hand(session, "trading", f"http://127.0.0.1:{port}", KEY, deadline_s=deadline_s)
    await server.cleanup()


def acted(exchange, make, **fields):
    async def run():
        async with hand(exchange) as one:
            return await make(one).act(command(**fields))

    return asyncio.run(run())


def test_nothing_else_can_ever_be_sent():
    """Three posts, one read; never an open, a withdrawal, or the close-all that closes nothing."""
    assert {str(deed) for deed in routes.ALLOWED} == {
        "POST trading /v1/trade/close", "POST trading /v1/trade/risk-settings", "GET trading /v1/trade/risk-settings",
        "POST faucet /faucet/claim",
    }  # fmt: skip


@pytest.mark.parametrize(
    "deed", [Deed("trading", "POST", "/v1/trade/open"), Deed("trading", "POST", "/v1/trade/close-all"), Deed("casino", "POST", "/v1/trade/close")]
)  # fmt: skip
def test_a_hand_refuses_what_is_not_on_the_list(deed):
    """Before anything is sent."""

    async def run():
        exchange = Exchange()
        async with hand(exchange) as one:
            with pytest.raises(ValueError, match="nothing that the trading hand may do"):
                await one.call(deed)
            assert exchange.seen == []
            assert KEY not in repr(one)

    asyncio.run(run())


def test_positions_are_closed_one_by_one():
    """Each by its id; one that is closed already is closed."""
    exchange = Exchange(200, 404)
    assert acted(exchange, Flatten, positions=("p1", "p2")) == Outcome("done")
    assert [(method, path, body) for method, path, body, _ in exchange.seen] == [
        ("POST", CLOSE.path, {"position_id": "p1"}), ("POST", CLOSE.path, {"position_id": "p2"}),
    ]  # fmt: skip
    assert {key for *_, key in exchange.seen} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("answers", "status"),
    [((400, 200), "failed"), (("hang", 200), "unknown"), ((500, "hang"), "failed"), ((429, 200), "failed")],
)
def test_an_end_is_told_as_what_it_is(answers, status):
    """No answer is no failure: it may be closed. The others are closed all the same."""
    exchange = Exchange(*answers)
    assert acted(exchange, Flatten, positions=("p1", "p2")).status == status
    assert len(exchange.seen) == 2


def test_no_more_is_sent_than_the_platform_takes():
    """The rest comes with the next command."""
    exchange = Exchange()
    acted(exchange, Flatten, positions=tuple(f"p{n}" for n in range(40)))
    assert len(exchange.seen) == MOST


@pytest.mark.parametrize(
    ("answers", "status"),
    [((), "done"), ((400,), "refused"), ((401,), "refused"), ((500,), "failed"), (("hang", 200), "failed"), ((200, 500), "unknown"),
     (("late", 200), "done"), (("hang", "hang"), "unknown")],
)  # fmt: skip
def test_a_lowered_limit_is_read_back(answers, status):
    """A call without an answer is known by what is in force then."""
    exchange = Exchange(*answers)
    assert acted(exchange, Brake).status == status
    assert (exchange.seen[0][0], exchange.seen[0][1]) == ("POST", SET_LIMITS.path)
    if len(exchange.seen) > 1:
        assert exchange.seen[1][:2] == ("GET", READ_LIMITS.path)


class TestProcess:
    def run(self, *code, within_s=5.0):
        return asyncio.run(ProcessStop((sys.executable, "-c", *code), within_s=within_s).act(command()))

    def test_an_end_of_zero_is_done(self):
        """Any other is not."""
        assert self.run("pass") == Outcome("done")
        assert self.run("raise SystemExit(3)").status == "failed"

    def test_a_program_that_hangs_is_ended_and_its_end_unknown(self):
        """It may have stopped the agent."""
        assert self.run("import time; time.sleep(60)", within_s=0.3).status == "unknown"

    def test_a_program_that_is_not_there_is_refused(self):
        """It will not be there the next time."""
        assert asyncio.run(ProcessStop(("/nowhere/pm2", "stop", "x")).act(command())).status == "refused"
        assert not ProcessStop(("/nowhere/pm2",)).installed

    def test_it_sees_no_secret_and_no_word_of_the_agent(self, monkeypatch):
        """Neither in its environment nor in its arguments."""
        monkeypatch.setenv("FLEAWATCH_TOKEN", "secret")
        code = "import os, sys; sys.exit(any('FLEAWATCH' in name for name in os.environ) or len(sys.argv) != 1)"
        assert self.run(code) == Outcome("done")

    def test_each_way_is_one_argument_list(self):
        """Names are arguments, never options."""
        assert pm2("bot") == ("pm2", "stop", "bot")
        assert systemd("bot.service") == ("systemctl", "stop", "--", "bot.service")
        assert kubernetes("deployment/bot", "trading") == (
            "kubectl", "scale", "deployment/bot", "--replicas=0", "--namespace=trading",
        )  # fmt: skip
        assert _arguments(Process(kind="command", command=("docker", "stop", "bot"))) == ("docker", "stop", "bot")
        assert _arguments(Process(kind="kubernetes", name="statefulset/bot")) == kubernetes(
            "statefulset/bot", "default"
        )


class OfProcess(ActuatorContract):
    async def actuator(self):
        return ProcessStop((sys.executable, "-c", "pass"))

    async def broken(self):
        return ProcessStop(("/nowhere",))


class OfMemory(ActuatorContract):
    async def actuator(self):
        return MemoryActuator()

    async def broken(self):
        return MemoryActuator(Outcome("failed", "as told"))


class OfHand(ActuatorContract):
    def __init__(self, make, one, gone):
        self.make, self.one, self.gone = make, one, gone

    async def actuator(self):
        return self.make(self.one)

    async def broken(self):
        return self.make(self.gone)


@pytest.mark.parametrize("what", ["process", "memory", "flatten", "brake"])
@pytest.mark.parametrize("promise", ["twice_is_harmless", "answers_instead_of_raising"])
def test_every_actuator_keeps_its_promises(what, promise):
    """Processes, exchanges and the twin in memory alike."""

    async def run():
        async with hand(Exchange()) as one, aiohttp.ClientSession() as session:
            gone = Hand(session, "trading", "http://127.0.0.1:9", KEY, deadline_s=0.2)
            contract = {
                "process": OfProcess, "memory": OfMemory, "flatten": lambda: OfHand(Flatten, one, gone),
                "brake": lambda: OfHand(Brake, one, gone),
            }[what]()  # fmt: skip
            await getattr(contract, promise)()

    asyncio.run(run())
