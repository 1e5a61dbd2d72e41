"""Measures picolink beside the raw link and beside others, in one run: `make bench`."""
