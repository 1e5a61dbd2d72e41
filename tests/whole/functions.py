"""The functions that a simulated program gives to its node, and how they misbehave (both
interpreters). Each writes into the oracle's books what ran, then does what the caller asked for."""


class Ugly(Exception):
    """One that can't even be shown."""

    def __str__(self):
        raise ValueError("no words for it")


RAISED = (
    "KeyError", "ValueError", "OSError", "TypeError", "LinkError", "PicolinkError", "NotDone",
    "Busy", "TooBig", "UnknownCommand", "BadArguments", "Ugly", "MemoryError", "StopIteration",
    "SystemExit", "KeyboardInterrupt", "CancelledError", "GeneratorExit",
)  # fmt: skip
RETURNED = ("nan", "object", "surrogate", "deep", "cycle", "toolarge")
_BUILTIN = {
    "KeyError": KeyError, "ValueError": ValueError, "OSError": OSError, "TypeError": TypeError,
    "MemoryError": MemoryError, "StopIteration": StopIteration, "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt, "GeneratorExit": GeneratorExit, "Ugly": Ugly,
}  # fmt: skip


def misbehave(kit, how):
    """Raises the exception called `how`."""
    if how == "CancelledError":
        raise kit.asyncio.CancelledError()
    kind = _BUILTIN.get(how)
    if kind is None:
        kind = getattr(kit.errors, how)
    raise kind("as it was asked to")


def no_value(how):
    """A value that can't be sent."""
    if how == "nan":
        return float("nan")
    if how == "object":
        return object()
    if how == "surrogate":
        return "\ud800"
    if how == "toolarge":
        return "x" * 70_000
    value = []
    if how == "cycle":
        value.append(value)
    else:
        for _ in range(3000):
            value = [value]
    return value


def answer(run, token, mode):
    """Does what `mode` says."""
    if mode[:6] == "raise ":
        misbehave(run.kit, mode[6:])
    if mode[:7] == "return ":
        return no_value(mode[7:])
    if mode[:6] == "reply ":
        return [token, "r" * int(mode[6:])]
    return [token, "done"]


def declare(run):
    """Gives the functions to the node of `run`."""
    node = run.node
    oracle = run.oracle
    kit = run.kit

    def quick(token, mode="ok"):
        oracle.began(token, run)
        return answer(run, token, mode)

    async def later(token, mode="ok", ms=0):
        oracle.began(token, run)
        await kit.asyncio.sleep(ms / 1000)
        return answer(run, token, mode)

    def slow(token, mode="ok", ms=0):
        oracle.began(token, run)
        kit.block(run.process, ms)
        return answer(run, token, mode)

    def generator(token, mode="ok"):
        oracle.began(token, run)
        yield token

    def count(token, items, fails_at=None, how="KeyError"):
        made = numbers(token, items, fails_at, how)
        run.generators.append(made)  # held: nobody but who drives it closes it
        return made

    def numbers(token, items, fails_at, how):
        stream = oracle.streams[token]
        stream.began.append(run)
        stream.open.append(run)
        try:
            for i in range(items):
                if i == fails_at:
                    if how[:7] == "return ":
                        yield no_value(how[7:])
                    misbehave(kit, how)
                yield [token, i]
        finally:
            stream.open.remove(run)

    def temperature():
        player = run.player
        player.taken += 1
        if player.taken % 7 == 3:
            misbehave(kit, RAISED[player.taken // 7 % len(RAISED)])
        return [player.name, player.taken]

    for function in (quick, later, generator):
        node.command(function)
    node.command(blocking_s=2)(slow)
    node.stream(count)
    if kit.async_generators:
        node.stream(name="acount")(kit.async_stream(run, oracle, misbehave, no_value))
    node.reading("temperature", unit="°C", every_s=5)(temperature)
