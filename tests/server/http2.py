"""HTTP/2 on a socket, as little as a test needs: whole requests, and a connection that can be made to misbehave."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events
import h2.settings

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


class Ended(ConnectionError):
    """The server ended the connection or the stream before its answer was whole."""


@dataclass
class Stream:
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    reset: int | None = None


class Http2:
    """A client's end of a connection whose socket is connected, and has chosen h2 if it speaks TLS.

    `window` is how many bytes the server may send on each stream before it hears that they were taken.
    """

    def __init__(self, socket_: socket.socket | ssl.SSLSocket, *, window: int = 1 << 20) -> None:
        self.socket = socket_
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.state = h2.connection.H2Connection(config)
        self.state.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
        )
        self.streams: dict[int, Stream] = {}
        self.ended = False
        self.acknowledges = True
        self.state.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.state.data_to_send())

    def begin(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, *, end: bool = True
    ) -> int:
        """Send the headers of a request; its stream."""
        number: int = self.state.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        self.state.send_headers(number, [*fields, *(headers or {}).items()], end_stream=end)
        self.streams[number] = Stream()
        self.flush()
        return number

    def send_body(self, number: int, body: bytes, *, end: bool = True) -> None:
        view = memoryview(body)
        while len(view):
            if self.ended or self.streams[number].reset is not None:
                raise Ended("the server takes no more of the body")
            room = min(
                self.state.local_flow_control_window(number), self.state.max_outbound_frame_size, len(view)
            )
            if not room:
                self.pump()
                continue
            self.state.send_data(number, view[:room].tobytes(), end_stream=end and room == len(view))
            view = view[room:]
            self.flush()

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Stream:
        number = self.begin(method, path, headers, end=not body)
        if body:
            self.send_body(number, body)
        return self.answer(number)

    def answer(self, number: int) -> Stream:
        """The whole answer. Raises Ended."""
        stream = self.streams[number]
        while not stream.complete:
            if stream.reset is not None:
                raise Ended(f"the stream was reset with {stream.reset}")
            if self.ended:
                raise Ended("the connection ended")
            self.pump()
        return stream

    def pump(self) -> None:
        """Take what the server sent."""
        data = self.socket.recv(1 << 18)
        if not data:
            self.ended = True
            if any(not one.complete for one in self.streams.values()):
                raise Ended("the connection ended")
            return
        for event in self.state.receive_data(data):
            self._take(event)
        with contextlib.suppress(OSError):
            self.flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.ended = True
        number = getattr(event, "stream_id", None)
        stream = self.streams.get(number) if number is not None else None
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = {str(name): str(value) for name, value in event.headers}
            stream.status = int(stream.headers[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.acknowledges and event.flow_controlled_length:
                self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.complete = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)


def secure(connection: ssl.SSLSocket, *, window: int = 1 << 20) -> Http2:
    assert connection.selected_alpn_protocol() == "h2"
    return Http2(connection, window=window)
