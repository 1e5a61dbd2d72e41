"""What is done on a board's files, in an order in which every cut leaves a board that starts.

The new `/lib/picolink` is made complete under another name (`NEW`). Then, since MicroPython looks
into `/` before it looks into `/lib`, three renames bring it into place, and between any two of them
exactly one complete picolink is found: NEW -> SWAP, LIB -> OLD, SWAP -> LIB. `finish` completes
what a cut left of that. Files of the user's take the place of the old by one rename, after that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .errors import InstallError
from .plan import LIB, MANIFEST, NEW, OLD, SWAP, Plan, folders_of
from .repl import Entry, Repl

#: What would be imported instead of /lib/picolink, where somebody has copied it there by hand.
HIDING = (SWAP, SWAP + ".py", SWAP + ".mpy")

Step = Callable[[str], object]


def finish(repl: Repl, found: Mapping[str, Entry]) -> bool:
    """Completes the renames of a run that was cut; whether there was anything to do."""
    if OLD in found and SWAP not in found and LIB not in found:  # only by hand
        repl.rename(OLD, LIB)
        return True
    if is_cut(found):
        if LIB in found:
            repl.remove(OLD)
            repl.rename(LIB, OLD)
        repl.rename(SWAP, LIB)
    if OLD in found or is_cut(found):
        repl.remove(OLD)
        return True
    return False


def is_cut(found: Mapping[str, Entry]) -> bool:
    """Whether a run was cut while the folders changed places."""
    return f"{SWAP}/{MANIFEST}" in found


def as_finished(found: Mapping[str, Entry]) -> dict[str, Entry]:
    """What `finish` would leave, for a run that only looks."""
    if not is_cut(found):
        return dict(found)
    rest = {path: entry for path, entry in found.items() if not path.startswith(LIB + "/")}
    moved = {path: entry for path, entry in found.items() if (path + "/").startswith(SWAP + "/")}
    return rest | {path.replace(SWAP, LIB, 1): entry for path, entry in moved.items()}


def hiding(found: Mapping[str, Entry]) -> list[str]:
    """Files in `/` that hide /lib/picolink."""
    return [path for path in HIDING if path in found and not is_cut(found)]


def refuse_hiding(path: str, found: Mapping[str, Entry]) -> None:
    """`InstallError` where something in `/` would be imported instead."""
    hidden = hiding(found)
    if hidden:
        raise InstallError(
            f"{path}: {hidden[0]} on the board hides /lib/picolink, since MicroPython looks into / "
            f"first: remove it (mpremote rm -r :{hidden[0][1:]}), or have it removed with --force"
        )


def bring(repl: Repl, plan: Plan, found: Mapping[str, Entry], step: Step) -> None:
    """Makes /lib/picolink what the plan says."""
    if not plan.anew:
        _send(repl, plan, LIB, step)
        for name in plan.remove:
            repl.remove(f"{LIB}/{name}")
        return
    repl.folders(["/lib"])
    for name in plan.remove:
        repl.remove(f"{NEW}/{name}")
    _send(repl, plan, NEW, step)
    _check(repl, plan)
    if LIB not in found:
        repl.rename(NEW, LIB)
        return
    repl.rename(NEW, SWAP)
    repl.rename(LIB, OLD)
    repl.rename(SWAP, LIB)
    repl.remove(OLD)


def _send(repl: Repl, plan: Plan, root: str, step: Step) -> None:
    if not (plan.send or plan.copy):
        return
    folders = folders_of([*plan.send, *plan.copy])
    repl.folders([f"{root}/{folder}".rstrip("/") for folder in folders])
    for name in plan.copy:
        step(name)
        repl.copy(f"{LIB}/{name}", f"{root}/{name}")
    for name in plan.send:
        step(name)
        repl.write(f"{root}/{name}", plan.wanted[name])


def _check(repl: Repl, plan: Plan) -> None:
    """Before the old goes: is the new what was sent?"""
    import hashlib

    found = repl.look(NEW)
    for name, data in plan.wanted.items():
        entry = found.get(f"{NEW}/{name}")
        if entry is None or entry.sha256 != hashlib.sha256(data).hexdigest():
            raise InstallError(
                f"{repl.path}: {name} reads back differently from what was written, so it was not "
                "put to use. Run it again; if that goes on, the board's flash is worn out"
            )


def take_away(repl: Repl, found: Mapping[str, Entry]) -> list[str]:
    """Removes picolink, and what was left of cut runs; returns what was there."""
    places = [path for path in (LIB, NEW, OLD) if path in found]
    if is_cut(found):
        places.append(SWAP)
        repl.remove(SWAP)
    if LIB in found:  # at one stroke: half of it would be worse than none
        repl.remove(OLD)
        repl.rename(LIB, OLD)
    for path in (OLD, NEW):
        repl.remove(path)
    return places
