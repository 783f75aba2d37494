#!/usr/bin/env python3
"""What palate-transitions takes of large catalogues, with and without metadata by which items borrow of each other.

    cargo build --release -p palate-recipes --example fit
    RAYON_NUM_THREADS=2 .venv-bench/bin/python tests/bench/transitions_at_size.py --fit target/release/examples/fit

Twenty-five interactions an item by five users for two items, made up from a seed (made_up.py). Of each item a category of
a hundred and a title of four words of some thousands are known. There is nothing to be found in it, so accuracy is none of
this program's; that is cold_items.py's. Each line is a training with evaluation under the default hyperparameters. Prints
a table in Markdown.
"""
import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import made_up

N_CATEGORIES, N_WORDS = 100, 5000


def write_items(path, n_items):
    rng = np.random.default_rng(7)
    # A few words are common, most are not.
    words = (N_WORDS ** rng.random((n_items, 4))).astype(int)
    pl.DataFrame({
        "ITEM_ID": [f"item{number:06d}" for number in range(n_items)],
        "CATEGORY": [f"category {number}" for number in rng.integers(0, N_CATEGORIES, n_items)],
        "TITLE": [" ".join(f"word{word}" for word in row) for row in words],
    }).write_csv(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 100_000, 200_000], help="items")
    options = parser.parse_args()
    print("| items | interactions | metadata | training with evaluation, s | peak memory, MB |")
    print("|---:|---:|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        history, items = Path(folder) / "history.csv", Path(folder) / "items.csv"
        for n_items in options.sizes:
            made_up.write_csv(history, 25 * n_items, 7, users=5 * n_items // 2, items=n_items)
            write_items(items, n_items)
            for told, metadata in (("no", {}), ("yes", {"items": items, "categorical": "CATEGORY", "text": "TITLE"})):
                trained, _, memory, _ = made_up.fitted(options.fit, "palate-transitions", history, **metadata)
                print(f"| {n_items:,} | {25 * n_items:,} | {told} | {trained:.0f} | {memory:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
