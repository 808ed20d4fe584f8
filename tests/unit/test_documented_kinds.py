"""The page on what is restored names a test for every line, every test it names is there, and it leaves no kind out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.integration.workload.register import PHASES, deeds

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "restored.md").read_text(encoding="utf-8")
CHAPTERS: Final = (
    *("people", "groups", "crowd", "foreign", "places", "network"),
    *("policies", "extensions", "secrets", "graves", "fights"),
)


def _named() -> set[str]:
    return set(re.findall(r"`([a-z0-9_]+)`", PAGE))


def test_every_kind_stands_in_the_page() -> None:
    assert "change" in PHASES
    assert {kind for chapter in CHAPTERS for kind in deeds("change", chapter)} <= _named()


def test_every_test_the_page_names_is_there() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    named = {name for name in _named() if name.count("_") > 1 or name.startswith("test_")}
    assert named
    assert [name for name in named if f"def {name}(" not in written] == []


def test_every_line_of_the_restored_tables_names_a_test() -> None:
    tables = PAGE.split("### Not restorable")[0] + PAGE.split("## Local writes")[1]
    rows = [
        line for line in tables.splitlines() if line.startswith("| ") and not line.startswith(("|---", "| objects"))
    ]
    bare = [row for row in rows if "kind" not in row.split("|")[-2] and "test_" not in row.split("|")[-2]]
    assert all(row.rstrip(" |").endswith("test") for row in bare), bare
