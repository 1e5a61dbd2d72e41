"""docs/session.md shows the table that the code follows."""

import subprocess
import sys
from pathlib import Path

from picolink.core import states

CPYTHON_ONLY = "reads a page of the documentation"

ROOT = Path(__file__).resolve().parents[2]


def test_the_diagram_is_up_to_date():
    script = str(ROOT / "tools" / "session_diagram.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_page_explains_every_state():
    page = (ROOT / "docs" / "session.md").read_text("utf-8")
    for state in states.TRANSITIONS:
        assert f"| {state} |" in page
    assert "attached --> moving: dial, hello" in page
