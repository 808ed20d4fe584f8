"""Files at a point, and their content: from the newest checkpoint that helps, then the frames after it.

Whatever a file that is there at a point is made of lies on the way to that point: content is left out of a frame only
while a file that is made of it is there, and a checkpoint has all of it.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from adpersist.errors import PointError
from adpersist.journal.damage import Damage, DamagedCheckpointError, DamagedError
from adpersist.journal.format.checkpoint import open_whole_checkpoint
from adpersist.journal.format.head import OpenHead
from adpersist.journal.reader import read_files
from adpersist.journal.timelines import Path, path_to
from adpersist.model.files.file_changes import FileChanges, Files, applied
from adpersist.model.files.file_state import FileKey, FileState, Piece, piece_of
from adpersist.model.identity.ids import Seq
from adpersist.stores.port import Store


def files_at(store: Store, tip: OpenHead, point: Seq) -> Files:
    """Every file at a point; none at all: the journal had not looked at files yet.

    Raises:
        PointError: No such point, or pruned.
        IntegrityError: The journal is not what was written.
    """
    broken: list[DamagedCheckpointError] = []
    while True:
        files: dict[FileKey, FileState] = {}
        way = _way(store, tip, point, broken)
        try:
            for changes in way:
                applied(files, changes)
        except DamagedCheckpointError as error:
            broken.append(error)
        else:
            return files


def content_at(store: Store, tip: OpenHead, point: Seq, wanted: Collection[Piece]) -> Iterator[tuple[Piece, bytes]]:
    """Content that files at a point are made of, piece by piece as it comes, each once.

    Raises:
        IntegrityError: The journal is not what was written, or a piece is not there.
    """
    broken: list[DamagedCheckpointError] = []
    left = set(wanted)
    while left:
        way = _way(store, tip, point, broken)
        try:
            for changes in way:
                for content in changes.pieces:
                    piece = piece_of(content)
                    if piece in left:
                        left.remove(piece)
                        yield piece, content
                if not left:
                    return
        except DamagedCheckpointError as error:
            broken.append(error)
        else:
            raise DamagedError(f"{len(left)} pieces of files are missing", seq=point, damage=Damage.GAP)


def every_change(store: Store, tip: OpenHead) -> Iterator[FileChanges]:
    """All that was ever told of files and is still there, whatever the timeline.

    Raises:
        IntegrityError: The journal is not what was written.
    """
    head = tip.head
    for checkpoint in head.checkpoints:
        if checkpoint.seq == head.pruned:
            for each in open_whole_checkpoint(
                store.checkpoint(checkpoint.lies_at), checkpoint, tip.journal, tip.keyring
            ):
                if isinstance(each, FileChanges):
                    yield each
    yield from read_files(store, tip, after=head.pruned, through=head.seq)


def _way(store: Store, tip: OpenHead, point: Seq, broken: list[DamagedCheckpointError]) -> Iterator[FileChanges]:
    """Raises: DamagedCheckpointError: There is none without those that are broken, of which this is the first."""
    without = {error.seq for error in broken}
    usable = tuple(each for each in tip.head.checkpoints if each.seq not in without)
    try:
        path = path_to(replace(tip.head, checkpoints=usable), point)
    except PointError as error:
        if broken:
            raise broken[0] from error
        raise
    return _along(store, tip, path)


def _along(store: Store, tip: OpenHead, path: Path) -> Iterator[FileChanges]:
    if (checkpoint := path.checkpoint) is not None:
        parts = store.checkpoint(checkpoint.lies_at)
        for each in open_whole_checkpoint(parts, checkpoint, tip.journal, tip.keyring):
            if isinstance(each, FileChanges):
                yield each
    for span in path.spans:
        yield from read_files(store, tip, after=span.after, through=span.through)
