"""The agent's own log: ids of the current operation, who speaks, and no secrets, through `logging` and structlog."""

import asyncio
import json
import logging
import queue
import subprocess
import sys
import types
from logging.handlers import QueueHandler, QueueListener

import pytest
import structlog

from fleawatch import Telemetry
from fleawatch.sdk.telemetry.logging import LONGEST_TEXT, Enricher, Formatter, Origin


@pytest.fixture
def telemetry():
    """An agent."""
    found = Telemetry(
        "a-1",
        strategy="momentum",
        environment="prod",
        version="1.2",
        service_name="trader",
        environ={},
        heartbeat_s=None,
    )
    yield found
    found.shutdown()


@pytest.fixture
def file(tmp_path):
    """Where lines go."""
    return tmp_path / "own.log"


@pytest.fixture
def logger(telemetry, file):
    """A logger of the agent's own."""
    found = logging.Logger("agent.loop")  # noqa: LOG001 - one of its own for each test
    handler = telemetry.log_handler(str(file))
    found.addHandler(handler)
    yield found
    handler.close()
    handler.close()


def lines(logger, file):
    logger.handlers[0].flush()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_says_where_it_belongs(logger, telemetry, file):
    """Ids in both forms, and who speaks, in the names of the catalog."""
    with telemetry.cycle() as cycle:
        logger.info("deciding on %s", "BTC-USD", extra={"market": "BTC-USD", "price": 100.5})
    logger.warning("outside")
    inside, outside = lines(logger, file)
    place = cycle.place
    assert {name: inside[name] for name in ("trace_id", "span_id", "dd.trace_id", "dd.span_id")} == {
        "trace_id": f"{place.trace_id:032x}", "span_id": f"{place.span_id:016x}",
        "dd.trace_id": str(place.trace_id % 2**64), "dd.span_id": str(place.span_id),
    }  # fmt: skip
    assert (inside["message"], inside["level"], inside["logger"]) == ("deciding on BTC-USD", "info", "agent.loop")
    assert (inside["market"], inside["price"]) == ("BTC-USD", 100.5)
    assert "trace_id" not in outside
    for line in (inside, outside):
        assert (line["agent_id"], line["service"], line["env"], line["version"], line["strategy"]) == (
            "a-1", "trader", "prod", "1.2", "momentum",
        )  # fmt: skip


def test_tasks_do_not_share_ids(logger, telemetry, file):
    """Two operations at once in one thread: each line has the ids of its own."""

    async def act(name):
        async with telemetry.cycle(cycle_id=name) as cycle:
            await asyncio.sleep(0.001)
            logger.info(name)
            return name, f"{cycle.place.trace_id:032x}"

    async def both():
        return await asyncio.gather(act("one"), act("two"))

    expected = dict(asyncio.run(both()))
    assert {line["message"]: line["trace_id"] for line in lines(logger, file)} == expected


def test_secrets_are_cut_by_name_and_by_pattern(logger, file):
    """From messages, arguments, fields at any depth, errors and their stacks."""
    key = "sk_live_" + "a" * 20
    try:
        raise ValueError(f"denied for {key}")  # noqa: TRY301 - as a client raises it
    except ValueError:
        logger.exception("sent %s", key, extra={"api_key": "plain", "deep": {"list": [{"password": "p"}, key]}, key: 1})
    (line,) = lines(logger, file)
    assert "a" * 20 not in file.read_text()
    assert (line["api_key"], line["deep"]) == ("[redacted]", {"list": [{"password": "[redacted]"}, "[redacted]"]})
    assert (line["error.kind"], line["error.message"]) == ("ValueError", "denied for [redacted]")
    assert "Traceback" in line["error.stack"]


@pytest.mark.parametrize("before", range(LONGEST_TEXT - 40, LONGEST_TEXT + 4, 4))
def test_a_secret_that_the_cut_would_tear_is_not_begun(before):
    """In a message and in a field: what is left of it would open something, or narrow it down."""
    origin = Origin("a-1")
    text = f"{('x' * 61 + ' ') * 600}"[:before] + " sk_live_0123456789abcdef0123456789abcdef " + "y " * 5_000
    for clean in (origin.text(text), origin.clean({"note": text})["note"]):
        assert len(clean) <= LONGEST_TEXT
        assert "sk_live" not in clean
        assert clean.startswith(text[: before - 4_096])


