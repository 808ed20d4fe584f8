"""What others say of healed files: an SMB client as ordinary people use it, samba-tool's own checks, winbind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.integration.scene import Scene, World, until
from tests.integration.serving import gpo, serving, smb
from tools.samba_dc.programs import SYSTEM_PYTHON, run

_DESCRIPTORS: Final = """
import json, sys
from samba.credentials import Credentials
from samba.dcerpc import security
from samba.param import LoadParm
from samba.samba3 import libsmb_samba_internal, param
conf, host, user, password = sys.argv[1:]
settings = LoadParm(conf)
who = Credentials()
who.guess(settings)
who.set_username(user)
who.set_password(password)
s3 = param.get_context()
s3.load(conf)
share = libsmb_samba_internal.Conn(host, "sysvol", lp=s3, creds=who)
asked = security.SECINFO_OWNER | security.SECINFO_GROUP | security.SECINFO_DACL
found, folders = {}, [""]
while folders:
    folder = folders.pop()
    found[folder] = share.get_acl(folder or "\\\\", asked).as_sddl()
    for each in share.list(folder or "\\\\"):
        path = (folder + "\\\\" if folder else "") + each["name"]
        if each["attrib"] & 16:
            folders.append(path)
        else:
            found[path] = share.get_acl(path, asked).as_sddl()
print(json.dumps(found, sort_keys=True))
"""


@pytest.fixture
def served(scene: Scene, place: Path) -> Iterator[World]:
    """A DC that serves SMB, and gives out Unix numbers as people log on."""
    with serving(scene, place) as world:
        yield world


def read(world: World, who: str, path: str) -> str | None:
    """A file's content as somebody gets it; None: that one may not."""
    copy = world.place / "fetched"
    copy.unlink(missing_ok=True)
    done = smb(world, who, f'get "{path}" "{copy}"')
    if done.returncode:
        assert "NT_STATUS_ACCESS_DENIED" in done.stdout + done.stderr, done
        return None
    return copy.read_bytes().decode()


def descriptors(world: World) -> dict[str, str]:
    """Every security descriptor of the share as clients see it, by path."""
    words = [str(world.dc.smb_conf), world.dc.address, "Administrator", world.dc.admin_password]
    found: dict[str, str] = json.loads(run([SYSTEM_PYTHON, "-c", _DESCRIPTORS, *words], timeout_s=60).stdout)
    return found


def numbers(world: World, names: Sequence[str]) -> dict[str, int]:
    """Everybody's Unix number by winbind, which asks and is told in this order."""
    ping = world.dc.inside(["wbinfo", "--ping"])
    until(lambda: run(ping, check=False, timeout_s=60).returncode == 0, "winbind answers")
    found = {}
    for name in names:
        command = ["wbinfo", "--user-info", f"{world.dc.names.domain}\\{name}"]
        found[name] = int(run(world.dc.inside(command), timeout_s=60).stdout.split(":")[2])
    return found


def verdicts(world: World) -> list[tuple[int, str]]:
    """What samba-tool's checks say; they are hard to please, and have to say the same before and after."""
    done = world.dc.samba_tool("ntacl", "sysvolcheck", check=False), gpo(world, "aclcheck", check=False)
    return [(each.returncode, each.stdout + each.stderr) for each in done]


def test_others_find_files_rights_and_numbers_as_they_were(served: World) -> None:
    world, domain = served, served.dc.names.dns_domain
    default = next((world.dc.layout.state / "sysvol" / domain / "Policies").glob("{31B2F340*")).name
    ini = f"{domain}\\Policies\\{default}\\GPT.INI"
    local = world.place / "edited"
    local.write_text("[General]\r\nVersion=7\r\n")
    day_one = numbers(world, ("ada", "bert"))
    done = smb(
        world,
        "Administrator",
        f'put "{local}" "{ini}"',
        f'mkdir "{domain}\\Policies\\{default}\\MACHINE\\Scripts"',
        f'put "{local}" "{domain}\\Policies\\{default}\\MACHINE\\Scripts\\on.bat"',
    )
    assert done.returncode == 0, done
    own = world.dc.layout.state / "sysvol" / domain / "scripts" / "own.txt"
    own.write_text("ada's")
    own.chmod(0o600)
    os.chown(own, day_one["ada"], 100)
    edited, mine = local.read_bytes().decode(), f"{domain}\\scripts\\own.txt"
    assert (read(world, "ada", ini), read(world, "ada", mine), read(world, "bert", mine)) == (edited, "ada's", None)
    conf = f"--configfile={world.dc.smb_conf}"
    run(["net", "conf", "addshare", "sales", str(world.place), "writeable=y", "guest_ok=n", "Sales \u00fc", conf])
    shares = run(["net", "conf", "list", conf]).stdout
    world.run("agent", "--once", code=0)
    rights, said = descriptors(world), verdicts(world)
    assert f"{domain}\\Policies\\{default}\\MACHINE\\Scripts\\on.bat" in rights

    world.revert()
    swapped = numbers(world, ("bert", "ada"))
    assert swapped == {"bert": day_one["ada"], "ada": day_one["bert"]}, "the danger: whoever logs on first"
    assert read(world, "ada", ini) != edited

    world.run("guard", code=0)  # beside the running smbd and winbindd
    assert numbers(world, ("bert", "ada")) == day_one
    assert (read(world, "ada", ini), read(world, "ada", mine), read(world, "bert", mine)) == (edited, "ada's", None)
    assert "[sales]" in shares
    assert run(["net", "conf", "list", conf]).stdout == shares
    assert descriptors(world) == rights
    assert verdicts(world) == said
