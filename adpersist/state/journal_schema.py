"""What the schema says of attributes, read from the journal itself: no directory is asked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adpersist.model.identity.reference import REFERENCE_SYNTAXES
from adpersist.model.objects.change import Values
from adpersist.model.objects.secret_attributes import SECRET_ATTRIBUTES
from adpersist.state.state import State

UNMARKED_SECRETS: Final = frozenset({*SECRET_ATTRIBUTES, "userPassword", "unixUserPassword", "clearTextPassword"})
"""Secrets the schema does not mark as such: it never shows some of them, and takes others for plain text."""

_CONFIDENTIAL: Final = 0x80
"""fCONFIDENTIAL of searchFlags: only who has the control right may read it ([MS-ADTS] 2.2.9)."""

_UNKNOWN: Final = "2.5.5.10"
"""Octet string: what an attribute is taken for that the schema does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeFacts:
    """One attribute.

    Attributes:
        syntax: attributeSyntax, [MS-ADTS] 3.1.1.2.2.2.
        confidential: searchFlags says that only the privileged may read it.
        link: linkID; 0 for none. Odd ones are the other end of the one before.
    """

    syntax: str = _UNKNOWN
    confidential: bool = False
    link: int = 0

    @classmethod
    def told(cls, *, syntax: str, search_flags: str, link: str) -> "AttributeFacts":
        """What the values of attributeSyntax, searchFlags and linkID come to; empty where there is none."""
        return cls(
            syntax=syntax or _UNKNOWN,
            confidential=bool(int(search_flags or "0") & _CONFIDENTIAL),
            link=int(link or "0"),
        )


class JournalSchema:
    """The schema as a state has it."""

    def __init__(self, known: Mapping[str, AttributeFacts]) -> None:
        self._known = known
        self._names = {fact.link: name for name, fact in known.items() if fact.link}

    @classmethod
    def of(cls, state: State) -> "JournalSchema":
        """Collect every attributeSchema object of a state."""
        known = {}
        for item in state.values():
            if b"attributeSchema" in item.values.get("objectClass", ()) and "lDAPDisplayName" in item.values:
                known[_text(item.values, "lDAPDisplayName")] = AttributeFacts.told(
                    syntax=_text(item.values, "attributeSyntax"),
                    search_flags=_text(item.values, "searchFlags"),
                    link=_text(item.values, "linkID"),
                )
        return cls(known)

    def __getitem__(self, name: str) -> AttributeFacts:
        return self._known.get(name, AttributeFacts())

    def has(self, name: str) -> bool:
        """There is such an attribute, in any case of its letters."""
        return name.casefold() in map(str.casefold, self._known)

    def is_secret(self, name: str) -> bool:
        """Its values are shown to nobody who did not ask for them; what the schema does not know may be anything."""
        return name in UNMARKED_SECRETS or name not in self._known or self[name].confidential

    def may_refer(self, name: str) -> bool:
        """Its values are references; what the schema does not know may be anything."""
        return name not in self._known or self[name].syntax in REFERENCE_SYNTAXES

    def backlink(self, name: str) -> str:
        """What the other end of a link is called (``member``: ``memberOf``); empty when it has none."""
        return self._names.get(self[name].link + 1, "") if self[name].link else ""


def _text(values: Mapping[str, Values], name: str) -> str:
    found = values.get(name, ())
    return found[0].decode(errors="replace") if found else ""