def test_names_of_the_line_are_not_taken(logger, file):
    """A field of the user's that is called like one of ours, or like one of the log store's, stands beside it."""
    logger.info("x", extra={"status": "s", "agent_id": "other", "trace_id": "t", "host": "h"})
    (line,) = lines(logger, file)
    assert (line["agent_id"], line["field.agent_id"], line["field.status"], line["field.host"]) == (
        "a-1",
        "other",
        "s",
        "h",
    )
    assert line["field.trace_id"] == "t"
    assert not {"status", "host", "trace_id"} & line.keys()


def test_whatever_is_logged_is_one_line(logger, file):
    """Ends of lines, lone surrogates, numbers that are none, objects that cannot be told, endless structures."""

    class Odd:
        def __str__(self):
            raise RuntimeError

    endless = {}
    endless["self"] = endless
    logger.info("a\nb\u2028c\x85d \ud800", extra={"x": float("nan"), "odd": Odd(), "endless": endless, "set": {1}})
    assert file.exists()
    (line,) = lines(logger, file)
    assert line["message"].startswith("a\nb\u2028c\x85d")
    assert (line["x"], line["odd"], line["set"]) == (None, "<Odd: RuntimeError>", [1])


def test_an_error_that_cannot_be_told_is_named(logger, file):
    """Its own text raises; the line is there all the same."""

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    try:
        raise Odd  # noqa: TRY301 - it is logged where it is caught
    except Odd:
        logger.exception("failed")
    (line,) = lines(logger, file)
    assert (line["error.kind"], line["error.message"]) == ("Odd", "<Odd: RuntimeError>")


def test_structlog_mixes_no_ids_of_two_spans(telemetry):
    """Who names a trace is not given the rest of another one."""
    with telemetry.cycle():
        event = telemetry.log_processor()(None, "info", {"event": "x", "trace_id": "mine"})
    assert event["trace_id"] == "mine"
    assert not {"span_id", "dd.trace_id", "dd.span_id"} & event.keys()


def test_behind_a_queue_the_ids_are_those_of_the_caller(telemetry):
    """The filter takes them before the record changes its thread."""
    waiting, written = queue.Queue(), []

    class Keep(logging.Handler):
        def emit(self, record):
            written.append(json.loads(self.format(record)))

    origin = Origin.of(telemetry)
    keep = Keep()
    keep.setFormatter(Formatter(origin))
    sender = QueueHandler(waiting)
    sender.addFilter(Enricher(origin))
    logger = logging.Logger("queued")  # noqa: LOG001 - one of its own
    logger.addHandler(sender)
    listener = QueueListener(waiting, keep)
    listener.start()
    with telemetry.cycle() as cycle:
        logger.info("inside")
    listener.stop()
    assert written[0]["trace_id"] == f"{cycle.place.trace_id:032x}"
    assert not [name for name in written[0] if name.startswith(("field.", "dd_"))]


def test_any_format_can_show_the_ids(telemetry):
    """The filter puts them where a format of text finds them, also outside of an operation."""
    record = logging.makeLogRecord({"msg": "hi"})
    assert Enricher(Origin.of(telemetry)).filter(record)
    assert logging.Formatter("[%(agent_id)s %(trace_id)s %(dd_span_id)s] %(message)s").format(record) == "[a-1  ] hi"


def test_structlog_gets_the_same(telemetry):
    """Ids, who speaks, and no secrets; what the program says itself stands."""
    with structlog.testing.capture_logs(processors=[telemetry.log_processor()]) as seen, telemetry.cycle() as cycle:
        structlog.get_logger().info("paid", password="x", note="Bearer abcdefgh12345", agent_id="mine", n=1)
    assert seen == [
        {
            "event": "paid", "password": "[redacted]", "note": "Bearer [redacted]", "agent_id": "mine", "n": 1, "service": "trader",
            "env": "prod", "version": "1.2", "strategy": "momentum", "log_level": "info",
            "trace_id": f"{cycle.place.trace_id:032x}", "span_id": f"{cycle.place.span_id:016x}",
            "dd.trace_id": str(cycle.place.trace_id % 2**64), "dd.span_id": str(cycle.place.span_id),
        }
    ]  # fmt: skip


