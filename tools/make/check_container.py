"""The Containerfile's steps, run in bare Debian systems; then its program grades an honest and a buggy dump.

    python check_container.py BUILD

Of the format it knows what the file has: FROM .. AS, RUN, COPY [--from=], WORKDIR and ENTRYPOINT.
"""
import json
import pathlib
import re
import sys

from bare_debian import Root, fail

CASE = "fixtures/e2b-text"


def instructions(text):
    """(word, arguments), with continued lines joined"""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.M))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


class Stage:
    def __init__(self, root):
        self.root, self.folder, self.entrypoint = root, "/", []


class Builder:
    def __init__(self, build):
        self.build, self.stages, self.open = build, {}, []

    def step(self, word, arguments):
        stage = self.open[-1] if self.open else None
        if word == "FROM":
            image, *alias = arguments.split(" AS ")
            if not re.fullmatch(r"debian:bookworm(-slim)?", image.strip()):
                fail(f"Containerfile: found FROM {image}, expected debian:bookworm")
            stage = Stage(Root(self.build, f"stage-{len(self.open)}").__enter__())
            self.open.append(stage)
            self.stages.update({name.strip(): stage for name in alias})
        elif word == "RUN":
            stage.root.run(arguments, stage.folder)
        elif word == "WORKDIR":
            stage.folder = arguments
            (stage.root.path / arguments.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            source, *words = arguments.split()[::-1][1:]
            place = arguments.split()[-1]
            if words:
                source = self.stages[words[0].removeprefix("--from=")].root.path / source.lstrip("/")
            ignored = () if words else tuple(pathlib.Path(".containerignore").read_text().split())
            stage.root.put(source, place, ignored)
        elif word == "ENTRYPOINT":
            stage.entrypoint = json.loads(arguments)
        else:
            fail(f"Containerfile: found {word}, expected an instruction that check_container.py knows")


def try_program(stage):
    plumb = " ".join(stage.entrypoint)
    stage.root.put(CASE, f"{stage.folder}/case")
    print(stage.root.run(f"{plumb} --version", stage.folder).strip())
    for dump, status in (("honest-bf16-eager", 0), ("buggy-window-off-by-one-bf16", 1)):
        said = stage.root.run(f"{plumb} diagnose case case/dumps/{dump}.safetensors", stage.folder, status)
        print("ok    " + next(line for line in said.splitlines() if line.startswith(("PASS", "FAIL"))))


def main(build):
    builder = Builder(pathlib.Path(build).resolve())
    try:
        for number, (word, arguments) in enumerate(instructions(pathlib.Path("Containerfile").read_text()), 1):
            print(f"step {number}: {word} {' '.join(arguments.split())}", flush=True)
            builder.step(word, arguments)
        try_program(builder.open[-1])
    finally:
        for stage in builder.open:
            stage.root.__exit__()


if __name__ == "__main__":
    main(*sys.argv[1:])
