"""From a request to an answer: who asks, which document, and as what: a page, JSON or CSV."""

import csv
import hmac
import io
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from adpersist import __version__
from adpersist.console.report.page import environment, page, policy, style, visible
from adpersist.console.report.time_line import bars
from adpersist.console.web.access.guards import MAX_BODY_BYTES, Guards
from adpersist.console.web.access.sign_in import (
    LONGEST_S,
    Domain,
    Role,
    Session,
    SignIn,
    TurnError,
)
from adpersist.console.web.access.use import UseLog
from adpersist.console.web.change_filter import ChangeFilter, number
from adpersist.console.web.desk import ReadingError
from adpersist.console.web.undo import BusyError, UndoError
from adpersist.console.web.views import NotHereError, Views
from adpersist.errors import AdpersistError, ConfigError, ExitCode
from adpersist.model.journal.use import Did
from adpersist.telemetry import logger

Document = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
Question = Callable[[Request], Document]

_HERE: Final = Path(__file__).parent / "templates"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a program when a cell begins with it."""
_LONGEST_WORD: Final = 2000
_NOT_SIGNED_IN: Final = "you are not signed in"
_SEVERAL: Final = frozenset({"object", "change"})
"""What may be asked of several times, as boxes that are ticked do; of anything else the last counts."""

_ANYBODY: Final = frozenset(Role)
_OPERATORS: Final = frozenset({Role.OPERATOR})
_FILES: Final = (".csv", ".html")
"""Pages to keep."""
_FOR_OPERATORS: Final = frozenset({"undo", "use"})
"""Pages that only they have."""
_GUID_LENGTH: Final = 36
_LONGEST_PATH: Final = 100
_MOST_FIELDS: Final = 20
"""Of a form; the largest of ours has ten."""
_AGAIN_S: Final = 2
"""After so long a browser asks again while the journal is read."""
_NAME: Final = re.compile(r"[\w.@\\ -]{1,100}")

log = logger("console")


class RefusedError(AdpersistError):
    """A form was filled in as nobody would who read it."""

    exit_code = ExitCode.USAGE
    way_out = "Load the page again, and read what it asks for."


class Console:
    """The console's pages.

    Args:
        views: Documents.
        sign_in: Who may look.
        names: What a Host header may say.
        cookie: Its name: cookies know no ports, and two consoles must not share one.
        domain: Believes names and passwords of the domain; None: codes alone sign in.
        use: Keeps what people do; None: the process's log alone has it.
        clock: Unix seconds.
    """

    def __init__(
        self,
        views: Views,
        sign_in: SignIn,
        *,
        names: frozenset[str],
        cookie: str,
        domain: Domain | None = None,
        use: UseLog | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._views = views
        self._sign_in = sign_in
        self._cookie = cookie
        self._domain = domain
        self._use = use
        self._clock = clock
        self.app: ASGIApp = Guards(
            Starlette(routes=list(self._routes()), exception_handlers={404: self._not_here, 405: self._not_here}),
            names=names,
        )

    def _routes(self) -> list[Route]:
        def route(path: str, endpoint: Endpoint, *, method: str = "GET") -> Route:
            return Route(path, endpoint, methods=[method])

        routes = [
            route("/login", self._enter),
            route("/login", self._enter_by_form, method="POST"),
            route("/logout", self._leave, method="POST"),
            route("/page.css", self._style),
            route("/undo", self._signed_in(self._undo_begin, _OPERATORS), method="POST"),
            route("/changes.csv", self._signed_in(self._csv)),
            route("/heals/{number:int}.html", self._signed_in(self._heal_page)),
            route("/", self._signed_in(self._paged("overview", self._overview))),
        ]
        questions: Mapping[str, tuple[str, Question]] = {
            "/overview": ("overview", self._overview),
            "/changes": ("changes", self._changes),
            "/change/{change}": ("change", lambda request: self._views.change(request.path_params["change"])),
            "/object/{guid}": ("object", self._object),
            "/permissions/{guid}": ("permissions", self._permissions),
            "/bin": ("bin", lambda request: self._views.bin(_word(request, "what"), self._clock())),
            "/find": ("found", lambda request: self._views.find(_word(request, "q"))),
            "/compare": ("compare", self._compare),
            "/alerts": ("alerts", lambda request: self._views.alerts(_word(request, "rule"))),
            "/undo": ("undo", self._undo_plan),
            "/undo/state": ("undo_state", lambda _: self._views.undo_state()),
            "/fleet": ("fleet", lambda _: self._views.fleet(self._clock())),
            "/use": ("use", self._used),
            "/heals": ("heals", lambda _: self._views.heals()),
            "/heals/{number:int}": ("heal", lambda request: self._views.heal(request.path_params["number"])),
        }
        for path, (template, question) in questions.items():
            roles = _OPERATORS if template in _FOR_OPERATORS else _ANYBODY
            routes.append(route(f"{path}.json", self._signed_in(self._machine(question), roles)))
            routes.append(route(path, self._signed_in(self._paged(template, question), roles)))
        return routes

    # --- questions ------------------------------------------------------------------------------------------------

    def _overview(self, _: Request) -> Document:
        return self._views.overview(self._clock())

    def _changes(self, request: Request) -> Document:
        return self._views.changes(ChangeFilter.of(_words(request)), self._clock())

    def _object(self, request: Request) -> Document:
        return self._views.object(request.path_params["guid"], _word(request, "at"), self._clock())

    def _permissions(self, request: Request) -> Document:
        points = _word(request, "at"), _word(request, "from")
        return self._views.permissions(request.path_params["guid"], *points, self._clock())

    def _compare(self, request: Request) -> Document:
        passed = number(_words(request), "after", 0)
        return self._views.compare(_word(request, "from"), _word(request, "to"), self._clock(), passed=passed)

    def _used(self, request: Request) -> Document:
        waiting = self._use.waiting() if self._use is not None else []
        return self._views.used(_word(request, "who"), waiting, self._use.trouble if self._use is not None else None)

    def _undo_plan(self, request: Request) -> Document:
        document = self._views.undo_plan(_words(request))
        self._did(request.state.session, Did.PLANNED, _wished(document["wish"]))
        return document

    def _did(self, session: Session, did: Did, what: str) -> None:
        if self._use is not None:
            self._use.did(did, who=session.name, role=str(session.role), what=what, sid=session.sid)

    # --- answers --------------------------------------------------------------------------------------------------

    def _paged(self, template: str, question: Question) -> Callable[[Request, Session], Response]:
        def answer(request: Request, session: Session) -> Response:
            return self._html(template, question(request), request=request, session=session)

        return answer

    def _machine(self, question: Question) -> Callable[[Request, Session], Response]:
        return lambda request, _: _Json(question(request))

    def _csv(self, request: Request, _: Session) -> Response:
        document = self._changes(request)
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(("commit", "time", "kind", "class", "object", "attributes", "written on", "by"))
        for each in document["changes"]:
            names = ", ".join((*each["attributes"], *each["links"]))
            cells = (each["seq"], each["time"], each["kind"], each["class"], each["dn"], names, ", ".join(each["dcs"]))
            by = (each["who"]["name"] or each["who"]["sid"]) if each["who"] else ""
            rows.writerow([_cell(cell) for cell in (*cells, by)])
        headers = {"Content-Disposition": 'attachment; filename="changes.csv"'}
        return Response(text.getvalue().encode(errors="backslashreplace"), media_type="text/csv", headers=headers)

    def _undo_begin(self, request: Request, session: Session) -> Response:
        """A form of the plan's page: what was agreed to, and the typed number that says it was read."""
        form: dict[str, str] = request.state.form
        wish = self._views.wish(form)
        plan = self._views.undo_plan(form)["plan"]
        if plan["digest"] != form.get("digest"):
            raise RefusedError(
                "the domain controller has moved on: the plan is another one now", hint="Look at it again."
            )
        if form.get("agreed", "").strip() != str(len(plan["steps"])) or plan["taken"]:
            raise RefusedError("this was not agreed to: the number typed is not that of the steps")
        if self._views.undo is not None:
            told = _wished(wish.document())
            log.info("undo.agreed", who=session.name, **wish.document())
            self._did(session, Did.AGREED, f"{told}: {len(plan['steps'])} steps")
            try:
                self._views.undo.begin(wish, lambda end: self._did(session, Did.ENDED, f"{told}: {end}"))
            except BusyError as error:
                self._did(session, Did.ENDED, f"{told}: not done: {error.message}")
                raise
        return RedirectResponse("/undo/state", HTTPStatus.SEE_OTHER)

    def _heal_page(self, request: Request, _: Session) -> Response:
        html = page(self._views.heal(request.path_params["number"]))
        return _Html(html, headers={"Content-Security-Policy": f"{policy()}; frame-ancestors 'none'"})

    def _html(
        self,
        template: str,
        document: Document,
        *,
        request: Request,
        session: Session | None,
        code: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        here, query = request.scope["path"], urlencode(request.query_params.multi_items())
        html = (
            _templates()
            .get_template(f"{template}.html")
            .render(
                document=document,
                frame=self._frame(session) if session is not None else None,
                token=session.token if session is not None else "",
                here=here,
                twin=("/overview" if here == "/" else here) + ".json" + (f"?{query}" if query else ""),
                words=_words(request),
            )
        )
        return _Html(html, code)

    def _frame(self, session: Session) -> Document:
        frame = self._views.frame()
        may = session.role in _OPERATORS
        return {
            **frame,
            "allow_restore": frame["allow_restore"] and may,
            "sees_use": may,
            "use_trouble": self._use.trouble if self._use is not None else "",
            "name": session.name,
            "role": str(session.role),
        }

    async def _style(self, _: Request) -> Response:
        return Response(style(), media_type="text/css")

    async def _not_here(self, request: Request, error: Exception) -> Response:
        code = getattr(error, "status_code", HTTPStatus.NOT_FOUND)
        return self._problem(request, None, "there is no such page", "Begin at /.", HTTPStatus(code))

    def _problem(
        self, request: Request, session: Session | None, message: str, hint: str, code: HTTPStatus
    ) -> Response:
        if request.scope["path"].endswith(".json"):
            return _Json({"error": {"message": message, "hint": hint}}, code)
        document = {"message": message, "hint": hint}
        return self._html("problem", document, request=request, session=session, code=code)

    def _still_reading(self, request: Request, session: Session, error: ReadingError) -> Response:
        """Shown until the journal was read once; a browser asks again by itself, without a script."""
        again = {"Retry-After": str(_AGAIN_S), **({"Refresh": str(_AGAIN_S)} if request.method == "GET" else {})}
        if request.scope["path"].endswith(".json"):
            told = {"message": error.message, "hint": error.hint}
            document = {"error": told, "reading": {"done": error.done, "of": error.of}}
            answer: Response = _Json(document, HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            document = {"message": error.message, "done": error.done, "of": error.of}
            code = HTTPStatus.SERVICE_UNAVAILABLE
            answer = self._html("reading", document, request=request, session=session, code=code)
        answer.headers.update(again)
        return answer

    # --- who asks ---------------------------------------------------------------------------------------------------

    def _signed_in(self, answer: Callable[[Request, Session], Response], roles: frozenset[Role] = _ANYBODY) -> Endpoint:
        """For those who signed in with such a role; rights hang on the endpoint, whatever the path looks like."""

        async def endpoint(request: Request) -> Response:
            session = self._sign_in.session(request.cookies.get(self._cookie))
            if session is None:
                return self._not_signed_in(request)
            try:
                session = await self._asked_again(request, session, writes=request.method == "POST")
                request.state.session = session
                if session.role not in roles:
                    log.warning("console.role_refused", who=session.name, role=str(session.role))
                    self._did(session, Did.REFUSED, request.scope["path"][:_LONGEST_PATH])
                    raise RefusedError("that is for operators", hint="[console] operators names their group.")
                looked_at = request.path_params.get("guid") or request.path_params.get("change", "").partition("-")[2]
                if looked_at:
                    log.info("console.looked", who=session.name, object=looked_at[:_GUID_LENGTH])
                if request.method == "GET":
                    path = request.scope["path"][:_LONGEST_PATH]
                    did = Did.EXPORTED if path.endswith(_FILES) else Did.LOOKED
                    self._did(session, did, path if did is Did.EXPORTED else path.removesuffix(".json"))
                if request.method == "POST":
                    request.state.form = await _form(request)
                    if not hmac.compare_digest(request.state.form.get("token", "").encode(), session.token.encode()):
                        raise RefusedError("this form is of another session")
                return await run_in_threadpool(answer, request, session)
            except ReadingError as error:
                return self._still_reading(request, session, error)
            except AdpersistError as error:
                return self._problem(request, session, error.message, error.hint, _code(error))
            except Exception as error:  # noqa: BLE001 - the edge: nobody is above to handle it
                log.warning("page.failed", path=request.scope["path"][:200], error=type(error).__name__)
                words = f"an unexpected {type(error).__name__}; this is a defect in adpersist"
                return self._problem(request, session, words, "", HTTPStatus.INTERNAL_SERVER_ERROR)

        return endpoint

    def _not_signed_in(self, request: Request) -> Response:
        if request.scope["path"].endswith(".json"):
            hint = "Open the address that `adpersist console` printed, or get another: `adpersist console --login`."
            return self._problem(request, None, _NOT_SIGNED_IN, hint, HTTPStatus.UNAUTHORIZED)
        query = urlencode(request.query_params.multi_items())
        page = request.scope["path"] + (f"?{query}" if query else "") if request.method == "GET" else ""
        return self._login(request, _NOT_SIGNED_IN, HTTPStatus.UNAUTHORIZED, page=page)

    async def _asked_again(self, request: Request, session: Session, *, writes: bool) -> Session:
        """The session with the role its groups give by now: asked each time something is to be written, else seldom.

        Raises:
            RefusedError: They give none any more, or it was ended meanwhile; the session has ended.
            DirectoryError: The DC cannot be asked, and something is to be written.
        """
        secret = request.cookies.get(self._cookie) or ""
        if self._domain is None or not session.sid or not (writes or self._sign_in.is_to_be_asked(session)):
            return session
        try:
            role = await run_in_threadpool(self._domain.role_now, session.sid)
        except AdpersistError as error:
            log.warning("console.groups_not_asked", who=session.name, error=error.message)
            if writes:
                raise
            role = session.role  # who was let in may go on looking while the DC is away
        if role is None:
            self._sign_in.leave(secret)
            log.warning("console.role_lost", who=session.name)
            self._did(session, Did.REFUSED, "in none of the groups any more")
            raise RefusedError("you are in none of the groups any more that may look", hint="Sign in again.")
        found = self._sign_in.asked(secret, role)
        if found is None:
            raise RefusedError("your session has ended", hint="Sign in again.")
        return found

    async def _enter(self, request: Request) -> Response:
        code = request.query_params.get("code", "")
        if not code or request.method != "GET":  # whoever looks ahead uses nothing up
            return self._login(request, "")
        return await self._entered_by_code(request, code)

    async def _enter_by_form(self, request: Request) -> Response:
        form = await _form(request)
        if "user" not in form:
            return await self._entered_by_code(request, form.get("code", ""), form.get("page", ""))
        if self._domain is None:
            return self._refused(request, "nobody signs in by name here", form["user"], form.get("page", ""))
        try:
            found = await run_in_threadpool(self._domain.role_of, form["user"], form.get("password", ""))
        except AdpersistError as error:
            log.warning("console.sign_in_failed", who=_shown_name(form["user"]), error=error.message)
            return self._problem(request, None, error.message, error.hint, _code(error))
        if found is None:
            words = "the domain did not take this name and password, or nobody of that name may look"
            return self._refused(request, words, form["user"], form.get("page", ""))
        role, sid = found
        name = f"{_shown_name(form['user'])} ({sid})"
        return await self._admitted(self._sign_in.admit(name, role, sid), name, role, sid, page=form.get("page", ""))

    async def _entered_by_code(self, request: Request, code: str, page: str = "") -> Response:
        secret = self._sign_in.enter(code.strip()[:_LONGEST_WORD])
        if secret is None:
            return self._refused(request, "this code is not good: each works once, and not for long", "", page)
        return await self._admitted(secret, "a code", Role.OPERATOR, page=page)

    async def _admitted(self, secret: str, name: str, role: Role, sid: str = "", *, page: str) -> Response:
        log.info("console.signed_in", who=name, role=str(role))
        if self._use is not None:
            await run_in_threadpool(self._use.did, Did.SIGNED_IN, who=name, role=str(role), sid=sid)
        answer = RedirectResponse(_own_page(page), HTTPStatus.SEE_OTHER)
        answer.set_cookie(self._cookie, secret, max_age=int(LONGEST_S), path="/", httponly=True, samesite="strict")
        return answer

    def _refused(self, request: Request, words: str, name: str, page: str) -> Response:
        log.warning("console.sign_in_refused", who=_shown_name(name) or "a code")
        if self._use is not None:
            self._use.did(Did.REFUSED, who=_shown_name(name) or "a code", what="signing in")
        return self._login(request, words, HTTPStatus.FORBIDDEN, page=page)

    def _login(self, request: Request, refused: str, code: HTTPStatus = HTTPStatus.OK, *, page: str = "") -> Response:
        """Where people sign in, to go on to the page they wanted."""
        document = {"refused": refused, "domain": self._domain is not None, "page": _own_page(page)}
        return self._html("login", document, request=request, session=None, code=code)

    async def _leave(self, request: Request) -> Response:
        secret = request.cookies.get(self._cookie)
        session = self._sign_in.session(secret)
        if secret is None or session is None or (await _form(request)).get("token") != session.token:
            return self._problem(request, None, "this form is of another session", "", HTTPStatus.FORBIDDEN)
        self._sign_in.leave(secret)
        log.info("console.signed_out", who=session.name)
        self._did(session, Did.SIGNED_OUT, "")
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(self._cookie, path="/", httponly=True, samesite="strict")
        return answer


def _own_page(wanted: str) -> str:
    """A page of this console, whoever says so; the first where it is none."""
    is_path = wanted[:1] == "/" and wanted[:2] != "//" and "\\" not in wanted
    return wanted if is_path and wanted.isascii() and wanted.isprintable() else "/"


@cache
def _templates() -> Environment:
    """The console's pages: compiled once in a process, each when it is first shown."""
    found = environment(_HERE)
    found.globals |= {"bars": bars, "urlencode": urlencode, "version": __version__}
    return found


def _code(error: AdpersistError) -> HTTPStatus:
    """What a browser is told of an error."""
    match error:
        case NotHereError():
            return HTTPStatus.NOT_FOUND
        case RefusedError():
            return HTTPStatus.FORBIDDEN
        case BusyError() | UndoError() | TurnError():
            return HTTPStatus.CONFLICT
        case ConfigError():  # a point among them
            return HTTPStatus.BAD_REQUEST
        case _:
            return HTTPStatus.SERVICE_UNAVAILABLE


class _Html(HTMLResponse):
    """A page; half a character in a name spoils none."""

    def render(self, content: str) -> bytes:
        return content.encode(errors="backslashreplace")


class _Json(JSONResponse):
    """A document."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, indent=2, ensure_ascii=True).encode() + b"\n"


def _words(request: Request) -> dict[str, str]:
    words: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        before = f"{words[name]} " if name in _SEVERAL and name in words else ""
        words[name] = before + value[:_LONGEST_WORD]
    return words


def _word(request: Request, name: str) -> str:
    return _words(request).get(name, "").strip()


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            return {}
    try:
        return dict(parse_qsl(body.decode(errors="replace"), max_num_fields=_MOST_FIELDS))
    except ValueError:  # more of them than any form of ours has
        return {}


def _shown_name(name: str) -> str:
    """A name as it may stand in a log and on a page; what is none may be anything, a password too."""
    return name.strip() if not name or _NAME.fullmatch(name.strip()) else "(no name)"


def _wished(wish: Mapping[str, Any]) -> str:
    """What is to be taken back, in a line: GUIDs, the name of an attribute, a number."""
    only = f", only {wish['attribute']}" if wish["attribute"] else ""
    below = ", with everything below" if wish["subtree"] else ""
    return f"{' '.join(wish['guids'])} to commit {wish['to']}{only}{below}"


def _cell(value: object) -> str:
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
