"""Taking objects back to a point, from the console: plan, agree, restore, proof.

Done by the command line in a process of its own, `plan` and `restore` as a person would run them: what goes wrong there
does not go wrong here, and nothing here decides anything that they do not. They get GUIDs, a number and the name of an
attribute, and no text from a page.
"""

import hashlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adpersist.errors import AdpersistError, ConfigError, ExitCode
from adpersist.model.identity.ids import Guid, Seq, guid_text
from adpersist.reading.rfc3339 import rfc3339
from adpersist.telemetry import logger

Document = dict[str, Any]

_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
MOST_TOGETHER: Final = 100
"""Objects of one plan: people read it, and a URL holds it."""
_PLAN_S: Final = 300.0
_ANSWERS: Final = (int(ExitCode.OK), int(ExitCode.DIFFERENCES))

log = logger("console")


class BusyError(AdpersistError):
    """One restore is under way; another one waits for a person."""

    exit_code = ExitCode.FENCED


class UndoError(AdpersistError):
    """The command line said no, in its own words."""

    way_out = "Run it in a shell on this machine, where it says more."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be taken back.

    Attributes:
        guids: Which objects, at least one.
        to: The commit whose state they are to have.
        attribute: Only this one; empty: all.
        subtree: Everything below them, too.
    """

    guids: tuple[Guid, ...]
    to: Seq
    attribute: str = ""
    subtree: bool = False

    def __post_init__(self) -> None:
        if self.attribute and not _ATTRIBUTE.fullmatch(self.attribute):
            raise ConfigError("that is no name of an attribute")
        if not 1 <= len(self.guids) <= MOST_TOGETHER:
            raise ConfigError(
                f"{len(self.guids)} objects cannot be taken back together",
                hint=f"Choose 1 to {MOST_TOGETHER}; `adpersist restore --object X --subtree` takes a tree.",
            )

    @property
    def words(self) -> list[str]:
        """As the command line has it."""
        return [
            *(word for guid in self.guids for word in ("--object", guid_text(guid))),
            *("--to", str(self.to)),
            *(("--attribute", self.attribute) if self.attribute else ()),
            *(("--subtree",) if self.subtree else ()),
        ]

    def document(self) -> Document:
        """For pages."""
        return {
            "guid": guid_text(self.guids[0]),
            "guids": [guid_text(guid) for guid in self.guids],
            "to": self.to,
            "attribute": self.attribute,
            "subtree": self.subtree,
        }


class Undo:
    """The command line, and what it is doing.

    Args:
        program: What runs it, with its configuration.
        clock: Unix seconds.
    """

    def __init__(self, program: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        self._program = tuple(program)
        self._clock = clock
        self._turn = threading.Lock()
        self._state: Document | None = None
        self._began = 0.0

    def plan(self, wish: Wish) -> Document:
        """The steps as things stand, and the digest by which they are agreed to. Writes nothing.

        Raises:
            UndoError: There is no plan; the command line's words say why.
        """
        plan = self._planned(wish)
        steps = json.dumps([plan["steps"], plan["taken"]], sort_keys=True)
        return {**plan, "digest": hashlib.sha256(steps.encode()).hexdigest()}

    def begin(self, wish: Wish, ended: Callable[[str], None] = lambda _: None) -> None:
        """Restore in a thread of its own.

        Args:
            ended: Told what came of it, in a few words.

        Raises:
            BusyError: One is under way.
        """
        if not self._turn.acquire(blocking=False):
            raise BusyError("a restore is under way already", hint="/undo/state shows how it fares.")
        self._began = self._clock()
        self._state = {
            "wish": wish.document(),
            "began": rfc3339(self._began),
            "ended": None,
            "running": True,
            "progress": None,
        }
        threading.Thread(target=self._restore, args=(wish, ended), name="undo", daemon=True).start()

    def state(self) -> Document | None:
        """What it is doing, for how many seconds and how far it is, or did last; None: nothing yet."""
        state = self._state
        if state is None or not state["running"]:
            return state
        return {**state, "seconds": round(max(self._clock() - self._began, 0))}

    def _restore(self, wish: Wish, ended: Callable[[str], None]) -> None:
        before = dict(self._state or {})
        told: Document = {"outcome": None, "error": {"message": "it ended before it could say how", "hint": ""}}
        try:
            log.info("undo.began", objects=[guid_text(guid) for guid in wish.guids], to=wish.to)
            done = self._restored(wish)
            told = {"outcome": done, "error": None}
        except AdpersistError as error:
            told = {"outcome": None, "error": {"message": error.message, "hint": error.hint}}
        finally:
            self._state = {**before, **told, "progress": None, "ended": rfc3339(self._clock()), "running": False}
            self._turn.release()
        log.info("undo.ended", to=wish.to, done=told["error"] is None)
        ended(_words_of(told))

    def _planned(self, wish: Wish) -> Document:
        words = self._words("plan", wish)
        try:
            ran = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PLAN_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise UndoError(f"`adpersist plan` takes longer than {_PLAN_S:g} s") from error
        except OSError as error:
            raise UndoError("`adpersist plan` gave no answer") from error
        return _understood("plan", ran.returncode, ran.stdout)

    def _restored(self, wish: Wish) -> Document:
        words = self._words("restore", wish, "--yes", "--progress")
        try:
            with (
                os.fdopen(os.memfd_create("answer"), "w+b") as answer,
                subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=answer, stderr=subprocess.PIPE) as ran,
            ):
                for line in ran.stderr or ():
                    self._hear(line)
                ran.wait()
                answer.seek(0)
                return _understood("restore", ran.returncode, answer.read())
        except OSError as error:
            raise UndoError("`adpersist restore` gave no answer") from error

    def _words(self, command: str, wish: Wish, *more: str) -> list[str]:
        return [*self._program, command, *wish.words, *more, "--json"]

    def _hear(self, line: bytes) -> None:
        """A line of standard error: how far it is, or of its log."""
        try:
            said = json.loads(line)
        except ValueError:
            return
        if isinstance(said, dict) and isinstance(told := said.get("progress"), dict) and self._state is not None:
            self._state = {**self._state, "progress": told}


def _understood(command: str, code: int, answer: bytes) -> Document:
    try:
        said = json.loads(answer)
    except ValueError as error:
        raise UndoError(f"`adpersist {command}` gave no answer") from error
    if "error" in said:
        raise UndoError(str(said["error"]["message"]), hint=str(said["error"]["hint"]))
    if code not in _ANSWERS:
        raise UndoError(f"`adpersist {command}` ended with {code}")
    return dict(said)


def _words_of(told: Document) -> str:
    if told["error"] is not None:
        return f"not done: {told['error']['message']}"
    left = told["outcome"].get("left", 0)
    return f"done, {left} differences left" if left else "done and proven"
