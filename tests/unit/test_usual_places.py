"""What `init` takes where nobody says otherwise."""

from __future__ import annotations

import socket
from pathlib import Path

from adpersist.system.unix_sockets import in_table, listening

# As a kernel printed it: a listener, a connection to it, one that is bound and does not listen, an abstract name.
TABLE = b"""Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 21342 /var/lib/samba/private/ldap_priv/ldapi
0000000000000000: 00000003 00000000 00000000 0001 03 21345 /var/lib/samba/private/ldap_priv/ldapi
0000000000000000: 00000002 00000000 00000000 0002 01 18001 /run/systemd/notify
0000000000000000: 00000002 00000000 00010000 0001 01 18002 @/org/kernel/abstract
0000000000000000: 00000002 00000000 00010000 0001 01 18003 /srv/a b/\xff/ldap_priv/ldapi
0000000000000000: 00000003 00000000 00000000 0001 03 18004
half a line: 0000
"""


def test_sockets_that_somebody_listens_on_are_found_whatever_their_names() -> None:
    assert list(in_table(TABLE)) == [
        Path("/var/lib/samba/private/ldap_priv/ldapi"),
        Path("/srv/a b/\udcff/ldap_priv/ldapi"),
    ]
    assert list(in_table(b"")) == []


def test_this_machine_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "here"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        assert path not in listening()
        made.listen()
        assert path in listening()
    assert path not in listening()
