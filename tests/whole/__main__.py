"""Runs scenarios from a shell (CPython): one again, with its trace; many; a million that can be
stopped and goes on. See CONTRIBUTING.md.

usage: .venv/bin/python tests/whole SEED [--count N] [--trace] [--smaller [--kind TEXT]]
       .venv/bin/python tests/whole million
       .venv/bin/python tests/whole --plan FILE
"""

from __future__ import annotations

import argparse
import ast
import json
import pprint
import signal
import sys
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
if sys.path[0] == str(TESTS / "whole"):  # `python tests/whole`
    sys.path[0] = str(TESTS)
    sys.path.insert(0, str(TESTS.parent / "src"))

from both import Random  # noqa: E402
from whole import plan, runner  # noqa: E402
from whole.scenario import Scenario  # noqa: E402

BUILD = TESTS.parent / "build" / "whole"
MILLION = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/whole", description=__doc__.split("\n")[0])
    parser.add_argument("seed", nargs="?", default="1", help="a seed, or the word `million`")
    parser.add_argument("--count", type=int, default=1, help="so many seeds from there on")
    parser.add_argument("--kits", default=",".join(runner.KITS), help="kinds of nodes")
    parser.add_argument("--trace", action="store_true", help="prints all that happens")
    parser.add_argument("--smaller", action="store_true", help="takes out of it what does no harm")
    parser.add_argument("--kind", default="", help="of several violations the one called so")
    parser.add_argument("--plan", type=Path, help="a plan in a file, in place of a seed")
    options = parser.parse_args()
    kits = tuple(options.kits.split(","))
    if options.seed == "million":
        return million(kits)
    if options.plan is not None:
        made = ast.literal_eval(options.plan.read_text("utf-8"))
        return one(made, "plan", options)
    if options.count == 1:
        return one(plan.make(Random(int(options.seed)), kits), options.seed, options)
    tally = Tally()
    try:
        for seed in range(int(options.seed), int(options.seed) + options.count):
            found = runner.run_seed(seed, kits)
            tally.add(seed, found)
            for kind, detail in found:
                print(f"seed {seed}: {kind}: {detail[:200]}", flush=True)
    finally:
        print(tally.summary())
    return 1 if tally.kinds else 0


def one(made: Any, name: str, options: argparse.Namespace) -> int:
    """Runs one plan and shows what it finds."""
    found = runner.run_plan(made)
    kinds = [kind for kind, _ in found if options.kind in kind]
    if kinds and options.smaller:
        made = runner.smaller(made, kinds[0])
        file = BUILD / f"{name}.plan"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(pprint.pformat(made, width=100, sort_dicts=False) + "\n", "utf-8")
        print(f"{len(made['actions'])} actions and {len(made['faults'])} faults are left: {file}")
    trace: list[Any] | None = [] if options.trace else None
    scenario = Scenario(made, trace)
    found = scenario.run()
    for at_ms, *what in trace or ():
        print(f"{at_ms / 1000:9.3f}", *what)
    if options.trace:
        for process, text in scenario.world.printed:
            print(process.name if process is not None else "", "printed:", text)
    for kind, detail in found:
        print(f"{kind}: {detail}")
    return 1 if found else 0


class Tally:
    """What many scenarios found."""

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0
        self.kinds: dict[str, list[Any]] = {}  # kind -> how often, the first seed, what it was
        self.began = time.monotonic()
        self.before = 0  # done in earlier runs

    def add(self, seed: int, found: list[tuple[str, str]]) -> None:
        self.done += 1
        self.failed += bool(found)
        for kind, detail in found:
            self.kinds.setdefault(kind, [0, seed, detail[:300]])[0] += 1

    def rate(self) -> float:
        return (self.done - self.before) / max(time.monotonic() - self.began, 1e-6)

    def summary(self) -> str:
        lines = [
            f"{self.done} scenarios, {self.failed} with violations, {self.rate():.1f} a second"
        ]
        for kind, (count, seed, detail) in sorted(self.kinds.items(), key=lambda k: -k[1][0]):
            lines.append(f"{count:8} {kind} (seed {seed}: {detail})")
        return "\n".join(lines)


def million(kits: tuple[str, ...]) -> int:
    """Runs a million; where it was stopped, it goes on the next time."""
    file = BUILD / "million.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    if file.exists():
        state = json.loads(file.read_text("utf-8"))
        tally.done = tally.before = state["done"]
        tally.failed, tally.kinds = state["failed"], state["kinds"]
        print(f"going on after {tally.done} scenarios ({file} remembers; remove it to begin anew)")
    stop = False

    def ask(*_: object) -> None:
        nonlocal stop
        stop = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, ask)
    saved = time.monotonic()
    while tally.done < MILLION and not stop:
        seed = 10 * runner.EACH + tally.done
        tally.add(seed, runner.run_seed(seed, kits))
        if time.monotonic() - saved > 5 or tally.done == MILLION or stop:
            saved = time.monotonic()
            state = {"done": tally.done, "failed": tally.failed, "kinds": tally.kinds}
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps(state, indent=1), "utf-8")
            fresh.replace(file)  # in one go: a kill leaves the old one or the new one
            hours = (MILLION - tally.done) / max(tally.rate(), 0.01) / 3600
            print(
                f"{tally.done:7} of {MILLION}, {tally.failed} with violations, "
                f"{tally.rate():.1f} a second, {hours:.1f} h to go",
                flush=True,
            )
    print(tally.summary())
    return 1 if tally.kinds else 0


if __name__ == "__main__":
    sys.exit(main())
