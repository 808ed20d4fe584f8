"""The pages of the documentation name a test for every line, every test they name is there, and no kind is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.integration.workload.register import PHASES, deeds

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
PAGE: Final = PAGES["restored"]
CHAPTERS: Final = (
    *("people", "groups", "crowd", "foreign", "places", "network", "replication", "oddities"),
    *("partition", "policies", "extensions", "secrets", "graves", "fights"),
)


def _named(page: str = PAGE) -> set[str]:
    return set(re.findall(r"`([a-z0-9_]+)`", page))


def test_every_kind_stands_in_the_page() -> None:
    assert "change" in PHASES
    assert {kind for chapter in CHAPTERS for kind in deeds("change", chapter)} <= _named()


@pytest.mark.parametrize("page", sorted(PAGES.keys() - {"architecture"}))
def test_every_test_a_page_names_is_there(page: str) -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    named = {name for name in _named(PAGES[page]) if name.count("_") > 1 or name.startswith("test_")}
    assert named
    assert [name for name in named if f"def {name}(" not in written] == []


def test_every_file_and_folder_the_architecture_names_is_there() -> None:
    there = [f"/{path.relative_to(ROOT)}" for path in (*ROOT.glob("adpersist/**/*"), *ROOT.glob("tests/**/*"))]
    named = set(re.findall(r"`([a-z0-9_/]+(?:\.py|/))`", PAGES["architecture"]))
    assert len(named) > 50
    assert [name for name in named if not any(path.endswith(f"/{name.rstrip('/')}") for path in there)] == []


def test_every_line_of_the_lineage_table_names_a_test() -> None:
    rows = [line for line in PAGES["lineage"].splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 25
    assert [row for row in rows if "`test_" not in row.split("|")[-2]] == []


def test_every_line_of_the_restored_tables_names_a_test() -> None:
    tables = PAGE.split("### Not restorable")[0] + PAGE.split("## Local writes")[1]
    rows = [
        line for line in tables.splitlines() if line.startswith("| ") and not line.startswith(("|---", "| objects"))
    ]
    bare = [row for row in rows if "kind" not in row.split("|")[-2] and "test_" not in row.split("|")[-2]]
    assert all(row.rstrip(" |").endswith("test") for row in bare), bare
