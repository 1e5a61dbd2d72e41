"""`picolink uninstall`: removes what `picolink install` brought, and leaves what is the user's."""

from __future__ import annotations

from typing import Any

from . import firmware, program, settings, steps
from .errors import need
from .installer import Report, port_of
from .plan import LIB, NEW, OLD
from .repl import at_repl


def uninstall(
    address: str, report: Report, *, everything: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Removes picolink and the file for `describe`; with `everything` /picolink.json and main.py
    too. A main.py that is still the one `install` wrote goes as well."""
    need("mpremote")
    port = port_of(address)
    with at_repl(port) as repl:
        facts = repl.enter()
        report.say(f"{port}: {facts.firmware} on {facts.machine}")
        firmware.check_kind(port.path, facts)
        repl.prepare()
        users = [program.PATH, settings.PATH]
        found = repl.look(LIB, NEW, OLD, *steps.HIDING, program.HELP_PATH, *users, hashes=False)
        files = [program.HELP_PATH]
        if everything:
            files += users
        elif program.PATH in found and repl.read(program.PATH) == program.template():
            files.append(program.PATH)
        files = [path for path in files if path in found]
        kept = [path for path in users if path in found and path not in files]
        removed = [path for path in (LIB, NEW, OLD) if path in found]
        if not dry_run:
            removed = steps.take_away(repl, found)
            for path in files:
                repl.remove(path)
            repl.do("try:\n os.rmdir('/lib')\nexcept OSError:\n pass")  # where it is empty
        repl.restart()
    return {"port": port.path, "dry_run": dry_run, "removed": removed + files, "kept": kept}
