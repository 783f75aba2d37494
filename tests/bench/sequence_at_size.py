#!/usr/bin/env python3
"""What the sequence recipes take of ten million interactions within the time that a function has.

    cargo build --release -p palate-recipes --example fit
    RAYON_NUM_THREADS=2 .venv-bench/bin/python tests/bench/sequence_at_size.py --fit target/release/examples/fit

A million users and 100,000 items, made up from a seed (made_up.py); there is nothing to be found in them, so accuracy is
none of this program's. Prints a table in Markdown: the time from the data in memory to a model with its report, peak
memory, epochs, of the users who were held out how many there was time to ask for, and whether a recurrent recipe kept the
states of users. Exits 1 if a training takes more than
a minute beyond its time, after which a function would be ended.
"""
import argparse
import re
import sys
import tempfile
from pathlib import Path

import made_up

RECIPES = ["aws-user-personalization", "aws-user-personalization-v2"]
MOST_BEYOND_S = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--budget-s", type=int, default=840, help="seconds that a training may take")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    options = parser.parse_args()
    print("| recipe | training with evaluation, s | peak memory, MB | epochs | users asked for | states |", flush=True)
    print("|---|---:|---:|---:|---|---|", flush=True)
    late = False
    with tempfile.TemporaryDirectory() as folder:
        history, few = Path(folder) / "history.csv", Path(folder) / "few.csv"
        made_up.write_csv(history, options.rows, 1, users=options.users, items=options.items)
        with open(history) as lines:
            few.write_text("".join(next(lines) for _ in range(100)))
        for recipe in options.recipes:
            trained, _, memory, told = made_up.fitted(
                options.fit, recipe, history, ask=few, budget_s=options.budget_s)
            # Those of learning, before the ones on everything.
            epochs = len(re.findall(r"epoch \d+: loss", told.split("blending")[0]))
            asked = re.search(r"There was time to ask for (\d+) of the (\d+) users", told)
            asked = "{:,} of {:,}".format(*map(int, asked.groups())) if asked else "all"
            states = "" if recipe.endswith("-v2") else "none" if "no time to keep" in told else "kept"
            print(f"| {recipe} | {trained:.0f} | {memory:,.0f} | {epochs} | {asked} | {states} |", flush=True)
            late |= trained > options.budget_s + MOST_BEYOND_S
    sys.exit(late)


if __name__ == "__main__":
    main()
