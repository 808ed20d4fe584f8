"""The examples of README and of the pages in docs: what stands in fenced blocks and between back-quotes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = {
    path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}


def blocks(page: str) -> list[list[str]]:
    """Lines of every fenced block that holds a command of adpersist; a line that ends in a backslash goes on."""
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    joined = [re.sub(r" *\\\n *", " ", text).splitlines() for text in fenced]
    return [lines for lines in joined if any(line.startswith("adpersist ") for line in lines)]


def inline(page: str) -> list[str]:
    """Commands of adpersist between back-quotes, in the running text."""
    text = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`([^`]+)`", text)
    return [" ".join(each.split()) for each in found if each.startswith("adpersist ")]
