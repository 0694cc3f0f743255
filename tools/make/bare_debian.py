"""Bare Debian systems in folders, made by debootstrap, for tests of what is installed where nothing else is."""
from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

SUITE = "bookworm"


def fail(message: str) -> None:
    sys.exit(f"bare_debian: {message}")


def base(build: pathlib.Path) -> pathlib.Path:
    """A system to copy; made the first time, which takes a minute and needs Debian's packages."""
    folder, ready = build / "bare-debian/base", build / "bare-debian/ready"
    if os.geteuid() != 0:
        fail("found no root, expected it: a system of its own is mounted and entered")
    if not shutil.which("debootstrap"):
        fail("found no debootstrap; sh tools/make/deps.sh package installs it")
    if not ready.exists():
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.parent.mkdir(parents=True)
        with open(folder.parent / "log", "w") as log:
            done = subprocess.run(["debootstrap", "--variant=minbase", SUITE, folder], stdout=log, stderr=log)
        if done.returncode:
            fail(f"debootstrap failed; see {folder.parent}/log")
        ready.touch()
    return folder


class Root:
    """A copy of the base, gone at the end of the with block."""

    def __init__(self, build: pathlib.Path, name: str):
        self.path = build / "bare-debian" / name
        self.base = base(build)

    def __enter__(self) -> Root:
        shutil.rmtree(self.path, ignore_errors=True)
        subprocess.run(["cp", "-a", self.base, self.path], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)

    def run(self, command: str, folder: str = "/", status: int = 0) -> str:
        """A shell's command inside, with /proc for its time alone; its stdout."""
        entered = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={self.path}/proc", "chroot", self.path]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root",
                       "LC_ALL": "C.UTF-8"}
        done = subprocess.run([*entered, "sh", "-c", f"cd '{folder}' && {command}"], env=environment, text=True,
                              capture_output=True)
        if done.returncode != status:
            fail(f"{command}: found exit status {done.returncode}, expected {status}:\n"
                 f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def put(self, source: str | os.PathLike[str], place: str, leave_out: tuple[str, ...] = ()) -> None:
        """A file or a folder of this machine, at an absolute place inside."""
        target = self.path / place.lstrip("/")
        if pathlib.Path(source).is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns(*leave_out))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def files(self) -> set[str]:
        """All that is there, but for what any installation of packages leaves behind."""
        left = ("proc/", "var/cache/", "var/lib/apt/", "var/lib/dpkg/", "var/log/", "tmp/")
        found = (str(path.relative_to(self.path)) for path in self.path.rglob("*") if not path.is_dir())
        return {path for path in found if not path.startswith(left)}
