"""A note of the newest commit, outside of store and directory: where both were put back together, it alone knows."""

import json
from pathlib import Path
from typing import Final

from adpersist.errors import AdpersistError, ConfigError
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import CommitId
from adpersist.system.files import durable_file
from adpersist.system.passing import PASSES
from adpersist.telemetry import logger

_MOST_BYTES: Final = 4096
"""Many times a note: whatever else was named instead, be it without an end, is not read to it."""

log = logger("journal")


class WitnessAwayError(AdpersistError):
    """The witness is on a disk that does not answer: whether store and domain controller went back together is open."""

    may_pass = True
    way_out = "See to its disk, which may be another machine's; an agent waits for it."


class WitnessFile:
    """One file for one journal; it lies on a disk that goes back with neither.

    Attributes:
        path: The file: JSON with ``journal`` (its id), ``seq`` and ``digest`` (hexadecimal).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._left: CommitId | None = None

    def read(self, journal: str) -> CommitId | None:
        """The newest commit it knows of that journal; None: there is no file yet.

        Raises:
            ConfigError: It cannot be read, says something else, or is another journal's.
            WitnessAwayError: Its disk is away, or fails.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
            found = json.loads(content.decode("utf-8"))
            owner = str(found["journal"])
            known = CommitId(seq=Seq(int(found["seq"])), digest=bytes.fromhex(found["digest"]))
        except FileNotFoundError:
            log.warning("witness.missing", path=str(self.path))
            return None
        except OSError as error:
            if error.errno in PASSES:
                raise WitnessAwayError(f"the witness {self.path} cannot be read now: {error.strerror}") from error
            raise self._unreadable(error) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._unreadable(error) from error
        if owner != journal:
            raise ConfigError(f"the witness {self.path} is of journal {owner}, not of {journal}")
        return known

    def _unreadable(self, error: Exception) -> ConfigError:
        return ConfigError(
            f"the witness {self.path} cannot be read: {error}",
            hint="It is what tells when store and domain controller were put back together. Remove it only if neither "
            "was.",
        )

    def leave(self, journal: str, newest: CommitId) -> None:
        """Note a commit. One that cannot be noted is told and keeps nobody from capturing."""
        if newest == self._left:
            return
        note = {"journal": journal, "seq": newest.seq, "digest": newest.digest.hex()}
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with durable_file.replaced(self.path) as file:
                file.write(f"{json.dumps(note)}\n".encode())
        except OSError as error:
            log.warning("witness.not_left", path=str(self.path), error=error.strerror)
            return
        self._left = newest
