"""How alerts get out: each way sends a few at once, or says why it could not. The standard library alone."""

import codecs
import hashlib
import hmac
import json
import os
import re
import shlex
import signal
import smtplib
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid, quote
from http.client import HTTPException, HTTPMessage
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any, Final, Protocol

from adpersist.config import AlertsSection
from adpersist.errors import AdpersistError, ConfigError
from adpersist.system.secrecy import environment_for_others

Document = dict[str, Any]

_PATIENCE_S: Final = 20.0
"""For one answer."""
_LONGEST_S: Final = 60.0
"""For all of them: whoever answers byte after byte holds no other way up for longer."""
_AGAIN_S: Final = 5.0
_AUDIT: Final = 13
"""Facility "log audit", [RFC5424] 6.2.1."""
_SYSLOG_SEVERITY: Final = {"critical": 2, "high": 3, "medium": 4}
_SYSLOG_BYTES: Final = 2048
"""What every receiver takes, [RFC5424] 6.1."""
_ADDRESS: Final = re.compile(r'[^\s@<>()",;:\\]+(@[^\s@<>()",;:\\\[\]]+)?')
"""Of a mail; without a domain, somebody of the server's own."""


class NotSentError(AdpersistError):
    """An alert did not get out this way."""

    retryable = True
    way_out = "It is sent again by itself; `adpersist alerts test` tries the way at once."


class Way(Protocol):
    """One way out."""

    @property
    def name(self) -> str:
        """Stands in the outbox: a kind, and behind a space whom it reaches, where there are several of a kind."""

    def send(self, alerts: Sequence[Document]) -> None:
        """Send them all, or none. Raises: NotSentError."""


