"""What each kind of commit does to the head it is built on. Pure: a head in, a draft out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from adpersist.errors import ConfigError, LimitError, PointError
from adpersist.journal.appending.appender import Draft
from adpersist.journal.format.columns.packing import compress, pack
from adpersist.journal.format.frame import digest_of, seal_frame
from adpersist.journal.format.frame_header import FrameHeader
from adpersist.journal.format.head import OpenHead, microseconds
from adpersist.journal.format.head_fields import pack_writer
from adpersist.journal.format.notes import MOST_DIFFERENCES, pack_conflicts, pack_differences
from adpersist.journal.format.splitting import Piece
from adpersist.journal.keys.key_encryption import KeyEncryption, Randomness
from adpersist.journal.keys.keyring import MAX_FRAMES_A_KEY, Keyring
from adpersist.journal.timelines import begun_anew
from adpersist.model.identity.ids import Guid, Seq, Usn
from adpersist.model.journal.commit import ASIDE, CommitKind
from adpersist.model.journal.head import Head, Mark, Phase, Timeline, Writer
from adpersist.model.plan.conflict import Conflict
from adpersist.model.plan.difference import Difference
from adpersist.stores.port import MAX_FRAME_BYTES, Frame

MAX_MARKS: Final = 1000
"""The head carries them all."""

_LARGEST_NOTE_BYTES: Final = MAX_FRAME_BYTES // 2
"""Compressed: a frame has room for it, and the append for a spare of the head beside it."""

_NOTHING: Final = Usn(0)
_MARK_NAME: Final = re.compile(r"[^\W_][\w.:+-]{0,63}")


def _beginning(target: Seq, writer: Writer, kept: Sequence[Conflict], account: str) -> list[object]:
    note: list[object] = [None, target, pack_writer(writer), *([pack_conflicts(kept)] if kept or account else [])]
    return [*note, account] if account else note


def _ending(target: Seq, left: Sequence[Difference], account: str) -> list[object]:
    told = MOST_DIFFERENCES
    while True:
        differences = pack_differences(left, told) or ([[], 0] if account else [])
        note = [None, target, None, *differences, *([account] if account else [])]
        if len(compress(pack(note))) <= _LARGEST_NOTE_BYTES:
            return note
        if not told:
            account = ""  # how many are left matters, the account does not
        told //= 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDrafter:
    """What is needed to put a frame on a base.

    Attributes:
        keys: Wraps the next data key when the present one has sealed enough.
        randomness: For nonces and data keys.
        time: Unix seconds, the resolution of the format.
        commits_a_key: So many are sealed with one data key.
    """

    keys: KeyEncryption
    randomness: Randomness
    time: float
    commits_a_key: int = MAX_FRAMES_A_KEY

    def look(self, base: OpenHead, piece: Piece, *, head: Head, usn: tuple[Usn, Usn]) -> Draft:
        """One frame of a look; ``head`` says what becomes of the position."""
        return self._frame(
            base,
            replace(head, time=self.time),
            kind=piece.kind,
            compressed=piece.compressed,
            usn=usn,
            changes=piece.changes,
            part=piece.part,
            audited=piece.audited,
        )

    def files(self, base: OpenHead, compressed: bytes, *, head: Head, changes: int, usn: Usn) -> Draft:
        """One frame of a look at files."""
        found = replace(head, time=self.time)
        kind = CommitKind.FILES
        return self._frame(base, found, kind=kind, compressed=compressed, usn=(usn, usn), changes=changes)

    def head_only(self, base: OpenHead, head: Head, *, tolerant: bool = False) -> Draft:
        """No commit; the head alone moves, and its time with it unless it says nothing about the capture."""
        return Draft(head=head if tolerant else replace(head, time=self.time), keyring=base.keyring, tolerant=tolerant)

    def mark(self, base: OpenHead, name: str, writer: Writer) -> Draft:
        """A named point; everything else in the head stays, and so does who holds the journal."""
        if not _MARK_NAME.fullmatch(name):
            raise PointError(
                f"{name!r} cannot name a mark",
                hint="Up to 64 letters, digits and `_.:+-`, beginning with a letter or digit.",
            )
        kept = tuple(each for each in base.head.marks if each.name != name)
        if len(kept) >= MAX_MARKS:
            raise LimitError(f"the journal has {MAX_MARKS} marks already", hint="Use a name again, or prune.")
        made = Mark(name=name, seq=Seq(base.head.seq + 1), time=self.time)
        head = replace(base.head, marks=(*kept, made))
        return self._note(base, head, kind=CommitKind.MARK, note=[name, None, pack_writer(writer)], tolerant=True)

    def use(self, base: OpenHead, account: str, writer: Writer) -> Draft:
        """Who looked; everything in the head stays, and so does who holds the journal.

        Its time is the head's: a console's clock, on whichever machine, is none by which points are found.

        Raises:
            LimitError: It is more than one commit holds.
        """
        compressed = compress(pack([None, None, pack_writer(writer), [], account]))
        if len(compressed) > _LARGEST_NOTE_BYTES:
            raise LimitError("that is more than one commit holds", hint="Note it in several.")
        then = replace(self, time=base.head.time)
        return then._frame(base, base.head, kind=CommitKind.USE, compressed=compressed, tolerant=True)

    def begin_restore(
        self,
        base: OpenHead,
        target: Seq,
        writer: Writer,
        fresh: Guid | None,
        kept: Sequence[Conflict],
        account: str = "",
    ) -> Draft:
        """The journal is being used to put the DC back; nobody captures until it is over."""
        head = replace(base.head, time=self.time, writer=writer, phase=Phase.RESTORING, target=target, fresh=fresh)
        note = _beginning(target, writer, kept, account)
        if account and len(compress(pack(note))) > _LARGEST_NOTE_BYTES:
            note = _beginning(target, writer, kept, "")  # what is to be kept matters, the account does not
        if len(compress(pack(note))) > _LARGEST_NOTE_BYTES:
            raise LimitError(
                f"{len(kept)} writes on the domain controller are more than a restore can note down",
                hint="Restore with --on-conflict journal, which overwrites them.",
            )
        return self._note(base, head, kind=CommitKind.RESTORE_BEGIN, note=note)

    def end_restore(
        self,
        base: OpenHead,
        target: Seq,
        left: Sequence[Difference],
        account: str = "",
        files_left: int | None = None,
    ) -> Draft:
        """The DC is at the target, but for what is left; a new timeline begins, without position or witnesses."""
        number = base.head.timeline + 1
        began = Timeline(number=number, base=target, begins=Seq(base.head.seq + 1))
        head = replace(
            base.head,
            time=self.time,
            timeline=number,
            timelines=(*base.head.timelines, began),
            phase=Phase.CAPTURING,
            target=None,
            settled=True,
            position=None,
            witnesses=(),
            files_left=base.head.files_left if files_left is None else files_left,
        )
        return self._note(base, head, kind=CommitKind.RESTORE_END, note=_ending(target, left, account))

    def repair(self, base: OpenHead, head: Head, point: Seq, writer: Writer) -> Draft:
        """What the newest state is made of is lost: a new timeline goes on from an older point, 0 for nothing.

        Args:
            head: The base's, with what is lost noted.
        """
        began = Timeline(number=head.timeline + 1, base=point, begins=Seq(base.head.seq + 1))
        anew = replace(begun_anew(head, began), time=self.time, writer=writer)
        note: list[object] = [None, point, pack_writer(writer)]
        return self._note(base, anew, kind=CommitKind.REPAIR, note=note, tolerant=True)

    def rotate_data_key(self, base: OpenHead) -> Draft:
        """A new data key, for the commits after this head.

        Raises:
            ConfigError: The key that would wrap it is being changed.
        """
        if len(base.keyring.wrappers) > 1:
            raise ConfigError(
                "two keys open the journal, and a new data key can be wrapped by one only",
                hint="Finish the change of the key first: `adpersist key rotate --finish`.",
            )
        keyring = base.keyring.rotated(self.keys, base.journal, since=base.head.seq, randomness=self.randomness)
        return replace(self.head_only(base, base.head, tolerant=True), keyring=keyring)

    def rotate_key(self, base: OpenHead, new: KeyEncryption) -> Draft:
        """The same data keys, wrapped by the new key, too: from now on either opens the journal.

        Raises:
            ConfigError: Another change of the key is not finished.
        """
        if len(base.keyring.wrappers) > 1:
            raise ConfigError(
                f"the journal is going over to the key {base.keyring.wrappers[-1]} already",
                hint="Finish that first: `adpersist key rotate --finish`.",
            )
        keyring = base.keyring.wrapped_for_both(self.keys, new, base.journal)
        head = replace(base.head, key_changed=self.time)
        return replace(self.head_only(base, head, tolerant=True), keyring=keyring)

    def finish_key(self, base: OpenHead) -> Draft | None:
        """The same data keys, wrapped by the key at hand alone; None: no other opens the journal."""
        if len(base.keyring.wrappers) == 1:
            return None
        head = replace(base.head, key_changed=None)
        draft = self.head_only(base, head, tolerant=True)
        return replace(draft, keyring=base.keyring.wrapped_alone(self.keys))

    def _note(
        self, base: OpenHead, head: Head, *, kind: CommitKind, note: list[object], tolerant: bool = False
    ) -> Draft:
        return self._frame(base, head, kind=kind, compressed=compress(pack(note)), tolerant=tolerant)

    def _frame(
        self,
        base: OpenHead,
        head: Head,
        *,
        kind: CommitKind,
        compressed: bytes,
        usn: tuple[Usn, Usn] = (_NOTHING, _NOTHING),
        changes: int = 0,
        part: int = 0,
        audited: bool = False,
        tolerant: bool = False,
    ) -> Draft:
        keyring = self._fresh(base)
        seq = Seq(base.head.seq + 1)
        header = FrameHeader(
            kind=kind,
            ends_look=head.settled,
            complete=head.complete,
            journal=base.journal,
            timeline=head.timeline,
            part=part,
            seq=seq,
            time_us=microseconds(self.time),
            usn_from=usn[0],
            usn_to=usn[1],
            changes=changes,
            key=b"",
            nonce=b"",
            previous=base.head.digest,
            audited=audited,
        )
        body = seal_frame(header, compressed, keyring.active, self.randomness)
        return Draft(
            frames=(Frame(seq=seq, body=body),),
            head=replace(
                head,
                seq=seq,
                digest=digest_of(body),
                before_marks=(base.head.before_marks or base.head.last) if kind in ASIDE else None,
                before_use=base.head.last_but_use if kind is CommitKind.USE else None,
            ),
            keyring=keyring,
            tolerant=tolerant,
        )

    def _fresh(self, base: OpenHead) -> Keyring:
        keyring = base.keyring
        if base.head.seq - keyring.wrapped[-1].since < self.commits_a_key or len(keyring.wrappers) > 1:
            return keyring  # while the key is changed one of the two is at hand: the next one comes after that
        return keyring.rotated(self.keys, base.journal, since=base.head.seq, randomness=self.randomness)
