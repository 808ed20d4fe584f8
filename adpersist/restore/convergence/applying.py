"""Carrying out a plan: what the DC refuses is done as far as it goes, and told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from adpersist.directory.write.target import Target
from adpersist.model.plan.step import Step
from adpersist.restore.convergence.partial_steps import apply_partially
from adpersist.restore.outcome import Refusal

_HOPELESS: Final = 20
"""After so many steps in a row of which nothing was taken, however narrow, no more are taken apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done.

    Attributes:
        steps: Those the DC took, some narrower than planned.
        refusals: Those it refused as they were.
    """

    steps: list[Step]
    refusals: list[Refusal]


def apply(planned: Sequence[Step], target: Target, told: Callable[[int, int], None]) -> Applied:
    """Carry out steps in order.

    Args:
        planned: The steps.
        target: The DC.
        told: How many are done, of how many.

    Raises:
        DirectoryUnreachableError: The DC went away; steps were done or not done, and may be repeated.
    """

    def attempt(narrower: Step) -> bool:
        return list(target.apply([narrower])) == [None]

    done = Applied(steps=[], refusals=[])
    hopeless = 0
    for number, (step, refusal) in enumerate(zip(planned, target.apply(planned), strict=True), 1):
        if refusal is None:
            done.steps.append(step)
        else:
            done.refusals.append(Refusal(step=step, reason=refusal.message))
            # one value the DC will not take must not cost the whole object; where it takes nothing it is not that
            narrower = apply_partially(step, attempt) if hopeless < _HOPELESS else []
            hopeless = 0 if narrower else hopeless + 1
            done.steps.extend(narrower)
        told(number, len(planned))
    return done
