"""A journal in another store, byte for byte: a copy that can be read, restored from and gone on with.

Checkpoints first, then frames, at last the head that names them, in one step: so the copy's head never names what is
not there yet, and the one it had stays until the next is whole. Everything is proven on its way by the journal's own
chain: damage is not carried over. Killed anywhere, the next run goes on where this one stopped.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from adpersist.errors import (
    CopyRefusedError,
    FencedError,
    IntegrityError,
    NoJournalError,
    PointError,
    PrunedMeanwhileError,
    WrongKeyError,
)
from adpersist.journal.appending.settlement import require_here
from adpersist.journal.appending.spare_head import missing_head
from adpersist.journal.damage import Damage, DamagedCheckpointError, DamagedError
from adpersist.journal.format.chain import Chain
from adpersist.journal.format.head import OpenHead, open_head, require_journal
from adpersist.journal.format.unfinished import begun_copy, unfinished_head
from adpersist.journal.keys.key_encryption import KeyEncryption
from adpersist.journal.keys.keyring import Keyring
from adpersist.journal.reader import anchor
from adpersist.model.identity.ids import BEFORE_FIRST, Seq
from adpersist.model.journal.head import Checkpoint
from adpersist.stores.limits import room_for_spare
from adpersist.stores.port import MAX_APPEND_BYTES, MAX_APPEND_FRAMES, Frame, Store, StoredHead

_TRIES: Final = 8
"""How often a copy begins again because the journal was pruned under it."""

Progress = Callable[[Seq, Seq], None]
"""Told of every commit that is on its way, and of the last one there is."""

_EMPTY_PLACE: Final = "Copy to an empty place: another table, another file. What is there was not touched."


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What one run did.

    Attributes:
        seq: The copy's last commit.
        commits: Commits that were copied.
        size: Bytes in them.
        checkpoints: Checkpoints that were copied.
        changed: The copy is another one than before.
    """

    seq: Seq
    commits: int = 0
    size: int = 0
    checkpoints: int = 0
    changed: bool = True


@dataclass(frozen=True, slots=True)
class _Reached:
    """A commit up to which frames are known to lie there, and its digest."""

    seq: Seq
    digest: bytes


