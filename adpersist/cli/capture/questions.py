"""What ``init`` asks somebody who sits at a terminal; each question comes with an answer that Enter takes."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from adpersist.agent.doctor.finding import Grade
from adpersist.agent.doctor.place import examine_place, machine_behind
from adpersist.agent.usual_places import STORE, privileged_sockets
from adpersist.cli import output
from adpersist.errors import AdpersistError

_LDAPI: Final = "ldapi://"


def somebody_is_there() -> bool:
    """Whether there is a terminal to ask at, and to answer from."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask_directory() -> str:
    """The directory's URL."""
    found = [f"{_LDAPI}{path}" for path in privileged_sockets()]
    output.say("The domain controller: the privileged socket of the Samba that runs here, or ldaps://HOST.")
    if not found:
        output.say("None runs on this machine. Start it (`systemctl start samba-ad-dc`), or name one on another.")
    if len(found) > 1:
        output.say("\n".join(f"  {url}" for url in found))
    return _answer("Domain controller", found[0] if found else None)


def ask_store(directory: str) -> str:
    """The store's URL; one that goes back with the machine is asked for twice.

    Args:
        directory: The directory's URL, which says whether the DC's disk is this machine's.
    """
    output.say("\nThe journal: where nothing that resets this machine reaches. sqlite:///PATH on a disk of its own, or")
    output.say("azure://ACCOUNT/TABLE, whose credentials come from the environment (docs/azure.md).")
    machine = machine_behind(directory)
    while True:
        store = _answer("Journal", STORE)
        against = _against(store, machine)
        for line in against:
            output.say(f"Warning: {line}")
        if not against or typer.confirm("Take it all the same?", default=False):
            return store


def ask_key_file(default: Path) -> Path:
    """Where the key lies, or will."""
    output.say(
        "\nThe key: made now, unless it is there. It opens the journal, and with it every password of the domain."
    )
    return Path(_answer("Key file", str(default)))


def _answer(question: str, default: str | None) -> str:
    return str(typer.prompt(question, default=default)).strip()


def _against(store: str, machine: Sequence[Path]) -> list[str]:
    """What speaks against a store."""
    if "://" not in store:
        return [f"{output.printable(store)} is no URL like {STORE}"]
    try:
        findings = list(examine_place(store, machine))
    except AdpersistError as error:
        return [error.message]
    return [f"{each.says}. {each.mend}" for each in findings if each.grade in (Grade.WARNING, Grade.BAD)]
