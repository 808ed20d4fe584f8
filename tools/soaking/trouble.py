"""Everything that happens to a DC, an agent and a store in a bad year, in half an hour."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from tools.samba_dc import SambaDC
from tools.soaking.busy import Busy, Person
from tools.soaking.gate import FileGate, LineGate
from tools.soaking.keeper import Keeper
from tools.soaking.upkeep import Upkeep

_SETTLE_TIMEOUT_S: Final = 300.0


class Trouble:
    """One trouble after another.

    Attributes:
        happened: How often what happened.
        acknowledged: The people, as they were when everything was durable last.
        compared: How often people were found as they had been acknowledged, summed over all looks.
    """

    def __init__(
        self, dc: SambaDC, busy: Busy, keeper: Keeper, gate: FileGate | LineGate, upkeep: Upkeep, *, seed: int
    ) -> None:
        self._dc, self._busy, self._keeper, self._gate, self._upkeep = dc, busy, keeper, gate, upkeep
        self._random = random.Random(seed)
        self.happened: Counter[str] = Counter()
        self.acknowledged: dict[str, Person] = {}
        self.compared = 0
        self.say: Callable[[str], None] = lambda _: None

    def go_on(self, until: float) -> None:
        """Until that moment (time.monotonic)."""
        troubles = (
            self.kill_agent, self.kill_agent, self.suspend_agent, self.restart_dc, self.kill_dc, self.lose_store,
            self.lose_store, self.revert_settled, self.revert_in_peace, self.revert_at_once, self.look_once,
            self.acknowledge, self._upkeep.kill_command, self._upkeep.kill_command, self._upkeep.kill_copy,
        )  # fmt: skip
        while time.monotonic() < until:
            time.sleep(self._random.uniform(3, 12))
            trouble = self._random.choice(troubles)
            self.say(trouble.__name__)
            trouble()
            self.happened[trouble.__name__] += 1
            if self._keeper.fenced:
                raise SoakError("an agent was fenced though there is no other")
            if wrong := self._keeper.wrong or self._upkeep.wrong:
                raise SoakError(wrong)
            if not self._upkeep.is_at_work():
                raise SoakError("the upkeep ended")

    def kill_agent(self) -> None:
        """Power cut of the agent, or of the guard."""
        self._keeper.signal(signal.SIGKILL)

    def suspend_agent(self) -> None:
        """It sleeps for a while."""
        self._keeper.signal(signal.SIGSTOP)
        time.sleep(self._random.uniform(1, 8))
        self._keeper.signal(signal.SIGCONT)

    def restart_dc(self) -> None:
        """An update, say."""
        self._dc.stop()
        self._dc.start()

    def kill_dc(self) -> None:
        """It crashes, and is away for a while."""
        self._dc.kill()
        time.sleep(self._random.uniform(0, 8))
        self._dc.start()

    def lose_store(self) -> None:
        """The store is away."""
        with self._gate.cut():
            time.sleep(self._random.uniform(2, 20))

    def outage(self, what: str, duration_s: float) -> float:
        """The DC or the store is away for long; seconds until everything was durable again.

        Raises:
            SoakError: An agent or a guard ended meanwhile, or nothing becomes durable.
        """
        ended = self._keeper.ended.total()
        if what == "dc":
            self._dc.stop()
            time.sleep(duration_s)
            self._dc.start()
        else:
            with self._gate.cut():
                time.sleep(duration_s)
        began = time.monotonic()
        self.settle()
        self.happened[f"{what} away"] += 1
        if self._keeper.ended.total() != ended:
            raise SoakError("an agent did not wait the outage out")
        return time.monotonic() - began

    def look_once(self) -> None:
        """Somebody runs a command beside the agent."""
        self._keeper.run("agent", "--once")

    def acknowledge(self) -> None:
        """All is durable for a moment: everybody is remembered, and nothing of them may be lost from now on."""
        with self._busy.still:
            self._acknowledged()

    def revert_settled(self) -> None:
        """The machine is put back at a moment when everything is durable: nothing at all may be lost."""
        with self._busy.still:
            self._acknowledged()
            self._dc.revert()
            self._dc.start()

    def revert_in_peace(self) -> None:
        """The same, and nothing else happens until it is healed: everybody is what they were."""
        with self._busy.still:
            self._acknowledged()
            self._dc.revert()
            self._dc.start()
            self._acknowledged()

    def revert_at_once(self) -> None:
        """The machine is put back at any moment: what was acknowledged may not be lost."""
        with self._busy.still:
            self._dc.revert()
            self._dc.start()

    def settle(self) -> None:
        """Wait until everything is durable, as `status` says.

        Raises:
            SoakError: That does not come about.
        """
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while True:
            found = self._status()
            if found and found["lineage"] == "same" and found["lag"]["usn"] == 0 and found["durable"]["usn"] > 0:
                return
            if time.monotonic() > deadline:
                raise SoakError(f"it does not become durable: {found}")
            time.sleep(0.2)

    def missing(self) -> list[str]:
        """People who were acknowledged, were not touched since, and are not what they were; with what they were."""
        there = self._busy.look_around()
        owed = {name: was for name, was in self.acknowledged.items() if name not in self._busy.touched}
        self.compared += len(owed)
        return [f"{was}, now {there.get(name)}" for name, was in sorted(owed.items()) if there.get(name) != was]

    def _acknowledged(self) -> None:
        self.settle()
        if missing := self.missing():
            raise SoakError(f"lost: {missing}")
        self.acknowledged = self._busy.look_around()
        self._busy.touched.clear()

    def _status(self) -> Any:  # noqa: ANN401 - a document of the command's own shape
        done = self._keeper.run("status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None


class SoakError(Exception):
    """What may never happen did."""
