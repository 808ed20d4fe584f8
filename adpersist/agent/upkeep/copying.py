"""A second copy of the journal: once, or kept up with the journal for as long as the process runs."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from typing import Final

from adpersist.agent import connections
from adpersist.agent.signals import Pause, Reloaded, Stopped, heeded
from adpersist.config import Config
from adpersist.errors import AdpersistError, CopyRefusedError
from adpersist.journal.upkeep.copy import Copied, JournalCopy
from adpersist.stores.port import Store
from adpersist.stores.registry import open_store
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
    source = connections.store(config, None)
    try:
        target = open_store(url, journal=config.journal.id, environment=credentials_of_copy(os.environ))
        try:
            _require_another_place(source, target)
            copy = JournalCopy(source, target, connections.key(config), expected=config.journal.id, forgets=forgets)
            yield OpenCopy(copy=copy, location=target.location, journal=config.journal.id)
        finally:
            target.close()
    finally:
        source.close()


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
    if source.location == target.location:
        raise CopyRefusedError(f"{target.location} is the journal itself", hint="Name another place.")


def _waiting(error: AdpersistError, wait_s: float) -> None:
    log.warning("copy.interrupted", error=error.message, wait_s=round(wait_s, 2))
    notify("WATCHDOG=1")
