"""The Debian packages in a bare Debian: they install, work, and go without a trace.

    python check_deb.py BUILD       after make deb
"""
import pathlib
import subprocess
import sys

from bare_debian import Root, fail

CASE = "fixtures/e2b-text"
# The project has no mail address.
SUPPRESSED = "bogus-mail-host,bogus-mail-host-in-debian-changelog"


def check_lintian(folder):
    found = subprocess.run(["lintian", "--fail-on", "none", "--suppress-tags", SUPPRESSED, *folder.glob("*.changes")],
                           text=True, capture_output=True)
    if found.returncode or found.stdout:
        fail(f"lintian:\n{found.stdout}{found.stderr}")
    print("ok    lintian finds nothing")


def check_installed(root):
    root.put(CASE, "/case")
    root.run("plumb diagnose case case/dumps/honest-bf16-eager.safetensors")
    root.run("plumb diagnose case case/dumps/buggy-window-off-by-one-bf16.safetensors", status=1)
    print("ok    the program judges: " + root.run("plumb --version").splitlines()[0])
    root.run("test -s /usr/share/man/man1/plumb.1.gz || grep -q man /etc/dpkg/dpkg.cfg.d/*")
    root.run("apt-get install -y --no-install-recommends gcc libc6-dev pkg-config")
    root.run("cc /usr/share/doc/libplumbline-dev/examples/example.c $(pkg-config --cflags --libs plumbline) -o /tmp/x"
             " && /tmp/x case case/dumps/honest-bf16-eager.safetensors")
    print("ok    the example compiles with pkg-config, and says pass")


def check_removed(root, packages):
    """Before the packages, but after what they depend on, and then again"""
    names = " ".join(packages)
    dependencies = root.run(f"apt-get install -s {names} | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p'").split()
    ours = {"plumbline", "libplumbline-dev"}
    root.run("apt-get install -y --no-install-recommends " + " ".join(d for d in dependencies if d not in ours))
    before = root.files()
    root.run(f"apt-get install -y --no-install-recommends {names}")
    added = root.files() - before
    if not {"usr/bin/plumb", "usr/include/plumbline.h"} <= added:
        fail(f"found {sorted(added)}, expected a program and a header")
    print(f"ok    they install, with {len(added)} files")
    check_installed(root)
    root.run("apt-get purge -y plumbline libplumbline-dev")
    left = added & root.files()
    if left:
        fail(f"purged, found {sorted(left)}, expected nothing")
    print("ok    and leave none when they are purged")


def main(build):
    folder = pathlib.Path(build).resolve() / "deb"
    check_lintian(folder)
    with Root(folder.parent, "deb") as root:
        packages = [path for path in folder.glob("*.deb") if "dbgsym" not in path.name]
        for path in packages:
            root.put(path, f"/packages/{path.name}")
        root.run("apt-get update")
        check_removed(root, [f"/packages/{path.name}" for path in packages])


if __name__ == "__main__":
    main(*sys.argv[1:])
