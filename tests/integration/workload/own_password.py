"""A DC changes the password of its own account, in its database, its secrets and its keytab.

Run by the system's interpreter, which has Samba's Python: ``own_password.py SMB_CONF``. The DC is stopped.
"""

import sys

# Only Debian's interpreter has these; the type checker's environment does not.
import ldb  # type: ignore[import-not-found]
import samba  # type: ignore[import-not-found]
from samba import Ldb
from samba.auth import system_session  # type: ignore[import-not-found]
from samba.param import LoadParm  # type: ignore[import-not-found]
from samba.samdb import SamDB  # type: ignore[import-not-found]


def main(smb_conf: str) -> None:
    """Do it."""
    settings = LoadParm()
    settings.load(smb_conf)
    session = system_session(settings)
    database = SamDB(session_info=session, lp=settings)
    secrets = Ldb(settings.private_path("secrets.ldb"), lp=settings, session_info=session)
    (own,) = secrets.search("CN=Primary Domains", ldb.SCOPE_SUBTREE, "(secret=*)", attrs=["samAccountName", "secret"])
    (account,) = database.search(expression=f"(sAMAccountName={own['samAccountName'][0]})", attrs=[])
    password = samba.generate_random_machine_password(120, 120)
    change = ldb.Message(account.dn)
    quoted = password.encode("utf-16-le")
    change["p"] = ldb.MessageElement(quoted, ldb.FLAG_MOD_REPLACE, "clearTextPassword")
    database.modify(change)
    (account,) = database.search(account.dn, ldb.SCOPE_BASE, attrs=["msDS-KeyVersionNumber"])
    change = ldb.Message(own.dn)
    for name, value in (
        ("secret", password.encode()),
        ("priorSecret", bytes(own["secret"][0])),
        ("msDS-KeyVersionNumber", bytes(account["msDS-KeyVersionNumber"][0])),
    ):
        change[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    secrets.modify(change)  # its own module writes the keytab


main(sys.argv[1])
