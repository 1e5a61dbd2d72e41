"""The commands of the command line, one module for each.

A module has `arguments(parser)`, and `run(options)`, which returns the exit code. `--help` begins
with the text that COMMANDS has (command_line/parser.py), then shows the module's docstring without
its first paragraph. The last paragraph must be examples: command lines with what they do.
"""