def visible(text: object) -> str:
    """Names are somebody else's text: nothing in them begins a line, a header or a colour."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in str(text))


def sentence(alert: Document) -> str:
    """One line for people."""
    about = f": {alert['dn']}" if alert.get("dn") else ""
    detail = f" ({alert['detail']})" if alert.get("detail") else ""
    dcs = f", written on {', '.join(alert['dcs'])}" if alert.get("dcs") else ""
    person = alert.get("who") or {}
    address = f" from {person['address']}" if person.get("address") else ""
    by = f", by {person.get('name') or person['sid']}{address}" if person else ""
    return visible(
        f"[{alert['severity']}] {alert['dc']}: {alert['what']}{about}{detail}{by}{dcs}, commit {alert['seq']}"
    )


def _body(alerts: Sequence[Document]) -> bytes:
    """`text` is what chat services show of it."""
    return json.dumps({"text": "\n".join(map(sentence, alerts)), "alerts": list(alerts)}).encode()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What was signed for one address is not handed to another."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A POST; signed where there is a secret."""

    url: str
    secret: bytes
    name: str = "webhook"

    def send(self, alerts: Sequence[Document]) -> None:
        body = _body(alerts)
        headers = {"Content-Type": "application/json", "User-Agent": "adpersist"}
        if self.secret:
            headers["X-Adpersist-Signature"] = f"sha256={hmac.new(self.secret, body, hashlib.sha256).hexdigest()}"
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310 - http(s) by the configuration
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=_PATIENCE_S):
                pass
        except (OSError, ValueError, HTTPException) as error:
            raise NotSentError(f"the webhook did not take it: {visible(error)}") from error


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail for all of them to one of several people: a server that refuses one takes it for the others.

    Attributes:
        to: Whom this way reaches.
        all_to: Everybody who is told, for the mail's head.
    """

    to: str
    all_to: str
    sender: str
    server: str

    @property
    def name(self) -> str:
        return f"mail {self.to}"

    def send(self, alerts: Sequence[Document]) -> None:
        message = EmailMessage()
        worst = min(alerts, key=lambda each: list(_SYSLOG_SEVERITY).index(each["severity"]))
        more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
        message["Subject"] = visible(f"adpersist {worst['dc']}: {worst['what']}{more}")[:200]
        message["From"], message["To"] = self.sender, self.all_to
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="adpersist")
        lines = [f"{each['time']}  {sentence(each)}\n  rule {each['rule']}, id {each['id']}" for each in alerts]
        message.set_content("\n\n".join(lines) + "\n")
        host, _, port = self.server.rpartition(":")
        try:
            with smtplib.SMTP(host, int(port), timeout=_PATIENCE_S) as server:
                server.ehlo()
                if server.has_extn("starttls"):
                    server.starttls(context=_trust(server))
                server.send_message(message, to_addrs=[self.to])
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise NotSentError(f"{self.server} did not take the mail to {self.to}: {visible(error)}") from error


def _trust(server: smtplib.SMTP) -> ssl.SSLContext:
    """Whose certificate counts; on this machine its own, signed by itself as most are: nobody is in between."""
    context = ssl.create_default_context()
    if server.sock is not None and ip_address(server.sock.getpeername()[0]).is_loopback:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@dataclass(frozen=True, slots=True)
class Syslog:
    """A line each ([RFC5424]), to a socket of this machine or by UDP."""

    place: str
    host: str
    name: str = "syslog"

    def send(self, alerts: Sequence[Document]) -> None:
        try:
            with self._connected() as line:
                for each in alerts:
                    line.send(self._line(each))
        except (OSError, ValueError) as error:  # a name that is none of a host's: UnicodeError
            raise NotSentError(f"{self.place} did not take it: {visible(error)}") from error

    def _connected(self) -> socket.socket:
        if self.place.startswith("/"):
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            target: Any = self.place
        else:
            host, _, port = self.place.rpartition(":")
            family, _, _, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
            made = socket.socket(family, socket.SOCK_DGRAM)
        made.settimeout(_PATIENCE_S)
        try:
            made.connect(target)
        except OSError:
            made.close()
            raise
        return made

    def _line(self, alert: Document) -> bytes:
        priority = _AUDIT * 8 + _SYSLOG_SEVERITY[alert["severity"]]
        text = f"<{priority}>1 {alert['time']} {self.host} adpersist - {alert['rule']} - {sentence(alert)}"
        return text.encode(errors="backslashreplace")[:_SYSLOG_BYTES]


@dataclass(frozen=True, slots=True)
class Command:
    """A program that gets the JSON on its standard input and ends with 0."""

    words: tuple[str, ...]
    name: str = "command"

    def send(self, alerts: Sequence[Document]) -> None:
        try:
            # No pipe to wait for: what it leaves at work in the background, its own business, holds an end of it.
            program = subprocess.Popen(
                self.words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=environment_for_others(),
                start_new_session=True,
            )
        except OSError as error:
            raise NotSentError(f"the command failed: {visible(error)}") from error
        try:
            program.communicate(_body(alerts), timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise NotSentError(f"the command failed: it did not end in {_PATIENCE_S:g} s") from error
        finally:
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
        if program.returncode:
            raise NotSentError(f"the command failed: it ended with {program.returncode}")


def send(way: Way, alerts: Sequence[Document]) -> None:
    """Send them all by one way, or none, in a minute at the most; in the main thread, as it alone heeds signals.

    Raises:
        NotSentError.
    """

    def ring(*_: object) -> None:
        raise TimeoutError(f"it was not done in {_LONGEST_S:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_S, _AGAIN_S)  # again: taking leave may be answered as slowly
        way.send(alerts)
    except TimeoutError as error:  # between two steps of a way
        raise NotSentError(f"{way.name} did not take it: {error}") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ways(section: AlertsSection, *, host: str) -> list[Way]:
    """Those that are configured.

    Raises:
        ConfigError: The secret cannot be read, or a command or address is none.
    """
    found: list[Way] = []
    if section.webhook:
        found.append(Webhook(section.webhook, _secret(section.webhook_secret_file)))
    if section.mail_to:
        people = _people("mail_to", section.mail_to)
        senders = [*_people("mail_from", section.mail_from).values()] if section.mail_from else [""]
        if len(senders) > 1:
            raise ConfigError("[alerts] mail_from names more than one sender")
        found += [Mail(to, ", ".join(people.values()), senders[0], section.mail_server) for to in people]
    if section.syslog:
        port = section.syslog.rpartition(":")[2]
        if not (section.syslog.startswith("/") or (":" in section.syslog and port.isascii() and port.isdigit())):
            raise ConfigError(f"[alerts] syslog {section.syslog!r} is neither a socket's path nor host:port")
        found.append(Syslog(section.syslog, host))
    if section.command:
        try:
            words = tuple(shlex.split(section.command))
        except ValueError as error:
            raise ConfigError(f"[alerts] command is no command line: {error}") from error
        found.append(Command(words))
    return found


def _people(key: str, text: str) -> dict[str, str]:
    """Those a list names, by address, as a mail's head has them.

    Raises:
        ConfigError: One of them is no address.
    """
    found = getaddresses([", ".join(each.strip() for each in text.split(",") if each.strip())])
    if not all(_ADDRESS.fullmatch(address) for _, address in found):
        raise ConfigError(f"[alerts] {key} {text!r} is no list of mail addresses with commas between")
    return {address: f'"{quote(name)}" <{address}>' if name else address for name, address in found}


def _secret(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        secret = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    except OSError as error:
        raise ConfigError(f"[alerts] webhook_secret_file {path} cannot be read: {error.strerror}") from error
    if not secret or not secret[0].strip():
        raise ConfigError(f"[alerts] webhook_secret_file {path} is empty")
    return secret[0].strip()
