"""deps.sh on systems that are not here: package managers that write down what they are asked for."""
import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("deps.sh").resolve()
QUERIES = {"dpkg-query": "apt-get", "rpm": "dnf", "apk": "apk", "pacman": "pacman"}
CORE = ("sh", "grep", "env", "cat", "python3")


class System:
    """A folder that is all of PATH: some tools of this machine, and stand-ins that log their arguments."""

    def __init__(self, folder: str):
        self.path, self.log = pathlib.Path(folder, "bin"), pathlib.Path(folder, "log")
        self.path.mkdir()
        self.log.write_text("")
        for tool in CORE:
            found = next(p for p in os.environ["PATH"].split(":") if os.access(f"{p}/{tool}", os.X_OK))
            (self.path / tool).symlink_to(f"{found}/{tool}")
        self.add("id", "echo 0")

    def add(self, tool: str, body: str) -> None:
        script = self.path / tool
        script.write_text(f'#!{self.path}/sh\necho "{tool} $*" >> {self.log}\n{body}\n')
        script.chmod(0o755)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([self.path / "sh", SCRIPT, *arguments], env={"PATH": str(self.path)}, text=True,
                              capture_output=True)

    def installed(self) -> str:
        return "\n".join(line for line in self.log.read_text().splitlines() if " install " in line or " add " in line
                         or " -S " in line)


class Deps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.system = System(folder.name)

    def without(self, query: str, manager: str, present: str = "nothing") -> None:
        """A system of that package manager, whose query finds only the package `present`"""
        if manager != query:
            self.system.add(manager, "exit 0")
        answer = 'echo "install ok installed"' if query == "dpkg-query" else "exit 0"
        also = "" if manager != query else 'case "$1" in add|-S) exit 0 ;; esac\n'
        self.system.add(query, f'{also}for last; do :; done\n[ "$last" = {present} ] || exit 1\n{answer}')

    def test_names(self):
        expected = {
            "dpkg-query": ("apt-get install -y gcc", "libopenblas-dev", "libssl-dev"),
            "rpm": ("dnf install -y gcc", "openblas-devel", "check-devel"),
            "apk": ("apk add gcc musl-dev", "argp-standalone", "check-dev"),
            "pacman": ("pacman -S --needed --noconfirm gcc", " openblas ", " check"),
        }
        for query, words in expected.items():
            with self.subTest(query), tempfile.TemporaryDirectory() as folder:
                self.system = System(folder)
                self.without(query, QUERIES[query], present="jansson")
                done = self.system.run("fuzz")
                self.assertEqual(done.returncode, 0, done.stderr)
                for word in (*words, "clang", "llvm"):
                    self.assertIn(word, self.system.installed())
                if query == "pacman":
                    self.assertNotIn("jansson", self.system.installed())

    def test_a_manager_that_fails(self):
        self.without("rpm", "dnf")
        self.system.add("dnf", "exit 1")
        done = self.system.run()
        self.assertEqual(done.returncode, 1)
        self.assertIn("dnf failed; run it by hand:  dnf install -y gcc", done.stderr)

    def test_no_root(self):
        self.without("rpm", "dnf")
        self.system.add("id", "echo 1000")
        done = self.system.run()
        self.assertEqual((done.returncode, self.system.installed()), (1, ""))
        self.assertIn("as root, run:  dnf install -y gcc make", done.stderr)

    def test_elsewhere(self):
        done = self.system.run("chromium")
        self.assertEqual(done.returncode, 1)
        self.assertIn("please install: cc make pkg-config objcopy openblas jansson libpng sndfile libzip libcrypto "
                      "check argp.h chromium", done.stderr)
        for tool in ("cc", "make", "objcopy"):
            self.system.add(tool, "exit 0")
        self.system.add("pkg-config", '[ "$2" != libzip ]')
        done = self.system.run()
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.endswith("please install: libzip\n"), done.stderr)
        self.system.add("pkg-config", "exit 0")
        self.assertEqual(self.system.run().returncode, 0)

    def test_bad_word(self):
        self.without("rpm", "dnf")
        done = self.system.run("pythn")
        self.assertEqual((done.returncode, done.stderr),
                         (2, "deps: found pythn, expected python, chromium, fuzz or package\n"))

    def test_a_deb_needs_debian(self):
        self.without("rpm", "dnf")
        done = self.system.run("package")
        self.assertEqual(done.returncode, 1)
        self.assertIn("expected Debian or a relative", done.stderr)


if __name__ == "__main__":
    unittest.main()
