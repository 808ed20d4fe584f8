"""What unpacked MessagePack must look like: a function returns its argument, typed, or raises ValueError."""

from adpersist.journal.damage import NewerFormatError
from adpersist.model.identity.ids import GUID_BYTES, Guid


def items(value: object) -> list[object]:
    """A list of anything."""
    if type(value) is not list:
        raise ValueError(f"a list was expected, not {type(value).__name__}")
    return value


def fields(value: object, least: int, most: int | None = None) -> list[object]:
    """What is said of one thing, place by place; the places after ``least`` may be left out.

    What stands beyond ``most`` (``least``, when None) is refused and not passed over: whoever wrote the rest again
    without it would lose it, unsaid.

    Raises:
        NewerFormatError: There is more.
        ValueError: There is less.
    """
    found, known = items(value), least if most is None else most
    if len(found) > known:
        raise NewerFormatError(f"{len(found)} fields where this adpersist knows {known}")
    if len(found) < least:
        raise ValueError(f"{len(found)} fields, {least} expected")
    return found


def octets(value: object) -> bytes:
    """Bytes."""
    if type(value) is not bytes:
        raise ValueError(f"bytes were expected, not {type(value).__name__}")
    return value


def text(value: object) -> str:
    """Text."""
    if type(value) is not str:
        raise ValueError(f"text was expected, not {type(value).__name__}")
    return value


def integer(value: object) -> int:
    """A whole number of either sign; True is none."""
    if type(value) is not int:
        raise ValueError(f"a number was expected, not {type(value).__name__}")
    return value


def index(value: object) -> int:
    """A place in a table."""
    if type(value) is not int or value < 0:
        raise ValueError("an index is not a number")
    return value


def guids(row: bytes) -> list[Guid]:
    """GUIDs that lie one behind the other."""
    if len(row) == GUID_BYTES:
        return [Guid(row)]
    if len(row) % GUID_BYTES:
        raise ValueError("a row of GUIDs has a broken one")
    return [Guid(row[at : at + GUID_BYTES]) for at in range(0, len(row), GUID_BYTES)]


def boolean(value: object) -> bool:
    """True or False."""
    if type(value) is not bool:
        raise ValueError(f"a truth value was expected, not {type(value).__name__}")
    return value


def number(value: object) -> float:
    """A number with a fraction."""
    if type(value) is not float:
        raise ValueError(f"a number was expected, not {type(value).__name__}")
    return value


def _require_all(value: object, kind: type) -> None:
    if type(value) is not list:
        raise ValueError(f"a list was expected, not {type(value).__name__}")
    for each in value:
        if type(each) is not kind:
            raise ValueError(f"a list of {kind.__name__} holds something else")


def blobs(value: object) -> list[bytes]:
    """A list of bytes."""
    _require_all(value, bytes)
    return value  # type: ignore[return-value]  # proven just now; a cast is a call


def texts(value: object) -> list[str]:
    """A list of text."""
    _require_all(value, str)
    return value  # type: ignore[return-value]


def integers(value: object) -> list[int]:
    """A list of whole numbers."""
    _require_all(value, int)
    return value  # type: ignore[return-value]