class JournalCopy:
    """One journal's copy in one place, brought up to date as often as :meth:`run` is called.

    Args:
        source: Where the journal lies.
        target: Where its copy lies, or will.
        keys: The journal's key-encryption key: what is copied is proven, and so has to be opened.
        expected: The journal's id where it is known.
        forgets: The copy lets go of what the journal was pruned of; else it stays there, where nothing may be deleted.
    """

    def __init__(
        self, source: Store, target: Store, keys: KeyEncryption, *, expected: str | None, forgets: bool = True
    ) -> None:
        self._source = source
        self._target = target
        self._keys = keys
        self._expected = expected
        self._forgets = forgets
        self._known: Keyring | None = None
        self._copied: str | None = None
        """Token of the journal's head that was copied last."""
        self._lie: set[Checkpoint] = set()
        """Checkpoints that were found to lie in the copy, whole."""
        self._sent: tuple[str, _Reached] | None = None
        """The copy's token, and how far frames lie behind its head, after a run that made nothing count."""

    def run(self, progress: Progress | None = None) -> Copied:
        """Bring the copy to where the journal is now.

        Raises:
            MovedError: The journal goes on in another store; the copy stays what it was.
            CopyRefusedError: Another journal is there, or the copy was written to; nothing was changed.
            DamagedError: The journal is damaged where it would be copied; the copy is as good as before.
            IntegrityError: The copy is damaged.
            FencedError: Somebody else writes to the copy.
            NoJournalError, WrongKeyError, StoreError: Of either place; what was copied is gone on with by the next run.
            PrunedMeanwhileError: The same; the journal was pruned under it again and again.
        """
        stored = self._source.head()
        if stored.token == self._copied:
            return Copied(seq=stored.seq, changed=False)
        tip, done = self._current(self._opened(stored), progress, _Ending(body=lambda tip: tip.stored.body))
        self._copied = tip.stored.token
        return done

    def prepare(self, progress: Progress | None = None) -> Copied:
        """Have all that the journal holds lie in the copy, where it does not count yet: the copy stays what it was.

        Raises:
            As :meth:`run`.
        """
        return self._current(self._opened(self._source.head()), progress, _Ending(body=None))[1]

    def arrive(self, tip: OpenHead, body: bytes, progress: Progress | None = None) -> Copied:
        """Bring the copy to a journal that is written no more, under a head of its own.

        Args:
            tip: The journal's head, which says that it was moved.
            body: The copy's new head; with it the journal goes on there.
            progress: As :meth:`run`'s.

        Raises:
            FencedError: The journal's head is no longer ``tip``, or somebody else writes to the copy.
            As :meth:`run` else.
        """
        return self._brought_to(tip, progress, _Ending(body=lambda _: body, leaves=tip.stored))

    def open_source(self) -> OpenHead:
        """The journal's head as it stands.

        Raises:
            NoJournalError, WrongKeyError, DamagedError, StoreError: As :meth:`run`.
        """
        return self._opened(self._source.head())

    def require_copy(self, tip: OpenHead, found: OpenHead) -> None:
        """Raises:
        CopyRefusedError: What was found in the copy's place is ahead of the journal, or parted from it.
        """
        self._start(tip, found)

    def _current(self, tip: OpenHead, progress: Progress | None, ending: "_Ending") -> tuple[OpenHead, Copied]:
        for _ in range(_TRIES):
            require_here(tip.head)
            try:
                return tip, self._brought_to(tip, progress, ending)
            except (DamagedError, PointError):
                newer = self.open_source()
                if (newer.head.pruned, newer.head.checkpoints) == (tip.head.pruned, tip.head.checkpoints):
                    raise
                tip = newer  # what was being copied was pruned meanwhile
        raise PrunedMeanwhileError("the journal is pruned faster than it can be copied")

    def _opened(self, stored: StoredHead) -> OpenHead:
        tip = require_journal(open_head(stored, self._keys, self._known), self._expected)
        self._known = tip.keyring
        return tip

    def _brought_to(self, tip: OpenHead, progress: Progress | None, ending: "_Ending") -> Copied:
        base, before = self._base(tip)
        if ending.is_plain and before is not None and before.head.gone_to is not None:
            raise CopyRefusedError(
                f"the journal was moved away from {self._target.location}, which says where to",
                hint="Copy to another place; or bring the journal back there: "
                f"`adpersist copy --to {self._target.location} --move`.",
            )
        self._require_left(ending)
        body = None if ending.body is None else ending.body(tip)
        if base.body == body:
            return Copied(seq=tip.head.seq, changed=False)
        start = self._start(tip, before)
        known = before.head.checkpoints if before else ()
        new = [each for each in tip.head.checkpoints if each not in known]
        made = sum(self._put_checkpoint(each) for each in new)
        sending = _Sending(self._target, tip, base, progress)
        try:
            self._sent = sending.send(self._source, start, self._lying(tip, base, start), body)
        except FencedError as error:
            raise FencedError(
                f"somebody else writes to {self._target.location}",
                hint="Another copy, or an agent: one at a time writes to a copy.",
            ) from error
        if body is not None and self._forgets and (before is None or before.head.pruned != tip.head.pruned):
            self._forget(tip)
        return Copied(seq=tip.head.seq, commits=sending.commits, size=sending.size, checkpoints=made)

    def _require_left(self, ending: "_Ending") -> None:
        """What leads to the copy's new head begins with a look at the copy's, so whoever takes the move back in between
        (first here, then there) is noticed: here now, or there by the last step."""
        if ending.leaves is not None and self._source.head() != ending.leaves:
            raise FencedError(
                "the journal was written to, or taken back, while it was moved",
                hint="Look at `adpersist status` first.",
            )

    # --- what is there already ---

    def _base(self, tip: OpenHead) -> tuple[StoredHead, OpenHead | None]:
        """The copy's head as it is; opened, unless a first copy is only begun."""
        seed = tip.keyring.seed(tip.journal)
        try:
            stored = self._target.head()
        except NoJournalError:
            if (lost := missing_head(self._target)) is not None:
                raise self._damaged(lost) from lost
            stored = self._target.create(unfinished_head(tip.journal, seed))
        begun = begun_copy(stored.body)
        if begun is not None:
            if begun != (tip.journal, seed):
                raise CopyRefusedError(f"{self._target.location} is to be another journal's copy", hint=_EMPTY_PLACE)
            return stored, None
        if stored == tip.stored:
            raise CopyRefusedError(f"{self._target.location} is the journal itself", hint="Name another place.")
        try:
            found = open_head(stored, self._keys, tip.keyring)
        except WrongKeyError as error:
            raise CopyRefusedError(
                f"{self._target.location} holds a journal that is sealed with another key", hint=_EMPTY_PLACE
            ) from error
        except DamagedError as error:
            raise self._damaged(error) from error
        if found.journal != tip.journal or found.keyring.seed(found.journal) != seed:
            raise CopyRefusedError(
                f"{self._target.location} holds another journal, of {found.head.identity.dns_name}", hint=_EMPTY_PLACE
            )
        return stored, found

    def _damaged(self, error: DamagedError) -> IntegrityError:
        return IntegrityError(
            f"the copy in {self._target.location} is damaged: {error.message}",
            hint="Copy to an empty place, and keep this one until that is done. The journal itself was not touched.",
        )

    def _start(self, tip: OpenHead, before: OpenHead | None) -> _Reached:
        """The last commit the copy shares with the journal; for a new one, what the journal begins after."""
        head = tip.head
        if before is None:
            begin = anchor(self._source, tip, head.pruned, whole=False)
            return _Reached(begin.seq, begin.digest)
        copied, where = before.head, self._target.location
        if copied.seq > head.seq or (copied.seq == head.seq and copied.time > head.time):
            raise CopyRefusedError(
                f"{where} is ahead of the journal: it ends with commit {copied.seq}, the journal with {head.seq}",
                hint="It was written to, or the journal went back. If that one is to go on, name it as [store] url.",
            )
        if copied.seq < head.pruned:
            raise CopyRefusedError(
                f"{where} ends with commit {copied.seq}, and the journal has forgotten everything up to {head.pruned}",
                hint="Nothing tells any more whether it is a copy of this history. " + _EMPTY_PLACE,
            )
        begin = anchor(self._source, tip, copied.seq, whole=False)
        if begin.seq == copied.seq and begin.digest != copied.digest:
            raise CopyRefusedError(
                f"{where} has another commit {copied.seq} than the journal: their histories parted before",
                hint=_EMPTY_PLACE,
            )
        return _Reached(copied.seq, copied.digest)

    def _lying(self, tip: OpenHead, base: StoredHead, start: _Reached) -> "_Lying":
        """How far an earlier run came; what follows ``start`` without a gap needs not be sent again."""
        if self._sent is not None and self._sent[0] == base.token and self._sent[1].seq >= start.seq:
            return _Lying(any=True, through=self._sent[1])
        chain, found, more = _chain(tip, start), False, True
        with suppress(DamagedError):  # it ends there, or was another history's
            while more and chain.seq < tip.head.seq:
                more, last = False, Seq(min(chain.seq + MAX_APPEND_FRAMES, tip.head.seq))
                for frame in chain.counting(self._target.frames(after=chain.seq, through=last)):
                    found = more = True
                    chain.open(frame)
        return _Lying(any=found, through=_Reached(chain.seq, chain.digest))

    # --- checkpoints ---

    def _put_checkpoint(self, named: Checkpoint) -> int:
        """Have a checkpoint lie in the copy; how many had to be sent."""
        if named in self._lie:
            return 0
        if _proof(self._target.checkpoint(named.lies_at)) == named.proof:
            self._lie.add(named)
            return 0
        self._target.put_checkpoint(named.lies_at, self._source.checkpoint(named.lies_at))
        if _proof(self._target.checkpoint(named.lies_at)) != named.proof:
            self._target.drop_checkpoint(named.lies_at)
            raise DamagedCheckpointError(
                "checkpoint: what was copied is not what the head names", seq=named.seq, damage=Damage.CORRUPT
            )
        self._lie.add(named)
        return 1

    def _forget(self, tip: OpenHead) -> None:
        named = {each.lies_at for each in tip.head.checkpoints}
        if tip.head.pruned > BEFORE_FIRST:
            self._target.trim(through=tip.head.pruned)
        for place in self._target.checkpoints():
            if place not in named:
                self._target.drop_checkpoint(place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """What becomes of the copy when all lies there.

    Attributes:
        body: Its head, by the journal's; None: it keeps the one it has, and nothing new counts.
        leaves: The journal's head that says that the journal was moved; None: the journal goes on where it is.
    """

    body: Callable[[OpenHead], bytes] | None
    leaves: StoredHead | None = None

    @property
    def is_plain(self) -> bool:
        """It is to be a copy, as good as the journal was."""
        return self.body is not None and self.leaves is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lying:
    """What lies behind the copy's head.

    Attributes:
        any: Something does.
        through: What of it follows, and need not be sent again, ends here.
    """

    any: bool
    through: _Reached


class _Sending:
    """Frames on their way into the copy, and the head at last."""

    def __init__(self, target: Store, tip: OpenHead, base: StoredHead, progress: Progress | None) -> None:
        self._target = target
        self._tip = tip
        self._stored = base
        self._progress = progress
        self.commits = 0
        self.size = 0

    def send(self, source: Store, start: _Reached, lying: _Lying, body: bytes | None) -> tuple[str, _Reached] | None:
        """All that the journal has after ``start``, but for what lies there and follows; then the copy's new head.

        Returns:
            Without a new head the copy's token, and how far frames lie behind its head.
        """
        if not lying.any and body is not None and self._appended(source, start, body):
            return None
        try:
            self._staged(source, lying.through)
        except DamagedError:
            if lying.through == start:
                raise
            self._staged(source, start)  # what lies there does not lead on: all of it once more
        if body is None:
            return self._stored.token, _Reached(self._tip.head.seq, self._tip.head.digest)
        self._target.advance(onto=self._stored, seq=self._tip.head.seq, head=body)
        return None

    def _appended(self, source: Store, start: _Reached, body: bytes) -> bool:
        """The little that came since the last time, in one step; False: it is more, or not in a row."""
        last = self._tip.head.seq
        if last - start.seq > MAX_APPEND_FRAMES or start.seq != self._stored.seq:
            return False
        frames = list(self._proven(source, start))
        if len(frames) != last - start.seq or not room_for_spare(frames, body):
            return False
        self._target.append(frames, onto=self._stored, head=body, spare=True)
        self._count(frames)
        return True

    def _staged(self, source: Store, begin: _Reached) -> None:
        for batch in _batches(self._proven(source, begin)):
            self._stored = self._target.stage(batch, onto=self._stored)
            self._count(batch)

    def _proven(self, source: Store, begin: _Reached) -> Iterator[Frame]:
        head = self._tip.head
        chain = _chain(self._tip, begin)
        for frame in chain.counting(source.frames(after=begin.seq, through=head.seq)):
            chain.open(frame)
            yield frame
        chain.finish(seq=head.seq, digest=head.digest)

    def _count(self, frames: list[Frame]) -> None:
        self.commits += len(frames)
        self.size += sum(len(frame.body) for frame in frames)
        if self._progress is not None and frames:
            self._progress(frames[-1].seq, self._tip.head.seq)


def _chain(tip: OpenHead, begin: _Reached) -> Chain:
    return Chain(tip.keyring, tip.journal, seq=begin.seq, digest=begin.digest, lost=tip.head.lost)


def _batches(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """As much as one step of a store takes."""
    batch: list[Frame] = []
    size = 0
    for frame in frames:
        if batch and (len(batch) == MAX_APPEND_FRAMES or size + len(frame.body) > MAX_APPEND_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(frame)
        size += len(frame.body)
    if batch:
        yield batch


def _proof(parts: Iterable[bytes]) -> bytes:
    """As the head has it of a checkpoint: SHA-256 over the SHA-256 of every part."""
    proof = sha256()
    for part in parts:
        proof.update(sha256(part).digest())
    return proof.digest()
