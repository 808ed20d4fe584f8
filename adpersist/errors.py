"""The one error tree.

Every error carries the exit code a script sees, a hint that tells a person what to do next, and whether trying again
can help. Adapters turn foreign errors into these with ``raise ... from``.
"""

from enum import IntEnum
from typing import ClassVar, Final


class ExitCode(IntEnum):
    """Exit codes of the command line; scripts rely on them."""

    OK = 0
    FAILURE = 1
    DIFFERENCES = 2
    FENCED = 3
    REVERTED = 4
    STORE_UNREACHABLE = 5
    DIRECTORY_UNREACHABLE = 6
    USAGE = 7
    INTEGRITY = 8
    KEY = 9
    NO_JOURNAL = 10
    STORE_FULL = 11


AS_ROOT: Final = "This user may not read it: run the same command as root, as the units do."
"""The hint where the system says that somebody lacks a permission."""


class AdpersistError(Exception):
    """Root of every error adpersist raises on purpose.

    Attributes:
        exit_code: What the process ends with when nobody handles the error.
        retryable: The same call may succeed a moment later without anybody doing anything.
        may_pass: It may be over in an hour, by itself or by a person's hand: whoever has nothing else to do, an agent
            or a boot, waits for it and says why; a command that somebody looks at ends with it.
        asked_every_s: It ends soon, and is asked for so often instead of more and more seldom; None: nobody knows.
        retry_after_s: The next try comes no sooner than that; None: it does not say.
        is_answered: A document that was begun when it came ends with it.
        hint: One sentence telling a person what to do next.
        way_out: The hint where whoever raises it knows no better one.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE
    retryable: ClassVar[bool] = False
    may_pass: ClassVar[bool] = False
    asked_every_s: ClassVar[float | None] = None
    retry_after_s: float | None = None
    is_answered: bool = False
    way_out: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.way_out


class ConfigError(AdpersistError):
    """The configuration or the command's own words cannot be used."""

    exit_code = ExitCode.USAGE
    way_out = "Put right what is named here and run the same command again; `--help` tells what each command takes."


class OutputError(AdpersistError):
    """What a command answered could not be written to its standard output; what it did is done."""

    way_out = "Make room there, or let it go elsewhere, and ask again."


class KeyMissingError(ConfigError):
    """The key-encryption key the journal asks for is not there, or what lies in its place is no key."""

    exit_code = ExitCode.KEY
    way_out = "Bring the key back from where its copy is kept; `adpersist key check FILE` says whether one is right."


# --- the store ----------------------------------------------------------------------------------------------------


class StoreError(AdpersistError):
    """The store answered, and refused or failed."""

    exit_code = ExitCode.STORE_UNREACHABLE
    way_out = "`adpersist doctor` tries the store step by step. What was acknowledged is in it."


class StoreUnreachableError(StoreError):
    """The store did not answer, or throttled us. Nothing was written."""

    retryable = True
    way_out = "Run the same command again; an agent does so by itself. If it lasts: `adpersist doctor` tries the way."


