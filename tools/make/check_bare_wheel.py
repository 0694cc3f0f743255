"""The wheel in a bare Debian without OpenBLAS: pip installs it, and README.md's five lines of Python print a verdict.

    python check_bare_wheel.py BUILD        after make wheel
"""
import pathlib
import re
import sys

from bare_debian import Root, fail

CASE = "fixtures/e2b-text"
SAYS = "FAIL  first bent step: model.layers.2.self_attn#attn_weights; matches known bug window-off-by-one\n"


def five_lines():
    for block in re.findall(r"```python\n(.*?)```", pathlib.Path("README.md").read_text(), re.S):
        if block.startswith("from plumbline import"):
            return block
    fail("README.md: found no Python that begins with 'from plumbline import', expected five lines")


def main(build):
    build = pathlib.Path(build).resolve()
    wheel, = build.glob("wheel/*.whl")
    with Root(build, "wheel") as root:
        root.run("apt-get update && apt-get install -y --no-install-recommends python3-venv")
        if list(root.path.glob("usr/lib/*/*openblas*")):
            fail("found OpenBLAS, expected a system without it")
        root.put(wheel, f"/root/{wheel.name}")
        root.put(CASE, f"/root/{CASE}")
        root.run(f"python3 -m venv fresh && fresh/bin/pip install -q --no-index {wheel.name}", "/root")
        print(f"ok    pip installs {wheel.name}, where there is no OpenBLAS")
        (root.path / "root/five.py").write_text(five_lines())
        said = root.run("fresh/bin/python five.py", "/root")
        if said != SAYS:
            fail(f"found {said!r}, expected {SAYS!r}")
        print(f"ok    README.md's five lines print: {said.strip()}")
        report = root.path / "root/report.html"
        if not report.is_file() or b"window-off-by-one" not in report.read_bytes():
            fail("found no report.html that names the bug, expected one")
        print("ok    and write report.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
