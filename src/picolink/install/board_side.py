# The board's half of `picolink install`: MicroPython source, run at the raw REPL. Every file is
# written under another name and then renamed, so that a cut leaves the old one or the new one.
import binascii
import os


def _pl_say(text):
    # A board throws away what the computer does not take within half a second: by the CRC the
    # computer knows that it has it all.
    global _pl_crc
    _pl_crc = binascii.crc32(text.encode(), _pl_crc)
    print(text)


def _pl_sha(path):
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            piece = file.read(512)
            if not piece:
                break
            digest.update(piece)
    return binascii.hexlify(digest.digest()).decode()


def _pl_is_folder(path):
    try:
        return os.stat(path)[0] & 0x4000 != 0
    except OSError:
        return None


def _pl_names(path):
    return [entry[0] for entry in os.ilistdir(path)]


def _pl_look(path, hashes):
    # A line for each file and folder from `path` down: SHA-256 or "-", size or "/", path.
    folder = _pl_is_folder(path)
    if folder:
        _pl_say("- / " + path)
        for name in _pl_names(path):
            _pl_look(path.rstrip("/") + "/" + name, hashes)
    elif folder is not None:
        _pl_say("%s %d %s" % (_pl_sha(path) if hashes else "-", os.stat(path)[6], path))


def _pl_read(path):
    with open(path, "rb") as file:
        while True:
            piece = file.read(510)
            if not piece:
                break
            _pl_say(binascii.b2a_base64(piece).decode().strip())


def _pl_folders(paths):
    for path in paths:
        if _pl_is_folder(path) is None:
            os.mkdir(path)


def _pl_begin(path):
    global _pl_file
    _pl_file = open(path + ".part", "wb")


def _pl_add(text):
    _pl_file.write(binascii.a2b_base64(text))


def _pl_end(path):
    _pl_file.close()
    os.rename(path + ".part", path)


def _pl_copy(source, path):
    _pl_begin(path)
    with open(source, "rb") as file:
        while True:
            piece = file.read(512)
            if not piece:
                break
            _pl_file.write(piece)
    _pl_end(path)


def _pl_remove(path):
    folder = _pl_is_folder(path)
    if folder:
        for name in _pl_names(path):
            _pl_remove(path + "/" + name)
        os.rmdir(path)
    elif folder is not None:
        os.remove(path)
