"""An honest small HTTP proxy in front of Azurite: real sockets, on which a test can make happen what Azurite never
does.

A test hands it *twists*: functions that are given an exchange and forward it, answer it, change it, or let the line
go dead. An exchange nobody wants is forwarded as it came.
"""

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Exchange:
    """One request, and the line its answer would go back on."""

    def __init__(self, request: Request, upstream: str, line: BaseHTTPRequestHandler) -> None:
        self.request = request
        self._upstream = upstream
        self._line = line

    def forward(self, request: Request | None = None) -> Answer:
        """What the real service answers; it is not passed on by itself."""
        sent = request or self.request
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        try:
            connection.request(sent.method, sent.path, body=sent.body or None, headers=dict(sent.headers))
            response = connection.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in HOP}
            return Answer(status=response.status, headers=headers, body=response.read())
        finally:
            connection.close()

    def reply(self, answer: Answer, *, body_bytes: int | None = None) -> None:
        """Answer, or with ``body_bytes`` begin to: the whole length is announced, and so many bytes are sent."""
        self._line.send_response(answer.status)
        for name, value in answer.headers.items():
            self._line.send_header(name, value)
        self._line.send_header("Content-Length", str(len(answer.body)))
        self._line.end_headers()
        self._line.wfile.write(answer.body if body_bytes is None else answer.body[:body_bytes])
        self._line.wfile.flush()
        if body_bytes is not None:
            self.vanish()

    def say(self, raw: bytes) -> None:
        """Send something that need not be HTTP, and break the line."""
        self._line.wfile.write(raw)
        self._line.wfile.flush()
        self.vanish()

    def vanish(self) -> None:
        """Break the line, as a machine does that went away."""
        line = self._line.connection
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.shutdown(socket.SHUT_RD)
        self._line.close_connection = True


Twist = Callable[[Exchange], None]


@dataclass(slots=True)
class _Planned:
    twist: Twist
    method: str
    path: str
    skip: int
    times: int


class Proxy:
    """A proxy on a free loopback port.

    Attributes:
        seen: Every request, in the order they came.
    """

    def __init__(self, upstream: str) -> None:
        self.seen: list[Request] = []
        self._upstream = upstream
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()
        self._server = _server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def plan(self, twist: Twist, *, method: str = "", path: str = "", skip: int = 0, times: int = 1) -> None:
        """Apply a twist to the next ``times`` requests of that method with ``path`` in theirs, after ``skip`` such."""
        with self._lock:
            self._planned.append(_Planned(twist, method, path, skip, times))

    def count(self, method: str, path: str = "") -> int:
        """How many such requests came."""
        return sum(1 for request in self.seen if request.method == method and path in request.path)

    def take(self, request: Request) -> Twist:
        """Whatever is planned for the request."""
        with self._lock:
            self.seen.append(request)
            for planned in self._planned:
                if planned.times and planned.method in ("", request.method) and planned.path in request.path:
                    if planned.skip:
                        planned.skip -= 1
                        continue
                    planned.times -= 1
                    return planned.twist
        return pass_on

    def relay(self, line: BaseHTTPRequestHandler) -> None:
        """Take one request off a line and do with it what was planned."""
        length = int(line.headers.get("Content-Length") or 0)
        headers = {name: value for name, value in line.headers.items() if name.lower() not in HOP | {"host"}}
        if "date" in line.headers:
            headers["Date"] = line.headers["date"]
        request = Request(method=line.command, path=line.path, headers=headers, body=line.rfile.read(length))
        twist = self.take(request)
        twist(Exchange(request, self._upstream, line))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def _server(proxy: Proxy) -> ThreadingHTTPServer:
    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a body behind its head waits 40 ms, until the head is acknowledged

        def handle_one_request(self) -> None:
            try:
                self.raw_requestline = self.rfile.readline(65_537)
            except ConnectionError:
                self.raw_requestline = b""
            if not self.raw_requestline:
                self.close_connection = True
            elif self.parse_request():
                proxy.relay(self)

        def log_message(self, format: str, *args: object) -> None:
            """Tests look at ``seen``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Line)
    server.daemon_threads = True
    server.block_on_close = False
    return server


# --- twists ---


def pass_on(exchange: Exchange) -> None:
    exchange.reply(exchange.forward())


def drop(exchange: Exchange) -> None:
    """The line breaks before the request arrived."""
    exchange.vanish()


def lose_answer(exchange: Exchange) -> None:
    """The request is carried out; the line breaks before the answer."""
    exchange.forward()
    exchange.vanish()


def cut_answer(exchange: Exchange) -> None:
    """The request is carried out; the line breaks in the middle of the answer."""
    answer = exchange.forward()
    exchange.reply(answer, body_bytes=len(answer.body) // 2)


def babble(exchange: Exchange) -> None:
    """The request is carried out; the answer is not HTTP."""
    exchange.forward()
    exchange.say(b"\x16\x03\x01 not http at all\r\n\r\n")


def hang(seconds: float, *, forward: bool = False) -> Twist:
    """No answer for so long, then the line breaks; with ``forward`` the request was carried out."""

    def twist(exchange: Exchange) -> None:
        if forward:
            exchange.forward()
        threading.Event().wait(seconds)
        exchange.vanish()

    return twist


def say(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Twist:
    """Something in between, or the service itself, answers without carrying the request out."""
    return lambda exchange: exchange.reply(Answer(status=status, headers=headers or {}, body=body))


def odata(status: int, code: str, headers: Mapping[str, str] | None = None) -> Twist:
    """An error as the table service words it."""
    body = b'{"odata.error":{"code":"%s","message":{"lang":"en-US","value":"%s: said the test."}}}' % (
        code.encode(), code.encode(),
    )  # fmt: skip
    return say(status, {"Content-Type": "application/json", "x-ms-error-code": code, **(headers or {})}, body)


def refuse_part(status: int, code: str) -> Twist:
    """A transaction of which one operation is refused, and with it all: 202, and the refusal in a part."""
    body = b'{"odata.error":{"code":"%s","message":{"lang":"en-US","value":"0:said the test."}}}' % code.encode()
    part = b"HTTP/1.1 %d No\r\nContent-Type: application/json\r\n\r\n%s" % (status, body)
    inner = b"--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n%s\r\n--c--\r\n" % part
    outer = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n%s\r\n--b--\r\n" % inner
    return say(202, {"Content-Type": "multipart/mixed; boundary=b"}, outer)


class Late:
    """A write that is carried out long after its client gave up: when the test, or the next head, releases it."""

    def __init__(self) -> None:
        self._held: Exchange | None = None

    def hold(self, exchange: Exchange) -> None:
        self._held = exchange
        exchange.vanish()

    def release(self) -> Answer:
        assert self._held is not None
        held, self._held = self._held, None
        return held.forward()

    def release_after(self, exchange: Exchange) -> None:
        """Answer this one truthfully, then let the late one land."""
        answer = exchange.forward()
        self.release()
        exchange.reply(answer)


def with_path(request: Request, path: str) -> Request:
    return replace(request, path=path)
