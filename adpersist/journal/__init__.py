"""Changes and states <-> durable, sealed, chained commits.

In: changes, positions, states, a :class:`~adpersist.stores.port.Store`, a key. Out: verified commits and states.
FORMAT.md beside this file specifies the bytes. Must not import ``directory``, ``replay`` or what lies above them.

What other rooms use is imported from here.
"""

from adpersist.journal.appender import Patience
from adpersist.journal.format.damage import Damage, DamagedError
from adpersist.journal.journal import Journal
from adpersist.journal.keys.derive import journal_id
from adpersist.journal.keys.key_encryption import KeyEncryption, LocalKey
from adpersist.journal.keys.key_file import create_key_file, exposure, key_from_environment, read_key_file

__all__ = [
    "Damage",
    "DamagedError",
    "Journal",
    "KeyEncryption",
    "LocalKey",
    "Patience",
    "create_key_file",
    "exposure",
    "journal_id",
    "key_from_environment",
    "read_key_file",
]
