"""Notifications by e-mail: SMTP with STARTTLS or TLS, plain text, one conversation a group.

The standard library's client blocks, so it runs in a thread. Headers are made by `email.message`, from text without
line ends, so that no alert can add a header or a recipient. The Message-ID is derived from the delivery: a message that
is sent twice is recognised as one by servers and readers that look. Reply codes: RFC 5321, 4.2.1.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal

from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import Delivery
from fleawatch.notify.exchange import DEADLINE_S
from fleawatch.notify.threads import in_thread
from fleawatch.notify.wording import Links, cut, plain, title
from fleawatch.ports import Receipt

LONGEST_SUBJECT: Final = 200
LONGEST_BODY: Final = 100_000
CONVERSATIONS: Final = 4
"""Deadlines that one message may take: connecting, greeting, signing in, sending."""

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in.

    Attributes:
        security: `starttls` refuses to go on when the server does not offer it; `none` is for a server on this machine.
        username, password: to sign in with; not signed in when the username is empty.
        trust: what the server's certificate is judged by; the system's when None.
        deadline_s: real seconds for each step.
    """

    host: str
    port: int
    security: Security = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    trust: ssl.SSLContext | None = None
    deadline_s: float = DEADLINE_S


class MailNotifier:
    """Sends to some recipients through one server.

    Args:
        server: the one it is handed to.
        sender, recipients: bare addresses.
        links: shown under the alerts.
    """

    kind = "email"

    def __init__(
        self, server: MailServer, *, sender: str, recipients: Sequence[str], links: Links | None = None
    ) -> None:
        self._server = server
        self._sender, self._recipients = sender, tuple(recipients)
        self._links = links or Links()

    def __repr__(self) -> str:
        return f"MailNotifier({self._server.host}:{self._server.port})"

    async def send(self, delivery: Delivery) -> Receipt:
        mail = self.message(delivery)
        return await in_thread(lambda: self._sent(mail), self._server.deadline_s * CONVERSATIONS, "mail")

    async def close(self) -> None:
        """Nothing is held: each message has its own connection."""

    def message(self, delivery: Delivery) -> EmailMessage:
        """The message as it goes out."""
        domain = self._sender.rpartition("@")[2]
        mark = "RESOLVED" if delivery.kind == "resolved" else delivery.severity.upper()
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = cut(f"[{mark}] {title(delivery)}", LONGEST_SUBJECT)
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Date"] = format_datetime(datetime.fromtimestamp(delivery.at, UTC))
        mail["Message-ID"] = f"<{_digest(delivery.key)}@{domain}>"
        mail["References"] = f"<{_digest('group ' + delivery.group)}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(plain(delivery, self._links, LONGEST_BODY))
        return mail

    def _sent(self, mail: EmailMessage) -> Receipt:
        """Send in this thread. Errors carry a reason of ours: a server's words can repeat what it was told."""
        try:
            with self._connected() as server:
                if self._server.username:
                    server.login(self._server.username, self._server.password)
                refused = server.send_message(mail, self._sender, self._recipients)
        except smtplib.SMTPRecipientsRefused as error:
            failure = _by_code(_softest(error.recipients), "recipients_refused")
        except smtplib.SMTPAuthenticationError as error:
            failure = _by_code(error.smtp_code, "unauthorized")
        except smtplib.SMTPResponseException as error:
            failure = _by_code(error.smtp_code, "refused")
        except smtplib.SMTPNotSupportedError:
            failure = DeliveryError("not_supported", "does not offer STARTTLS or signing in", retry_after=None)
        except ssl.SSLError:
            failure = DeliveryError("tls", "does not prove who it is (TLS)", retry_after=0.0)
        except TimeoutError:
            failure = DeliveryError("timeout", f"did not answer within {self._server.deadline_s:g} s", retry_after=0.0)
        except (smtplib.SMTPException, OSError) as error:
            failure = DeliveryError("network", f"could not be reached ({type(error).__name__})", retry_after=0.0)
        else:
            left_out = f" ({len(refused)} recipients refused)" if refused else ""
            return Receipt(id=f"{mail['Message-ID']}{left_out}", status_code=250)
        raise failure

    def _connected(self) -> smtplib.SMTP:
        given = self._server
        trust = given.trust or ssl.create_default_context()
        if given.security == "tls":
            return smtplib.SMTP_SSL(given.host, given.port, timeout=given.deadline_s, context=trust)
        server = smtplib.SMTP(given.host, given.port, timeout=given.deadline_s)
        if given.security == "starttls":
            try:
                server.starttls(context=trust)
            except BaseException:
                server.close()
                raise
        return server


def _by_code(code: int, reason: str) -> DeliveryError:
    return DeliveryError(reason, f"answered {code}", retry_after=None if code >= 500 else 0.0, status_code=max(0, code))


def _softest(recipients: Mapping[str, tuple[int, bytes]]) -> int:
    """The code that leaves most hope."""
    return min((code for code, _ in recipients.values()), default=550)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:40]
