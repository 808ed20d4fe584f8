"""Whether Samba starts on a domain of some functional level with some smb.conf. Pure.

Since 4.19 Samba refuses to start where the domain's level is above what ``ad dc functional level`` says. That line goes
back with the disk, the domain's level comes back with the directory.
"""

from collections.abc import Mapping
from typing import Final

OPTION: Final = "ad dc functional level"
LEVELS: Final[Mapping[str, int]] = {"2008_r2": 4, "2012": 5, "2012_r2": 6, "2016": 7}
"""msDS-Behavior-Version by the option's value ([MS-ADTS] 6.1.4.2)."""

_DEFAULT: Final = "2008_r2"


def level_line(conf: bytes) -> str | None:
    """The line that sets the level, as it stands in an smb.conf; the last one counts, as for Samba."""
    found = None
    for line in conf.decode("utf-8", "replace").splitlines():
        name, equals, _ = line.partition("=")
        if equals and " ".join(name.lower().split()) == OPTION:
            found = line.strip()
    return found


def allowed_level(conf: bytes) -> int:
    """The highest level a domain may have for Samba to start; what nobody knows allows all."""
    value = (level_line(conf) or f"= {_DEFAULT}").partition("=")[2].strip().lower()
    return LEVELS.get(value, max(LEVELS.values()))


def missing_line(level: int, *, before: bytes, now: bytes) -> str | None:
    """The line that went with the disk, and without which Samba would not start; None: none did.

    Args:
        level: The domain's, once it is restored.
        before: The smb.conf that Samba ran with when the domain had that level.
        now: The one on the disk.
    """
    if allowed_level(now) >= level or allowed_level(before) < level:
        return None
    return level_line(before)
