"""Proving that a DC is the one a journal was taken from, before anything is captured or restored."""

from typing import Protocol

from adpersist.directory.lineage.verdict import other_database
from adpersist.errors import RevertedError, WrongDirectoryError
from adpersist.model.identity.ids import guid_text
from adpersist.model.journal.head import Head, Identity, Phase
from adpersist.model.journal.lineage import Evidence, Lineage, Verdict


class Judged(Protocol):
    """A DC, as far as its lineage is asked for."""

    @property
    def identity(self) -> Identity:
        """Which one it is."""

    def lineage(self, head: Head, seed: bytes, seen: Evidence | None = None) -> Lineage:
        """The verdict on it, from evidence gathered already, if there is any."""


class JournalEnd(Protocol):
    """A journal, as far as its head is read."""

    @property
    def head(self) -> Head:
        """As last read or written."""

    @property
    def seed(self) -> bytes:
        """Tells this journal from any other."""

    def refresh(self) -> Head:
        """Read the head again."""

    def behind_witness(self) -> str | None:
        """What is known outside of the store and not in it; None: nothing."""


def require_own(dc: Judged, journal: JournalEnd) -> None:
    """Make sure that the journal was taken from this DC, whatever has become of it.

    Raises:
        WrongDirectoryError: It was taken from another one.
    """
    expected, found = journal.head.identity, dc.identity
    if other_database(found, expected) is not None:
        raise WrongDirectoryError(
            f"the journal belongs to {expected.dns_name} ({guid_text(expected.server)}), "
            f"this is {found.dns_name} ({guid_text(found.server)})",
            hint="Point [directory] at the right DC, or `adpersist init` a journal for this one.",
        )


def require_same(dc: Judged, journal: JournalEnd, seen: Evidence | None = None) -> Lineage:
    """The lineage, when it is ``same``; from evidence gathered already, if there is any.

    Raises:
        RevertedError: It is not, or a restore is under way.
    """
    head = journal.head
    if (unfinished := unfinished_restore(head)) is not None:
        raise RevertedError(
            unfinished.evidence,
            hint="Run `adpersist guard --on-revert restore`: it goes on where the restore stopped.",
        )
    lineage = lineage_of(dc, journal, seen)
    refuse_store_behind(lineage)
    refuse_another_journal(lineage)
    if lineage.verdict is not Verdict.SAME:
        raise RevertedError(
            f"the domain controller is {lineage.verdict}: {lineage.evidence}",
            hint="Nothing of it was captured. `adpersist plan` shows what was lost, `adpersist guard` restores it.",
        )
    return lineage


def lineage_of(dc: Judged, journal: JournalEnd, seen: Evidence | None = None) -> Lineage:
    """Whether the DC is the one the journal was taken from; the journal is read again where it may have grown.

    The head was read before the DC was asked. An agent that committed in between has told the DC of a newer commit than
    that head, which must not pass for a store that went back.
    """
    lineage = dc.lineage(journal.head, journal.seed, seen)
    while lineage.verdict is Verdict.STORE_BEHIND:
        before = journal.head.seq
        if journal.refresh().seq == before:
            break
        lineage = dc.lineage(journal.head, journal.seed)
    # in the middle of capturing it was asked before
    if seen is None and lineage.verdict is not Verdict.STORE_BEHIND and journal.behind_witness():
        journal.refresh()  # an agent may have noted what it committed since
        if missing := journal.behind_witness():
            return Lineage(verdict=Verdict.STORE_BEHIND, evidence=missing)
    return lineage


def unfinished_restore(head: Head) -> Lineage | None:
    """The verdict on a DC that a restore was begun on, until it ends; None: there is none under way."""
    if head.phase is not Phase.RESTORING:
        return None
    evidence = f"a restore to commit {head.target} was begun and has not ended"
    return Lineage(verdict=Verdict.REVERTED, evidence=evidence)


def refuse_store_behind(lineage: Lineage) -> None:
    """Neither capture nor restore may begin: one would hide the loss, the other take the DC back with the store.

    Raises:
        RevertedError: The store went back.
    """
    if lineage.verdict is Verdict.STORE_BEHIND:
        raise RevertedError(
            f"the store went back: {lineage.evidence}",
            hint="Put the newer store back. If what it lost is given up: `adpersist agent --accept-store-behind`.",
        )


def refuse_another_journal(lineage: Lineage) -> None:
    """Two journals of one DC would each take the other's restores for a revert.

    Raises:
        RevertedError: Another journal watches the DC.
    """
    if lineage.verdict is Verdict.ANOTHER_JOURNAL:
        raise RevertedError(
            f"another journal watches this domain controller: {lineage.evidence}; nothing was captured or restored",
            hint="Point [store] and [journal] at the one that is kept, and stop the agent of the other. If this one is "
            "to go on instead: `adpersist init --supersede`.",
        )