class ThrottledError(StoreUnreachableError):
    """The store has too much to do and says so. Nothing was written.

    Attributes:
        retry_after_s: How long it asked to be left alone; None when it did not say.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class CredentialRefusedError(StoreError):
    """The store does not believe who asks: no token yet, one that ended, a clock that is wrong, rights on their way."""

    may_pass = True


class StoreReadOnlyError(StoreError):
    """The store can be read but not written with these rights."""

    may_pass = True


class StoreFullError(StoreError):
    """No space left for the journal. Nothing was written."""

    exit_code = ExitCode.STORE_FULL
    may_pass = True
    way_out = "Make room where the store lies, then `adpersist prune --keep AGE`."


class OutcomeUnknownError(StoreError):
    """The store did not answer a write; it may or may not have happened. Read the head before anything else."""

    retryable = True
    way_out = "Run the same command again: what was done is found then, and is not done twice."


class NoJournalError(StoreError):
    """The store holds no such journal: it is lost, elsewhere, or on a disk that is not mounted."""

    exit_code = ExitCode.NO_JOURNAL


WHERE_TO_LOOK: Final = (
    "See that its disk is mounted or its table not deleted, and that [store] url and [journal] id name the right ones; "
    "a journal that is gone comes back from a copy of its store."
)
"""The hint wherever a journal is missed. It does not say `init`: a second journal would take the DC, perhaps put back,
for the truth."""


class UnfinishedCopyError(NoJournalError):
    """A copy of a journal was begun there, and is not whole yet."""


class JournalExistsError(StoreError):
    """A journal of that id is already in the store."""

    exit_code = ExitCode.USAGE
    way_out = "Go on with it: its configuration names it under `[journal] id`. Another journal wants an empty place."


class FencedError(AdpersistError):
    """Somebody else moved the head: this writer must stop. Nothing was written."""

    exit_code = ExitCode.FENCED
    way_out = "`adpersist status` names who holds the journal. One agent a journal: end one of the two."


class MovedError(FencedError):
    """The journal goes on in another store: here it can be read and no more. Nothing was written.

    Attributes:
        to: Where it goes on.
    """

    def __init__(self, to: str) -> None:
        super().__init__(
            f"the journal was moved to {to}",
            hint=f"Set `[store] url` to {to}, in the machine's image, too. If it never arrived there: "
            f"`adpersist copy --to {to} --move` goes on with the move, --undo-move gives it up.",
        )
        self.to = to


class LimitError(AdpersistError):
    """A value is larger than the store can hold; raised before anything was sent."""

    way_out = (
        "`adpersist prune` makes the journal's head smaller; a single object as large as that has to shrink on the DC."
    )


# --- the journal --------------------------------------------------------------------------------------------------


class IntegrityError(AdpersistError):
    """The journal is not what was written: damaged, forged or incomplete."""

    exit_code = ExitCode.INTEGRITY
    way_out = (
        "`adpersist check` says what is damaged and what can still be restored, `adpersist check --repair` goes on."
    )


class WrongKeyError(IntegrityError):
    """The key at hand does not open this journal."""

    exit_code = ExitCode.KEY


class PointError(ConfigError):
    """A point in time that the journal does not hold."""

    way_out = "`adpersist log` lists the points there are, `adpersist check` which of them can be restored."


class PrunedMeanwhileError(PointError):
    """What was being read, or built on, was pruned in the same moment: the next try begins behind that."""

    exit_code = ExitCode.FAILURE
    retryable = True
    way_out = "Try again when no prune runs."


class CopyRefusedError(AdpersistError):
    """A place cannot be the copy of this journal; nothing was changed there."""

    exit_code = ExitCode.USAGE


# --- the directory ------------------------------------------------------------------------------------------------


class DirectoryError(AdpersistError):
    """The directory answered, and refused.

    Attributes:
        result: LDAP result code ([RFC4511] 4.1.9), 0 when there was none.
    """

    exit_code = ExitCode.DIRECTORY_UNREACHABLE
    way_out = "`adpersist doctor` asks the domain controller step by step, and says what stands in the way."

    def __init__(self, message: str, *, hint: str = "", result: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.result = result


class DirectoryUnreachableError(DirectoryError):
    """The directory does not answer, or went away in the middle of an answer."""

    retryable = True
    way_out = (
        "See that the domain controller runs (`systemctl status samba-ad-dc`) and that `[directory] url` names it."
    )


class NotPrivilegedError(DirectoryError):
    """The session is not the privileged one: secrets cannot be read or written on it."""


class LoginRefusedError(DirectoryError):
    """The directory does not believe who is asking."""

    way_out = "See to `[directory] user` and its password file, or to the Kerberos tickets (`klist`)."


class NoSuchEntryError(DirectoryError):
    """The entry is not in the directory."""


class WriteRefusedError(DirectoryError):
    """The directory refused one write; it says why in the message."""

    exit_code = ExitCode.FAILURE


class WrongDirectoryError(AdpersistError):
    """The journal was taken from another domain controller than the one in front of us."""

    exit_code = ExitCode.REVERTED


class RevertedError(AdpersistError):
    """The domain controller is not the one the journal's head was taken from; nothing was captured."""

    exit_code = ExitCode.REVERTED


class NotConvergedError(AdpersistError):
    """A restore ended with differences left; they are listed."""

    exit_code = ExitCode.DIFFERENCES
