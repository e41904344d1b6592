"""A Pushgateway that demands credentials or a certificate: what is shown to it, and what is never printed."""

import base64
import logging
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fleawatch import Telemetry
from fleawatch.errors import BadConfig

PASSWORD = "hunter2:Hünter2"  # A password may hold a colon and any letter; a user's name no colon.
TOKEN = "tok-0123456789abcdef"
BASIC = "Basic " + base64.b64encode(f"desk:{PASSWORD}".encode()).decode()


class Demanding:
    """A gateway on loopback that answers 401 to whoever shows something else than `demanded`."""

    def __init__(self, demanded, tls=None):
        self.demanded, self.accepted, self.refused = demanded, [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                shown = self.headers.get("Authorization")
                (outer.accepted if shown == outer.demanded else outer.refused).append((self.command, shown))
                self.send_response(200 if shown == outer.demanded else 401)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_DELETE = do_PUT  # noqa: N815 - the name that the library calls

            def log_message(self, *_):
                """A test is no place for an access log."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A client that does not trust us goes away."""

            def finish_request(self, request, address):
                if tls is None:
                    super().finish_request(request, address)
                    return
                with tls.wrap_socket(request, server_side=True) as spoken:
                    super().finish_request(spoken, address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def demanding():
    """Begins gateways, and ends them."""
    begun = []

    def begin(*args):
        begun.append(Demanding(*args))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


@pytest.fixture(scope="module", name="pem")
def _pem(tmp_path_factory):
    """Certificate and key for 127.0.0.1, which vouch for themselves; a key with a password; something else."""
    folder = tmp_path_factory.mktemp("pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=a-gateway",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", "rsa", "-aes256", "-passout", f"pass:{TOKEN}", "-in", folder / "key.pem", "-out", folder / "locked.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "other.pem").write_text("nothing\n")
    return folder


def serving(pem, *, mutual=False):
    """How a gateway with the certificate speaks TLS; it may demand one as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "cert.pem", pem / "key.pem")
    if mutual:
        context.load_verify_locations(pem / "cert.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def run(gateway, environ=None, **chosen):
    """A program that orders once and ends."""
    telemetry = Telemetry("a-1", pushgateway=gateway.address, heartbeat_s=None, environ=environ or {}, **chosen)
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
        order.filled("o-1", price=1)
    telemetry.flush(5)
    telemetry.shutdown()
    return telemetry


def test_a_password_from_its_file_the_environment_or_an_argument(demanding, tmp_path):
    """As basic authentication, with every request, the deletion too."""
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    toml = tmp_path / "agent.toml"
    toml.write_text(f'[telemetry]\npushgateway_user = "desk"\npushgateway_password_file = "{file}"\n')
    for given in (
        {"pushgateway_user": "desk", "pushgateway_password_file": str(file)},
        {"pushgateway_user": "desk", "pushgateway_password": PASSWORD},
        {"environ": {"PF_PUSHGATEWAY_USER": "desk", "PF_PUSHGATEWAY_PASSWORD_FILE": str(file)}},
        {"environ": {"PF_PUSHGATEWAY_USER": "desk", "PF_PUSHGATEWAY_PASSWORD": PASSWORD}},
        {"file": toml},
    ):
        gateway = demanding(BASIC)
        telemetry = run(gateway, **given)
        assert [method for method, _ in gateway.accepted][-1] == "DELETE"
        assert {method for method, _ in gateway.accepted} == {"PUT", "DELETE"}
        assert (gateway.refused, telemetry.dropped) == ([], {})


def test_a_bearer_token_in_their_place(demanding, tmp_path):
    """For a gateway behind a proxy that knows tokens."""
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    for given in ({"pushgateway_token_file": str(file)}, {"environ": {"PF_PUSHGATEWAY_TOKEN": TOKEN}}):
        gateway = demanding(f"Bearer {TOKEN}")
        assert run(gateway, **given).dropped == {}
        assert len(gateway.accepted) >= 2


def test_a_password_that_is_renewed_is_the_one_that_is_used(demanding, tmp_path):
    """It is read for each request."""
    file = tmp_path / "password"
    file.write_text("old")
    gateway = demanding(BASIC)
    telemetry = Telemetry(
        "a-1", pushgateway=gateway.address, pushgateway_user="desk", pushgateway_password_file=str(file), heartbeat_s=None,
        environ={},
    )  # fmt: skip
    telemetry.faucet_claim("success", 1)
    assert not telemetry.flush(5)
    file.write_text(PASSWORD)
    assert telemetry.flush(5)
    telemetry.shutdown()
    assert gateway.refused
    assert gateway.accepted


def test_what_is_refused_is_counted_and_told_without_the_secret(demanding, tmp_path, caplog):
    """Nor is it in the settings, the telemetry, or what an unreadable file leads to."""
    file = tmp_path / "token"
    file.write_bytes(TOKEN.encode() + b"\n\xff")
    with caplog.at_level(logging.DEBUG):
        gateway = demanding("Basic x")
        several = [
            run(gateway, pushgateway_user="desk", pushgateway_password=PASSWORD),
            run(gateway, pushgateway_token=TOKEN),
            run(gateway, pushgateway_token_file=str(file)),
        ]
    logged = [record.getMessage() for record in caplog.records]
    assert any("answered 401" in line for line in logged)
    assert any("cannot be read: its file holds no text" in line for line in logged)
    for telemetry in several:
        assert telemetry.dropped["sink_pushgateway"] >= 2
        for text in (repr(telemetry.settings), repr(vars(telemetry)), "".join(logged), caplog.text):
            assert not [secret for secret in (PASSWORD, TOKEN, BASIC) if secret in text]
    assert not gateway.accepted


def test_nothing_is_told_to_a_gateway_whose_certificate_nobody_vouches_for(demanding, pem, caplog):
    """There is no way to leave the check out; the authorities of the system do not know it."""
    gateway = demanding(BASIC, serving(pem))
    telemetry = run(gateway, pushgateway_user="desk", pushgateway_password=PASSWORD)
    assert telemetry.dropped["sink_pushgateway"] >= 2
    assert gateway.accepted == gateway.refused == []
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_a_certificate_of_ones_own_authority_is_accepted(demanding, pem):
    """And the host's name is part of what is checked."""
    gateway = demanding(BASIC, serving(pem))
    chosen = {
        "pushgateway_user": "desk",
        "pushgateway_password": PASSWORD,
        "pushgateway_ca_file": str(pem / "cert.pem"),
    }
    assert run(gateway, **chosen).dropped == {}
    assert gateway.accepted
    before = list(gateway.accepted)
    gateway.address = gateway.address.replace("127.0.0.1", "localhost")
    assert run(gateway, **chosen).dropped
    assert gateway.accepted == before


def test_a_gateway_that_demands_a_certificate_gets_one(demanding, pem):
    """Without it nothing is accepted."""
    gateway = demanding(None, serving(pem, mutual=True))
    ours = {"pushgateway_ca_file": str(pem / "cert.pem")}
    assert run(gateway, **ours).dropped
    assert not gateway.accepted
    ours |= {"pushgateway_cert_file": str(pem / "cert.pem"), "pushgateway_key_file": str(pem / "key.pem")}
    assert run(gateway, **ours).dropped == {}
    assert gateway.accepted


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"ca_file": "other.pem"}, "pushgateway_ca_file: cannot be used"),
        ({"ca_file": "none.pem"}, "pushgateway_ca_file: cannot be used: No such file"),
        ({"cert_file": "cert.pem", "key_file": "locked.pem"}, "pushgateway_cert_file: cannot be used"),
        ({"cert_file": "other.pem"}, "pushgateway_cert_file: cannot be used"),
        ({"key_file": "key.pem"}, "pushgateway_key_file: was set without"),
    ],
)
def test_certificates_that_cannot_be_used_are_refused_at_the_start(pem, given, complaint):
    """With the setting; a key with a password asks nobody at the terminal."""
    chosen = {f"pushgateway_{name}": str(pem / file) for name, file in given.items()}
    with pytest.raises(BadConfig, match=complaint):
        Telemetry("a-1", pushgateway="https://127.0.0.1:9", heartbeat_s=None, environ={}, **chosen)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"user": "desk"}, "were not both set"),
        ({"password": "x"}, "were not both set"),
        ({"user": "a:b", "password": "x"}, "had a colon"),
        ({"user": "desk", "password": "x", "token": "t"}, "set one of the two"),
        ({"user": "desk", "password": "x", "password_file": "y"}, "set beside its file"),
        ({"token": "t", "token_file": "y"}, "set beside its file"),
        ({"ca_file": "x"}, "was no address of TLS"),
    ],
)
def test_what_does_not_go_together_is_refused(given, complaint):
    """Each with its remedy, and together with every other complaint."""
    chosen = {f"pushgateway_{name}": value for name, value in given.items()}
    with pytest.raises(BadConfig, match=complaint):
        Telemetry("a-1", pushgateway="http://127.0.0.1:9", heartbeat_s=None, environ={}, **chosen)
