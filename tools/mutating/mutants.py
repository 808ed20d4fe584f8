"""What is made wrong in a source file: one operator, constant, condition, return or statement at a time.

Not touched: what says what a thing is and not what it does (annotations, docstrings, decorators, text), and what tells
people (the log, an error's words).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_OTHER: Final[dict[type[ast.AST], type[ast.AST]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A source file with one thing wrong in it.

    Attributes:
        key: Names it as long as that piece of code stays as it is, wherever its line goes.
        line: Where, in the file as it is.
        text: All of the file.
    """

    path: str
    key: str
    line: int
    text: str


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    tree = ast.parse(source)
    encoded = source.encode()
    starts = [0]
    for line in encoded.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    seen: Counter[str] = Counter()
    for within, node, replacement, said in sorted(_changes(tree, ""), key=lambda each: each[1].lineno):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        key = f"{path} {within or 'module'}: {' '.join(encoded[begin:end].decode().split())[:100]}: {said}"
        seen[key] += 1
        yield Mutant(
            path=path,
            key=key if seen[key] == 1 else f"{key} ({seen[key]})",
            line=node.lineno,
            text=(encoded[:begin] + replacement.encode() + encoded[end:]).decode(),
        )


_Change = tuple[str, ast.expr | ast.stmt, str, str]
"""In which function, what is replaced, by what, and that in words."""


def _changes(node: ast.AST, within: str) -> Iterator[_Change]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        within = f"{within}.{node.name}".lstrip(".")
    match node:
        case ast.stmt():
            yield from _of_statement(node, within)
        case ast.expr():
            yield from _of_expression(node, within)
    for name, below in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for each in below if isinstance(below, list) else [below]:
            if isinstance(each, ast.AST) and not _is_only_told(each):
                yield from _changes(each, within)


def _is_only_told(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.JoinedStr():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Import() | ast.ImportFrom():
            return True
    return False


def _of_statement(node: ast.stmt, within: str) -> Iterator[_Change]:
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield within, node, "pass", "left out"
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield within, node, "return None", "returns nothing"
        case ast.If(test=test) | ast.While(test=test):
            if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
                yield within, test, f"not ({ast.unparse(test)})", "negated"


def _of_expression(node: ast.expr, within: str) -> Iterator[_Change]:
    match node:
        case ast.Constant(value=bool() as value):
            yield within, node, repr(not value), f"became {not value}"
        case ast.Constant(value=int() as value):
            yield within, node, f"({value + 1})", f"became {value + 1}"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield within, node, f"({ast.unparse(operand)})", "negation left out"
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for at, op in enumerate(ops):
                if (other := _OTHER.get(type(op))) is not None:
                    changed = [*ops[:at], other(), *ops[at + 1 :]]
                    new = ast.Compare(left=left, ops=changed, comparators=comparators)  # type: ignore[arg-type]  # is one
                    yield within, node, f"({ast.unparse(new)})", f"{type(op).__name__} became {other.__name__}"
        case ast.BoolOp(op=op, values=values):
            other = _OTHER[type(op)]
            new_bool = ast.BoolOp(op=other(), values=values)  # type: ignore[arg-type]  # it is an operator
            yield within, node, f"({ast.unparse(new_bool)})", f"{type(op).__name__} became {other.__name__}"
        case ast.BinOp(left=left, op=op, right=right) if (other := _OTHER.get(type(op))) is not None:
            new_bin = ast.BinOp(left=left, op=other(), right=right)  # type: ignore[arg-type]  # it is an operator
            yield within, node, f"({ast.unparse(new_bin)})", f"{type(op).__name__} became {other.__name__}"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            new_if = ast.IfExp(test=test, body=orelse, orelse=body)
            yield within, node, f"({ast.unparse(new_if)})", "branches swapped"
