"""What unpacked MessagePack must look like: a function returns its argument, typed, or raises ValueError."""

from typing import cast


def items(value: object) -> list[object]:
    """A list of anything."""
    if type(value) is not list:
        raise ValueError(f"a list was expected, not {type(value).__name__}")
    return value


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


def _all_of(value: object, kind: type) -> list[object]:
    found = items(value)
    for each in found:
        if type(each) is not kind:
            raise ValueError(f"a list of {kind.__name__} holds something else")
    return found


def blobs(value: object) -> list[bytes]:
    """A list of bytes."""
    return cast(list[bytes], _all_of(value, bytes))


def texts(value: object) -> list[str]:
    """A list of text."""
    return cast(list[str], _all_of(value, str))


def integers(value: object) -> list[int]:
    """A list of whole numbers."""
    return cast(list[int], _all_of(value, int))
