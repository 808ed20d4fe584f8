"""The chain: every frame names the digest of the one before, the first one the journal's seed, the head the last."""

from collections.abc import Iterable, Iterator, Sequence

from adpersist.journal.damage import Damage, DamagedError, damage_of
from adpersist.journal.format.frame import Opened, open_frame
from adpersist.journal.keys.keyring import Keyring
from adpersist.model.identity.ids import Seq
from adpersist.model.journal.head import Lost
from adpersist.stores.port import Frame


class Chain:
    """Takes frames one after another and lets through only the one that belongs next.

    Commits that the head notes as lost are passed over, whatever lies in their place.

    Attributes:
        seq: The last frame that did.
        digest: Its digest.
    """

    def __init__(self, keyring: Keyring, journal: bytes, *, seq: Seq, digest: bytes, lost: Sequence[Lost] = ()) -> None:
        self._keyring = keyring
        self._journal = journal
        self._lost = lost
        self.seq = seq
        self.digest = digest

    def counting(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames but for those in the place of lost ones; each is to be opened before the next is asked for."""
        for frame in frames:
            if not any(each.holds(frame.seq) for each in self._lost):
                self._pass_lost()
                yield frame

    def open(self, frame: Frame) -> Opened:
        """The next frame, opened.

        Raises:
            DamagedError: GAP, CORRUPT or FORGED, naming the commit.
        """
        seq = Seq(self.seq + 1)
        if frame.seq != seq:
            raise missing(seq) if frame.seq > seq else forged(seq, f"commit {frame.seq} stands in its place")
        opened = open_in_place(frame.body, seq, self._journal, self._keyring)
        if opened.header.previous != self.digest:
            raise forged(seq, "it does not follow the commit before it")
        self.seq, self.digest = seq, opened.digest
        return opened

    def finish(self, *, seq: Seq, digest: bytes) -> None:
        """The chain ends where it should; among lost commits, of which nothing is known, anywhere.

        Raises:
            DamagedError: It ends early, or with another frame than the one named.
        """
        if self.seq < seq:
            self._pass_lost()
        if self.seq < seq:
            raise missing(Seq(self.seq + 1))
        if self.digest != digest and not any(each.holds(seq) for each in self._lost):
            raise forged(seq, "the head names another last commit")

    def _pass_lost(self) -> None:
        for lost in self._lost:
            if lost.holds(self.seq + 1):
                self.seq, self.digest = lost.last, lost.digest


def open_in_place(body: bytes, seq: Seq, journal: bytes, keyring: Keyring) -> Opened:
    """A frame whose seal holds, and that is the one of that number and journal; what it follows is not looked at.

    Raises:
        DamagedError: CORRUPT or FORGED.
    """
    opened = open_frame(body, seq, keyring)
    if opened.header.seq != seq:
        raise forged(seq, f"commit {opened.header.seq} was put in its place")
    if opened.header.journal != journal:
        raise forged(seq, f"it belongs to journal {opened.header.journal.hex()}")
    return opened


def missing(seq: Seq) -> DamagedError:
    """The error for a commit that is not there."""
    return DamagedError("it is missing", seq=seq, damage=Damage.GAP)


def forged(seq: Seq, message: str) -> DamagedError:
    """The error for a commit that is not the one that was written."""
    return DamagedError(message, seq=seq, damage=Damage.FORGED)


def senseless(seq: Seq, error: Exception) -> DamagedError:
    """The error for a commit that was sealed with our key and cannot be read."""
    return DamagedError(str(error), seq=seq, damage=damage_of(error))
