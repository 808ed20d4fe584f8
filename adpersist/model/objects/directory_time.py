"""Times as the directory counts them ([MS-DTYP] 2.3.3, [MS-DRSR] 4.1.10.2.22)."""

from datetime import UTC, datetime
from typing import Final

_EPOCH_1601_S: Final = 11_644_473_600
"""Seconds between 1601-01-01, where the directory counts from, and 1970-01-01."""


def unix_seconds(stamped: int) -> int:
    """Unix seconds of seconds as replication stamps count them; before 1970 for a write that never was (0)."""
    return stamped - _EPOCH_1601_S


def since_1601(unix: float) -> int:
    """The reverse of :func:`unix_seconds`, in whole seconds."""
    return int(unix) + _EPOCH_1601_S


def generalized_time(value: bytes) -> int:
    """Seconds since 1601 of ``20261123090208.0Z`` ([RFC4517] 3.3.13, as the directory writes it).

    Raises:
        ValueError: Another form.
    """
    moment = datetime.strptime(value.decode("ascii"), "%Y%m%d%H%M%S.0Z").replace(tzinfo=UTC)
    return int(moment.timestamp()) + _EPOCH_1601_S
