"""A Pushgateway for a program that ends: its group is the job, which is the service's name, and the agent."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.secret import secret_of, token_of
from fleawatch.sdk.telemetry.backends.prometheus import owners_of
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.pushgateway import HttpGateway, Pushgateway


def sink(settings: Settings) -> Pushgateway:
    """The sink for the gateway that the settings name.

    Raises:
        BadConfig: a certificate or its key cannot be used.
    """
    gateway = HttpGateway(
        settings.pushgateway or "", settings.service_name, settings.agent_id,
        authorization=authorization(settings), tls=_tls(settings),
    )  # fmt: skip
    return Pushgateway(gateway, owners_of(settings), keep=settings.pushgateway_keep)


def authorization(settings: Settings) -> Callable[[], str | None]:
    """Gives the header `Authorization` for each request, read anew; None where nothing is demanded.

    Raises (when called):
        OSError: the secret cannot be read.
    """
    if not settings.pushgateway_user:
        token = token_of(settings.pushgateway_token_file, settings.pushgateway_token)

        def bearer() -> str | None:
            found = token()
            return f"Bearer {found}" if found else None

        return bearer
    password = secret_of(settings.pushgateway_password_file)

    def basic() -> str:
        pair = f"{settings.pushgateway_user}:{password() or settings.pushgateway_password.reveal()}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    return basic


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """How the gateway is known, and what is shown to it. Its certificate is always checked."""
    if not (settings.pushgateway or "").startswith("https"):
        return None
    name = "pushgateway_ca_file"
    try:
        context = ssl.create_default_context(cafile=settings.pushgateway_ca_file)
        name = "pushgateway_cert_file"
        if settings.pushgateway_cert_file:
            # Without a password given here, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(settings.pushgateway_cert_file, settings.pushgateway_key_file, password="")
    except (OSError, ValueError) as error:
        problem = Problem(name, f"cannot be used: {_reason(error)}", "name PEM files; a key without a password")
        raise BadConfig("the telemetry was refused", (problem,)) from None
    return context


def _reason(error: Exception) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", "")) or type(error).__name__
