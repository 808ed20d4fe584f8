"""A whole state, sealed in parts beside the journal, so that old commits can go (FORMAT.md, "Checkpoint").

A part is sealed like a frame, with a cipher of its own, and bound to the journal, the commit, its number and the
commit's digest. The head names the checkpoint with a proof over all parts: what no head names does not count.
"""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeVar

from cryptography.exceptions import InvalidTag

from adpersist.errors import IntegrityError
from adpersist.journal.damage import Damage, DamagedCheckpointError, DamagedError, damage_of
from adpersist.journal.format.columns.changes import count_changes, unpack_changes
from adpersist.journal.format.columns.file_changes import file_contents, unpack_files
from adpersist.journal.format.columns.packing import decompress
from adpersist.journal.format.frame import CHECKSUM_BYTES, TAG_BYTES, checksum
from adpersist.journal.format.padding import padded
from adpersist.journal.format.splitting import MAX_CHANGE_BYTES, runs
from adpersist.journal.keys.key_encryption import Randomness
from adpersist.journal.keys.keyring import NONCE_BYTES, DataKey, Keyring
from adpersist.model.files.file_changes import FileChanges
from adpersist.model.files.file_state import FileKey, FileState
from adpersist.model.identity.ids import Guid, Seq
from adpersist.model.journal.commit import CommitKind
from adpersist.model.journal.head import Checkpoint
from adpersist.model.objects.change import Change, Kind
from adpersist.model.objects.object_state import Gone, ObjectState, created
from adpersist.stores.port import MAX_FRAME_BYTES

MAGIC: Final = b"ADPC"
VERSIONS: Final = (1, 2, 3, 4)
"""Version 2 also remembers the objects that are gone, version 3 the stamps; in version 4 lie files."""
VERSION: Final = 3
VERSION_WITH_FILES: Final = 4
MORE: Final = 0x01
"""The content goes on in the next part: an object too large for one."""
FILES: Final = 0x02
"""The content is that of a FILES frame."""

Made = TypeVar("Made", bound=Sized)
"""What the content of parts is made to; as long as there are objects in them."""

