"""The `picolink` command."""
