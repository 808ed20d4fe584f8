"""Names of a frame on their way out: each has a number, in the order they are met."""

from collections.abc import Iterator, Sequence

from adpersist.model.objects.rows.attribute_row import RowHeader


class Names:
    """The names, by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._of_headers: dict[RowHeader, Sequence[int]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def number(self, name: str) -> int:
        """That of one."""
        return self._numbers.setdefault(name, len(self._numbers))

    def of_header(self, header: RowHeader) -> Sequence[int]:
        """Those of a row's attributes: most rows have the header of some row before them."""
        found = self._of_headers.get(header)
        if found is None:
            found = self._of_headers[header] = list(map(self.number, header.places))
        return found
