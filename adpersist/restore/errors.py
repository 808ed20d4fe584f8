"""Why a restore does not begin, or does not end."""

import shlex
from collections.abc import Sequence

from adpersist.errors import AdpersistError, ExitCode, NotConvergedError
from adpersist.model.files.file_state import FileKey, path_text
from adpersist.model.plan.conflict import Conflict
from adpersist.restore.outcome import RestoreOutcome
from adpersist.restore.plan.collisions import Collision
from adpersist.restore.plan.limitations import Limitation


class LossError(AdpersistError):
    """Accounts are gone for good, and this connection can only make others of the same name. Nothing was written.

    Attributes:
        losses: Which.
    """

    exit_code = ExitCode.DIFFERENCES

    def __init__(self, losses: Sequence[Limitation]) -> None:
        super().__init__(
            f"{len(losses)} accounts would come back as somebody else, with another SID and no password; the first is "
            f"{losses[0].dn}",
            hint="Restore over the privileged socket on the domain controller, which keeps identities; or accept that "
            "with --accept-loss. `adpersist plan` lists them.",
        )
        self.losses = losses


class NameTakenError(AdpersistError):
    """Somebody else has what a restored object needs: both would have one name, and neither could log in.

    Attributes:
        taken: What, and who has it.
    """

    exit_code = ExitCode.DIFFERENCES

    def __init__(self, taken: Sequence[Collision]) -> None:
        first = taken[0]
        super().__init__(
            f"{first.dn} cannot come back as it was: {first.holder} has its {first.attribute} {first.value} now"
            + (f", and {len(taken) - 1} more are taken" if len(taken) > 1 else "")
            + "; nothing was written",
            hint=f"Bring it back under another name first, with --object {shlex.quote(first.dn)} --rename NAME, "
            "or rename what took its place.",
        )
        self.taken = taken


class ConflictError(AdpersistError):
    """The DC was written to after it was put back, and the caller wants to be asked. Nothing was written.

    Attributes:
        conflicts: Those writes.
    """

    exit_code = ExitCode.DIFFERENCES

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__(
            f"{len(conflicts)} objects were written locally after the revert, the first is {conflicts[0].dn}",
            hint="`adpersist plan` lists them; --on-conflict journal overwrites them, --on-conflict dc keeps them.",
        )
        self.conflicts = conflicts


class FileConflictError(AdpersistError):
    """Files of SYSVOL were written after the DC was put back, and the caller wants to be asked. Nothing was written.

    Attributes:
        keys: Which.
    """

    exit_code = ExitCode.DIFFERENCES

    def __init__(self, keys: Sequence[FileKey]) -> None:
        super().__init__(
            f"{len(keys)} files of SYSVOL were written after the revert, the first is {path_text(keys[0][1])}",
            hint="`adpersist verify` lists them; --on-conflict journal puts back what the journal has and keeps "
            "in it what was there; --on-conflict dc leaves these files alone.",
        )
        self.keys = keys


class SmbConfError(AdpersistError):
    """The restored DC would not start: a line of smb.conf went back with the disk. Nothing was written."""

    exit_code = ExitCode.USAGE

    def __init__(self, line: str) -> None:
        super().__init__(
            f"Samba would not start on the restored domain: its smb.conf went back, and lacks `{line}`",
            hint="Put that line below [global] again and run the same command; with [files] restore_smb_conf = true a "
            "restore does that itself. `adpersist files show smb.conf --in settings --content` shows all of it.",
        )


class UnfinishedError(NotConvergedError):
    """So much is left that a restore does not end; it goes on when it is begun again.

    Attributes:
        outcome: What was done, and what is left.
    """

    def __init__(self, outcome: RestoreOutcome, *, hint: str) -> None:
        troubles = outcome.files.troubles if outcome.files is not None else ()
        reasons = "; ".join(dict.fromkeys([*(refusal.reason for refusal in outcome.refusals), *troubles]))
        super().__init__(
            f"{len(outcome.lines)} differences are left after {outcome.rounds} rounds"
            + (f": {reasons}" if reasons else ""),
            hint=hint,
        )
        self.outcome = outcome
