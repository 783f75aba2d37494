#!/usr/bin/env python3
"""Segments of users by aws-item-affinity and aws-item-attribute-affinity, beside the most active users.

    cargo build --release -p palate-recipes --example fit
    python3 segments.py --data DATA/ml-1m --fit target/release/examples/fit

Each recipe judges itself: of every user the oldest 80 % of the events are learned from, and a segment of 1 % of the
users is made for every item, or value of an attribute, that somebody turned to in the others. A hit is a user of the
segment who did; recall is their share of all who did. The most active users are those with the most events; whoever
had an item is left out for it in both. Prints a table in Markdown; exits 1 if a recipe finds fewer users than the
baseline.
"""

import argparse
import gzip
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ASKED = [
    ("aws-item-affinity", "items", []),
    ("aws-item-attribute-affinity", "GENRES", ["categorical=GENRES"]),
    ("aws-item-attribute-affinity", "YEAR", ["categorical=YEAR"]),
]
HITS, RECALL = "hits_at_1_percent", "recall_at_1_percent"


def unpacked(path, to):
    with gzip.open(path) as packed, to.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return to


def metrics(log, block):
    """Names and numbers of a block of the report."""
    text = re.search(rf"\b{block}: {{(.*?)}}", log, re.DOTALL).group(1)
    return {name: float(value) for name, value in re.findall(r'"(\w+)": ([0-9.e-]+)', text)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of interactions.csv.gz and items.csv.gz")
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    arguments = parser.parse_args()
    missed = 0
    print("| recipe | asked for | hits | most active users | recall | most active users |")
    print("|---|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        history = unpacked(arguments.data / "interactions.csv.gz", folder / "history.csv")
        items = unpacked(arguments.data / "items.csv.gz", folder / "items.csv")
        nobody = folder / "nobody.csv"
        nobody.write_text("USER_ID,ITEM_ID,TIMESTAMP\n", encoding="utf-8")
        for recipe, asked, columns in ASKED:
            done = subprocess.run([arguments.fit.resolve(), recipe, history, folder / "answers.jsonl", f"ask={nobody}",
                                   *([f"items={items}", *columns] if columns else [])],
                                  capture_output=True, text=True, check=True)
            own, active = metrics(done.stderr, "metrics"), metrics(done.stderr, "popularity_baseline")
            print(f"| {recipe} | {asked} | {own[HITS]:.2f} | {active[HITS]:.2f} | {own[RECALL]:.4f} | "
                  f"{active[RECALL]:.4f} |", flush=True)
            missed += own[HITS] <= active[HITS] or own[RECALL] <= active[RECALL]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
