"""A small Azure Key Vault on loopback: HTTPS, bearer tokens, rights, versions, wrap and unwrap.

Does what the REST interface's description says ([Key Vault REST API] 7.4, "Wrap Key", "Unwrap Key"), and refuses what
the real one refuses. Tokens come from a managed identity's endpoint as App Service has it.
"""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from tools.samba_dc.certificates import issue, make_authority

TOKEN: Final = "a token"
_OAEP: Final = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)

Key = rsa.RSAPrivateKey | bytes


class Vault:
    """Keys by name, each with its versions.

    Attributes:
        address: ``host:port``.
        granted: What the caller may do: ``wrapkey``, ``unwrapkey``.
        status: When not 0, every request is answered with it.
        asked: What was asked of it.
    """

    def __init__(self) -> None:
        self.address = ""
        self.granted = {"wrapkey", "unwrapkey"}
        self.status = 0
        self.asked: list[str] = []
        self._keys: dict[str, dict[str, Key]] = {}

    def rotate(self, name: str, *, symmetric: bool = False) -> None:
        """Give a key a new version; the first makes it."""
        versions = self._keys.setdefault(name, {})
        fresh: Key = bytes([len(versions)]) * 32 if symmetric else rsa.generate_private_key(65537, 2048)
        versions[f"{len(versions) + 1:032x}"] = fresh

    def url(self, name: str) -> str:
        """As the configuration has it."""
        return f"https://{self.address}/keys/{name}"

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and document."""
        _, _, name, *rest = path.partition("?")[0].split("/")
        rest = [part for part in rest if part]
        deed = rest.pop() if rest else ""
        self.asked.append(deed)
        versions = self._keys.get(name, {})
        version = rest[0] if rest else next(reversed(versions), "")
        if self.status:
            return self.status, _error("Unavailable")
        if deed not in self.granted:
            return 403, _error("Forbidden")
        if version not in versions:
            return 404, _error("KeyNotFound")
        key, kid = versions[version], f"{self.url(name)}/{version}"
        value = _unpacked(body["value"])
        try:
            return 200, {"kid": kid, "value": _packed(_operate(deed, key, body["alg"], value))}
        except (ValueError, InvalidUnwrap):
            return 400, _error("BadParameter")


def _operate(deed: str, key: Key, algorithm: str, value: bytes) -> bytes:
    if isinstance(key, bytes):
        if algorithm != "A256KW":
            raise ValueError(algorithm)
        return aes_key_wrap(key, value) if deed == "wrapkey" else aes_key_unwrap(key, value)
    if algorithm != "RSA-OAEP-256":
        raise ValueError(algorithm)
    return key.public_key().encrypt(value, _OAEP) if deed == "wrapkey" else key.decrypt(value, _OAEP)


def _packed(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "said the test"}}


@contextmanager
def running(place: Path) -> Iterator[tuple[Vault, dict[str, str]]]:
    """A vault, and the environment in which the SDK trusts it and gets a token."""
    vault = Vault()
    make_authority(place)
    issue(place, fqdn="vault.test", address="127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    with _served(_vault_line(vault), context) as secure, _served(_identity_line(), None) as plain:
        vault.address = f"127.0.0.1:{secure}"
        yield (
            vault,
            {
                "REQUESTS_CA_BUNDLE": str(place / "ca.pem"),
                "IDENTITY_ENDPOINT": f"http://127.0.0.1:{plain}/token",
                "IDENTITY_HEADER": "header",
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            },
        )


@contextmanager
def _served(line: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), line)
    server.daemon_threads = True
    server.block_on_close = False
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Line(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at ``asked``."""


def _vault_line(vault: Vault) -> type[BaseHTTPRequestHandler]:
    class Line(_Line):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            above = vault.address.partition(".")[2]
            if self.headers.get("Authorization") != f"Bearer {TOKEN} for https://{above}":
                self.reply(401, _error("Unauthorized"))
                return
            self.reply(*vault.answer(self.path, body))

    return Line


def _identity_line() -> type[BaseHTTPRequestHandler]:
    class Line(_Line):
        def do_GET(self) -> None:
            if self.headers.get("X-IDENTITY-HEADER") != "header":
                self.reply(403, {})
                return
            [resource] = parse_qs(urlsplit(self.path).query)["resource"]
            token = {"access_token": f"{TOKEN} for {resource}", "expires_on": "4102444800", "token_type": "Bearer"}
            self.reply(200, {**token, "resource": resource})

    return Line
