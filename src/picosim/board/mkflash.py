"""Run once per set of files: make a flash image that holds them."""

import json
import os
import sys

import _sim_flash
import vfs

image, blocks, listing = sys.argv[1:4]
with open(image, "wb") as f:
    f.seek(int(blocks) * _sim_flash.BLOCK_BYTES - 1)
    f.write(b"\xff")
flash = _sim_flash.Flash(image, int(blocks))
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/flash")
made = set()
with open(listing) as f:
    names = json.load(f)
for name, source in names:
    folder = ""
    for part in name.split("/")[:-1]:
        folder += "/" + part
        if folder not in made:
            made.add(folder)
            try:
                os.mkdir("/flash" + folder)
            except OSError:
                pass
    with open("/flash/" + name, "wb") as to, open(source, "rb") as f:
        while True:
            data = f.read(4096)
            if not data:
                break
            to.write(data)
vfs.umount("/flash")
