"""The password of a DC's own account: its files went back, its database or its partners know a newer one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from adpersist.directory.samba.database import Database
from tools.samba_dc import Golden, SambaDC, free_address
from tools.samba_dc.kerberos import key_numbers
from tools.samba_dc.programs import SYSTEM_PYTHON, run

OWN_PASSWORD: Final = Path(__file__).parent / "workload" / "own_password.py"
FILES: Final = ("secrets.ldb", "secrets.tdb", "secrets.keytab")


def test_an_account_that_a_partner_gave_a_newer_password_gets_that_of_its_files(golden: Golden, place: Path) -> None:
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.prepare()
        for name in FILES:
            shutil.copy2(dc.private_dir / name, place / name)
        run([SYSTEM_PYTHON, str(OWN_PASSWORD), str(dc.smb_conf)], timeout_s=60)
        for name in FILES:
            shutil.copy2(place / name, dc.private_dir / name)
        keytab = dc.private_dir / "secrets.keytab"
        known = key_numbers(keytab)
        database = Database(dc.private_dir / "sam.ldb")
        database.keep_machine_secret(None)
        database.close()
        assert known < key_numbers(keytab), "whoever has a ticket from before goes on with it"
        dc.start()
        assert dc.machine_logs_in()
