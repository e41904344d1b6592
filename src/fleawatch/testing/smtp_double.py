"""A mail server that stands in for real ones: it records commands and messages, and answers with the codes it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Self


class SmtpDouble:
    """A server on loopback. Use it as an asynchronous context manager.

    Args:
        codes: reply codes by verb (`MAIL`, `RCPT`, `DATA`, `BODY`, `AUTH`), instead of acceptance; 0 hangs up.
        trust: its certificate; offers STARTTLS when there is one.

    Attributes:
        commands: the lines it was told, without the messages.
        messages: the bodies it took, headers included.
        encrypted: whether the last connection was, when its message came.
    """

    def __init__(self, codes: Mapping[str, int] | None = None, trust: ssl.SSLContext | None = None) -> None:
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self.encrypted = False
        self._codes = dict(codes or {})
        self._trust = trust
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("the double was not started; use it with `async with`")
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        encrypted = False
        try:
            writer.write(b"220 double\r\n")
            while line := (await reader.readline()).decode("latin-1").rstrip("\r\n"):
                self.commands.append(line)
                verb = line.split(" ")[0].upper()
                code = self._codes.get(verb)
                if code == 0:
                    return
                if code is not None:
                    writer.write(f"{code} as told\r\n".encode())
                elif verb == "STARTTLS" and self._trust is not None:
                    writer.write(b"220 go on\r\n")
                    await writer.start_tls(self._trust)
                    encrypted = True
                elif verb == "DATA":
                    writer.write(b"354 go on\r\n")
                    self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
                    self.encrypted = encrypted
                    writer.write(f"{self._codes.get('BODY', 250)} taken\r\n".encode())
                else:
                    writer.write(self._reply(verb, encrypted=encrypted))
                if verb == "QUIT":
                    return
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _reply(self, verb: str, *, encrypted: bool) -> bytes:
        if verb == "EHLO":
            offer = b"250-STARTTLS\r\n" if self._trust is not None and not encrypted else b""
            return b"250-double\r\n" + offer + b"250 AUTH PLAIN\r\n"
        return {"AUTH": b"235 welcome\r\n", "QUIT": b"221 bye\r\n"}.get(verb, b"250 fine\r\n")
