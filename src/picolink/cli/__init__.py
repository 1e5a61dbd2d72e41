"""The `picolink` command: each subcommand is a module with `run(options) -> exit code`."""
