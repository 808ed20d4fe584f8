"""Which commits somebody looks for."""

from dataclasses import dataclass
from typing import Final

from adpersist.model.identity.ids import Guid
from adpersist.model.identity.sid import LOCAL_SYSTEM, sid_text
from adpersist.model.journal.commit import Commit, CommitKind

SYSTEM: Final = sid_text(LOCAL_SYSTEM)


def names_of(sid: str, account: str) -> set[str]:
    """What a writer is called by: the SID, and the account with and without its domain; all folded."""
    forms = {account.casefold(), account.rpartition("\\")[2].casefold()} - {""}
    return {sid.casefold(), *forms, *({"system"} if sid == SYSTEM else ())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Commits that tell of all of these; None: of anything.

    Attributes:
        guid: An object.
        attribute: An attribute or link attribute, in any case.
        kind: What a commit is for.
        who: A SID, or an account with or without its domain, in any case, that Samba's audit log names with the commit.
        sid: Of the account that is called so: the audit log need not say more; empty: none is known.
    """

    guid: Guid | None = None
    attribute: str | None = None
    who: str | None = None
    sid: str = ""
    kind: CommitKind | None = None

    def is_in(self, commit: Commit) -> bool:
        """The commit tells of them; an object and an attribute both in one change."""
        return (
            self.kind in (None, commit.kind)
            and (self.who is None or self._is_writer_of(commit))
            and self._is_told_by(commit)
        )

    def _is_told_by(self, commit: Commit) -> bool:
        return (self.guid is None and self.attribute is None) or any(
            self.guid in (None, change.guid) and self.names({*change.values, *change.added, *change.removed})
            for change in commit.changes
        )

    def names(self, attributes: set[str]) -> bool:
        """The attribute is one of these."""
        return self.attribute is None or self.attribute.casefold() in {name.casefold() for name in attributes}

    def wrote(self, sid: str, account: str) -> bool:
        """They are who is looked for."""
        sid = sid or SYSTEM
        return sid == self.sid or (self.who or "").casefold() in names_of(sid, account)

    def _is_writer_of(self, commit: Commit) -> bool:
        return commit.audited is not None and any(self.wrote(line.sid, line.account) for line in commit.audited.lines)
