"""Grade a dump of a Gemma 4 port against Hugging Face, from Python.

    from plumbline import capture, diagnose

    with capture(model, "dump.safetensors"):
        model(**inputs)
    report = diagnose("case", "dump.safetensors")
    print(report)                       # FAIL  first bent step: model.layers.2 ...; matches known bug window-off-by-one
    report.write("report.html")

What a case is, what a dump is and what the numbers of a report mean is in the project's documentation.
"""
from typing import TYPE_CHECKING, Any

from .judge import BadInput, Report, diagnose, grade, run

__all__ = ["BadInput", "Report", "capture", "diagnose", "grade", "record", "recording", "run", "save"]


if TYPE_CHECKING:
    from .capturing import capture, record, recording, save


def __getattr__(name: str) -> Any:
    """What writes dumps needs NumPy, which grading does not."""
    if name in ("capture", "record", "recording", "save"):
        from . import capturing
        return getattr(capturing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