_LAYOUT: Final = struct.Struct(">4sBBxx16sQI8s12s32s")
OVERHEAD_BYTES: Final = _LAYOUT.size + TAG_BYTES + CHECKSUM_BYTES
_NO_NONCE: Final = bytes(NONCE_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the parts of one checkpoint are bound to.

    Attributes:
        journal: Journal id, 16 bytes.
        seq: The commit.
        digest: SHA-256 of that commit's frame.
    """

    journal: bytes
    seq: Seq
    digest: bytes


class Sealing:
    """Seals states part by part, and keeps the account the head needs.

    Attributes:
        parts: Parts sealed so far.
        objects: Objects in them, those that are gone included.
    """

    def __init__(self, place: Place, key: DataKey, randomness: Randomness) -> None:
        self._place = place
        self._key = key
        self._randomness = randomness
        self._proof = sha256()
        self.parts = 0
        self.objects = 0

    def seal(
        self, states: Iterable[ObjectState | Gone], files: Iterable[FileState | FileKey | bytes] = ()
    ) -> Iterator[bytes]:
        """The parts, one at a time, as the states come; then those of files, content before what is made of it.

        Raises:
            LimitError: An object is too large; it is named.
        """
        for run, _ in runs(map(_as_change, states)):
            for piece in run:
                flags = MORE if piece.kind is CommitKind.PART else 0
                yield self._sealed(piece.compressed, VERSION, flags)
                self.objects += piece.changes
        for compressed, _ in file_contents(files):
            yield self._sealed(compressed, VERSION_WITH_FILES, FILES)

    @property
    def proof(self) -> bytes:
        """SHA-256 over the SHA-256 of every part so far."""
        return self._proof.digest()

    def _sealed(self, compressed: bytes, version: int, flags: int) -> bytes:
        part = self._part(compressed, version, flags)
        self._proof.update(sha256(part).digest())
        self.parts += 1
        return part

    def _part(self, compressed: bytes, version: int, flags: int) -> bytes:
        place = self._place
        compressed = padded(compressed, most=MAX_FRAME_BYTES - OVERHEAD_BYTES)

        def clear(nonce: bytes) -> bytes:
            return _LAYOUT.pack(
                MAGIC, version, flags, place.journal, place.seq, self.parts, self._key.id, nonce, place.digest
            )

        nonce = self._key.nonce(clear(_NO_NONCE), compressed, self._randomness)
        sealed = clear(nonce) + self._key.checkpoints.encrypt(nonce, compressed, clear(nonce))
        return sealed + checksum(sealed)


def open_checkpoint(
    parts: Iterable[bytes], checkpoint: Checkpoint, journal: bytes, keyring: Keyring
) -> Iterator[ObjectState | Gone]:
    """The states of a checkpoint the head names, in the order they were written; files are proven and passed over.

    Every part is verified before its states are yielded; that none is missing only at the end.

    Raises:
        DamagedCheckpointError: GAP, CORRUPT, FORGED or NEWER.
    """
    for each in open_whole_checkpoint(parts, checkpoint, journal, keyring):
        if not isinstance(each, FileChanges):
            yield each


def open_whole_checkpoint(
    parts: Iterable[bytes], checkpoint: Checkpoint, journal: bytes, keyring: Keyring
) -> Iterator[ObjectState | Gone | FileChanges]:
    """The same, and after the objects what it has of files."""
    for _, each in open_by_part(parts, checkpoint, journal, keyring):
        if isinstance(each, FileChanges):
            yield each
        else:
            yield from each


def prove_checkpoint(parts: Iterable[bytes], checkpoint: Checkpoint, journal: bytes, keyring: Keyring) -> None:
    """The same proofs, and that its objects are as many as the head says; none of them is made.

    Raises:
        DamagedCheckpointError: GAP, CORRUPT, FORGED or NEWER.
    """
    for _ in _opened(parts, checkpoint, journal, keyring, _count):
        pass


def open_by_part(
    parts: Iterable[bytes], checkpoint: Checkpoint, journal: bytes, keyring: Keyring
) -> Iterator[tuple[int, list[ObjectState | Gone] | FileChanges]]:
    """The same, with the number of the last part that each lies in: see :func:`open_parts`."""
    return _opened(parts, checkpoint, journal, keyring, _states)


def _opened(
    parts: Iterable[bytes],
    checkpoint: Checkpoint,
    journal: bytes,
    keyring: Keyring,
    make: Callable[[bytes, Place], Made],
) -> Iterator[tuple[int, Made | FileChanges]]:
    place = _place(checkpoint, journal)
    proof, count, objects = sha256(), 0, 0
    pieces: list[bytes] = []
    for part in _given_back(parts, place):
        flags, content = _open_part(part, place, count, keyring)
        proof.update(sha256(part).digest())
        count += 1
        if flags & FILES:
            yield count - 1, _files(content, place)
            continue
        pieces.append(content)
        if sum(map(len, pieces)) > MAX_CHANGE_BYTES:
            raise _damaged(place, Damage.FORGED, "its parts grow beyond every object")
        if not flags & MORE:
            made = make(b"".join(pieces), place)
            objects += len(made)
            pieces.clear()
            yield count - 1, made
    if count < checkpoint.parts or pieces:
        raise _damaged(place, Damage.GAP, f"{checkpoint.parts} parts, {count} are there")
    if proof.digest() != checkpoint.proof or objects != checkpoint.objects:
        raise _damaged(place, Damage.FORGED, "it is not the one the head names")


def open_parts(
    parts: Iterable[bytes],
    numbers: Collection[int],
    objects: Collection[Guid] | None,
    checkpoint: Checkpoint,
    journal: bytes,
    keyring: Keyring,
) -> list[ObjectState | Gone]:
    """The states that end in some parts; all parts are proven to be those the head names, and these alone are opened.

    Args:
        parts: All there are.
        numbers: Of those that are opened.
        objects: Whose states are made; None: all that are in them.
        checkpoint: The head's word of it.
        journal: Its id.
        keyring: Its keys.

    Raises:
        DamagedCheckpointError: GAP, CORRUPT, FORGED or NEWER.
    """
    place = _place(checkpoint, journal)
    proof, count = sha256(), 0
    pieces: list[bytes] = []
    states: list[ObjectState | Gone] = []
    for count, part in enumerate(_given_back(parts, place), 1):
        proof.update(sha256(part).digest())
        pieces.append(part)
        if count - 1 in numbers:
            opened = [_open_part(each, place, at, keyring) for at, each in enumerate(pieces, count - len(pieces))]
            states += _states(b"".join(content for _, content in opened), place, objects)
        if not _flags(part) & MORE:
            pieces.clear()
    if count < checkpoint.parts:
        raise _damaged(place, Damage.GAP, f"{checkpoint.parts} parts, {count} are there")
    if proof.digest() != checkpoint.proof:
        raise _damaged(place, Damage.FORGED, "it is not the one the head names")
    return states


def _flags(part: bytes) -> int:
    """As they stand in the clear; whether they are true, the seal tells."""
    return int(_LAYOUT.unpack_from(part)[2]) if len(part) >= _LAYOUT.size else 0


def _place(checkpoint: Checkpoint, journal: bytes) -> Place:
    return Place(journal=journal, seq=checkpoint.seq, digest=checkpoint.digest)


def _given_back(parts: Iterable[bytes], place: Place) -> Iterator[bytes]:
    try:
        yield from parts
    except IntegrityError as error:  # the store's own: it has something there, and cannot give it back
        raise _damaged(place, Damage.CORRUPT, error.message) from error


def _open_part(part: bytes, place: Place, number: int, keyring: Keyring) -> tuple[int, bytes]:
    """Flags, and the content."""
    if len(part) < _LAYOUT.size or checksum(part[:-CHECKSUM_BYTES]) != part[-CHECKSUM_BYTES:]:
        raise _damaged(place, Damage.CORRUPT, f"the checksum of part {number} is wrong")
    magic, version, flags, journal, seq, found, key_name, nonce, digest = _LAYOUT.unpack_from(part)
    known, is_newer = FILES if version == VERSION_WITH_FILES else MORE, version > VERSIONS[-1]
    if magic != MAGIC or not (is_newer or (version in VERSIONS and not flags & ~known)):
        raise _damaged(place, Damage.FORGED, f"part {number} is of no known format")
    if (journal, seq, found, digest) != (place.journal, place.seq, number, place.digest):
        raise _damaged(place, Damage.FORGED, f"something else was put in place of part {number}")
    key = keyring.find(key_name)
    if key is None:
        raise _damaged(place, Damage.FORGED, f"part {number} is sealed with an unknown key")
    try:
        sealed = part[_LAYOUT.size : -CHECKSUM_BYTES]
        compressed = key.checkpoints.decrypt(nonce, sealed, part[: _LAYOUT.size])
        if is_newer:
            what = f"part {number} is of format version {version}; this adpersist reads versions up to {VERSIONS[-1]}"
            raise _damaged(place, Damage.NEWER, what)
        return flags, decompress(compressed)
    except (InvalidTag, ValueError) as error:
        raise _damaged(place, Damage.FORGED, f"the seal of part {number} does not hold") from error


def _states(content: bytes, place: Place, objects: Collection[Guid] | None = None) -> list[ObjectState | Gone]:
    try:
        return [_as_state(change) for change in unpack_changes(content, objects)]
    except ValueError as error:
        raise _damaged(place, Damage.FORGED, str(error)) from error


def _count(content: bytes, place: Place) -> range:
    """As many numbers as there are states."""
    try:
        return range(count_changes(content))
    except ValueError as error:
        raise _damaged(place, Damage.FORGED, str(error)) from error


def _files(content: bytes, place: Place) -> FileChanges:
    try:
        return unpack_files(content)
    except ValueError as error:
        raise _damaged(place, damage_of(error), str(error)) from error


def _damaged(place: Place, damage: Damage, message: str) -> DamagedError:
    return DamagedCheckpointError(f"checkpoint: {message}", seq=place.seq, damage=damage)


def _as_change(state: ObjectState | Gone) -> Change:
    if isinstance(state, Gone):
        return Change(kind=Kind.EXPUNGED, guid=state.guid, nc="")
    return created(state)


def _as_state(change: Change) -> ObjectState | Gone:
    if change.kind is Kind.EXPUNGED:
        return Gone(guid=change.guid)
    if change.rdn is None:
        raise ValueError("an object has no name")
    return ObjectState(
        guid=change.guid,
        nc=change.nc,
        parent=change.parent,
        rdn=change.rdn,
        values=change.values,
        links=change.added,
        stamps=change.stamps,
        link_stamps=change.link_stamps,
    )
