"""pytest --plumbline-case CASE --plumbline-dump DUMP: each step of the grade is a test; and assert_straight.

    def test_port(assert_straight):
        assert_straight("case", "dump.safetensors")             # a dump that is there
        assert_straight("case", model=model)                    # or a PyTorch model with Hugging Face's module names

With --plumbline-html FILE the page of the last report is written there.
"""
import pathlib

import pytest

from .judge import diagnose


def pytest_addoption(parser):
    group = parser.getgroup("plumbline")
    group.addoption("--plumbline-case", metavar="CASE", help="the case that --plumbline-dump is a dump of")
    group.addoption("--plumbline-dump", metavar="DUMP", help="grade it; each step is a test")
    group.addoption("--plumbline-html", metavar="FILE", help="write the page of the last report there")


def _diagnose(config, case, dump, **arguments):
    report = diagnose(case, dump, **arguments)
    page = config.getoption("--plumbline-html")
    if page:
        report.write(page)
    return report


class Step(pytest.Item):
    """One step of the report."""

    def __init__(self, *, step, report, **arguments):
        super().__init__(**arguments)
        self.step, self.report = step, report

    def runtest(self):
        if self.step["verdict"] == "none":
            pytest.skip("padding alone")
        if self.step["verdict"] == "fail":
            raise AssertionError(self.step["tap"])

    def repr_failure(self, excinfo):
        over = ", ".join(self.step["over"]) or self.step.get("note", "another shape")
        return f"{self.step['tap']} is bent: beyond its limit in {over}\n{self.report}"

    def reportinfo(self):
        return self.path, None, self.step["tap"]


class Dump(pytest.Collector):
    def collect(self):
        report = _diagnose(self.config, self.config.getoption("--plumbline-case"), self.path)
        for step in report.steps:
            yield Step.from_parent(self, name=step["tap"], step=step, report=report)


def pytest_collection_modifyitems(session, config, items):
    case, dump = config.getoption("--plumbline-case"), config.getoption("--plumbline-dump")
    if bool(case) != bool(dump):
        raise pytest.UsageError("found one of --plumbline-case and --plumbline-dump, expected both")
    if dump:
        path = pathlib.Path(dump)
        items.extend(Dump.from_parent(session, name=path.name, path=path, nodeid=path.name).collect())


@pytest.fixture
def assert_straight(request, tmp_path):
    """assert_straight(case, dump=None, *, model=None, **arguments of plumbline.diagnose) -> Report"""
    def check(case, dump=None, *, model=None, **arguments):
        if model is not None:
            from safetensors.torch import load_file

            from .capturing import capture
            dump = tmp_path / "dump.safetensors"
            with capture(model, dump):
                model(**load_file(pathlib.Path(case, "inputs.safetensors")))
        report = _diagnose(request.config, case, dump, **arguments)
        assert report, str(report)
        return report
    return check
