"""What check_docs.py calls the same and what not, and how it reads a page."""
import argparse
import pathlib
import tempfile
import unittest

from check_docs import ROOT, Page, agree, blocks_of, commands_of

PAGE = """\
<!-- check-docs: setup: true -->
```
$ echo 'one
two'
one
two

# A comment of the page
$ echo three
three
```
"""


class CheckDocs(unittest.TestCase):
    def test_numbers_agree_within_one_unit_of_the_last_place(self):
        self.assertTrue(agree(["rms 1.02  2.5e-03"], ["rms 1.03 2.4e-03"]))
        self.assertFalse(agree(["rms 1.02"], ["rms 1.04"]))
        self.assertFalse(agree(["2.5e-03"], ["2.3e-03"]))
        self.assertFalse(agree(["2.5e-03"], ["2.5e-02"]))

    def test_numbers_of_a_grade_agree_within_a_tenth(self):
        self.assertTrue(agree(["logits  4.3e-03  1.07  3.80  -0.01  pass"],
                              ["logits  4.3e-03  1.06  3.67  0.02  pass"]))
        self.assertTrue(agree(["FAIL  first bent step: model.norm, ratio 131"],
                              ["FAIL  first bent step: model.norm, ratio 126"]))
        self.assertFalse(agree(["logits  4.3e-03  1.07  3.80  pass"], ["logits  4.3e-03  1.07  4.80  pass"]))
        self.assertFalse(agree(["logits  1.07  pass"], ["logits  1.07  FAIL"]))

    def test_whole_numbers_and_words_are_the_same_or_not(self):
        self.assertFalse(agree(["63 soft tokens"], ["64 soft tokens"]))
        self.assertFalse(agree(["PASS"], ["FAIL"]))
        self.assertFalse(agree(["a", "b"], ["a"]))
        self.assertFalse(agree(["a"], ["a", "b"]))
        self.assertFalse(agree([], ["a"]))

    def test_three_dots_stand_for_any_lines(self):
        self.assertTrue(agree(["a", "b", "c", "d"], ["a", "...", "d"]))
        self.assertTrue(agree(["a", "d"], ["a", "...", "d"]))
        self.assertFalse(agree(["a", "b", "c"], ["a", "...", "d"]))
        self.assertFalse(agree(["a", "b", "c"], ["...", "b"]))

    def test_loose_blocks_compare_words_only(self):
        self.assertTrue(agree(["ratio 1.5"], ["ratio 77"], loose=True))
        self.assertFalse(agree(["ratio 1.5"], ["bias 1.5"], loose=True))

    def test_a_block_is_read_with_its_markers_and_commands(self):
        (block,) = blocks_of(PAGE)
        self.assertEqual(block.marked("setup"), ["true"])
        self.assertEqual(commands_of(block), [("echo 'one\ntwo'", ["one", "two"], 2), ("echo three", ["three"], 7)])

    def test_what_a_page_writes_outside_build_is_seen(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "build").mkdir()
            (folder / "README.md").symlink_to(ROOT / "README.md")
            page = Page(ROOT / "README.md", argparse.Namespace(), folder)
            self.assertEqual(page.strays(folder), [])
            (folder / "taps.safetensors").touch()
            self.assertEqual(page.strays(folder), ["taps.safetensors"])


if __name__ == "__main__":
    unittest.main()
