#!/usr/bin/env python3
"""What palate-ease takes at its largest: the exact form at 30,000 items, the sparse one there and beyond.

    cargo build --release -p palate-recipes --example fit
    RAYON_NUM_THREADS=2 .venv-bench/bin/python tests/bench/ease_at_size.py --fit target/release/examples/fit

A hundred interactions an item by two users an item, made up from a seed (made_up.py); there is nothing to be found in
them, so accuracy is none of this program's. Each line is a training with evaluation under the default
hyperparameters but `exact_items`, which decides the form. Prints a table in Markdown; exits 1 if the exact form holds
more than 10 GB. `--only exact` or `--only sparse` for one of the forms.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import made_up

EXACT = 30_000
MOST_GB = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--sizes", type=int, nargs="+", default=[30_000, 100_000], help="items")
    parser.add_argument("--only", choices=["exact", "sparse"])
    options = parser.parse_args()
    print("| items | interactions | form | training with evaluation, s | whole program, s | peak memory, MB |")
    print("|---:|---:|---|---:|---:|---:|")
    too_much = False
    with tempfile.TemporaryDirectory() as folder:
        for n_items in options.sizes:
            history = Path(folder) / f"{n_items}.csv"
            made_up.write_csv(history, 100 * n_items, 7, users=2 * n_items, items=n_items)
            for form, exact_items in (("exact", EXACT), ("sparse", 0)):
                if options.only not in (None, form) or (form == "exact" and n_items > EXACT):
                    continue
                trained, seconds, memory, _ = made_up.fitted(
                    options.fit, "palate-ease", history, exact_items=exact_items)
                print(f"| {n_items:,} | {100 * n_items:,} | {form} | {trained:.0f} | {seconds:.0f} | {memory:,.0f} |", flush=True)
                too_much |= form == "exact" and memory > 1000 * MOST_GB
    sys.exit(too_much)


if __name__ == "__main__":
    main()
