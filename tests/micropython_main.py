"""Runs the tests of one file on MicroPython; started by `micropython_runner`.

usage: micropython micropython_main.py SOURCE SHOWN_PATH NAME...
Each result is a line that begins with 0x1E "picolink:" and goes on as JSON; the rest is what
the tests print.
"""

import asyncio
import gc
import io
import json
import sys
import time


def tell(**result):
    print("\x1epicolink:" + json.dumps(result))


def check(operator, left, right):
    # What the host put in place of `assert left == right`, so that a failure shows both.
    if operator == "==":
        ok = left == right
    elif operator == "!=":
        ok = left != right
    elif operator == "<":
        ok = left < right
    elif operator == "<=":
        ok = left <= right
    elif operator == ">":
        ok = left > right
    elif operator == ">=":
        ok = left >= right
    elif operator == "in":
        ok = left in right
    elif operator == "not in":
        ok = left not in right
    elif operator == "is":
        ok = left is right
    else:
        ok = left is not right
    if not ok:
        raise AssertionError("%s %s %s" % (short(left), operator, short(right)))
    return True


def short(value):
    text = repr(value)
    return text if len(text) <= 400 else "%s ... (%d characters)" % (text[:400], len(text))


def run_one(space, name, arguments):
    if "setup" in space:
        space["setup"]()
    try:
        test = space[name]
        result = getattr(test, "function", test)(*arguments)
        if hasattr(result, "send"):  # an `async def` returns a generator here
            asyncio.new_event_loop()
            asyncio.run(result)
    finally:
        if "teardown" in space:
            space["teardown"]()


def run(space, name):
    test = space[name]
    values = getattr(test, "values", None)
    for number, arguments in enumerate([()] if values is None else values):
        if not isinstance(arguments, tuple):
            arguments = (arguments,)
        try:
            run_one(space, name, arguments)
        except Exception as error:
            if values is not None:
                print("case %d of @cases: %s" % (number, short(arguments)))
            raise error


def main(source, shown_path, names):
    space = {"__name__": "micropython_test", "__file__": shown_path, "__check": check}
    tell(begin="(import)")
    with open(source) as file:
        exec(compile(file.read(), shown_path, "exec"), space)
    tell(end="(import)", ok=True)
    for name in names:
        gc.collect()
        tell(begin=name)
        began_ms = time.ticks_ms()
        report = {"end": name, "ok": True}
        try:
            run(space, name)
        except BaseException as error:
            text = io.StringIO()
            sys.print_exception(error, text)
            report = {"end": name, "ok": False, "traceback": text.getvalue()}
        report["ms"] = time.ticks_diff(time.ticks_ms(), began_ms)
        tell(**report)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
