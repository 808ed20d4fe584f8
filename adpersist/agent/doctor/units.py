"""The systemd units: installed, enabled, alive, and let out of their sandbox where they must write."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from adpersist.agent.doctor.finding import Finding, bad, note, ok, warning
from adpersist.config import Config
from adpersist.errors import ConfigError
from adpersist.system.secrecy import environment_for_others

UNITS: Final = "units"
SANDBOX: Final = "sandbox"
BOOT: Final = "boot"

AGENT_UNIT: Final = "adpersist.service"
GUARD_UNIT: Final = "adpersist-guard.service"
SAMBA_UNIT: Final = "samba-ad-dc.service"
PROPERTIES: Final = ("Id", "LoadState", "UnitFileState", "ActiveState", "ReadWritePaths", "ProtectHome", "ExecStart")

_SYSTEMD: Final = Path("/run/systemd/system")
_STATE: Final = Path("/var/lib/adpersist")
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
_TIMEOUT_S: Final = 20

Shown = Mapping[str, str]
"""Properties of one unit, as systemd shows them."""


def examine_units(config: Config) -> Iterator[Finding]:
    """Asks systemd, where it runs. Raises: ConfigError."""
    if not _SYSTEMD.is_dir():
        yield note(UNITS, "systemd does not run here: who starts agent and guard is not known")
        return
    command = ("systemctl", "show", f"--property={','.join(PROPERTIES)}", AGENT_UNIT, GUARD_UNIT, SAMBA_UNIT)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, env=environment_for_others()
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(
            f"systemctl does not answer: {error}", hint="Run this where systemd runs, as root."
        ) from error
    yield from judged_units(read_units(done.stdout), config)


def read_units(shown: str) -> Mapping[str, Shown]:
    """What ``systemctl show`` printed, by unit."""
    blocks = (dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n"))
    return {block["Id"]: block for block in blocks if "Id" in block}


def judged_units(units: Mapping[str, Shown], config: Config) -> Iterator[Finding]:
    """What is to be said of them; pure."""
    agent, guard, samba = (units.get(name, {}) for name in (AGENT_UNIT, GUARD_UNIT, SAMBA_UNIT))
    missing = [name for name, unit in ((AGENT_UNIT, agent), (GUARD_UNIT, guard)) if not _loaded(unit)]
    if missing:
        yield warning(
            UNITS,
            f"systemd knows no {' and no '.join(missing)}: nobody captures after the next boot",
            "apt install ./adpersist_*.deb, or docs/installation.md.",
        )
        return
    yield _alive(agent, guard)
    yield from _walled_off(agent, guard, config)
    if not _loaded(samba):
        yield note(BOOT, f"systemd knows no {SAMBA_UNIT}: how the controller starts is not known")
    elif "adpersist" in samba.get("ExecStart", ""):
        yield ok(BOOT, "Samba is started by `adpersist boot`: nobody reaches the controller before it is proven")
    else:
        yield note(
            BOOT,
            "clients reach the controller before the guard has proven it",
            "cp -r /usr/share/doc/adpersist/examples/samba-ad-dc.service.d /etc/systemd/system/ && "
            "systemctl daemon-reload",
        )


def _loaded(unit: Shown) -> bool:
    return unit.get("LoadState") == "loaded"


def _alive(agent: Shown, guard: Shown) -> Finding:
    for name, unit in ((GUARD_UNIT, guard), (AGENT_UNIT, agent)):
        if unit.get("ActiveState") == "failed":
            return bad(UNITS, f"{name} has failed", f"journalctl -u {name}, then: systemctl restart {AGENT_UNIT}")
    if agent.get("UnitFileState") not in ("enabled", "enabled-runtime", "linked", "alias"):
        return warning(UNITS, f"{AGENT_UNIT} does not start at boot", f"systemctl enable --now {AGENT_UNIT}")
    if agent.get("ActiveState") not in ("active", "activating", "reloading"):
        return bad(UNITS, f"{AGENT_UNIT} is {agent.get('ActiveState')}", f"systemctl start {AGENT_UNIT}")
    return ok(UNITS, f"{AGENT_UNIT} starts at boot, after the guard, and is {agent.get('ActiveState')}")


def _walled_off(agent: Shown, guard: Shown, config: Config) -> Iterator[Finding]:
    """What the sandbox keeps the units from that the configuration sends them to."""
    walls: list[Finding] = []
    scheme, _, rest = config.store.url.partition("://")
    places = {Path("/" + rest.lstrip("/")).parent: "store"} if scheme == "sqlite" else {}
    if config.journal.witness is not None:
        places[config.journal.witness.parent] = "witness"
    for name, unit in ((AGENT_UNIT, agent), (GUARD_UNIT, guard)):
        allowed = [_STATE, *(Path(word.lstrip("-+")) for word in unit.get("ReadWritePaths", "").split())]
        for place, what in places.items():
            if not any(place.is_relative_to(each) for each in allowed):
                mend = f"systemctl edit {name}, with [Service] and ReadWritePaths={place} in it"
                walls.append(bad(SANDBOX, f"{name} may not write to {place}, where the {what} lies", mend))
    hidden = config.key.file if config.key.file and any(map(config.key.file.is_relative_to, _HOMES)) else None
    if hidden is not None and agent.get("ProtectHome") in ("yes", "tmpfs"):
        mend = "Move it to /etc/adpersist, and set [key] file to it."
        walls.append(bad(SANDBOX, f"the units do not see {hidden}: homes are hidden from them", mend))
    yield from walls or [ok(SANDBOX, "the units reach the store and the key")]
