"""What a person allows a restore to do."""

from dataclasses import dataclass
from enum import StrEnum

from adpersist.model.plan.engine import Engine


class OnRevert(StrEnum):
    """Heal it, or only tell."""

    RESTORE = "restore"
    REPORT = "report"


class OnConflict(StrEnum):
    """Whose word counts where the DC was written to after it was put back."""

    JOURNAL = "journal"
    DC = "dc"
    FAIL = "fail"


class Keep(StrEnum):
    """What stays as it is when a living domain is taken back in time."""

    MACHINE_SECRETS = "machine-secrets"
    NOTHING = "nothing"


class Opening(StrEnum):
    """When a closed DC is opened that was healed but for differences nobody could close."""

    UNLESS_MORE = "unless-more"
    """Unless one of them gives somebody more than the journal does."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a restore may do.

    Attributes:
        policy: Whose word counts where the DC was written to since it was put back.
        engine: How to write.
        accept_loss: Accounts that this connection can only make again as somebody else are made again so.
        accept_differences: It ends also where most of what was lost could not be brought back.
        keep_machine_secrets: Going back in time, computers and trusts keep the passwords their other end knows.
        opening: When a closed DC may be opened with differences.
    """

    policy: OnConflict = OnConflict.JOURNAL
    engine: Engine = Engine.AUTO
    accept_loss: bool = False
    accept_differences: bool = False
    keep_machine_secrets: bool = True
    opening: Opening = Opening.UNLESS_MORE
