"""Files of SYSVOL and entries of local databases, as people and machines read them. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adpersist.files.differences import FileDifference, FileGap, file_differences
from adpersist.files.id_numbers import CONFIG, NUMBER
from adpersist.model.files.file_changes import Files
from adpersist.model.files.file_state import FileKey, FileKind, FileState, Piece, Place, folders_above, path_text
from adpersist.reading.rfc3339 import rfc3339

if TYPE_CHECKING:
    from adpersist.reading.file_events import FileEvent

CAME_ABOUT: Mapping[FileGap, str] = {
    FileGap.MISSING: "gone",
    FileGap.EXTRA: "created",
    FileGap.CONTENT: "changed",
    FileGap.PERMISSIONS: "permissions",
}
"""What happened, by how the earlier state differs from the later one."""

_LETTERS: Mapping[FileKind, str] = {FileKind.DIRECTORY: "d", FileKind.SYMLINK: "l"}


def owners(files: Files) -> dict[int, str]:
    """SIDs by Unix number, as idmap.ldb had them at the same moment."""
    found: dict[int, str] = {}
    for (place, sid), state in sorted(files.items()):
        number = state.attributes.get(NUMBER, b"") if place is Place.IDMAP and sid != CONFIG else b""
        if number.isdigit():
            found.setdefault(int(number), sid)
    return found


def below(files: Files, place: Place, path: str) -> Iterator[FileState]:
    """What lies at a path and below it, in order; names are matched without case, as clients do."""
    for key, state in sorted(files.items()):
        if is_below(key, place, path):
            yield state


def named(files: Files, place: Place, path: str) -> FileState | None:
    """What lies at a path; where nothing is spelt so, what clients find there, who match names without case."""
    wanted = path.strip("/")
    exactly = files.get((place, wanted))
    return exactly or next((each for each in below(files, place, wanted) if each.path.lower() == wanted.lower()), None)


def below_any(files: Files, place: Place, paths: Iterable[str]) -> Iterator[FileState]:
    """The same of several paths, each file once."""
    wanted = {path.strip("/").lower() for path in paths}
    for key, state in sorted(files.items()):
        path = key[1].lower()
        if key[0] is place and not wanted.isdisjoint((path, *folders_above(path), "")):
            yield state


def is_below(key: FileKey, place: Place, path: str) -> bool:
    """Something lies at a path, or below it."""
    wanted, name = path.strip("/").lower(), key[1].lower()
    return key[0] is place and (not wanted or name == wanted or name.startswith(f"{wanted}/"))


def in_order(pieces: Sequence[Piece], found: Iterable[tuple[Piece, bytes]]) -> Iterator[bytes]:
    """A file's content from its first byte to its last; only what comes before its turn is held in memory.

    Args:
        pieces: What the file is made of.
        found: Each of them once, in any order.
    """
    early: dict[Piece, bytes] = {}
    turn, uses = 0, Counter(pieces)
    for piece, content in found:
        early[piece] = content
        while turn < len(pieces) and pieces[turn] in early:
            now = pieces[turn]
            yield early[now]
            uses[now] -= 1
            if not uses[now]:
                del early[now]
            turn += 1


def document(state: FileState, sids: Mapping[int, str]) -> dict[str, Any]:
    """A file for machines, without its content."""
    found: dict[str, Any] = {"place": str(state.place), "path": path_text(state.path), "kind": str(state.kind)}
    if state.kind is FileKind.ENTRY:
        return found | {"values": {name: _value(value) for name, value in state.attributes.items()}}
    if state.place is Place.SETTINGS:
        return found | {"size": state.size}
    target = {"target": _value(state.attributes["target"])} if state.kind is FileKind.SYMLINK else {}
    return (
        found
        | target
        | {
            "size": state.size,
            "mode": f"{state.mode:04o}",
            "owner": {"number": state.uid, "sid": sids.get(state.uid)},
            "group": {"number": state.gid, "sid": sids.get(state.gid)},
            "modified": rfc3339(state.mtime_ns / 1_000_000_000),
            "attributes": {name: value.hex() for name, value in state.attributes.items() if name != "target"},
        }
    )


def row(state: FileState, sids: Mapping[int, str]) -> tuple[str, ...]:
    """A line of a table: permissions, owner, bytes, when, path."""
    if state.kind is FileKind.ENTRY:
        return "", "", "", "", f"{path_text(state.path)}  {_value(state.attributes.get(NUMBER, b''))}".rstrip()
    mode = f"{_LETTERS.get(state.kind, '-')}{state.mode:04o}"
    when = rfc3339(state.mtime_ns / 1_000_000_000) if state.mtime_ns else ""
    return mode, sids.get(state.uid, str(state.uid)), str(state.size), when, path_text(state.path) or "/"


def difference_document(each: FileDifference) -> dict[str, str]:
    """What differs, for machines."""
    place, path = each.key
    return {"place": str(place), "path": path_text(path), "kind": str(each.gap)}


def event_document(event: "FileEvent", *, abandoned: bool) -> dict[str, Any]:
    """What happened to a file, for machines.

    Args:
        abandoned: A later restore went behind it.
    """

    def told(state: FileState | None) -> dict[str, Any] | None:
        return document(state, {}) if state is not None else None

    commit = event.commit
    return {
        "seq": commit.seq,
        "time": rfc3339(commit.time),
        "timeline": commit.timeline,
        "abandoned": abandoned,
        "kind": event.kind,
        "path": path_text(event.path),
        "from": told(event.old),
        "to": told(event.new),
    }


def event_line(event: Mapping[str, Any]) -> str:
    """The same of :func:`event_document`, for people."""
    aside = f", timeline {event['timeline']}" + (", abandoned" if event["abandoned"] else "")
    sizes = [str(each["size"]) for each in (event["from"], event["to"]) if each is not None and "size" in each]
    told = f", {' -> '.join(dict.fromkeys(sizes))} bytes" if sizes else ""
    return f"{event['time']}  {event['kind']}  {event['path'] or '/'}  (commit {event['seq']}{aside}{told})"


def difference_row(each: FileDifference) -> tuple[str, str, str]:
    """A line of a table: in which way, which place, which path."""
    place, path = each.key
    return str(each.gap), str(place), path_text(path) or "/"


def keys_document(keys: Iterable[FileKey]) -> list[dict[str, str]]:
    """Which files, for machines."""
    return [{"place": str(place), "path": path_text(path)} for place, path in keys]


def between(old: Files, new: Files) -> list[dict[str, str]]:
    """What differs between two points, for machines; nothing where one of them had not looked at files yet."""
    if not old or not new:
        return []
    return [{**difference_document(each), "kind": CAME_ABOUT[each.gap]} for each in file_differences(old, new)]


def _value(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()
