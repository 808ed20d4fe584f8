"""The journal in another store: copied once, kept up with for as long as the process runs, or moved there."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from adpersist.agent import connections
from adpersist.agent.signals import Pause, Reloaded, Stopped, heeded
from adpersist.config import Config
from adpersist.errors import AdpersistError, CopyRefusedError
from adpersist.journal.holder import Role, handed_back, new_writer
from adpersist.journal.upkeep.copy import Copied, JournalCopy
from adpersist.journal.upkeep.move import JournalMove
from adpersist.stores.port import Store
from adpersist.stores.registry import open_store, parts
from adpersist.system.backoff import Backoff, may_pass
from adpersist.system.sd_notify import notify
from adpersist.telemetry import logger

FOLLOW_S: Final = 1.0
"""How often the journal's head is looked at while it is followed."""

_LONGEST_WAIT_S: Final = 30.0
_OWN: Final = "ADPERSIST_AZURE_"
_COPY: Final = "ADPERSIST_COPY_AZURE_"

log = logger("copy")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCopy:
    """A copy of the configured journal.

    Attributes:
        copy: Brings it up to date.
        location: Where it lies, for people.
        journal: The journal's id.
    """

    copy: JournalCopy
    location: str
    journal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMove:
    """A move of the configured journal.

    Attributes:
        move: Makes it, or takes it back.
        left: Where the journal lay, for people.
        location: Where it is to go on.
        journal: The journal's id.
    """

    move: JournalMove
    left: str
    location: str
    journal: str


@contextmanager
def opened(config: Config, url: str, *, forgets: bool) -> Iterator[OpenCopy]:
    """The journal and the place of its copy, for as long as the block lasts.

    Args:
        config: Names the journal.
        url: The store the copy lies in.
        forgets: See :class:`~adpersist.journal.upkeep.copy.JournalCopy`.

    Raises:
        CopyRefusedError: It is the journal's own place.
        ConfigError: Another of the two cannot be opened.
    """
    with _places(config, url) as (source, target):
        copy = JournalCopy(source, target, connections.key(config), expected=config.journal.id, forgets=forgets)
        yield OpenCopy(copy=copy, location=target.location, journal=config.journal.id)


@contextmanager
def opened_move(config: Config, url: str, *, forgets: bool) -> Iterator[OpenMove]:
    """The journal and the place it is to go on in, for as long as the block lasts; see :func:`opened`."""
    with _places(config, url) as (source, target):
        move = JournalMove(
            source,
            target,
            connections.key(config),
            expected=config.journal.id,
            writer=handed_back(new_writer(Role.VISITOR)),
            forgets=forgets,
        )
        yield OpenMove(move=move, left=source.location, location=target.location, journal=config.journal.id)


@contextmanager
def _places(config: Config, url: str) -> Iterator[tuple[Store, Store]]:
    source = connections.store(config, None)
    try:
        target = open_store(_in_full(url), journal=config.journal.id, environment=credentials_of_copy(os.environ))
        try:
            _require_another_place(source, target)
            yield source, target
        finally:
            target.close()
    finally:
        source.close()


def _in_full(url: str) -> str:
    """The URL as it is good from any directory: the journal itself may come to say it."""
    scheme, rest = parts(url)
    name = re.sub(r"^/+", "/", rest)
    return f"sqlite://{Path(name).absolute()}" if scheme == "sqlite" and name and not name.endswith("/") else url


def follow(copy: JournalCopy, told: Callable[[Copied], None]) -> None:
    """Keep a copy up with its journal until a signal says stop; an outage of either place is waited out.

    Args:
        copy: The copy.
        told: Called once it has caught up for the first time.

    Raises:
        AdpersistError: As :meth:`JournalCopy.run`, what waiting would not mend.
    """
    pause, caught_up = Pause(time.sleep), False
    outage = Backoff(budget_s=inf, cap_s=_LONGEST_WAIT_S, waits_for=may_pass, sleep=pause, on_wait=_waiting)
    with suppress(Stopped), heeded(pause):
        while True:
            with suppress(Reloaded):
                done = outage.call(copy.run)
                if done.changed:
                    log.info("copy.made", seq=done.seq, commits=done.commits, checkpoints=done.checkpoints)
                if not caught_up:
                    told(done)
                    caught_up = True
                notify("READY=1\nWATCHDOG=1")
                pause(FOLLOW_S)
    notify("STOPPING=1")
    log.info("copy.stopped")


def credentials_of_copy(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment a copy's store is opened with: its own credentials, if any, instead of the journal's.

    The two may lie in different accounts: ``ADPERSIST_COPY_AZURE_SAS`` and its like are the copy's.
    """
    own = {_OWN + name.removeprefix(_COPY): value for name, value in environment.items() if name.startswith(_COPY)}
    if not own:
        return environment
    return {name: value for name, value in environment.items() if not name.startswith(_OWN)} | own


def _require_another_place(source: Store, target: Store) -> None:
    if parts(target.location)[0] == "memory":
        raise CopyRefusedError("a memory store ends with its process", hint="Name a sqlite:// or azure:// store.")
    if source.location == target.location:
        raise CopyRefusedError(f"{target.location} is the journal itself", hint="Name another place.")


def _waiting(error: AdpersistError, wait_s: float) -> None:
    log.warning("copy.interrupted", error=error.message, wait_s=round(wait_s, 2))
    notify("WATCHDOG=1")
