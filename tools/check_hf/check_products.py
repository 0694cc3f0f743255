"""Count false alarms among legal products: Hugging Face with products that other backends compute must pass.

    python tools/check_hf/check_products.py build/plumb [--case 96-chunks] [--seeds 1-24]

A case of fixtures/ is made anew from other seeds. On each, products are summed in another order, in parts that are
rounded too, or rounded three times (variants.py), and each dump is graded with every tap and with layer outputs alone.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import graded_case
import variants
from graded_case import MEASURES, Case, first_bent
from make_fixtures import CASES, write_model_of


def alarms(case):
    """What is wrong with each legal run: None, or a line."""
    for name, label, dtype, product, legal in variants.VARIANTS:
        if not legal:
            continue
        with variants.Products(product):
            dump = case.run(case.load(dtype))
        for layers in (False, True):
            steps = []
            bent = first_bent(case, dump, label, layers, steps=steps)
            numbers = [f"{key} {step[measure]:.2f}" for step in steps if step["tap"] == bent
                       for key, measure in MEASURES.items()]
            said = f"{name} as {label}{', layer outputs' * layers}: first bent is {bent}: {', '.join(numbers)}"
            yield said if bent else None


def seeds(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plumb", metavar="build/plumb")
    parser.add_argument("--case", default="96-chunks", choices=[case["name"] for case in CASES])
    parser.add_argument("--seeds", metavar="SEEDS", type=seeds, default="1-24")
    args = parser.parse_args()
    graded_case.PLUMB = args.plumb
    made = next(case for case in CASES if case["name"] == args.case)

    runs = []
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            write_model_of(made, Path(folder), seed)
            lines = list(alarms(Case(Path(folder), made.get("max_new_tokens", 0))))
        runs += lines
        print(f"{args.case}, seed {seed}: {len(lines)} legal runs, {sum(map(bool, lines))} false alarms", flush=True)
        print("".join(f"  {line}\n" for line in lines if line), end="")
    wrong = sum(map(bool, runs))
    print(f"{len(runs)} legal runs, {wrong} false alarms")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
