"""Settings of telemetry: who wins, what other systems' variables mean, and every complaint at once."""

import pytest

from fleawatch.errors import BadConfig
from fleawatch.sdk.secret import secret_of
from fleawatch.sdk.telemetry.settings import Settings, settings

AGENT = {"PF_AGENT_ID": "a-1"}


def test_an_argument_wins_over_the_environment_and_that_over_the_file(tmp_path):
    """In this order; what none of them says is the default."""
    file = tmp_path / "agent.toml"
    file.write_text('[telemetry]\nstrategy = "file"\nenvironment = "file"\nversion = "file"\n')
    found = settings({"strategy": "argument"}, {**AGENT, "PF_ENVIRONMENT": "env", "PF_STRATEGY": "env"}, file)
    assert (found.strategy, found.environment, found.version, found.sample) == ("argument", "env", "file", 1.0)


@pytest.mark.parametrize(
    ("environ", "name", "value"),
    [
        ({"AGENT_ID": "b-1", "PF_AGENT_ID": ""}, "agent_id", "b-1"),
        ({"DD_ENV": "prod"}, "environment", "prod"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=stage,cloud.region=eu"}, "environment", "stage"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=stage,cloud.region=eu"}, "region", "eu"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=stage"}, "environment", "stage"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=trading%20desk"}, "service_name", "trading desk"),
        ({"OTEL_SERVICE_NAME": "desk"}, "service_name", "desk"),
        ({"DD_SERVICE": "desk"}, "service_name", "desk"),
        ({"DD_VERSION": "1.2"}, "version", "1.2"),
        ({"DD_AGENT_HOST": "10.0.0.1"}, "statsd", "udp://10.0.0.1:8125"),
        ({"DD_AGENT_HOST": "10.0.0.1", "DD_DOGSTATSD_PORT": "9125"}, "statsd", "udp://10.0.0.1:9125"),
        ({"DD_AGENT_HOST": "fd00::1"}, "statsd", "udp://[fd00::1]:8125"),
        ({"DD_DOGSTATSD_URL": "unix:///var/run/dsd.socket"}, "statsd", "unix:///var/run/dsd.socket"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "otlp", "http://c:4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, "otlp", None),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "sample", 0.0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, "sample", 0.25),
        ({"PF_TRACE_PROPAGATE_HOSTS": "a.example, b.example"}, "propagate_hosts", ("a.example", "b.example")),
    ],
)
def test_what_is_deployed_already_is_understood(environ, name, value):
    """Variables of OpenTelemetry and Datadog mean here what they mean there."""
    assert getattr(settings({}, {**AGENT, **environ}), name) == value


def test_every_complaint_comes_at_once(tmp_path):
    """Names, values and the remedy of each; a secret in an address is not repeated."""
    file = tmp_path / "agent.toml"
    file.write_text("colour = 1\n")
    with pytest.raises(BadConfig) as refused:
        settings(
            {"sample": 2, "otlp": "http://me:hunter2@c", "metrics": "here", "traces": "some", "shape": 1},
            {"PF_AGENT_ID": "Not A Name"}, file,
        )  # fmt: skip
    text = str(refused.value)
    for name in ("colour", "sample", "otlp", "metrics", "traces", "shape", "agent_id"):
        assert name in text
    assert "hunter2" not in text


@pytest.mark.parametrize("chosen", [{"metrics": "127.0.0.1:65536"}, {"metrics": "here:²"}, {"private": 3}])
def test_values_of_another_kind_are_complaints(chosen):
    """A port that is none, a list that is none: no error of another kind."""
    with pytest.raises(BadConfig, match=next(iter(chosen))):
        settings(chosen, AGENT)


def test_a_file_whose_table_is_none_is_a_complaint(tmp_path):
    """The name stands for something else."""
    file = tmp_path / "agent.toml"
    file.write_text('telemetry = "on"\n')
    with pytest.raises(BadConfig, match="was no table"):
        settings({}, AGENT, file)


def test_a_key_is_no_name_of_an_agent():
    """Whoever puts a key where the name belongs is told, without the key."""
    with pytest.raises(BadConfig) as refused:
        settings({"agent_id": "sk_live_0123456789abcdef0123456789abcdef"}, {})
    assert "0123456789abcdef" not in str(refused.value)


def test_without_a_name_there_is_no_telemetry():
    """The error says where a name is found."""
    with pytest.raises(BadConfig, match="PF_AGENT_ID"):
        settings({}, {})


def test_everything_but_the_name_has_a_default():
    """Nothing is sent anywhere until somebody says so."""
    found = settings({}, AGENT)
    assert found == Settings(agent_id="a-1")
    assert (found.service, found.metrics, found.statsd, found.otlp, found.logs) == (None,) * 5


def test_a_secret_is_read_anew_each_time(tmp_path):
    """A token that was renewed is the one that is used; without a file there is none."""
    file = tmp_path / "token"
    file.write_text("one\n")
    secret = secret_of(str(file))
    assert secret() == "one"
    file.write_text("two\n")
    assert (secret(), secret_of(None)()) == ("two", None)


@pytest.mark.parametrize("scrape", [{"metrics": "127.0.0.1:0"}, {"metrics_dir": "metrics"}])
def test_what_is_scraped_is_not_pushed(scrape):
    """Every sum over both would have everything twice."""
    with pytest.raises(BadConfig, match="push what ends"):
        settings({"pushgateway": "http://127.0.0.1:9091", **scrape}, AGENT)


def test_whether_a_group_is_kept_is_yes_or_no():
    """From the environment, where everything is text."""
    assert settings({}, {**AGENT, "PF_PUSHGATEWAY_KEEP": "true"}).pushgateway_keep is True
    assert settings({}, {**AGENT, "PF_PUSHGATEWAY_KEEP": "0"}).pushgateway_keep is False
    with pytest.raises(BadConfig, match="write true or false"):
        settings({}, {**AGENT, "PF_PUSHGATEWAY_KEEP": "maybe"})
