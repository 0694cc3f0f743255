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


# words of the glossary that a lesson links where it first uses them, and what else they mean there
WORDS = {"backend": "backends?", "dump": "dumps?", "tap": "taps?", "soft token": "soft\\s+tokens?", "oracle": "oracle",
         "placeholder": "placeholders?", "lockstep": "lockstep", "replay": "replays?", "honest": "honest",
         "bent": "bent(?! by)", "straight": "straight(?!\\s+line)", "tie": "ties?(?! two)", "catalogue": "catalogue",
         "residual": "residual(?!\\s+stream)", "coefficient": "coefficient", "noise unit": "noise\\s+units?",
         "hook": "hook", "introduced": "introduce[sd]?"}
CODE = re.compile(r"^```.*?^```|^    .*?$|^#.*?$|^\|.*?$|^!\[.*?$|^<.*?>$|`[^`]*`|\$[^$]*\$", re.M | re.S)


def modules_of(family):
    """Classes with a forward of their own, but for those that only hold results"""
    tree = ast.parse((MODELS / family / f"modeling_{family}.py").read_text())
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)
            and any(getattr(item, "name", None) == "forward" for item in node.body)]


def lesson(number):
    return next(text for name, text in LESSONS.items() if name.startswith(f"{int(number):02}-"))


def first_use(word, text):
    """Where a lesson's prose has a word first"""
    prose = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    return re.search(rf"(?<![\w-]){WORDS[word]}(?![\w-])", prose, re.I)


def plumb_bugs(*arguments):
    return subprocess.run(["build/plumb", "bugs", *arguments], capture_output=True, text=True, check=True).stdout


def public_bugs():
    """Bugs of the catalogue with a public source: id, and how many threads tell of it"""
    shown = {line.split()[0]: plumb_bugs(line.split()[0]) for line in plumb_bugs().splitlines() if line.strip()}
    assert len(shown) > 90, f"found {len(shown)} bugs, expected more than 90"
    threads = {bug: re.search(r"source      https\S+(?: \(one of (\d+)\))?", text) for bug, text in shown.items()}
    return {bug: int(found[1] or 1) for bug, found in threads.items() if found}


def paragraph_of(bug, text):
    """What the list of bugs says of this one alone, up to the next one's name, without code"""
    found = re.search(rf"^- (?:(?!\n- |\n\n).)*?`{bug}`(.*?)(?=\n- |\n\n|\Z)", text, re.M | re.S)
    own = re.split(r"`[a-z0-9]+(?:-[a-z0-9]+)+`", found[1])[0] if found else ""
    return re.sub(r"`[^`]*`", "", own)


class Lessons(unittest.TestCase):
    def test_each_bug_with_a_public_source_is_in_a_lesson(self):
        pages = "".join(LESSONS.values())
        for bug in public_bugs():
            self.assertTrue(f"`{bug}`" in pages, f"{bug} is in no lesson")

    def test_the_most_reported_bugs_have_an_exercise_or_a_paragraph(self):
        rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d+)(, its exercise)? \|$", TABLE, re.M)
        self.assertGreaterEqual(len(rows), 30)
        told = {bug: int(threads) for bug, threads, *_ in rows}
        for bug, threads in public_bugs().items():
            if bug in told or threads > min(told.values()):
                self.assertEqual((bug, told.get(bug)), (bug, threads))
        self.assertEqual(list(told.values()), sorted(told.values(), reverse=True))
        for bug, _, number, is_exercise in rows:
            if is_exercise:
                named = re.search(rf"^(matches known bug|below the noise:) {bug}(?![\w-])", lesson(number), re.M)
                self.assertTrue(named, f"lesson {number}: {bug} is not what its exercise has")
                continue
            paragraph = paragraph_of(bug, lesson(number))
            words = re.sub(r"\[.*?\]\(.*?\)", "", paragraph).split()
            self.assertGreater(len(words), 12, f"lesson {number} has no paragraph on {bug}: {paragraph}")
            self.assertIn("](https://", paragraph, f"lesson {number} has no thread of {bug}")

    def test_words_of_the_glossary_are_linked_where_they_are_first_used(self):
        for name, text in LESSONS.items():
            for word in WORDS:
                used = first_use(word, text)
                if used:
                    linked = re.match(r"[^\[\]]*\]\(\.\./(glossary\.md#|lockstep\.md)", text[used.end():])
                    line = text.count("\n", 0, used.start()) + 1
                    self.assertTrue(linked, f"{name}:{line}: {used[0]} is no link to the glossary")

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
