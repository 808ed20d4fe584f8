"""A DC that serves SMB, and its clients: people with smbclient, administrators with samba-tool's group policies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.scene import PASSWORD, Scene, World
from tools.samba_dc import SambaDC, free_address
from tools.samba_dc.layout import SERVICES
from tools.samba_dc.programs import run


@contextmanager
def serving(scene: Scene, place: Path) -> Iterator[World]:
    """A DC with smbd and winbindd beside it."""
    services = (*SERVICES, "s3fs", "winbindd")
    with SambaDC(scene.golden, place / "dc", address=free_address(), services=services) as dc:
        played = World.beside(scene, dc, place)
        place.chmod(0o711)  # smbd goes through it as whoever asks
        dc.start()
        yield played


def smb(world: World, who: str, *commands: str) -> subprocess.CompletedProcess[str]:
    """smbclient as somebody, on SYSVOL."""
    password = world.dc.admin_password if who == "Administrator" else PASSWORD
    share = f"//{world.dc.address}/sysvol"
    words = ["smbclient", share, f"--configfile={world.dc.smb_conf}", "-U", f"{who}%{password}", "-c"]
    return run([*words, "; ".join(commands)], check=False, timeout_s=60)


def gpo(world: World, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`samba-tool gpo` as the administrator, over LDAP and SMB."""
    who = f"Administrator%{world.dc.admin_password}"
    remote = ("-H", f"ldap://{world.dc.address}", "-U", who, "--use-kerberos=off")
    return world.dc.samba_tool("gpo", *words, *remote, check=check)
