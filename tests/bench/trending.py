#!/usr/bin/env python3
"""trend_prediction_accuracy of aws-trending-now, beside popular items.

    cargo build --release -p palate-recipes --example fit
    python3 trending.py --data DATA/online-retail --fit target/release/examples/fit

The recipe judges itself on the newest tenth of the interactions of a tenth of the users, made with the others: by how
much the 25 items that it names grew, over how much those 25 did that grew most. Which users these are differs by seed
and matters much, so the mean of several seeds stands beside its standard error. Prints a table in Markdown.
"""

import argparse
import gzip
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

METRIC = r'"trend_prediction_accuracy": ([0-9.e-]+)'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of interactions.csv.gz")
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--frequency", default="1 day", help="trend_discovery_frequency")
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        history, nobody = Path(folder) / "history.csv", Path(folder) / "nobody.csv"
        with gzip.open(arguments.data / "interactions.csv.gz") as packed, history.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        nobody.write_text("USER_ID,ITEM_ID,TIMESTAMP\n", encoding="utf-8")
        for seed in range(arguments.seeds):
            done = subprocess.run([arguments.fit.resolve(), "aws-trending-now", history, Path(folder) / "answers.jsonl",
                                   f"ask={nobody}", f"trend_discovery_frequency={arguments.frequency}", f"seed={seed}"],
                                  capture_output=True, text=True, check=True)
            found.append([float(value) for value in re.findall(METRIC, done.stderr)])
    print(f"| method, {arguments.frequency}, {arguments.seeds} seeds | trend_prediction_accuracy | ± |\n|---|---:|---:|")
    for method, values in zip(("aws-trending-now", "popular items"), zip(*found)):
        error = statistics.stdev(values) / len(values) ** 0.5
        print(f"| {method} | {statistics.mean(values):.4f} | {error:.4f} |")


if __name__ == "__main__":
    main()
