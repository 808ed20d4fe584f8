"""Times and spans of time as the directory writes them, for people; pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

from adpersist.model.objects.directory_time import unix_seconds

MOMENTS: Final = frozenset(
    {
        "accountExpires",
        "badPasswordTime",
        "creationTime",
        "lastContentIndexed",
        "lastLogoff",
        "lastLogon",
        "lastLogonTimestamp",
        "lastSetTime",
        "lockoutTime",
        "msDS-ApproximateLastLogonTimeStamp",
        "msDS-Cached-Membership-Time-Stamp",
        "msDS-LastFailedInteractiveLogonTime",
        "msDS-LastSuccessfulInteractiveLogonTime",
        "msKds-CreateTime",
        "msKds-UseStartTime",
        "priorSetTime",
        "pwdLastSet",
    }
)
"""LargeInteger attributes that hold a FILETIME ([MS-DTYP] 2.3.3): 100 ns since 1601-01-01. The schema does not tell."""

SPANS: Final = frozenset(
    {
        "forceLogoff",
        "lockoutDuration",
        "lockOutObservationWindow",
        "maxPwdAge",
        "minPwdAge",
        "msDS-LockoutDuration",
        "msDS-LockoutObservationWindow",
        "msDS-MaximumPasswordAge",
        "msDS-MinimumPasswordAge",
    }
)
"""LargeInteger attributes that hold a span: 100 ns, negated."""

_TICKS_A_SECOND: Final = 10_000_000
_NEVER: Final = 0x7FFFFFFFFFFFFFFF
_ALWAYS: Final = -0x8000000000000000


def filetime_text(ticks: int) -> str:
    """``2026-05-01T12:00:00Z``; 0 and the largest number mean "never"."""
    if ticks in (0, _NEVER):
        return "never"
    return seconds_text(ticks // _TICKS_A_SECOND)


def seconds_text(seconds_since_1601: int) -> str:
    """The same for whole seconds since 1601, as replication stamps count; a number beyond every calendar as it is."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=unix_seconds(seconds_since_1601))
    except OverflowError:
        return str(seconds_since_1601)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def span_text(ticks: int) -> str:
    """``42 days, 0:00:00``; the lowest number means "never"."""
    if ticks == _ALWAYS:
        return "never"
    return str(timedelta(seconds=abs(ticks) // _TICKS_A_SECOND))


def generalized_text(value: str) -> str:
    """``20260501120000.0Z`` ([RFC4517] 3.3.13) as RFC 3339; anything else as it is."""
    try:
        moment = datetime.strptime(value[:14], "%Y%m%d%H%M%S")
    except ValueError:
        return value
    return moment.isoformat() + "Z" if value.endswith("Z") else value
