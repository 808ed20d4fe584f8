"""What long work tells while it goes on."""


class Progress:
    """What a restore tells while it works; the silent one. A terminal's progress bar is another."""

    def looking(self, what: str) -> None:
        """A look is under way."""

    def applying(self, done: int, total: int) -> None:
        """So many steps of the round are done."""
