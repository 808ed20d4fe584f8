"""Moments as people and programs write them (RFC 3339)."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Unix seconds in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
