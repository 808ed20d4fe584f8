"""How long something may be silent, as people write it; pure, and quick to load: a command's options need it."""

import re
from math import inf
from typing import Final

from adpersist.errors import ConfigError

SILENT_AFTER: Final = "15m"
"""After how long without a sign a journal counts as silent, where nobody says otherwise: three beats."""

_AGE: Final = re.compile(r"[1-9]\d{0,8}[smhdw]")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def age_s(text: str) -> float:
    """Seconds; infinite of ``off``.

    Raises:
        ConfigError: It is no age.
    """
    if text == "off":
        return inf
    if not _AGE.fullmatch(text):
        raise ConfigError(f"{text!r} is no age", hint="Say 15m, 2h or off: a number and one of s, m, h, d, w.")
    return float(int(text[:-1]) * _SECONDS[text[-1]])
