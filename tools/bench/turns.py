"""Programs that answer rounds: one JSON line when they are ready, then one for each line that they are sent. Not a
program.

Two that are asked in turn have their rounds side by side, in the same minute of a noisy machine, so that the ratio of a
pair holds when the machine's speed drifts.
"""
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}


class Answering:
    """A program that answers rounds, started and ready."""

    def __init__(self, *command):
        words = [str(word) for word in command]
        self.process = subprocess.Popen(words, env=ENVIRONMENT, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.first = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"{' '.join(self.process.args)}: ended without an answer, status {self.process.wait()}")
        return json.loads(line)

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def in_turn(commands, rounds):
    """{name: command} -> ({name: first answer}, a list of {name: answer}, one a round)"""
    with ExitStack() as stack:
        programs = {}
        for name, command in commands.items():
            print(f"starting {name}: {' '.join(map(str, command))}", file=sys.stderr)
            programs[name] = stack.enter_context(Answering(*command))
        answers = []
        for i in range(rounds):
            answers.append({name: program.round() for name, program in programs.items()})
            seconds = {name: {key: value for key, value in answer.items() if value < 1e4}
                       for name, answer in answers[-1].items()}
            print(f"round {i + 1}: {seconds}", file=sys.stderr)
        return {name: program.first for name, program in programs.items()}, answers


def median(values, digits=2):
    return f"{statistics.median(values):.{digits}f}"


def spread(values, digits=2):
    """median (lowest to highest)"""
    values = list(values)
    return f"{median(values, digits)} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def percent(values):
    return f"{100 * statistics.median(values):.0f} %"
