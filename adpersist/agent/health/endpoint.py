"""The health endpoint: ``/healthz`` for monitoring, ``/metrics`` for Prometheus. Numbers and reasons, never a value."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from threading import Thread
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from adpersist.agent.health.agent_health import AgentHealth
from adpersist.telemetry import logger

_SLOW_CLIENT_S: Final = 5
_POLL_S: Final = 0.2
"""How soon the server notices that it is to end."""

log = logger("health")


@contextmanager
def served(listen: str, health: AgentHealth) -> Iterator[None]:
    """Answer for as long as the block lasts; an address that is taken is said, and is no reason to stop capturing.

    Args:
        listen: ``host:port``, ``[v6]:port``, or empty for not at all.
        health: What is told.
    """
    server = _bound(listen, health) if listen else None
    if server is None:
        yield
        return
    thread = Thread(target=server.serve_forever, args=(_POLL_S,), name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _bound(listen: str, health: AgentHealth) -> ThreadingHTTPServer | None:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")

    class Server(ThreadingHTTPServer):
        address_family = AF_INET6 if ":" in host else AF_INET
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever asked hung up before the answer: nothing to tell a person."""
            error = sys.exception()
            if not isinstance(error, OSError):
                log.warning("health.not_answered", error=repr(error))

    try:
        server = Server((host, int(port)), _handler(health))
    except OSError as error:
        log.warning("health.not_served", listen=listen, error=error.strerror)
        return None
    log.info("health.served", listen=listen)
    return server


def _handler(health: AgentHealth) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SLOW_CLIENT_S
        server_version = "adpersist"
        sys_version = ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    document = health.document()
                    code = HTTPStatus.OK if document["healthy"] else HTTPStatus.SERVICE_UNAVAILABLE
                    self._answer(code, "application/json", json.dumps(document, indent=2).encode() + b"\n")
                case "/metrics":
                    self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(health.registry))
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/healthz, /metrics\n")

        do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

        def _answer(self, code: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: every scrape would be a line."""

    return Handler
