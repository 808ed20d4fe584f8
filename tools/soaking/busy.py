"""Somebody who works on the directory all day, and remembers what must be there."""

from __future__ import annotations

import random
import threading
import time
from typing import Any, Final

import ldap3
from ldap3.core.exceptions import LDAPException

from tools.samba_dc import SambaDC

_NORMAL_ACCOUNT: Final = b"512"
_BREAK_S: Final = 0.5
_KEPT: Final = ("objectGUID", "objectSid", "description", "pwdLastSet", "memberOf", "whenCreated")
"""What is remembered of a person, besides the DN."""

Person = tuple[str, ...]
"""DN and values, as text."""


class Busy:
    """Random changes in an OU of their own, one after another, for as long as nobody holds them up.

    Attributes:
        done: Changes the DC took.
        people: DN by name of everybody who is there now.
        touched: Names of those whom the DC was asked to change, be it that it did or not.
    """

    def __init__(self, dc: SambaDC, *, seed: int, pause_s: float) -> None:
        self._dc = dc
        self._random = random.Random(seed)
        self._pause_s = pause_s
        self._ldap: Any = None
        self._free = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._numbers = 0
        self.base = f"OU=Soak,{dc.base_dn}"
        self.done = 0
        self.people: dict[str, str] = {}
        self.touched: set[str] = set()

    def start(self) -> None:
        """Begin."""
        self._do("add", self.base, "organizationalUnit")
        for room in ("A", "B"):
            self._do("add", f"OU={room},{self.base}", "organizationalUnit")
            self._do(
                "add", f"CN=team{room},OU={room},{self.base}", "group", {"sAMAccountName": [f"team{room}".encode()]}
            )
        self._thread.start()

    def stop(self) -> None:
        """Go home."""
        self._stop.set()
        self._thread.join()

    @property
    def still(self) -> threading.Lock:
        """Nothing is changed while it is held."""
        return self._free

    def look_around(self) -> dict[str, Person]:
        """The people that are there, by name, as a DC says that may just have been started."""
        self._ldap = None
        self._do("search", self.base, "(objectClass=user)", ldap3.SUBTREE, attributes=list(_KEPT))
        found = [item for item in self._ldap.response if item["type"] == "searchResEntry"]
        self.people = {_name(item["dn"]): item["dn"] for item in found}
        return {_name(item["dn"]): _person(item) for item in found}

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._free:
                try:
                    self._random.choice((self._hire, self._hire, self._edit, self._edit, self._password, self._move,
                                         self._join, self._leave, self._rename))()  # fmt: skip
                    self.done += 1
                except (LDAPException, OSError, RefusedError):
                    # the DC is away, or somebody was lost in a revert: have a look and go on
                    self._reconnect()
            self._stop.wait(self._random.expovariate(1 / self._pause_s))

    def _hire(self) -> None:
        self._numbers += 1
        name = f"soak{self._numbers}"
        self._touch(name)
        dn = f"CN={name},OU={self._random.choice('AB')},{self.base}"
        self._do("add", dn, "user", {
            "sAMAccountName": [name.encode()], "userAccountControl": [_NORMAL_ACCOUNT],
            "unicodePwd": [f'"Passw0rd.{self._numbers}"'.encode("utf-16-le")],
        })  # fmt: skip
        self.people[name] = dn

    def _edit(self) -> None:
        _, dn = self._somebody()
        word = f"edit {self._random.randrange(10**6)}".encode()
        self._do("modify", dn, {"description": [(ldap3.MODIFY_REPLACE, [word])]})

    def _password(self) -> None:
        _, dn = self._somebody()
        word = f'"Passw0rd.{self._random.randrange(10**6)}x"'.encode("utf-16-le")
        self._do("modify", dn, {"unicodePwd": [(ldap3.MODIFY_REPLACE, [word])]})

    def _move(self) -> None:
        name, dn = self._somebody()
        room = f"OU={self._random.choice('AB')},{self.base}"
        self._do("modify_dn", dn, f"CN={name}", new_superior=room)
        self.people[name] = f"CN={name},{room}"

    def _rename(self) -> None:
        name, dn = self._somebody()
        self._numbers += 1
        other, parent = f"soak{self._numbers}", dn.partition(",")[2]
        self._touch(other)
        self._do("modify_dn", dn, f"CN={other}", new_superior=parent)
        del self.people[name]
        self.people[other] = f"CN={other},{parent}"

    def _join(self) -> None:
        _, dn = self._somebody()
        room = self._random.choice("AB")
        self._do("modify", f"CN=team{room},OU={room},{self.base}", {"member": [(ldap3.MODIFY_ADD, [dn.encode()])]})

    def _leave(self) -> None:
        name, dn = self._somebody()
        self._do("delete", dn)
        del self.people[name]

    def _somebody(self) -> tuple[str, str]:
        """Whom something is asked for next."""
        if not self.people:
            raise RefusedError("nobody is there")
        name = self._random.choice(sorted(self.people))
        self._touch(name)
        return name, self.people[name]

    def _touch(self, name: str) -> None:
        """Whether what is asked for next was done, nobody may hear; where nobody can be asked, it was not."""
        self._connected()
        self.touched.add(name)

    def _reconnect(self) -> None:
        try:
            self.look_around()
        except (LDAPException, OSError, RefusedError):
            time.sleep(_BREAK_S)

    def _do(self, operation: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - ldap3 ships no types
        connection = self._connected()
        getattr(connection, operation)(*arguments, **options)
        result = connection.result
        if result["result"] not in {0, 20, 68}:  # done, or was so already
            raise RefusedError(f"{operation} {arguments[0]}: {result['description']} {result['message']}")

    def _connected(self) -> Any:  # noqa: ANN401 - ldap3 ships no types
        if self._ldap is None:
            server = ldap3.Server(self._dc.ldapi_url_quoted, get_info=ldap3.NONE, connect_timeout=5)
            connection: Any = ldap3.Connection(server, check_names=False, auto_encode=False, receive_timeout=30)
            connection.open()
            self._ldap = connection
        return self._ldap


class RefusedError(Exception):
    """The DC did not take a change."""


def _person(item: Any) -> Person:  # noqa: ANN401 - ldap3 ships no types
    raw = item["raw_attributes"]
    return item["dn"], *(repr(sorted(raw.get(name, []))) for name in _KEPT)


def _name(dn: str) -> str:
    return dn.partition(",")[0].removeprefix("CN=")
