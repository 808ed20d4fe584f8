"""The command line at the other end of a cable: an administrator's name and password, and TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.commands import Adpersist
from tests.integration.hands import Hands
from tests.integration.ordeal import remains
from tests.integration.scene import staff
from tools.samba_dc import Dump, Golden, SambaDC, free_address

_NOT_SEEN: Final = (
    *("unicodePwd", "supplementalCredentials", "ntPwdHistory", "lmPwdHistory", "dBCSPwd"),
    "pwdLastSet",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A DC, and the command line somewhere else."""

    dc: SambaDC
    run: Adpersist

    @property
    def office(self) -> str:
        """Where the staff is."""
        return f"OU=Office,{self.dc.base_dn}"


@contextmanager
def remote_office(golden: Golden, place: Path) -> Iterator[Remote]:
    """A DC with staff, all of it captured over the network; that is also its image."""
    with SambaDC(golden, place / "dc", address=free_address()) as dc:
        dc.start()
        with Hands(dc) as hands:
            staff(hands)
        run = Adpersist(place / "adpersist.toml")
        run("init", *remote_words(dc, place), code=0)
        run("agent", "--once", code=0)
        dc.stop()
        dc.golden = dc.take_golden(place / "image")
        dc.start()
        yield Remote(dc=dc, run=run)


def remote_words(dc: SambaDC, place: Path, *, url: str = "", user: str | None = None) -> tuple[str, ...]:
    """Options of ``init``; an empty user is whoever holds the Kerberos tickets."""
    (place / "password").write_text(dc.admin_password + "\n")
    name = dc.admin_user if user is None else user
    return (
        *("--directory", url or dc.ldaps_url, "--store", f"sqlite://{place / 'journal.db'}"),
        *(("--user", name, "--password-file", str(place / "password")) if name else ()),
        *("--ca-file", str(dc.ca_file), "--key-file", str(place / "key")),
    )


def seen_remains(before: Dump, after: Dump) -> list[str]:
    """What differs of all that an administrator sees."""
    lines = [line for lines in remains(before, after).lines.values() for line in lines]
    return [line for line in lines if not any(f": {name}: " in line for name in _NOT_SEEN)]
