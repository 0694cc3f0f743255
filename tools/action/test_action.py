"""action.yml, run as a runner runs it: test_action.py PLUMB

Its inputs go where the expressions of the file say, each step's script is run by bash -e with the runner's files, and
what it leaves there is looked at.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
CASE = "fixtures/e2b-text"
STRAIGHT = f"{CASE}/dumps/honest-bf16-eager.safetensors"
BENT = f"{CASE}/dumps/buggy-window-off-by-one-bf16.safetensors"
plumb = "build/plumb"


def filled(text, inputs):
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: inputs[match[1]], text)


class Job:
    """One use of the action, in a workspace of its own that shows the repository's fixtures"""

    def __init__(self, folder, **given):
        self.workspace, self.runner = pathlib.Path(folder, "workspace"), pathlib.Path(folder)
        self.workspace.mkdir()
        (self.workspace / "fixtures").symlink_to(ROOT / "fixtures")
        self.inputs = {name: entry.get("default") for name, entry in ACTION["inputs"].items()} | given
        self.log, self.status, self.outputs = "", 0, {}
        for step in ACTION["runs"]["steps"]:
            if step.get("if") == "inputs.plumb == ''" and self.inputs["plumb"]:
                continue
            if self.status == 0:
                self.run(step)

    def run(self, step):
        files = {name: self.runner / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        variables = {name: filled(text, self.inputs) for name, text in step.get("env", {}).items()}
        done = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=self.workspace, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GITHUB_ACTION_PATH": str(ROOT),
                                   **{name: str(path) for name, path in files.items()}, **variables})
        self.log, self.status = self.log + done.stdout, done.returncode
        self.summary = files["GITHUB_STEP_SUMMARY"].read_text()
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        self.outputs = dict(line.split("=", 1) for line in lines)


class Action(unittest.TestCase):
    def job(self, **given):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Job(folder.name, **{"plumb": str(pathlib.Path(plumb).resolve()), "case": CASE, **given})

    def test_the_file(self):
        text = (ROOT / "action.yml").read_text()
        used = set(re.findall(r"(?:\{\{|if:) inputs\.(\w+)", text))
        self.assertEqual(used, set(ACTION["inputs"]))
        for step in ACTION["runs"]["steps"]:
            self.assertNotIn("${{", step["run"], "a text in a script would be run")

    def test_straight(self):
        job = self.job(dump=STRAIGHT)
        self.assertEqual((job.status, job.outputs["outcome"]), (0, "pass"), job.log)
        self.assertIn("**PASS**", job.summary)
        self.assertNotIn("::error", job.log)
        for suffix in ("json", "html", "xml", "sarif", "md", "csv"):
            self.assertGreater((job.workspace / job.outputs["folder"] / f"report.{suffix}").stat().st_size, 100)
        self.assertEqual(set(job.outputs), set(ACTION["outputs"]))

    def test_bent(self):
        job = self.job(dump=BENT)
        self.assertEqual((job.status, job.outputs["outcome"]), (1, "fail"), job.log)
        says = "FAIL  first bent step: model.layers.2.self_attn#attn_weights; matches known bug window-off-by-one"
        self.assertEqual(job.outputs["verdict"], says)
        self.assertIn(f"::error title=Plumbline::{says}", job.log)
        self.assertIn("window-off-by-one", job.summary)

    def test_options(self):
        job = self.job(dump=BENT, command="grade", options="--only\n*.layers.1\n\n--as\nbf16\n")
        self.assertEqual(job.status, 0, job.log)
        self.assertEqual(job.outputs["verdict"], "PASS  all 1 steps are straight as bf16")

    def test_bad_input(self):
        job = self.job(dump="fixtures/README.md")
        self.assertEqual((job.status, job.outputs["outcome"]), (2, "error"), job.log)
        self.assertIn("fixtures/README.md: found text", job.outputs["verdict"])

    def test_bad_usage(self):
        job = self.job(dump=STRAIGHT, options="--strct")
        self.assertEqual((job.status, job.outputs["outcome"]), (2, "error"), job.log)
        self.assertRegex(job.log, "::error title=Plumbline::.*--strct")
        job = self.job(dump=STRAIGHT, command="run")
        self.assertEqual(job.status, 2)
        self.assertIn("found run, expected diagnose or grade", job.log)

    def test_an_old_report_is_not_a_new_one(self):
        job = self.job(dump=STRAIGHT)
        job.inputs["options"] = "--strct"
        job.status = 0
        job.run(ACTION["runs"]["steps"][-1])
        self.assertEqual((job.status, job.outputs["outcome"]), (2, "error"), job.log)

    def test_text_is_not_run(self):
        job = self.job(dump="$(touch ran)`touch ran`;touch ran", options="$(touch ran)")
        self.assertEqual(job.status, 2)
        self.assertFalse((job.workspace / "ran").exists())
        job = self.job(dump="none\n::error::forged\noutcome=pass")
        self.assertEqual((job.status, job.outputs["outcome"]), (2, "error"))
        held = re.sub(r"::stop-commands::(\S+)\n.*?::\1::\n", "", job.log, flags=re.S)
        self.assertNotIn("\n::error::forged", held)


if __name__ == "__main__":
    plumb = sys.argv.pop(1)
    unittest.main()
