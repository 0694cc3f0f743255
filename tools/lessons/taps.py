"""What plumb computes, for the pictures."""
import json
import pathlib
import subprocess

from show import load

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLUMB = ROOT / "build/plumb"


def taps_of(folder, case, *options):
    """Taps of `plumb run CASE options`, by name"""
    file = folder / "taps.safetensors"
    subprocess.run([PLUMB, "run", f"fixtures/{case}", "--quiet", "--out", file, *options], cwd=ROOT, check=True)
    return load(file)


def grade_of(folder, case, dump, *options):
    """The report of `plumb grade`, bent or not"""
    file = folder / "report.json"
    done = subprocess.run([PLUMB, "grade", f"fixtures/{case}", dump, "--quiet", "--json", file, *options], cwd=ROOT,
                          stdout=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done
    return json.loads(file.read_text())


def rms(values, axis=None):
    return (values.astype(float) ** 2).mean(axis) ** 0.5
