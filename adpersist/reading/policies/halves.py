"""Which group policies are half: container and files are of two versions, or one of them is not there. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from adpersist.model.files.file_state import Piece
from adpersist.model.identity.dn import dns_name
from adpersist.model.objects.object_state import ObjectState
from adpersist.reading.policies.folders import PolicyFolders, policy_named
from adpersist.reading.policies.places import is_policy, place_of


class Half(StrEnum):
    """In which way."""

    VERSIONS = "versions"
    NO_FILES = "no-files"
    NO_CONTAINER = "no-container"


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfPolicy:
    """One of them.

    Attributes:
        half: In which way.
        dn: The container, where it is or would be.
        path: The folder, relative to the share SYSVOL, where it is or would be.
        container: Its versionNumber, 0 where it has none; None: it is not there.
        files: What GPT.INI says; None: it is not there, or says nothing.
    """

    half: Half
    dn: str
    path: str
    container: int | None
    files: int | None


def container_version(item: ObjectState) -> int:
    """Its versionNumber, 0 where it has none ([MS-GPOL] 2.2.4)."""
    version = b"".join(item.values.get("versionNumber", ()))
    return int(version) if version.isdigit() else 0


def half_policies(
    items: Iterable[ObjectState],
    folders: PolicyFolders,
    versions: Mapping[Piece, int | None],
    *,
    named: Collection[str] | None = None,
) -> list[HalfPolicy]:
    """Those that are half, by path.

    Args:
        items: The directory's objects.
        folders: What SYSVOL has at the same moment.
        versions: What a GPT.INI of that content says.
        named: Only policies of these names, in lower case; None: all.
    """
    found, known = list[HalfPolicy](), set[str]()
    for item in items:
        own = item.rdn.partition("=")[2]
        name = policy_named(own) if is_policy(item) and not item.deleted else None
        if name is None:
            continue
        known.add(name)
        # its tool says where only when the files are there
        path = place_of(item) if "gPCFileSysPath" in item.values else f"{dns_name(item.nc)}/Policies/{own}"
        if path is None or (named is not None and name not in named):
            continue
        container, files = container_version(item), folders.version(path, versions)
        if (is_whole := folders.is_whole(path)) and container == (files or 0):
            continue
        half = Half.VERSIONS if is_whole else Half.NO_FILES
        dn = _dn(item.rdn, item.nc)
        found.append(HalfPolicy(half=half, dn=dn, path=path, container=container, files=files))
    for path in folders.paths.values():
        if (name := _usual(path)) is None or name in known or (named is not None and name not in named):
            continue
        domain, _, own = path.split("/")
        dn = _dn(f"CN={own}", ",".join(f"DC={each}" for each in domain.split(".")))
        files = folders.version(path, versions)
        found.append(HalfPolicy(half=Half.NO_CONTAINER, dn=dn, path=path, container=None, files=files))
    return sorted(found, key=lambda each: each.path.lower())


def _usual(path: str) -> str | None:
    """The policy whose folder this is, where tools make it; None: it lies elsewhere, and may be anything."""
    names = path.lower().split("/")
    return policy_named(names[2]) if len(names) == 3 and names[1] == "policies" else None


def _dn(rdn: str, nc: str) -> str:
    """Where a policy's container is ([MS-GPOL] 2.2.2)."""
    return f"{rdn},CN=Policies,CN=System,{nc}"
