"""Objects larger than any entry that the server sends, put together from answers about some of their attributes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from adpersist.directory.ldap.conversation import PASSED_OVER
from adpersist.directory.ldap.session import LOOK_TIMEOUT_S, Session
from adpersist.directory.wire.controls import EXTENDED_DN, SHOW_RECYCLED
from adpersist.directory.wire.extended_dn import split_extended
from adpersist.directory.wire.filters import ANY, Filter
from adpersist.directory.wire.messages import Entry, SearchScope
from adpersist.errors import DirectoryError
from adpersist.model.identity.ids import guid_text
from adpersist.model.objects.change import Values

_AT_ONCE: Final = 64
"""Values of one attribute, at first."""


def is_too_large(error: DirectoryError) -> bool:
    """The server has an entry that it does not send."""
    return error.result == PASSED_OVER.code


def large_entries(
    session: Session, nc: str, matching: Filter, names: Sequence[str], ask: Callable[[Sequence[str]], Iterable[Entry]]
) -> Iterator[Entry]:
    """What a look would show, were an entry not too large for it.

    Args:
        session: For questions in between.
        nc: The naming context.
        matching: Matches the objects of the look.
        names: Every attribute that a look may show.
        ask: The look, for some attributes.

    Raises:
        DirectoryError: The server does not show it in pieces either.
    """
    found: dict[str, Entry] = {}
    waiting = [names]
    while waiting:
        some = waiting.pop()
        try:
            shown = list(ask(some))
        except DirectoryError as error:
            if not is_too_large(error):
                raise
            if middle := len(some) // 2:
                waiting += [some[:middle], some[middle:]]
                continue
            shown = [_in_ranges(session, nc, matching, some[0], error)]
        for entry in shown:
            known = found.setdefault(entry.dn, Entry(dn=entry.dn, attributes={}, size=0))
            whole = {**known.attributes, **entry.attributes}
            found[entry.dn] = Entry(dn=entry.dn, attributes=whole, size=known.size + entry.size)
    yield from found.values()


def _in_ranges(session: Session, nc: str, matching: Filter, name: str, error: DirectoryError) -> Entry:
    """All values of one attribute, by ranges ([MS-ADTS] 3.1.1.3.1.3.3). Raises: the error, of several objects."""
    asked = [SHOW_RECYCLED, EXTENDED_DN]
    entries = list(session.search(nc, matching, attributes=["1.1"], controls=asked, timeout_s=LOOK_TIMEOUT_S))
    guid, _ = split_extended(entries[0].dn) if len(entries) == 1 else (None, "")
    if guid is None:
        raise error
    values: list[bytes] = []
    count, size, ended = _AT_ONCE, 0, False
    while not ended:
        begin = len(values)
        try:
            (entry,) = session.search(
                f"<GUID={guid_text(guid)}>",
                ANY,
                scope=SearchScope.BASE,
                attributes=[f"{name};range={begin}-{begin + count - 1}"],
                controls=asked,
                may_be_large=True,
            )
        except DirectoryError as refused:
            if not is_too_large(refused) or count == 1:
                raise
            count //= 2
            continue
        some, ended = _range(entry, name)
        values += some
        size += entry.size
    return Entry(dn=entries[0].dn, attributes={name: tuple(values)}, size=size)


def _range(entry: Entry, name: str) -> tuple[Values, bool]:
    """Some values, and whether they are the last; one that was emptied meanwhile has none."""
    for spelled, values in entry.attributes.items():
        if spelled.startswith(f"{name};range="):
            return values, spelled.endswith("-*") or not values
    return (), True
