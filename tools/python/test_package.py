"""The package as it is installed, on the fixtures: pytest tools/python/test_package.py"""
import pathlib

import pytest

from plumbline import BadInput, Report, diagnose, grade

pytest_plugins = ["pytester"]
CASE = pathlib.Path("fixtures/e2b-text").resolve()
STRAIGHT = CASE / "dumps/honest-bf16-eager.safetensors"
BENT = CASE / "dumps/buggy-window-off-by-one-bf16.safetensors"


def test_straight():
    report = grade(CASE, STRAIGHT)
    assert report and report.outcome == "pass" and str(report).startswith("PASS  all ")
    assert len(grade(CASE, STRAIGHT, only=["*.layers.1"]).steps) == 1


def test_bent(tmp_path):
    report = diagnose(CASE, BENT)
    assert not report and report.named == ["window-off-by-one"]
    assert str(report) == ("FAIL  first bent step: model.layers.2.self_attn#attn_weights; "
                           "matches known bug window-off-by-one")
    for suffix in (".html", ".xml", ".sarif", ".md", ".csv", ".json"):
        report.write(tmp_path / f"report{suffix}")
        assert (tmp_path / f"report{suffix}").stat().st_size > 100
    assert Report.read(tmp_path / "report.json").json == report.json
    with pytest.raises(ValueError, match="found .pdf, expected"):
        report.write(tmp_path / "report.pdf")


def test_strict():
    assert str(grade(CASE, STRAIGHT, strict=True)).startswith("FAIL  --strict: ")


@pytest.mark.parametrize("case, dump, arguments, says", [
    ("nowhere", STRAIGHT, {}, "found no such folder, expected a case"),
    (CASE, "README.md", {}, "README.md"),
    (CASE, STRAIGHT, {"arithmetic": "fp17"}, "--as: found fp17"),
])
def test_bad_input(case, dump, arguments, says):
    with pytest.raises(BadInput, match=says):
        grade(case, dump, **arguments)


def test_fixture(pytester):
    pytester.makepyfile(f"""
        def test_straight(assert_straight):
            assert_straight({str(CASE)!r}, {str(STRAIGHT)!r})
        def test_bent(assert_straight):
            assert_straight({str(CASE)!r}, {str(BENT)!r})
    """)
    result = pytester.runpytest("--plumbline-html", "page.html")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("*matches known bug window-off-by-one*")
    assert "window-off-by-one" in (pytester.path / "page.html").read_text()


def test_a_test_a_step(pytester):
    result = pytester.runpytest("--plumbline-case", CASE, "--plumbline-dump", BENT)
    result.assert_outcomes(passed=9, failed=1)
    result.stdout.fnmatch_lines("*model.layers.2.self_attn#attn_weights is bent: beyond its limit in ratio*")
