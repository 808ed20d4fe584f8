"""What stands before every page: exact names, no foreign origin, small requests, and headers that forbid the rest."""

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES: Final = 65_536
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # under no-referrer a browser says of a form of ours that it comes from nowhere
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=()",
}
"""Of every answer; one that sets its own Content-Security-Policy keeps that."""


class Guards:
    """Lets through what a browser on this machine asks for on purpose.

    A page elsewhere can make a browser ask, too: under its own name (DNS rebinding), which the Host header tells; or by
    a form, which Origin and Sec-Fetch-Site tell. Who sends neither of those two may look and change nothing.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        """Wrap an app.

        Args:
            names: All that a Host header may say.
        """
        self._app = app
        self._names = frozenset(names)
        self._origins = frozenset(f"http://{name}" for name in self._names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if headers.getlist("host") not in [[name] for name in self._names]:
            return PlainTextResponse("this console is called otherwise\n", 421)
        if scope["method"] in SAFE_METHODS:
            return None
        if not self._is_own(headers):
            return PlainTextResponse("this did not come from a page of this console\n", 403)
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return PlainTextResponse("say how long it is\n", 411)
        if int(length) > MAX_BODY_BYTES:
            return PlainTextResponse("too large\n", 413)
        return None

    def _is_own(self, headers: Headers) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            return False
        return site in (None, "same-origin") and (origin is None or origin in self._origins)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
