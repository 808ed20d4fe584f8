"""The password of a DC's own account: its files went back, its database or its partners know a newer one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from adpersist.directory.samba.database import Database
from tests.integration.scene import PASSWORD, World
from tools.samba_dc import Golden, SambaDC, free_address
from tools.samba_dc.kerberos import key_numbers, kinit, service_ticket
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
        database.keep_machine_secret([])
        database.close()
        assert known < key_numbers(keytab), "whoever has a ticket from before goes on with it"
        dc.start()
        assert dc.machine_logs_in()


def test_a_dc_that_was_put_back_twice_opens_every_ticket_from_before(world: World) -> None:
    """Each heal gives its account another key version number, and the next image knows none of them."""
    dc, keytab = world.dc, world.dc.private_dir / "secrets.keytab"

    def ticket(name: str) -> int:
        cache = world.place / name
        kinit(dc.krb5_conf, cache, "ada", PASSWORD)
        return service_ticket(dc.krb5_conf, cache, "ldap", dc.names.fqdn)

    numbers = {}
    for name in ("changed", "changed again"):
        dc.stop()
        run([SYSTEM_PYTHON, str(OWN_PASSWORD), str(dc.smb_conf)], timeout_s=60)
        dc.start()
        world.run("agent", "--once", code=0)
        numbers[name] = ticket(name)
    for name in ("healed", "healed again"):
        world.revert()
        world.run("guard", code=0)
        numbers[name] = ticket(name)
    assert len({*numbers.values()}) == len(numbers), "each is under a key of its own"
    assert {*numbers.values()} <= key_numbers(keytab)
    for name, number in numbers.items():
        opened = service_ticket(dc.krb5_conf, world.place / name, "ldap", dc.names.fqdn, keytab=keytab)
        assert opened == number, f"the ticket of when it was {name}"
    assert dc.machine_logs_in()
