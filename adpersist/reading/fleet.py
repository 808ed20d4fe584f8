"""How the journals of many DCs stand, as their store tells it: who captures, up to when, and since when nobody does.

No DC is asked. An agent moves the head of its journal only while its DC is proven, so the head's time says until when
nothing was missing; that it stands still for longer than agents beat says that nobody captures. Without the key what
stands in the clear is told, and is not proven.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Final

from adpersist.errors import AdpersistError, IntegrityError, NoJournalError
from adpersist.journal.format.head import ClearHead, read_clear
from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import KeyEncryption
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Head, Mark, Phase, Writer
from adpersist.stores.finding import Found
from adpersist.stores.registry import open_store

CLOCK_SLACK_S: Final = 300.0
"""A head from so far in the future is believed: clocks differ."""


class Standing(StrEnum):
    """How a journal stands."""

    WELL = "well"
    MOVED = "moved"
    """It goes on in another store; nothing is written here any more."""

    BEGINNING = "beginning"
    """The agent has not finished its first look: there is nothing to restore to yet."""

    RESTORING = "restoring"
    """The DC is being restored just now."""

    BROKEN_OFF = "broken off"
    """A restore was begun, and nothing was heard of it for too long."""

    SILENT = "silent"
    """Nobody captures: the agent, its DC or its way to the store is away."""

    CLOCK = "clock"
    """The head is from the future: whether anybody captures cannot be told."""

    UNREADABLE = "unreadable"
    """The store of this journal does not answer, or refuses."""

    DAMAGED = "damaged"
    """The head is lost, damaged or forged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One journal, as far as it could be read. Times are Unix seconds.

    Attributes:
        store: Where it lies.
        journal: Its id; empty: not even that could be read.
        standing: How it stands.
        why: The same as a sentence.
        dns_name: The DC's; empty without the key.
        writer: Who wrote the head; None without the key.
        seq: The last commit; None: no head.
        usn: The DC's USN up to which everything is in it; None without the key, or where a full look is due.
        durable: Until when nothing is missing; None: no head.
        timeline: Counts restores, from 1.
        healed: When the last restore ended; None: never, without the key, or its commit was pruned.
        left: Differences that the last restore could not close.
        quarantined: Objects that could not be read when they were looked at last.
        image: When the machine's image was taken, where that was noted.
        oldest: The oldest point that can be restored; None: none yet, or without the key.
        oldest_time: When that was.
        commits: How many are in the store; without the key, as if nothing had been pruned.
        size: Bytes of those commits; None: not asked for.
        key: The key-encryption key it is sealed with.
        opened: The key is at hand: everything here is proven.
    """

    store: str
    journal: str
    standing: Standing
    why: str
    dns_name: str = ""
    writer: Writer | None = None
    seq: Seq | None = None
    usn: int | None = None
    durable: float | None = None
    timeline: int = 0
    healed: float | None = None
    left: int = 0
    quarantined: int = 0
    image: Mark | None = None
    oldest: Seq | None = None
    oldest_time: float | None = None
    commits: int | None = None
    size: int | None = None
    key: str = ""
    opened: bool = False

    @property
    def domain(self) -> str:
        """The DNS name behind the DC's own."""
        return self.dns_name.partition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How journals are looked at.

    Attributes:
        keys: Those at hand.
        now: Unix seconds.
        silent_after_s: A head that stands still for longer says that nobody captures; infinite: never.
        sizes: Add up the bytes of the commits, which reads them all.
    """

    keys: Sequence[KeyEncryption]
    now: float
    silent_after_s: float
    sizes: bool = False


def survey(found: Sequence[Found], terms: Terms, told: Callable[[int, int], None] = lambda *_: None) -> list[Member]:
    """All of them, by domain and name.

    Args:
        found: Where they lie.
        terms: How they are looked at.
        told: Told how many of how many were.
    """
    members = []
    for number, each in enumerate(found):
        told(number, len(found))
        members.append(surveyed(each, terms))
    return sorted(members, key=lambda each: (each.domain, each.dns_name, each.store, each.journal))


def surveyed(found: Found, terms: Terms) -> Member:
    """One journal. What cannot be read of it is told in the answer, and raises nothing."""
    member = Member(store=found.url, journal=found.journal, standing=Standing.UNREADABLE, why="")
    if found.error is not None:
        return _failed(member, found.error)
    store = open_store(found.url, journal=found.journal)
    try:
        clear = read_clear(store.head().body)
        member = _shown_in_the_clear(member, clear, terms)
        if clear.journal != found.journal:
            return replace(member, standing=Standing.DAMAGED, why=f"its head is that of journal {clear.journal}")
        key = next((each for each in terms.keys if each.key_id == member.key), None)
        if key is None:
            return member
        return _shown_by_key(member, Journal.open(store, key, expected=found.journal), terms)
    except AdpersistError as error:
        return _failed(member, error)
    finally:
        store.close()


def _failed(member: Member, error: AdpersistError) -> Member:
    damaged = isinstance(error, IntegrityError | NoJournalError)
    return replace(
        member,
        standing=Standing.DAMAGED if damaged else Standing.UNREADABLE,
        why="; ".join(filter(None, (error.message, error.hint))),
    )


def _shown_in_the_clear(blank: Member, clear: ClearHead, terms: Terms) -> Member:
    standing, why = _heard(clear.time, terms)
    return replace(
        blank,
        standing=standing,
        why=why,
        seq=clear.seq,
        durable=clear.time,
        timeline=clear.timeline,
        commits=clear.seq,
        key=clear.wrappers[-1] if clear.wrappers else "",
    )


def _shown_by_key(shown: Member, journal: Journal, terms: Terms) -> Member:
    head = journal.head
    standing, why = judged(head, terms)
    oldest, oldest_time = _oldest(journal)
    restored = journal.last_restore()
    return replace(
        shown,
        standing=standing,
        why=why,
        dns_name=head.identity.dns_name,
        writer=head.writer,
        seq=head.seq,
        usn=head.position.usn if head.position else None,
        durable=head.time,
        healed=restored.time if restored else None,
        left=restored.left_now(head.files_left) if restored else 0,
        quarantined=len(head.quarantined),
        image=head.image,
        oldest=oldest,
        oldest_time=oldest_time,
        commits=head.seq - head.pruned,
        size=journal.size(after=head.pruned) if terms.sizes else None,
        opened=True,
    )


def judged(head: Head, terms: Terms) -> tuple[Standing, str]:
    """How a journal with this head stands, and why."""
    if head.gone_to is not None:
        return Standing.MOVED, f"it goes on in {head.gone_to}"
    standing, why = _heard(head.time, terms)
    if head.phase is Phase.RESTORING:
        if standing is Standing.SILENT:
            return Standing.BROKEN_OFF, f"a restore to commit {head.target} was begun and not ended; {why}"
        return Standing.RESTORING, f"it is being restored to commit {head.target}"
    if standing is Standing.WELL and not head.complete:
        return Standing.BEGINNING, "the first look has not ended: nothing can be restored yet"
    return standing, why


def _heard(time: float, terms: Terms) -> tuple[Standing, str]:
    quiet_s = terms.now - time
    if quiet_s > terms.silent_after_s:
        return Standing.SILENT, f"nothing was heard for {_span(quiet_s)}: see to its agent, its DC and its way here"
    if -quiet_s > CLOCK_SLACK_S:
        return Standing.CLOCK, f"its head is {_span(-quiet_s)} in the future: one of the two clocks is wrong"
    return Standing.WELL, "captured"


def _span(seconds: float) -> str:
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _oldest(journal: Journal) -> tuple[Seq | None, float | None]:
    """The checkpoint that pruning left, or the end of the first look."""
    head = journal.head
    for checkpoint in head.checkpoints:
        if checkpoint.seq == head.pruned:
            return checkpoint.seq, checkpoint.time
    first = Seq(min(head.pruned + 1, head.seq))
    # mostly it is the first one: no more than that is fetched then
    for commit in chain(journal.commits(after=head.pruned, through=first), journal.commits(after=first)):
        if commit.ends_look and commit.complete:
            return commit.seq, commit.time
    return None, None
