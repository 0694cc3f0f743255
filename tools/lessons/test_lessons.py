"""Each reported bug and each class of Hugging Face has its lesson, each lesson its parts. Run in the tree's root."""
import ast
import pathlib
import re
import subprocess
import unittest

import transformers

LESSONS = {path.name: path.read_text() for path in sorted(pathlib.Path("docs/lessons").glob("[0-9]*.md"))}
TABLE = pathlib.Path("docs/README.md").read_text()
MODELS = pathlib.Path(transformers.__file__).parent / "models"


def modules_of(family):
    """Classes with a forward of their own, but for those that only hold results"""
    tree = ast.parse((MODELS / family / f"modeling_{family}.py").read_text())
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)
            and any(getattr(item, "name", None) == "forward" for item in node.body)]


def lesson(number):
    return next(text for name, text in LESSONS.items() if name.startswith(f"{int(number):02}-"))


class Lessons(unittest.TestCase):
    def test_each_bug_with_a_public_source_is_in_a_lesson(self):
        listed = subprocess.run(["build/plumb", "bugs"], capture_output=True, text=True, check=True).stdout
        ids = [line.split()[0] for line in listed.splitlines() if line.strip()]
        self.assertGreater(len(ids), 90)
        pages = "".join(LESSONS.values())
        for bug in ids:
            shown = subprocess.run(["build/plumb", "bugs", bug], capture_output=True, text=True, check=True).stdout
            if "source      https" in shown:
                self.assertIn(f"`{bug}`", pages, f"{bug} is in no lesson")

    def test_each_class_is_in_one_lesson_and_cited_there(self):
        rows = dict(re.findall(r"\| `(Gemma4\w+)` \| (\d+) \|", TABLE))
        for name in modules_of("gemma4"):
            self.assertIn(name, rows, f"docs/README.md does not say which lesson explains {name}")
        for name, number in rows.items():
            self.assertEqual(TABLE.count(f"| `{name}` |"), 1)
            self.assertRegex(lesson(number), rf"`{name}\.", f"lesson {number} does not cite {name}")

    def test_each_lesson_has_its_parts(self):
        for name, text in LESSONS.items():
            for part in ("minutes", "## Picture", "## Exercise", "<summary>Answer</summary>", "modeling_gemma4"):
                if (part, name[:2]) not in (("modeling_gemma4", number) for number in ("15", "16", "17", "18")):
                    self.assertIn(part, text, f"{name} has no {part}")
            self.assertIn(f"pictures/{name.removesuffix('.md')}.svg", text)


if __name__ == "__main__":
    unittest.main()
