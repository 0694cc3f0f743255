"""What tools/capture.py and tools/prompt.py write is there whole or not at all: check_writers.py"""
import os
import stat
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import capture


def save_into(path):
    capture.record("model.norm", np.ones((1, 2), np.float32))
    capture.save(path)


def fails(path):
    """A write that ends in the middle."""
    def write(name):
        Path(name).write_bytes(b"half")
        raise OSError("No space left on device")
    try:
        capture.write_whole(path, write)
    except OSError:
        return True
    return False


def new_file(folder):
    os.umask(0o027)
    save_into(folder / "new")
    return load_file(folder / "new")["model.norm"].shape == (1, 2) and (folder / "new").stat().st_mode & 0o777 == 0o640


def old_file_keeps_its_mode(folder):
    (folder / "old").write_text("old")
    (folder / "old").chmod(0o600)
    save_into(folder / "old")
    return (folder / "old").stat().st_mode & 0o777 == 0o600 and bool(load_file(folder / "old"))


def old_file_stays(folder):
    (folder / "old").write_text("old")
    return fails(folder / "old") and (folder / "old").read_text() == "old" and len(list(folder.iterdir())) == 1


def link_stays(folder):
    (folder / "target").write_text("old")
    (folder / "link").symlink_to("target")
    save_into(folder / "link")
    return (folder / "link").is_symlink() and bool(load_file(folder / "target"))


def device_stays(folder):
    try:
        os.mknod(folder / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        (folder / "null").write_bytes(b"")
    except OSError as error:
        print(f"check_writers.py: device_stays is skipped: {error}")
        return True
    save_into(folder / "null")
    return (folder / "null").is_char_device()


def main():
    failed = 0
    for check in (new_file, old_file_keeps_its_mode, old_file_stays, link_stays, device_stays):
        with tempfile.TemporaryDirectory() as folder:
            good = check(Path(folder))
        if not good:
            print(f"check_writers.py: {check.__name__}: found something else, expected it")
        failed += not good
    print(f"5 writers checked, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
