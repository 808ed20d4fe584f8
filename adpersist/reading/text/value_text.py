"""Attribute values as people read them. Pure; a value that is not what its syntax says is shown raw, never refused.

Syntaxes are those of [MS-ADTS] 3.1.1.2.2.2.
"""

import ipaddress
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from adpersist.model.identity.ids import Guid, guid_text
from adpersist.model.identity.reference import REFERENCE_SYNTAXES, target_of
from adpersist.model.identity.sid import sid_text
from adpersist.reading.find import former_dn
from adpersist.reading.text.flag_names import ACCOUNT_TYPES, BITS, bit_names
from adpersist.reading.text.time_text import MOMENTS, SPANS, filetime_text, generalized_text, span_text
from adpersist.state.journal_schema import JournalSchema
from adpersist.state.state import State

_POOLS: Final = frozenset({"rIDAvailablePool", "rIDAllocationPool", "rIDPreviousAllocationPool", "rIDUsedPool"})
_SHOWN_BYTES: Final = 32
_DNS_TYPES: Final[Mapping[int, str]] = {
    0: "tombstone",
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
}


def hidden(value: bytes) -> str:
    """What stands for a secret."""
    return f"<secret, {len(value)} bytes>"


def readable(name: str, value: bytes, facts: JournalSchema, state: State) -> str:
    """One value of an attribute; a secret only as its size."""
    if facts.is_secret(name):
        return hidden(value)
    syntax = facts[name].syntax
    if syntax in REFERENCE_SYNTAXES:
        return resolved(value, state)
    try:
        if name in _SPECIAL:
            return _SPECIAL[name](value)
        return _BY_SYNTAX.get(syntax, _text)(value) if syntax != "2.5.5.10" else _octets(name, value)
    except (ValueError, IndexError):
        return _binary(value)


def resolved(reference: bytes, state: State) -> str:
    """A reference with its target's DN in place of the GUID; the GUID stays when the state does not have it."""
    target = target_of(reference)
    if target is None or target not in state:
        return reference.decode(errors="backslashreplace")
    prefix, _, _ = reference.rpartition(b"<GUID=")
    return prefix.decode(errors="backslashreplace") + state.dn(target)


def called_in(states: Sequence[State], references: Iterable[bytes]) -> Iterator[str]:
    """References as :func:`resolved` has them, by the first state that has the target; of a deleted one what it was
    called, where it was not there by then: a restore leaves what it took back behind."""
    for reference in references:
        target = target_of(reference)
        state = next((each for each in states if target in each), None)
        if target is None or state is None or state is states[0]:
            yield resolved(reference, states[0])
            continue
        prefix, _, _ = reference.rpartition(b"<GUID=")
        yield prefix.decode(errors="backslashreplace") + former_dn(state, state[target])


def _text(value: bytes) -> str:
    return value.decode()


def _number(value: bytes, name: Callable[[int], str]) -> str:
    told = name(int(value))
    return f"{int(value)} ({told})" if told else str(int(value))


def _bits(names: Mapping[int, str], value: bytes) -> str:
    return _number(value, lambda number: bit_names(number, names))


def _account_type(number: int) -> str:
    return ACCOUNT_TYPES.get(number & 0xFFFFFFFF, "unknown")


def _pool(value: bytes) -> str:
    """Two 32-bit numbers in one: the last RID and the first ([MS-ADTS] 6.1.5.3)."""
    number = int(value)
    return f"{number & 0xFFFFFFFF} to {number >> 32}"


def _descriptor(value: bytes) -> str:
    """Owner and size of a SECURITY_DESCRIPTOR in self-relative form ([MS-DTYP] 2.4.6)."""
    owner = int.from_bytes(value[4:8], "little")
    if not owner:
        return f"<security descriptor, {len(value)} bytes, no owner>"
    sid = sid_text(value[owner : owner + 8 + 4 * value[owner + 1]])
    return f"<security descriptor, {len(value)} bytes, owner {sid}>"


def _dns_record(value: bytes) -> str:
    """Type, and the address of the plain ones ([MS-DNSP] 2.3.2.2)."""
    kind, content = int.from_bytes(value[2:4], "little"), value[24:]
    if kind in (1, 28):
        return f"{_DNS_TYPES[kind]} {ipaddress.ip_address(content)}"
    return f"{_DNS_TYPES.get(kind, f'type {kind}')} {_binary(content)}"


def _octets(name: str, value: bytes) -> str:
    if len(value) == 16 and ("guid" in name.lower() or name == "invocationId"):
        return guid_text(Guid(value))
    return _binary(value)


def _binary(value: bytes) -> str:
    more = "..." if len(value) > _SHOWN_BYTES else ""
    return f"<{len(value)} bytes: {b64encode(value[:_SHOWN_BYTES]).decode()}{more}>"


_SPECIAL: Final[Mapping[str, Callable[[bytes], str]]] = {
    **{name: lambda value: _number(value, filetime_text) for name in MOMENTS},
    **{name: lambda value: _number(value, span_text) for name in SPANS},
    **dict.fromkeys(_POOLS, _pool),
    **{name: partial(_bits, bits) for name, bits in BITS.items()},
    "sAMAccountType": lambda value: _number(value, _account_type),
    "dnsRecord": _dns_record,
}

_BY_SYNTAX: Final[Mapping[str, Callable[[bytes], str]]] = {
    "2.5.5.11": lambda value: generalized_text(value.decode()),
    "2.5.5.15": _descriptor,
    "2.5.5.17": sid_text,
}
