"""Many scenarios, a seed each: runs them, sorts what they find, makes small what fails; both
interpreters (making small: CPython)."""

from both import MICROPYTHON, SEED, Random
from whole import plan
from whole.scenario import Scenario

KITS = ("board",) if MICROPYTHON else ("host", "board", "threads")
EACH = 1_000_000  # seeds for each PICOLINK_SEED


def seed_of(number):
    """The seed of the scenario `number` of this run."""
    return SEED * EACH + number


def run_seed(seed, kits=KITS, trace=None):
    """Runs the scenario of a seed; returns what was violated, as (kind, detail)."""
    return run_plan(plan.make(Random(seed), kits), trace)


def run_plan(made, trace=None):
    """Runs a plan; returns what was violated, as (kind, detail)."""
    return Scenario(made, trace).run()


def check(seeds, kits=KITS):
    """Runs the scenarios of these seeds; an AssertionError says what was found, and how to see it
    again."""
    failures = []
    for seed in seeds:
        found = run_seed(seed, kits)
        if found:
            failures.append((seed, found))
            if len(failures) >= 10:
                break
    if failures:
        lines = ["%d scenarios with violations:" % len(failures)]
        for seed, found in failures:
            lines.append("%s: %s" % (found[0][0], str(found[0][1])[:300]))
            lines.append(
                "    replay: .venv/bin/python tests/whole %d --kits %s" % (seed, ",".join(kits))
            )
        raise AssertionError("\n".join(lines))


def smaller(made, kind, most=400):
    """A plan that still violates `kind`, with as little in it as `most` trials leave."""
    trials = 0

    def still(candidate):
        nonlocal trials
        trials += 1
        return trials <= most and any(found == kind for found, _ in Scenario(candidate).run())

    for what in ("faults", "actions", "actions"):
        size = (len(made[what]) + 1) // 2
        while size:
            at = 0
            while at < len(made[what]):
                candidate = dict(made)
                candidate[what] = made[what][:at] + made[what][at + size :]
                if still(candidate):
                    made = candidate
                else:
                    at += size
            size //= 2
    for i, wire in enumerate(made["wires"]):
        for name in ("lost", "doubled", "late_ms", "jitter_ms", "polled"):
            if wire.get(name):
                wires = list(made["wires"])
                wires[i] = dict(wire, **{name: 0})
                candidate = dict(made, wires=wires)
                if still(candidate):
                    made, wire = candidate, wires[i]
    return made
