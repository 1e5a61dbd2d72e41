"""Reads the command line: which command, with what."""
