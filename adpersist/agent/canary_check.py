"""What the DC itself knows of the journal: the one witness that does not go back with the store."""

from dataclasses import dataclass
from typing import Final

from adpersist.agent import connections
from adpersist.config import Config
from adpersist.directory.lineage.canary import Canary
from adpersist.directory.lineage.proof import require_own
from adpersist.errors import ConfigError, DirectoryError, WrongDirectoryError
from adpersist.journal.damage import Damage
from adpersist.journal.journal import Journal
from adpersist.journal.upkeep.check import KnownCommit
from adpersist.model.identity.ids import Seq

_BEHIND: Final = Damage.STORE_BEHIND


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryAnswer:
    """What came of asking the DC.

    Attributes:
        canary: What it remembers; None when it does not, or could not be asked.
        why: Why it could not be asked, as a clause; empty when it was.
    """

    canary: Canary | None = None
    why: str = ""

    def known(self, seed: bytes) -> tuple[KnownCommit, ...]:
        """The same for a check of the journal with that seed."""
        told = self.canary
        if told is None:
            return ()

        if told.is_announcement:
            # the one before it was made
            known = KnownCommit(seq=Seq(told.seq - 1), is_it=lambda _: True, who="the directory", otherwise=_BEHIND)
            return (known,) if told.seq > 1 else ()

        def is_it(digest: bytes) -> bool:
            return Canary.of(seed, told.seq, digest) == told

        return (KnownCommit(seq=told.seq, is_it=is_it, who="the directory", otherwise=_BEHIND),)


def ask_for_canary(config: Config, journal: Journal) -> CanaryAnswer:
    """Ask the configured DC which commit it was told of last; reads a handful of entries, writes nothing.

    A DC that cannot be asked is no error: the journal can be read without one, and the answer says so.
    """
    try:
        dc = connections.connect(config)
    except (ConfigError, DirectoryError) as error:
        return CanaryAnswer(why=error.message)
    try:
        require_own(dc, journal)
        return CanaryAnswer(canary=dc.canary(journal.seed))
    except (WrongDirectoryError, DirectoryError) as error:
        return CanaryAnswer(why=error.message)
    finally:
        dc.close()
