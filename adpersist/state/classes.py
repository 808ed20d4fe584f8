"""What an object must have to be of its classes, and what they give it, as the schema says. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from adpersist.model.objects.change import Values
from adpersist.model.objects.object_state import ObjectState
from adpersist.state.state import State

_MUST: Final = ("mustContain", "systemMustContain")
_ROOT: Final = b"top"
_BRINGS: Final = ("auxiliaryClass", "systemAuxiliaryClass")


class Classes:
    """The classes of a schema.

    Args:
        state: Holds the schema.
    """

    def __init__(self, state: State) -> None:
        self._classes: Mapping[bytes, ObjectState] = {
            item.values["lDAPDisplayName"][0]: item
            for item in state.values()
            if b"classSchema" in item.values.get("objectClass", ()) and "lDAPDisplayName" in item.values
        }

    def mandatory(self, item: ObjectState) -> frozenset[str]:
        """Names of the attributes it must have, but for those the server gives every object ([MS-ADTS] 3.1.1.2.4.5).

        An object names all its classes but the auxiliary ones they bring.
        """
        must: set[str] = set()
        seen: set[bytes] = {_ROOT}
        waiting: list[bytes] = [*item.values.get("objectClass", ())]
        while waiting:
            name = waiting.pop()
            if name not in seen and (found := self._classes.get(name)) is not None:
                must.update(_texts(each for attribute in _MUST for each in found.values.get(attribute, ())))
                waiting += [each for attribute in _BRINGS for each in found.values.get(attribute, ())]
            seen.add(name)
        return frozenset(must)

    def category(self, item: ObjectState) -> Values:
        """The objectCategory it gets when it is made without one ([MS-ADTS] 3.1.1.5.2.4); empty: nobody knows."""
        (*_, last) = item.values.get("objectClass", (_ROOT,))
        found = self._classes.get(last)
        return found.values.get("defaultObjectCategory", ()) if found is not None else ()


def _texts(values: Iterable[bytes]) -> Iterable[str]:
    return (value.decode(errors="replace") for value in values)
