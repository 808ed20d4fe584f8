"""What the agent, or a boot, says of itself on this machine. It is told, not believed: anybody may answer on a port."""

import json
import urllib.request
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError

_BYTES: Final = 65_536
_PATIENCE_S: Final = 1.0


def agent_word(listen: str) -> dict[str, Any] | None:
    """What ``/healthz`` answers, as far as it is of its own shape; None: nobody answers, or nothing is to be asked.

    Args:
        listen: ``host:port``; empty: nowhere.
    """
    if not listen:
        return None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        try:
            with opener.open(f"http://{listen}/healthz", timeout=_PATIENCE_S) as answer:
                said = json.loads(answer.read(_BYTES))
        except HTTPError as error:  # 503 has a reason in it
            said = json.loads(error.read(_BYTES))
    except (OSError, ValueError, RecursionError, HTTPException):
        return None
    if not isinstance(said, dict):
        return None
    lag, files = said.get("lag"), said.get("files")
    behind = files.get("lag_s") if isinstance(files, dict) else None
    seconds = lag.get("seconds") if isinstance(lag, dict) else None
    words = ("reason", "stage", "lineage", "evidence", "server")
    return {
        "healthy": said.get("healthy") is True,
        **{name: str(said[name]) if isinstance(said.get(name), str) else None for name in words},
        "lag_s": float(seconds) if isinstance(seconds, int | float) else None,
        "files_lag_s": float(behind) if isinstance(behind, int | float) else None,
    }
