"""Whoever holds the store reads nothing: what a real DC was captured with is searched for in the raw store."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableClient

from tests.contract.conftest import azurite
from tests.integration.commands import Adpersist
from tests.integration.hands import Hands
from tests.integration.scene import Scene, World, init_words

__all__ = ["azurite"]

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's, published with it."""

MIN_BYTES = 6
"""A shorter needle would be found in random bytes by chance."""


def encodings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Every form somebody might search for."""
    yield "raw", value
    yield "hex", value.hex().encode()
    yield "HEX", value.hex().upper().encode()
    for shift in range(3):
        # inside a longer run of base64 a value shows up in one of three forms; its edges depend on its neighbours
        coded = base64.b64encode(b"\0" * shift + value)
        inner = coded[-(-shift * 8 // 6) :].rstrip(b"=")[: -1 if len(value) % 3 else None]
        yield f"base64+{shift}", inner
        yield f"url-base64+{shift}", inner.replace(b"+", b"-").replace(b"/", b"_")
    if value.isascii():
        yield "utf-16", value.decode().encode("utf-16-le")


def found_in(haystack: bytes, needles: Mapping[str, bytes]) -> set[str]:
    """Names of the needles that are there in any form."""
    return {
        f"{name} ({form})"
        for name, value in needles.items()
        for form, coded in encodings(value)
        if len(coded) >= MIN_BYTES and coded in haystack
    }


@pytest.fixture(scope="module")
def told(scene: Scene, module_place: Path) -> Iterator[tuple[World, dict[str, bytes]]]:
    """A DC with recognisable things in it, and all of these as somebody else reads them."""
    with scene.played(module_place) as world, Hands(world.dc) as hands:
        user = hands.user(
            "zaphod.beeblebrox",
            password="Passw0rd.magrathea",
            attributes={
                "mail": "zaphod@heartofgold.example",
                "description": "President of the Galaxy",
                "telephoneNumber": "+49 30 4242424242",
            },
        )
        hands.group("vogon-constructors", [user])
        world.run("agent", "--once", code=0)
        hands.rename(user, "CN=arthur.dent")
        world.run("agent", "--once", code=0)
        world.run("checkpoint", code=0)
        yield world, _needles(hands, f"CN=arthur.dent,{hands.users}")


def _needles(hands: Hands, dn: str) -> dict[str, bytes]:
    wanted = (
        "objectSid",
        "objectGUID",
        "unicodePwd",
        "ntPwdHistory",
        "supplementalCredentials",
        "nTSecurityDescriptor",
    )
    read = hands.read(dn, *wanted)
    guid, sid = read["objectGUID"][0], read["objectSid"][0]
    krbtgt = hands.read(f"CN=krbtgt,{hands.users}", "unicodePwd")
    texts = (
        "zaphod.beeblebrox",
        "arthur.dent",
        "zaphod@heartofgold.example",
        "heartofgold",
        "President of the Galaxy",
        "+49 30 4242424242",
        "vogon-constructors",
        "CN=Users",
        hands.base,
        "samdom",
        "SAMDOM",
        "Administrator",
        "krbtgt",
        "unicodePwd",
        "sAMAccountName",
        "Passw0rd",
        "S-1-5-21-",
        str(uuid.UUID(bytes_le=guid)),
        "dc1.samdom",
    )
    return {
        **{text: text.encode() for text in texts},
        "objectGUID": guid,
        "objectSid": sid,
        "domain SID": sid[8:-4],
        "NT hash": read["unicodePwd"][0],
        "NT hash of krbtgt": krbtgt["unicodePwd"][0],
        "password history": read["ntPwdHistory"][0],
        "Kerberos keys": read["supplementalCredentials"][0][:64],
        "Kerberos keys, the middle": read["supplementalCredentials"][0][200:264],
        "security descriptor": read["nTSecurityDescriptor"][0][:64],
    }


def test_the_search_finds_what_lies_open(told: tuple[World, dict[str, bytes]]) -> None:
    """The judge is judged: in an open export it finds everything that an export names."""
    world, needles = told
    ldif = world.run("export", "--ldif", "--secrets", code=0).out.replace("\n ", "")
    lines = world.run("export", "--json", "--secrets", code=0).out
    seen = {each.rpartition(" (")[0] for each in found_in((ldif + lines).encode(), needles)}
    assert set(needles) - seen <= {"Passw0rd", "S-1-5-21-"}, "these two no value holds"


def test_a_sqlite_store_shows_nothing(told: tuple[World, dict[str, bytes]]) -> None:
    world, needles = told
    files = [path for path in world.store.parent.glob(f"{world.store.name}*") if path.is_file()]
    raw = b"".join(path.read_bytes() for path in files)
    assert len(raw) > 200_000
    assert found_in(raw, needles) == set()


def test_an_azure_table_shows_nothing(told: tuple[World, dict[str, bytes]], azurite: str, place: Path) -> None:
    world, needles = told
    table = f"t{secrets.token_hex(8)}"
    run = Adpersist(place / "adpersist.toml")
    directory, url, _, _, *key = init_words(world.dc, place / "unused", place / "key")
    run("init", directory, url, "--store", f"azurite://{azurite}/{table}", *key, "--supersede", code=0)
    run("agent", "--once", code=0)
    run("checkpoint", code=0)
    run("mark", "here", code=0)
    raw = _dump(azurite, table)
    assert len(raw) > 200_000
    assert found_in(raw, needles) == set()


def _dump(azurite_address: str, table: str) -> bytes:
    """Every name and value of every entity, by the SDK alone."""
    credential = AzureNamedKeyCredential(ACCOUNT, KEY)
    with TableClient(f"http://{azurite_address}/{ACCOUNT}", table, credential=credential) as client:
        cells = [cell for entity in client.list_entities() for pair in entity.items() for cell in pair]
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
