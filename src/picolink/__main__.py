"""``python -m picolink``: the same door as ``picolink``, where its script is not on the path."""

from picolink.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
