"""What people do at the console, on its way into the journal: gathered, and kept beside whatever the agent commits.

Nobody waits for that but, for a moment, who did what has to be kept at once. And whatever the store says, nobody is
turned away at three in the morning: what could not be kept stays here, is tried again, and every page says so.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from adpersist.errors import AdpersistError
from adpersist.model.journal.use import Deed, Did, Use
from adpersist.telemetry import logger

GATHERED_S: Final = 60.0
"""How often what is no hurry is kept: at most one commit a minute."""
_AT_ONCE: Final = frozenset({Did.SIGNED_IN, Did.AGREED, Did.ENDED})
_PATIENCE_S: Final = 3.0
"""How long who did something of that kind waits until it is kept."""
_WRITES: Final = frozenset({Did.AGREED, Did.ENDED})
_MOST: Final = 60
"""Different deeds of one person that are told apart within a minute, and while the store takes none; what comes beyond
is counted: who, and what they did, not at what. Whoever did not sign in may call himself anything: all are one."""
_MOST_WRITES: Final = 500
"""The same of what was taken back, which is counted by itself: no flood hides any of it."""
_BEYOND: Final = "more than is told apart"
_LONGEST: Final = 8192
"""A plan names a hundred objects."""
_LARGEST_PART: Final = 100_000
"""Characters."""

log = logger("console")


class Kept(Protocol):
    """Somewhere deeds are kept."""

    def note(self, account: str, now: float) -> None:
        """Keep a JSON document; raises AdpersistError where it cannot be."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class _Alike:
    """Deeds that are one with a count.

    Attributes:
        person: Whose they are, whatever they call themselves: a SID, where it is known.
        who, role, did, what: As in a deed.
    """

    person: str
    who: str
    role: str
    did: str
    what: str


class UseLog:
    """Deeds of this console.

    Args:
        opened: Opens the journal; called by the thread that keeps, and again after it failed.
        clock: Unix seconds.
        every_s: See :data:`GATHERED_S`.

    Attributes:
        trouble: Why what is waiting is not in the journal; empty: it will be.
    """

    def __init__(
        self, opened: Callable[[], Kept], *, clock: Callable[[], float] = time.time, every_s: float = GATHERED_S
    ) -> None:
        self._opened = opened
        self._clock = clock
        self._every_s = every_s
        self._waiting: dict[_Alike, Deed] = {}
        self._told: Counter[tuple[str, bool]] = Counter()
        """Told apart since the minute began, and what waited then: how many of whom, what was taken back by itself."""
        self._minute = 0.0
        self._turn = threading.Condition()
        self._asked = self._done = 0
        self._closed = False
        self.trouble = ""
        self._thread = threading.Thread(target=self._keep, name="use", daemon=True)
        self._thread.start()

    def did(self, did: Did, *, who: str, role: str = "", what: str = "", sid: str = "") -> None:
        """Somebody did something. What has to be kept at once is, when this returns, or it took too long."""
        now = self._clock()
        person = sid or (_kept_text(who) if role else "")
        alike = _Alike(person, _kept_text(who), role, did, _kept_text(what))
        with self._turn:
            is_told = alike in self._waiting or self._is_told(alike, now)
            if not is_told:
                alike = _Alike(person, person, role, did, _BEYOND)
            known = self._waiting.get(alike)
            first, count = (known.time, known.count) if known else (now, 0)
            self._waiting[alike] = Deed(
                time=first, last=now, count=count + 1, who=alike.who, role=alike.role, did=did, what=alike.what
            )
            if did in _AT_ONCE and is_told:
                self._asked += 1
                wanted = self._asked
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._done >= wanted, _PATIENCE_S)

    def _is_told(self, alike: _Alike, now: float) -> bool:
        """Whether one more is told apart; counted, where it is."""
        if not 0 <= now - self._minute < GATHERED_S:
            self._minute = now
            self._told = Counter((each.person, each.did in _WRITES) for each in self._waiting)
        writes = alike.did in _WRITES
        if self._told[alike.person, writes] >= (_MOST_WRITES if writes else _MOST):
            return False
        self._told[alike.person, writes] += 1
        return True

    def waiting(self) -> list[Deed]:
        """What is not in the journal yet, oldest first."""
        with self._turn:
            return sorted(self._waiting.values(), key=lambda deed: deed.time)

    def close(self) -> None:
        """Keep what is left, and end."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        self._thread.join(_PATIENCE_S)

    def _keep(self) -> None:
        kept: Kept | None = None
        is_last = False
        while not is_last:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or self._asked > self._done, self._every_s)
                asked, is_last, deeds = self._asked, self._closed, dict(self._waiting)
            for some in _parts(deeds):
                kept = self._try(kept, some)
                if kept is None:
                    break
            with self._turn:
                self._done = asked
                self._turn.notify_all()
        if kept is not None:
            kept.close()

    def _try(self, kept: Kept | None, deeds: dict[_Alike, Deed]) -> Kept | None:
        """Keep them; what was opened, to be used again, or None where that failed."""
        try:
            kept = kept or self._opened()
            kept.note(Use(deeds=tuple(deeds.values())).model_dump_json(), self._clock())
        except AdpersistError as error:
            trouble = error.message
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it nothing would be kept any more, unsaid
            trouble = f"an unexpected {type(error).__name__}; this is a defect in adpersist"
        else:
            self.trouble = ""
            with self._turn:
                for alike, deed in deeds.items():
                    if self._waiting.get(alike) == deed:
                        del self._waiting[alike]
                    else:  # once more meanwhile
                        self._waiting[alike] = _rest(self._waiting[alike], deed)
            return kept
        if trouble != self.trouble:
            log.warning("console.use_not_kept", error=trouble)
        self.trouble = trouble
        if kept is not None:
            with suppress(AdpersistError):
                kept.close()
        return None


def _kept_text(text: str) -> str:
    """As a JSON document takes it: a path that is no UTF-8, in words of the command line, has half characters."""
    return text[:_LONGEST].encode(errors="backslashreplace").decode()


def _parts(deeds: dict[_Alike, Deed]) -> Iterator[dict[_Alike, Deed]]:
    """Parts of which each has room in one commit."""
    part: dict[_Alike, Deed] = {}
    size = 0
    for alike, deed in deeds.items():
        part[alike] = deed
        size += len(deed.what) + len(deed.who)
        if size > _LARGEST_PART:
            yield part
            part, size = {}, 0
    if part:
        yield part


def _rest(deed: Deed, kept: Deed) -> Deed:
    """What of a deed came after it was kept."""
    return deed.model_copy(update={"time": deed.last, "count": deed.count - kept.count})
