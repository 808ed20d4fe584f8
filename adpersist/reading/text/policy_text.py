"""Half policies, as people and machines read them. Pure."""

from typing import TYPE_CHECKING, Any

from adpersist.model.files.file_state import path_text

if TYPE_CHECKING:
    from adpersist.reading.policies.halves import HalfPolicy


def half_document(each: "HalfPolicy") -> dict[str, Any]:
    """What is half of a policy, for machines."""
    return {
        "dn": each.dn,
        "path": path_text(each.path),
        "half": str(each.half),
        "container_version": each.container,
        "files_version": each.files,
    }


def half_words(half: dict[str, Any]) -> str:
    """The same of :func:`half_document`, for people."""
    match half["half"]:
        case "no-files":
            return f"it has a container, and no GPT.INI in {half['path']}"
        case "no-container":
            return f"there is {half['path']}, and no container"
        case _:
            files = "none" if half["files_version"] is None else half["files_version"]
            return f"the container says version {half['container_version']}, GPT.INI in {half['path']} {files}"
