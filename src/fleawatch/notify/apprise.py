"""SMS and the long tail of channels through Apprise (https://github.com/caronc/apprise), the optional extra `apprise`.

Apprise answers with yes or no: there is no receipt, no reason and no wait to honour, and a message may come twice. Its
own log may quote addresses, which hold secrets, so it is switched off.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any, Final

from fleawatch.catalog.spec import Severity
from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import Delivery
from fleawatch.notify.exchange import DEADLINE_S
from fleawatch.notify.threads import in_thread
from fleawatch.notify.wording import Links, plain, title
from fleawatch.ports import Receipt

MISSING: Final = "Apprise is not installed: pip install 'fleawatch[apprise]'"
_SILENT: Final = logging.CRITICAL + 1
_TYPES: Final[dict[Severity, str]] = {"critical": "failure", "warning": "warning", "info": "info", "none": "info"}


def complaint(url: str) -> str:
    """Why nothing could be sent to this address; empty when Apprise takes it. Does not repeat the address."""
    try:
        library = _library()
    except ImportError:
        return MISSING
    return "" if library.Apprise().add(url) else "Apprise does not understand the address"


class AppriseNotifier:
    """Sends through one of Apprise's services.

    Args:
        url: Apprise's address of the service, which holds its secrets.
        longest: characters of a message; a text message has 160.
        deadline_s: real seconds for one message.
        links: shown under the alerts.
    """

    kind = "apprise"

    def __init__(
        self, *, url: str, longest: int = 1_000, deadline_s: float = 4 * DEADLINE_S, links: Links | None = None
    ) -> None:
        self._url = url
        self._longest = longest
        self._deadline_s = deadline_s
        self._links = links or Links()

    def __repr__(self) -> str:
        return "AppriseNotifier()"

    async def send(self, delivery: Delivery) -> Receipt:
        said = plain(delivery, self._links, self._longest)
        kind = "success" if delivery.kind == "resolved" else _TYPES[delivery.severity]
        accepted = await in_thread(lambda: self._sent(title(delivery), said, kind), self._deadline_s, "apprise")
        if not accepted:
            raise DeliveryError("refused", "was not accepted; Apprise does not say why", retry_after=0.0)
        return Receipt()

    async def close(self) -> None:
        """Nothing is held."""

    def _sent(self, heading: str, said: str, kind: str) -> bool:
        failure: DeliveryError | None = None
        try:
            service = _library().Apprise()
            if not service.add(self._url):
                failure = DeliveryError("bad_address", "Apprise does not understand the address", retry_after=None)
            else:
                return bool(service.notify(body=said, title=heading, notify_type=kind, body_format="text"))
        except ImportError:
            failure = DeliveryError("not_installed", MISSING, retry_after=None)
        except Exception as error:  # noqa: BLE001 - a hundred services raise what they like, with addresses in it
            failure = DeliveryError("internal_error", f"failed ({type(error).__name__})", retry_after=0.0)
        raise failure


def _library() -> Any:
    """Apprise, imported when it is first needed."""
    for name in ("apprise", "requests", "urllib3"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(_SILENT)
    return importlib.import_module("apprise")
