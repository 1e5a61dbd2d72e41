"""Pages of which a part is made from the code: it stands between two marks."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
END = "<!-- end of what is made -->\n"


def renew(page: Path, begin: str, made: str) -> None:
    """Puts `made` between the marks; with `--check` on the command line it only ends the program
    with an error where something else stands there."""
    text = page.read_text("utf-8")
    before, found, rest = text.partition(begin)
    _, also, after = rest.partition(END)
    if not (found and also):
        raise SystemExit(f"{page.name} has lost the marks between which it is made")
    new = before + begin + made + END + after
    if "--check" not in sys.argv[1:]:
        page.write_text(new, "utf-8")
    elif new != text:
        raise SystemExit(f"docs/{page.name} is not that of the code: run python {sys.argv[0]}")
