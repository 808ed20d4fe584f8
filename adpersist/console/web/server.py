"""The console as a process: reads the journal, listens, says so, and answers until it is told to stop."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn

from adpersist.agent import connections
from adpersist.config import Config
from adpersist.console.web.access.listening import Address
from adpersist.console.web.access.sign_in import Domain, SignIn, leave_code
from adpersist.console.web.access.use import UseLog
from adpersist.console.web.app import Console
from adpersist.console.web.desk import Desk
from adpersist.console.web.fleet_view import Fleet
from adpersist.console.web.undo import Undo
from adpersist.console.web.views import Views
from adpersist.errors import ConfigError
from adpersist.journal.holder import Role as Visiting
from adpersist.journal.holder import new_writer
from adpersist.journal.journal import Journal
from adpersist.reading.index.kept import directory_of
from adpersist.reading.past.past import Told
from adpersist.system.files.lock_file import runtime_directory
from adpersist.system.memory import keep_little
from adpersist.telemetry import logger

_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_MOST_AT_ONCE: Final = 64
_LONGEST_HEADER: Final = 16_384

log = logger("console")


def serve(
    config: Config,
    address: Address,
    *,
    listening: Callable[[str, str], None],
    told: Told,
    undo: Undo | None = None,
) -> None:
    """Serve until a signal says stop.

    Args:
        config: Names the journal.
        address: Where.
        listening: Called once it listens, with its URL and one that signs in once.
        told: Told how far the first reading has come, which goes on when it listens already.
        undo: Takes objects back; None: nobody may.

    Raises:
        ConfigError: It cannot listen there.
        AdpersistError: The journal cannot be read.
    """
    keep_little()
    for number in _STOP:
        signal.signal(number, _stopped)
    with address.bound() as bound:
        port = bound.getsockname()[1]
        desk = _desk(config, told)
        try:
            sign_in = SignIn(code_file(port), time.time)
            names = address.names(port)
            fleet = Fleet(config.store.url, connections.key(config))
            views = Views(desk, health=config.health.listen, undo=undo, fleet=fleet)
            domain = _domain(config, desk)
            use = UseLog(lambda: _UseInJournal(config))
            console = Console(views, sign_in, names=names, cookie=f"adpersist_{port}", domain=domain, use=use)
            url = f"http://{address.netloc(port)}/"
            listening(url, login_url(url, sign_in.issue()))
            log.info("console.listening", url=url)
            try:
                _run(console, bound, desk)
            finally:
                use.close()
            if desk.failure is not None:
                raise desk.failure
        finally:
            desk.close()
    log.info("console.stopped")


def _desk(config: Config, told: Told) -> Desk:
    def opened() -> Journal:
        return connections.journal(config, None)

    directory, audit_log = directory_of(config.journal.index), config.capture.audit_log
    return Desk(opened, told, directory=directory, audit_log=audit_log)


def _stopped(*_: object) -> None:
    """Stop before the server does: it listens to signals only some time after others may know that it listens."""
    raise SystemExit(0)


class _UseInJournal:
    """What people do, into the journal they look at: beside whoever holds it, as a mark is made."""

    def __init__(self, config: Config) -> None:
        self._journal = connections.journal(config, None)
        self._writer = new_writer(Visiting.VISITOR)

    def note(self, account: str, now: float) -> None:
        """See :class:`~adpersist.console.web.access.use.Kept`."""
        self._journal.note_use(account, writer=self._writer, now=now)

    def close(self) -> None:
        """See the same."""
        self._journal.close()


def _domain(config: Config, desk: Desk) -> Domain | None:
    """The domain's own names and passwords, where the configuration lets some of them in."""
    viewers, operators = config.console.viewers, config.console.operators
    if not viewers.strip() and not operators.strip():
        return None
    if not config.directory.url:
        raise ConfigError(
            "[console] names groups of the domain, and no directory is configured that knows them",
            hint="Set [directory] url, or leave [console] viewers and operators empty.",
        )
    from adpersist.directory.ldap.connection import Login
    from adpersist.directory.ldap.person import Person, believed, groups_now

    def ask(name: str, password: str, groups: list[str]) -> Person:
        login = Login(user=name, password=password, ca_file=config.directory.ca_file)
        return believed(config.directory.url, login, groups)

    def again(sid: str, groups: list[str]) -> frozenset[str]:
        return groups_now(config.directory.url, connections.login(config), sid, groups)

    suffix = desk.head.identity.dns_name.partition(".")[2]
    return Domain(ask, again=again, suffix=suffix, viewers=viewers, operators=operators)


def new_login(address: Address) -> str:
    """A URL that signs in once at the console that runs on this machine as this user.

    Raises:
        ConfigError: None runs there, or its code cannot be left for it.
    """
    if not address.is_taken():
        raise ConfigError(
            f"no console listens on {address.netloc(address.port)}",
            hint="Start one with `adpersist console`, or say with --listen where it is.",
        )
    place = code_file(address.port)
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        code = leave_code(place, time.time())
    except OSError as error:
        raise ConfigError(f"cannot write {place}: {error.strerror}", hint="Be the user the console runs as.") from error
    return login_url(f"http://{address.netloc(address.port)}/", code)


def login_url(url: str, code: str) -> str:
    """What signs in once."""
    return f"{url}login?code={code}"


def code_file(port: int) -> Path:
    """Where codes are left for the console on a port."""
    return runtime_directory() / f"console-{port}.code"


class _Server(uvicorn.Server):
    """Ends as every command does: by itself, and with exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _STOP:
            loop.add_signal_handler(number, self._told_to_stop)
        try:
            yield
        finally:
            for number in _STOP:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """End soon; from any thread."""
        self.should_exit = True

    def _told_to_stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def _run(console: Console, bound: socket.socket, desk: Desk) -> None:
    settings = uvicorn.Config(
        console.app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,  # a URL says what somebody looked for
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_LONGEST_HEADER,
    )
    server = _Server(settings)
    desk.when_failed(server.stop)
    asyncio.run(server.serve(sockets=[bound]))
