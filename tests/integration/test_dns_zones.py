"""What the DC's own DNS server answers once zones came back, or went: it does not look for them by itself."""

from __future__ import annotations

import secrets
import socket
import struct
from typing import Final

import pytest

from adpersist.model.plan.engine import Engine
from tests.integration.hands import Hands
from tests.integration.scene import ENGINES, World, until
from tools.samba_dc import SambaDC

_SOA: Final = struct.pack(">HH", 6, 1)
"""Type and class of the question, [RFC1035] 3.2."""


def serves(dc: SambaDC, zone: str) -> bool:
    """Whether the DC answers with the start of authority of this zone."""
    number = secrets.token_bytes(2)
    name = b"".join(bytes([len(label)]) + label.encode() for label in zone.split(".")) + b"\0"
    question = number + struct.pack(">HHHHH", 0, 1, 0, 0, 0) + name + _SOA
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(10)
        line.sendto(question, (dc.address, 53))
        answer = line.recv(4096)
    assert answer[:2] == number
    answers: int = struct.unpack_from(">H", answer, 6)[0]
    return answers == 1


def zone_made(hands: Hands, name: str, partition: str) -> str:
    """A zone with what another one has at its root, as a console for DNS makes it."""
    domain = ".".join(part.removeprefix("DC=") for part in hands.base.split(","))
    own = f"DC=@,DC={domain},CN=MicrosoftDNS,DC=DomainDnsZones,{hands.base}"
    zone = hands.add(f"DC={name},CN=MicrosoftDNS,DC={partition},{hands.base}", "dnsZone")
    root = hands.add(f"DC=@,{zone}", "dnsNode")
    hands.set(root, dnsRecord=hands.read(own, "dnsRecord")["dnsRecord"])
    return zone


@pytest.mark.parametrize("engine", ENGINES)
def test_the_dns_server_serves_what_came_back(world: World, engine: Engine) -> None:
    world.write_by(engine)
    with Hands(world.dc) as hands:
        zone_made(hands, "near.test", "DomainDnsZones")
    world.run("agent", "--once", code=0)
    world.run("mark", "near", code=0)
    with Hands(world.dc) as hands:
        hands.delete(f"DC=@,DC=near.test,CN=MicrosoftDNS,DC=DomainDnsZones,{hands.base}")
        hands.delete(f"DC=near.test,CN=MicrosoftDNS,DC=DomainDnsZones,{hands.base}")
        zone_made(hands, "far.test", "ForestDnsZones")
    world.run("agent", "--once", code=0)
    world.revert()
    world.run("guard", code=0)
    until(lambda: serves(world.dc, "far.test"), "a zone that was lost is served")
    world.run("restore", "--to", "@near", "--yes", code=0)
    until(lambda: serves(world.dc, "near.test"), "a zone that was taken back is served")
    assert not serves(world.dc, "far.test")
    world.run("verify", code=0)
