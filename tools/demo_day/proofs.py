"""Proofs: one statement each, who says so, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass

_DETAIL_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One statement and its verdict.

    Attributes:
        claim: What must hold, in a few words.
        by: The program that looked.
        holds: It does.
        detail: Numbers when it holds, what was found when it does not.
    """

    claim: str
    by: str
    holds: bool
    detail: str = ""


def proof(claim: str, by: str, problems: list[str], *, detail: str = "") -> Proof:
    """A proof that holds when there are no problems; else they are its detail."""
    shown = problems[:_DETAIL_LINES]
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more")
    return Proof(claim=claim, by=by, holds=not problems, detail="\n".join(shown) if problems else detail)
