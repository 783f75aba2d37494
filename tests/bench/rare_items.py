#!/usr/bin/env python3
"""What metadata are worth to a recurrent recipe: aws-hrnn-metadata beside aws-hrnn, most of all on rare items.

    cargo build --release -p palate-recipes --example fit
    RAYON_NUM_THREADS=2 python3 tests/bench/rare_items.py --data DATA/ml-1m --eval EVAL --fit target/release/examples/fit

`--data` holds interactions, items and users in Personalize form, `--eval` holds `score.py`. The newest tenth of each
user's events, one at least, is held out; each is to be found among all items that the user has not had. Rare are items
with fewer than ten events in what is learned from: single last events of users hold some twenty of them, a tenth of all
events some hundreds. Titles, genres, years, descriptions and demographics are given. The last columns are of the rare
events alone, when rare items alone are asked for, as a filter would. Prints a table in Markdown; ± is the standard error
over users. Exits 1 if metadata make it worse over all items by more than that error, or if rare items are found less than
1.5 times as well among all items, by NDCG@500.

`--recipes NAME:plain NAME` compares a recipe that is given no metadata with itself, as it is; only tells.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

LEAST_EVENTS, TIMES, LENGTHS = 10, 1.5, (10, 500)
RECIPES = ["aws-hrnn", "aws-hrnn-metadata"]
NAMES = ["items", "users"]
# More than any of the catalogues holds.
ALL = 20_000
COLUMNS = ["USER_ID", "ITEM_ID", "TIMESTAMP"]
METADATA = ["categorical=GENRES,AGE,GENDER,OCCUPATION,ATTRIBUTES", "text=TITLE,DESCRIPTION", "number=YEAR"]


def split(data, folder):
    """Writes what is learned from, and what is to be found of all and of rare items.

    Returns the number of events and users of each, and the items that are not rare.
    """
    events = pd.read_csv(data / "interactions.csv.gz", dtype={"USER_ID": str, "ITEM_ID": str})[COLUMNS]
    events = events.sort_values(["USER_ID", "TIMESTAMP"], kind="stable").reset_index(drop=True)
    from_end = events.groupby("USER_ID").cumcount(ascending=False)
    length = events.groupby("USER_ID")["ITEM_ID"].transform("size")
    held = from_end < (length // 10).clip(lower=1)
    learned = events[~held]
    learned.to_csv(folder / "learned.csv", index=False)
    counts = learned["ITEM_ID"].value_counts()
    truth = events[held].assign(rare=lambda held: held["ITEM_ID"].map(counts).fillna(0) < LEAST_EVENTS)
    sizes = {}
    for name, rows in [("all", truth), ("rare", truth[truth["rare"]])]:
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as out:
            for user, items in rows.groupby("USER_ID")["ITEM_ID"]:
                out.write(json.dumps({"userId": user, "items": items.drop_duplicates().tolist()}) + "\n")
        sizes[name] = (len(rows), rows["USER_ID"].nunique())
    return sizes, set(counts[counts >= LEAST_EVENTS].index)


def answers(args, folder, recipe):
    """Where the answers are; of users whom the truth does not name they are left out."""
    out = folder / f"{recipe}.jsonl"
    name, _, plain = recipe.partition(":")
    files = [f"{name}={folder / name}.csv" for name in NAMES if (folder / f"{name}.csv").exists()]
    metadata = [] if plain else [*files, *METADATA]
    budget = f"budget_s={args.budget_s}"
    command = [args.fit, name, folder / "learned.csv", out, f"k={ALL}", f"seed={args.seed}", budget, *metadata]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    (folder / f"{recipe}.log").write_text(done.stderr)
    if done.returncode:
        sys.exit(f"fit: {done.stderr[-2000:]}")
    return out


def score(args, folder, out, name, without=frozenset()):
    """NDCG by the length of the list, with its standard error. Lists do without some items."""
    users = {json.loads(line)["userId"] for line in (folder / f"{name}.jsonl").open(encoding="utf-8")}
    asked = folder / "asked.jsonl"
    with out.open(encoding="utf-8") as lines, asked.open("w", encoding="utf-8") as kept:
        for answer in map(json.loads, lines):
            if answer["input"]["userId"] in users:
                items = answer["output"]["recommendedItems"]
                answer["output"] = {"recommendedItems": [item for item in items if item not in without]}
                kept.write(json.dumps(answer) + "\n")
    command = [sys.executable, args.eval / "score.py", folder / f"{name}.jsonl", asked, "--k", ",".join(map(str, LENGTHS)),
               "--exclude-seen", folder / "learned.csv", "--out", folder / "scores.json"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    scores = json.loads((folder / "scores.json").read_text())
    return {k: (scores["metrics"][f"ndcg@{k}"], scores["standard_errors"][f"ndcg@{k}"]) for k in LENGTHS}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--eval", type=Path, required=True)
    parser.add_argument("--fit", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget-s", type=int, default=840, help="what a training may take")
    parser.add_argument("--recipes", nargs="*", default=RECIPES)
    parser.add_argument("--keep", type=Path, help="a folder for what is made")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = args.keep or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            if not (args.data / f"{name}.csv.gz").exists():
                continue
            (folder / f"{name}.csv").write_bytes(gzip.decompress((args.data / f"{name}.csv.gz").read_bytes()))
        sizes, frequent = split(args.data, folder)
        print("| recipe | NDCG@10, {:,} events | ± | rare items, {:,} events of {:,} users | NDCG@500, all | ± | rare | ± "
              "| NDCG@10 among rare items | ± |"
              .format(sizes["all"][0], *sizes["rare"]))
        print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        found = {}
        for recipe in args.recipes:
            out = answers(args, folder, recipe)
            found[recipe] = every, rare = [score(args, folder, out, name) for name in ("all", "rare")]
            among = score(args, folder, out, "rare", without=frequent)
            cells = [every[10], rare[10][:1], every[500], rare[500], among[10]]
            print(f"| {recipe} | {' | '.join(f'{value:.4f}' for cell in cells for value in cell)} |", flush=True)
    if all(recipe in found for recipe in RECIPES):
        (plain, rare), (with_all, with_rare) = found[RECIPES[0]], found[RECIPES[1]]
        times = with_rare[500][0] / max(rare[500][0], 1e-9)
        print(f"\nRare items are found {times:.2f} times as well with metadata, by NDCG@500.")
        if times < TIMES or with_all[10][0] < plain[10][0] - plain[10][1]:
            sys.exit(1)


if __name__ == "__main__":
    main()
