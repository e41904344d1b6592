"""E-mail by SMTP, as RFC 5321 and RFC 3207 have it."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import logging
import ssl
import subprocess
import traceback

import pytest

from fleawatch.errors import DeliveryError
from fleawatch.notify.mail import MailNotifier, MailServer
from fleawatch.testing.notifier_contract import HOSTILE, delivery, note
from fleawatch.testing.smtp_double import SmtpDouble

PASSWORD = "secret-mail-password"
TO = ("ops@example.org", "boss@example.org")


def send(double, *deliveries, recipients=TO, **server):
    """Send through a double; the last receipt or the error."""

    async def work():
        async with double:
            given = {"host": "127.0.0.1", "port": double.port, "security": "none", "deadline_s": 1.0, **server}
            notifier = MailNotifier(MailServer(**given), sender="fleawatch@example.org", recipients=recipients)
            try:
                for one in deliveries or (delivery(),):
                    receipt = await notifier.send(one)
            except DeliveryError as error:
                return error
            finally:
                await notifier.close()
            return receipt

    return asyncio.run(work())


def parsed(message):
    return email.message_from_bytes(message, policy=email.policy.default)


def test_a_message_on_the_wire():
    """Headers, one conversation a group, plain text."""
    double = SmtpDouble()
    receipt = send(double, delivery(), delivery("d-2", kind="resolved"))
    first, second = map(parsed, double.messages)
    assert first["Subject"] == "[CRITICAL] a-1: drawdown critical"
    assert second["Subject"].startswith("[RESOLVED]")
    assert (first["From"], first["To"]) == ("fleawatch@example.org", "ops@example.org, boss@example.org")
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["References"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]
    assert second["Message-ID"] == receipt.id
    assert "Drawdown is 0.16, the limit 0.15." in first.get_content()
    assert [line for line in double.commands if line.startswith("RCPT")] == [f"rcpt TO:<{to}>" for to in TO] * 2 or [
        line.lower() for line in double.commands if line.lower().startswith("rcpt")
    ] == [f"rcpt to:<{to}>" for to in TO] * 2


def test_a_message_that_is_sent_twice_has_one_id():
    """The Message-ID follows from the delivery."""
    double = SmtpDouble()
    send(double, delivery(), delivery())
    assert len({parsed(message)["Message-ID"] for message in double.messages}) == 1


def test_no_text_becomes_a_header_or_a_recipient():
    """Line ends in a title end up as spaces; who receives it is what was configured."""
    double = SmtpDouble()
    send(double, delivery(title=HOSTILE, alerts=(note(summary=HOSTILE),)))
    (message,) = map(parsed, double.messages)
    assert "bcc" not in {name.lower() for name in message}
    assert message["Subject"].startswith("[CRITICAL] </b><!channel>")
    assert not [line for line in double.commands if "thief" in line]


@pytest.mark.parametrize(
    ("codes", "reason", "again"),
    [
        ({"RCPT": 550}, "recipients_refused", False),
        ({"RCPT": 450}, "recipients_refused", True),
        ({"MAIL": 452}, "refused", True),
        ({"MAIL": 553}, "refused", False),
        ({"DATA": 421}, "refused", True),
        ({"BODY": 554}, "refused", False),
        ({"BODY": 451}, "refused", True),
        ({"MAIL": 0}, "network", True),
    ],
)
def test_reply_codes_tell_whether_to_try_again(codes, reason, again):
    """4yz passes, 5yz does not: RFC 5321, 4.2.1."""
    error = send(SmtpDouble(codes))
    assert (error.reason, error.retry_after is not None) == (reason, again)


def test_some_recipients_are_better_than_none():
    """What some recipients took is accepted, and the receipt says that others did not get it."""

    class Picky(SmtpDouble):
        def _reply(self, verb, *, encrypted):
            if verb == "RCPT" and "boss" in self.commands[-1]:
                return b"550 no boss here\r\n"
            return super()._reply(verb, encrypted=encrypted)

    assert send(Picky()).id.endswith("(1 recipients refused)")


@pytest.fixture(scope="module", name="certificate")
def _certificate(tmp_path_factory):
    """A server's certificate for 127.0.0.1, and who trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


def test_starttls_comes_before_password_and_message(certificate):
    """The connection is encrypted before anything is said: RFC 3207."""
    server, trust = certificate
    double = SmtpDouble(trust=server)
    receipt = send(double, security="starttls", trust=trust, username="ann", password=PASSWORD)
    verbs = [line.split(" ")[0].upper() for line in double.commands]
    assert receipt.status_code == 250
    assert double.encrypted
    assert verbs.index("STARTTLS") < verbs.index("AUTH") < verbs.index("MAIL")


def test_a_certificate_of_nobody_is_refused(certificate):
    """Without trust in its certificate nothing is said to the server."""
    double = SmtpDouble(trust=certificate[0])
    error = send(double, security="starttls", username="ann", password=PASSWORD)
    assert error.reason == "tls"
    assert not [line for line in double.commands if line.startswith(("AUTH", "MAIL", "mail"))]


def test_a_server_without_starttls_is_refused():
    """Nothing is sent in the clear because a server, or somebody between, does not offer encryption."""
    double = SmtpDouble()
    error = send(double, security="starttls")
    assert (error.reason, error.retry_after) == ("not_supported", None)
    assert double.messages == []


def test_the_password_stays_secret(certificate, caplog):
    """Neither errors nor logs nor `repr` hold it, also when the server repeats what it was told."""
    caplog.set_level(logging.DEBUG)
    server, trust = certificate

    class Parrot(SmtpDouble):
        def _reply(self, verb, *, encrypted):
            if verb == "AUTH":
                return f"535 no: {self.commands[-1]} {PASSWORD}\r\n".encode()
            return super()._reply(verb, encrypted=encrypted)

    error = send(Parrot(trust=server), security="starttls", trust=trust, username="ann", password=PASSWORD)
    given = MailServer(host="h", port=1, username="ann", password=PASSWORD)
    said = [str(error), repr(vars(error)), "".join(traceback.format_exception(error)), repr(given)]
    said += [
        repr(MailNotifier(given, sender="a@b", recipients=TO)),
        *(record.getMessage() for record in caplog.records),
    ]
    forms = (PASSWORD, base64.b64encode(f"\0ann\0{PASSWORD}".encode()).decode())
    assert (error.reason, error.retry_after) == ("unauthorized", None)
    assert error.__context__ is None
    assert not [line for line in said for form in forms if form in line]


def test_a_server_that_is_not_there_passes():
    """A refused connection can be tried again."""

    async def work():
        server = MailServer(host="127.0.0.1", port=9, security="none", deadline_s=1.0)
        with pytest.raises(DeliveryError) as caught:
            await MailNotifier(server, sender="a@example.org", recipients=TO).send(delivery())
        return caught.value

    error = asyncio.run(work())
    assert (error.reason, error.retry_after) == ("network", 0.0)
