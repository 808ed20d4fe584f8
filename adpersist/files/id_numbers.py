"""Whose Unix number is whose: what idmap.ldb must say, so that no number is ever handed out twice. Pure.

Samba gives a SID the next free number when it is first asked for it, and never looks whether that is in use. So after
the disk went back, whoever logs in first gets the number of somebody else, and with it that one's files. What the
journal has counts; what only the DC has keeps its number unless the journal gave it to somebody; the counter only
rises.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from adpersist.model.files.file_state import FileState

CONFIG: Final = "CONFIG"
"""The entry with the counter: xidNumber is the next number to give."""

NUMBER: Final = "xidNumber"
_LEAST: Final = "lowerBound"
_MOST: Final = "upperBound"

MARGIN: Final = 1000
"""The last numbers given before the disk went back may be in no commit, and yet own files on a disk that stayed."""


def news(known: Iterable[FileState], found: Iterable[FileState]) -> list[FileState]:
    """What the journal is to be told: new and changed entries. None is ever gone, and the counter never falls."""
    before = {state.path: state for state in known}
    told = []
    for state in found:
        old = before.get(state.path)
        if old == state or (state.path == CONFIG and old is not None and _counter(state) < _counter(old)):
            continue
        told.append(state)
    return told


def healed(wanted: Mapping[str, FileState], there: Mapping[str, FileState]) -> list[FileState]:
    """The entries to write, so that the DC gives everybody the number they had, and nobody's again.

    Args:
        wanted: By path, as the journal has them.
        there: By path, as the DC has them.
    """
    written = [state for path, state in wanted.items() if path != CONFIG and there.get(path) != state]
    taken = {number_of(state) for path, state in wanted.items() if path != CONFIG}
    own = [state for path, state in there.items() if path not in wanted and path != CONFIG]
    config = wanted.get(CONFIG) or there.get(CONFIG)
    if config is None:
        return written
    highest = max([*taken, *map(number_of, own), 0], key=lambda number: number if _within(config, number) else 0)
    known = [_counter(each) for each in (wanted.get(CONFIG), there.get(CONFIG)) if each is not None]
    following = max([*known, highest + 1 if _within(config, highest) else 0])
    lowered = CONFIG in wanted and CONFIG in there and _counter(there[CONFIG]) < _counter(wanted[CONFIG])
    if lowered or written:
        following = max(following, min(following + MARGIN, _bound(config, _MOST)))
    for state in own:
        if number_of(state) in taken:
            written.append(replace(state, attributes={**state.attributes, NUMBER: b"%d" % following}))
            following += 1
    counter = replace(config, attributes={**config.attributes, NUMBER: b"%d" % following})
    if there.get(CONFIG) != counter:
        written.append(counter)
    return written


def lacking(wanted: Iterable[FileState], there: Mapping[str, FileState]) -> list[FileState]:
    """Entries of the journal that the DC does not have as they are; a counter that is higher is right."""
    found = []
    for state in wanted:
        have = there.get(state.path)
        if have == state or (state.path == CONFIG and have is not None and _counter(have) >= _counter(state)):
            continue
        found.append(state)
    return found


def number_of(state: FileState) -> int:
    """The Unix number of an entry; -1 where it has none that can be read."""
    try:
        return int(state.attributes.get(NUMBER, b"-1"))
    except ValueError:
        return -1


def _counter(state: FileState) -> int:
    """The next number to give: the least there is, until one was given."""
    return max(number_of(state), _bound(state, _LEAST))


def _bound(state: FileState, name: str) -> int:
    try:
        return int(state.attributes.get(name, b"0"))
    except ValueError:
        return 0


def _within(config: FileState, number: int) -> bool:
    return _bound(config, _LEAST) <= number < _bound(config, _MOST)
