"""Every journal in the store, for the fleet's page: what `adpersist fleet` tells, asked of the store and of no DC."""

import threading
from collections import Counter
from typing import Any, Final

from adpersist.journal.keys.key_encryption import KeyEncryption
from adpersist.reading.fleet import Terms, survey
from adpersist.reading.text.age_text import SILENT_AFTER, age_s
from adpersist.reading.text.fleet_text import member_document
from adpersist.stores.finding import find_journals

_GOOD_FOR_S: Final = 5.0
"""How long an answer is shown to who asks next: the store is read for one at a time, and not for each."""


class Fleet:
    """The store of the console's journal, and all that lie there.

    Args:
        url: The store's.
        key: What the journals are read with whose key it is; of others stands what the store shows in the clear.
    """

    def __init__(self, url: str, key: KeyEncryption) -> None:
        self._url = url
        self._key = key
        self._turn = threading.Lock()
        self._told: dict[str, Any] | None = None
        self._at = 0.0

    def document(self, now: float) -> dict[str, Any]:
        """How they stand; of what cannot be read the reason.

        Args:
            now: Unix seconds.

        Raises:
            StoreError: The store does not answer.
        """
        with self._turn:
            if self._told is None or not 0 <= now - self._at < _GOOD_FOR_S:
                terms = Terms(keys=[self._key], now=now, silent_after_s=age_s(SILENT_AFTER))
                members = survey(find_journals(self._url), terms)
                self._told = {
                    "store": self._url,
                    "silent_after": SILENT_AFTER,
                    "verdicts": dict(Counter(str(each.standing) for each in members)),
                    "journals": [member_document(each) for each in members],
                }
                self._at = now
            return self._told
