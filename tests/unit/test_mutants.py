"""What tools/mutate makes wrong: one thing at a time, in a file that is otherwise as it was."""

import ast

from tools.mutating.mutants import mutants_of

SOURCE = '''"""Words 1."""
from dataclasses import dataclass
MOST: int = 3


@dataclass(frozen=True)
class Room:
    """Words 2."""

    def full(self, held: int = 0) -> bool:
        """Words 3."""
        log.info("é", held=1)
        if self.closed and not held:
            raise ValueError(f"{held + 1}")
        self.count(held)
        return held >= MOST or held in self.gone


def sync() -> None:
    flush() if MOST else None
'''


def test_each_mutant_has_one_thing_wrong_and_is_named_by_it() -> None:
    told = [mutant.key.removeprefix("x.py ") for mutant in mutants_of("x.py", SOURCE)]
    assert told == [
        "module: 3: became 4",
        "Room.full: 0: became 1",
        "Room.full: self.closed and not held: And became Or",
        "Room.full: not held: negation left out",
        'Room.full: raise ValueError(f"{held + 1}"): left out',
        "Room.full: self.count(held): left out",
        "Room.full: return held >= MOST or held in self.gone: returns nothing",
        "Room.full: held >= MOST or held in self.gone: Or became And",
        "Room.full: held >= MOST: GtE became Gt",
        "Room.full: held in self.gone: In became NotIn",
        "sync: flush() if MOST else None: branches swapped",
    ]


def test_a_mutant_is_a_program_and_another_one() -> None:
    before = ast.dump(ast.parse(SOURCE))
    mutants = list(mutants_of("x.py", SOURCE))
    dumps = {ast.dump(ast.parse(mutant.text)) for mutant in mutants}
    assert len(dumps) == len(mutants)
    assert before not in dumps
    for mutant in mutants:
        changed = [
            number
            for number, (old, new) in enumerate(
                zip(SOURCE.splitlines(), mutant.text.splitlines(), strict=True), start=1
            )
            if old != new
        ]
        assert changed == [mutant.line]


def test_the_same_piece_of_code_twice_in_a_function_makes_two_mutants() -> None:
    keys = [mutant.key for mutant in mutants_of("x.py", "def f(a):\n    g(a)\n    g(a)\n")]
    assert keys == ["x.py f: g(a): left out", "x.py f: g(a): left out (2)"]
    moved = [mutant.key for mutant in mutants_of("x.py", "\n\ndef f(a):\n    g(a)\n    g(a)\n")]
    assert moved == keys
