#!/usr/bin/env python3
"""How long a training with evaluation takes, for every recipe without a neural network.

    cargo build --release -p palate-recipes --example fit
    RAYON_NUM_THREADS=2 python3 training_times.py --data DATA/ml-1m --fit target/release/examples/fit

Reading the CSV and answering are not counted. Recipes that read metadata are trained with those of items; those that
can do without them, without them, too. Prints a table in Markdown, with the processor time of all threads of the whole
program, which tells more on a machine that does other things; exits 1 if a recipe takes longer than it may.
"""

import argparse
import gzip
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_SECONDS, MOST_SECONDS_OF_EASE = 20, 60
# Of each, whether it is trained without metadata of items, has to be with them, or is with and without.
RECIPES = {
    "aws-popularity-count": "without",
    "aws-ecomm-popular-items-by-views": "without",
    "aws-ecomm-popular-items-by-purchases": "without",
    "aws-vod-most-popular": "without",
    "aws-trending-now": "without",
    "aws-vod-trending-now": "without",
    "aws-sims": "without",
    "aws-similar-items": "both",
    "aws-ecomm-frequently-bought-together": "without",
    "aws-ecomm-customers-who-viewed-x-also-viewed": "without",
    "aws-vod-because-you-watched-x": "without",
    "aws-vod-more-like-x": "with",
    "aws-item-affinity": "without",
    "aws-item-attribute-affinity": "with",
    "palate-transitions": "both",
    "palate-ease": "without",
    "palate-session-knn": "without",
    "palate-ials": "both",
}
COLUMNS = ["categorical=GENRES", "text=TITLE", "number=YEAR"]
UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of interactions.csv.gz and items.csv.gz")
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--only", nargs="*", default=list(RECIPES), help="these recipes alone")
    arguments = parser.parse_args()
    late = []
    print("| recipe | metadata of items | training with evaluation, s | processor time, s |\n|---|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        history, items, nobody = folder / "history.csv", folder / "items.csv", folder / "nobody.csv"
        for name, to in (("interactions", history), ("items", items)):
            with gzip.open(arguments.data / f"{name}.csv.gz") as packed, to.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
        nobody.write_text("USER_ID,ITEM_ID,TIMESTAMP\n", encoding="utf-8")
        for recipe in arguments.only:
            for metadata in [False, True] if RECIPES[recipe] == "both" else [RECIPES[recipe] == "with"]:
                before = processor_seconds()
                done = subprocess.run([arguments.fit.resolve(), recipe, history, folder / "answers.jsonl",
                                       f"ask={nobody}", *([f"items={items}", *COLUMNS] if metadata else [])],
                                      capture_output=True, text=True, check=True)
                value, unit = re.search(r"^trained in ([0-9.]+)(s|ms|µs):", done.stderr, re.MULTILINE).groups()
                took = float(value) * UNITS[unit]
                print(f"| {recipe} | {'yes' if metadata else 'no'} | {took:.2f} | {processor_seconds() - before:.2f} |",
                      flush=True)
                if took > (MOST_SECONDS_OF_EASE if recipe == "palate-ease" else MOST_SECONDS):
                    late.append(f"{recipe}: {took:.1f} s")
    for line in late:
        print(line, file=sys.stderr)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