class Tracer:
    """Stands for Datadog's tracer, with the span that is active in it; `broken` raises when it is asked."""

    def __init__(self, trace_id=0, span_id=0, *, broken=False):
        self._span = types.SimpleNamespace(trace_id=trace_id, span_id=span_id) if trace_id else None
        self._broken = broken

    def current_span(self):
        if self._broken:
            raise RuntimeError("not now")
        return self._span

    def load(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "ddtrace", types.ModuleType("ddtrace"))
        module = types.ModuleType("ddtrace.trace")
        module.tracer = self
        monkeypatch.setitem(sys.modules, "ddtrace.trace", module)


WIDE = 0x6B09381E00000000FC6BD4EC551DDB4D
INJECTED = {"dd.trace_id": f"{WIDE:032x}", "dd.span_id": "7", "dd.service": "x", "dd.version": "", "dd.env": ""}


@pytest.mark.parametrize("how", ["logging", "structlog"])
def test_datadogs_active_span_is_named_once_and_in_our_form(telemetry, monkeypatch, how):
    """Within an operation beside its own ids, without one in both forms; what the tracer put there itself is left out."""

    def line():
        if how == "structlog":
            return telemetry.log_processor()(None, "info", {"event": "hi", **INJECTED})
        return json.loads(telemetry.log_formatter().format(logging.makeLogRecord({"msg": "hi", **INJECTED})))

    Tracer(WIDE, 7).load(monkeypatch)
    outside = line()
    with telemetry.cycle() as cycle:
        inside = line()
    for found, ids in ((outside, (WIDE, 7)), (inside, (cycle.place.trace_id, cycle.place.span_id))):
        assert (found["dd.trace_id"], found["dd.span_id"]) == (str(WIDE % 2**64), "7")
        assert (found["trace_id"], found["span_id"]) == (f"{ids[0]:032x}", f"{ids[1]:016x}")
        assert not [
            name for name in found if name.startswith(("field.", "dd.s", "dd.e", "dd.v")) and name != "dd.span_id"
        ]
    for tracer in (Tracer(), Tracer(broken=True)):
        tracer.load(monkeypatch)
        assert not [name for name in line() if name.startswith(("dd.", "field.", "trace_id"))]


def test_a_line_that_cannot_be_made_is_reported_as_the_library_does(logger, file, capsys):
    """A wrong argument never reaches the agent's code."""
    logger.info("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
    assert lines(logger, file) == []


def test_what_is_told_in_one_word_belongs_to_the_operation_around_it(tmp_path):
    """Its line has the ids of the span that was current, and none where there was none."""
    file = tmp_path / "facts.log"
    telemetry = Telemetry("a-1", logs=str(file), environ={}, heartbeat_s=None)
    with telemetry.cycle() as cycle:
        telemetry.strategy_switch("calm")
    telemetry.strategy_switch("bold")
    telemetry.shutdown()
    told = [json.loads(line) for line in file.read_text().splitlines()]
    inside, outside = (line for line in told if line["event"] == "strategy_switch")
    assert (inside["trace_id"], inside["dd.span_id"]) == (f"{cycle.place.trace_id:032x}", str(cycle.place.span_id))
    assert "trace_id" not in outside


FORKED = """
import logging, multiprocessing, os, sys
from fleawatch import Telemetry
telemetry = Telemetry("a-1", environ={}, heartbeat_s=None)
logging.getLogger().addHandler(telemetry.log_handler(sys.argv[1]))
def say():
    logging.warning("child")
logging.warning("before")
if sys.argv[2] == "fork":
    child = os.fork()
    if child == 0:
        say()
        sys.exit(0)
    os.waitpid(child, 0)
else:
    child = multiprocessing.get_context("fork").Process(target=say)
    child.start()
    child.join()
logging.warning("after")
"""


@pytest.mark.parametrize("how", ["fork", "multiprocessing"])
def test_a_child_of_a_fork_writes_its_own_lines(tmp_path, how):
    """Each line once, whichever process logged it, and also those just before it ends."""
    log = tmp_path / "agent.log"
    subprocess.run([sys.executable, "-c", FORKED, str(log), how], check=True, timeout=60)
    said = [json.loads(line)["message"] for line in log.read_text().splitlines()]
    assert sorted(said) == ["after", "before", "child"]
