"""The commands, a module each, which has all of it: `arguments(parser)`, and `run(options)`, which
returns the exit code. Its docstring is shown by `--help` (command_line/parser.py)."""
