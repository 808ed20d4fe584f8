"""Do one phase of some chapters and say, in JSON, which objects each kind touched and what went wrong."""

from __future__ import annotations

import json
import sys
import traceback

from tests.integration.workload.crowd import FILLING
from tests.integration.workload.domain import Domain
from tests.integration.workload.register import deeds


def main(phase: str, chapters: str, url: str, smb_conf: str) -> None:
    """Print ``{kind: {"chapter": ..., "guids": [...], "error": null or text}}``."""
    domain = Domain(url, smb_conf, FILLING if (phase, chapters) == ("image", "crowd") else ())
    report: dict[str, dict[str, object]] = {}
    for chapter in chapters.split(","):
        for name, deed in deeds(phase, chapter).items():
            before, error = domain.usn(), None
            try:
                deed(domain)
            except Exception:  # noqa: BLE001 - the report is what this process is for
                error = traceback.format_exc()
            report[name] = {"chapter": chapter, "guids": domain.written_since(before), "error": error}
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:5])
