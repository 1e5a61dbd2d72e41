"""Measures picolink beside the raw link and beside others, in one run: `make bench`."""

import sys
from pathlib import Path

# What measures as the tests do stands there: brokers, emulated boards.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
