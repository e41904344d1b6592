"""A server that speaks HTTP/2 alone, without TLS, and does to a call what its path says."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived, StreamEnded


class Http2:
    """Answers 200 with two bytes; `reset`, `refused` and `goaway` in the path end the stream or the connection, `cut` its body.

    Attributes:
        asked: method and path of each request, in order.
        headers: of each request.
        connections: how many there were.
    """

    def __init__(self):
        self.asked, self.headers, self.connections = [], [], 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads, self._sockets = [], []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self):
        """Stop."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        self._listening.close()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self):
        with suppress(OSError):
            while True:
                one, _ = self._listening.accept()
                self.connections += 1
                self._sockets.append(one)
                self._threads.append(threading.Thread(target=self._speak, args=(one,)))
                self._threads[-1].start()

    def _speak(self, one):
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        paths = {}
        with one, suppress(OSError):
            one.sendall(connection.data_to_send())
            while data := one.recv(65_536):
                if any("goaway" in path for path in paths.values()):
                    continue  # what still comes is read, or the client would see a reset in place of the answer
                for event in connection.receive_data(data):
                    if isinstance(event, RequestReceived):
                        headers = dict(event.headers)
                        paths[event.stream_id] = headers[":path"]
                        self.asked.append((headers[":method"], headers[":path"]))
                        self.headers.append(headers)
                    elif isinstance(event, StreamEnded):
                        self._answer(connection, event.stream_id, paths[event.stream_id])
                one.sendall(connection.data_to_send())
                if any("goaway" in path for path in paths.values()):
                    one.shutdown(socket.SHUT_WR)

    def _answer(self, connection, stream, path):
        if "goaway" in path:
            connection.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
        elif "reset" in path or "refused" in path:
            connection.reset_stream(
                stream, ErrorCodes.REFUSED_STREAM if "refused" in path else ErrorCodes.INTERNAL_ERROR
            )
        else:
            status = "503" if "busy" in path else "200"
            connection.send_headers(stream, [(":status", status), ("content-length", "2")])
            if "cut" in path:
                connection.send_data(stream, b"{")
                connection.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
            else:
                connection.send_data(stream, b"{}", end_stream=True)
