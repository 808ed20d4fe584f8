"""Made ``audit-v1.json``, once: a small journal that says who wrote.

Kept to show where the file came from, and for the next version's file; it refuses to touch one that exists.
Run as ``python -m tests.golden.make_audit FILE``.
"""

import sys
from pathlib import Path

from adpersist.journal.journal import Journal
from adpersist.journal.keys.key_encryption import LocalKey
from adpersist.model.objects.audit import Audited, AuditLine
from adpersist.stores.port import Store
from tests.golden.journal_samples import (
    AGENT,
    IDENTITY,
    IMPATIENT,
    NOON,
    TEST_KEY,
    created,
    fresh_store,
    look,
    pseudorandom,
    set_value,
    write_down,
)

DN = "CN=ada,CN=Users,DC=corp,DC=example"
BY_A_PERSON = AuditLine(
    time=NOON + 199.25,
    dn=DN,
    operation="Modify",
    attributes=frozenset({"mail", "description"}),
    sid="S-1-5-21-1-2-3-1104",
    account="CORP\\\u00fcnal",
    address="10.0.0.7",
    service="LDAP, krb5",
)
BY_ROOT = AuditLine(time=NOON + 199.5, dn=DN, operation="Rename", attributes=frozenset(), sid="")
WHOLE = Audited(since=NOON + 1, through=NOON + 199.75, lines=(BY_A_PERSON, BY_ROOT))
UNREADABLE = Audited(since=None, through=None, trouble="audit.json: Permission denied")


def write(store: Store) -> Journal:
    """A look of which nobody asked, one with lines, one whose log could not be read."""
    randomness = pseudorandom("golden audit v1")
    key = LocalKey(TEST_KEY, randomness=randomness)
    journal = Journal.create(
        store, key, identity=IDENTITY, writer=AGENT, now=NOON, randomness=randomness, patience=IMPATIENT
    )
    look(journal, [created("ada")], 100)
    look(journal, [set_value("ada", b"ada@corp.example", "mail")], 200, audited=WHOLE)
    look(journal, [set_value("ada", b"ada@example.org", "mail")], 300, audited=UNREADABLE)
    return journal


def main(path: Path) -> None:
    """Write the file."""
    store = fresh_store()
    write_down(store, write(store), path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
