"""``python -m picolink.cli``: the same door as ``picolink`` and ``python -m picolink``."""

from picolink.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
