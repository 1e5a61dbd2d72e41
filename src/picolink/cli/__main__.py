"""`python -m picolink.cli`: the same as `picolink`."""

import sys

from .main import main

sys.exit(main())
