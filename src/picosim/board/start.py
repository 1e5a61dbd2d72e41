"""Start of a virtual board: put the stand-ins in place, mount the flash, run boot.py and main.py."""


def _start():
    import builtins
    import gc
    import io
    import sys
    import time

    import asyncio.core  # with the native clock, which its C part uses too

    import _sim_bus as bus
    import _sim_air
    import _sim_ble_line
    import _sim_bluetooth
    import _sim_flash
    import _sim_machine
    import _sim_micropython
    import _sim_network
    import _sim_os
    import _sim_rtc
    import _sim_select
    import _sim_socket
    import _sim_sys

    # The first message; not an argument, since those are limited to 255 bytes.
    config = {}
    bus.handlers["config"] = lambda message: config.update(message[1])
    while not config:
        bus.process()
    del bus.handlers["config"]
    native = sys
    rp2 = config["usb"] == "rp2"
    _sim_machine._config = config
    _sim_rtc._setup(config["rtc_offset_s"])
    _sim_socket._address = config["address"]
    _sim_air.setup(*config["air"])
    _sim_ble_line.where = config["bluetooth"]
    if config["firmware"]:
        _sim_sys._set_version(config["firmware"])
        if _sim_sys.implementation.version < (1, 26):
            del _sim_machine.I2CTarget
    stand_ins = {
        "bluetooth": _sim_bluetooth,
        "machine": _sim_machine,
        "micropython": _sim_micropython,
        "network": _sim_network,
        "os": _sim_os,
        "select": _sim_select,
        "socket": _sim_socket,
        "sys": _sim_sys,
    }
    if rp2:
        import _sim_time
        import _sim_usb

        stand_ins["time"] = _sim_time
        _sim_sys.stdout = _sim_sys.stderr = _sim_usb.stdout
        _sim_usb.install()
    from collections import namedtuple

    uname = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))
    version = ".".join(str(x) for x in _sim_sys.implementation.version[:3])
    machine = _sim_sys._MACHINE
    _sim_os._UNAME = uname("rp2", "rp2", version, "v%s picosim virtual board" % version, machine)
    asyncio.core.select = _sim_select
    asyncio.core._io_queue.poller = _sim_select.poll()
    for name in list(native.modules):
        if name.startswith("_sim"):
            del native.modules[name]
    for name in stand_ins:
        stand_ins[name].__name__ = name
        native.modules[name] = stand_ins[name]

    import vfs

    flash = _sim_flash.Flash(config["flash"], config["flash_blocks"])
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/")
    native.path[:] = ["", ".frozen", "/lib"]
    native.argv[:] = []
    scope = globals()
    for name in ("_start", "__file__"):
        scope.pop(name, None)

    def run(path):
        try:
            source = open(path).read()
        except OSError:
            return True
        scope["__file__"] = path
        try:
            exec(compile(source, path, "exec"), scope)
            return True
        except SystemExit:
            bus.send("soft")
            while True:  # the simulator ends this process
                time.sleep(1)
        except BaseException as e:
            text = io.StringIO()
            native.print_exception(e, text)
            shown = [x for x in text.getvalue().split("\n") if config["here"] not in x]
            builtins.print("\n".join(shown), end="")
            return False

    # The interpreter's table of names doubles when it is full. That it does so in the midst of a
    # program is to depend on the program, not on how many names the stand-ins have: done now.
    for n in range(220):
        hasattr(gc, "_room_%d" % n)
    gc.collect()
    bus.send("up")
    ok = run("boot.py")
    if ok and not config["raw"]:
        bus.send("main")
        run("main.py")
    bus.send("repl")


_start()
