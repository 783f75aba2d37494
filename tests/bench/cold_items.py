#!/usr/bin/env python3
"""What palate-transitions knows of items without interactions.

    cargo build --release -p palate-recipes --example fit
    python3 cold_items.py --data DATA --fit target/release/examples/fit

A tenth of the items is held out whole: nothing of their interactions is learned, their metadata are given. Of each
event of a user with the event after it, up to --most of either kind:

- *from a cold item*: asked with a held-out item alone, is the item that came next among the first ten that are not held
  out? Popular items answer the same.
- *to a cold item*: asked with the user's ten items before, is the held-out item that came next among the first ten of
  those that are held out? Ten drawn at random would have it as often as ten is of all held-out items.

Prints a table in Markdown; exits 1 if a share is not above that beside it.
"""

import argparse
import csv
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

SEED, N_RESULTS, N_BEFORE = 1, 10, 10
COLUMNS = {
    "ml-1m": ["categorical=GENRES", "text=TITLE", "number=YEAR"],
    "online-retail": ["text=TITLE", "number=PRICE"],
    "amazon-beauty": ["categorical=ATTRIBUTES"],
}


def answers(fit, history, items, columns, asked, folder):
    """A list of all items for each of the queries, which are items, oldest first."""
    queries, output = folder / "asked.csv", folder / "answers.jsonl"
    with queries.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow(["USER_ID", "ITEM_ID", "TIMESTAMP"])
        rows.writerows([name, item, 60 * place] for name, past in asked.items() for place, item in enumerate(past))
    subprocess.run([fit, "palate-transitions", history, output, f"ask={queries}", f"items={items}", *columns,
                    "k=20000"], check=True, capture_output=True)
    lists = {}
    for line in output.read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        lists[answer["input"]["userId"]] = answer["output"]["recommendedItems"]
    return lists


def judged(name, arguments, folder):
    """Shares that were found: from cold items, by popular items, to cold items, by chance; and numbers of queries."""
    events = pd.read_csv(arguments.data / name / "interactions.csv.gz", dtype={"USER_ID": str, "ITEM_ID": str})
    events = events[["USER_ID", "ITEM_ID", "TIMESTAMP"]].sort_values(["USER_ID", "TIMESTAMP"], kind="stable")
    items = folder / "items.csv"
    with gzip.open(arguments.data / name / "items.csv.gz") as packed, items.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    described = set(pd.read_csv(items, dtype={"ITEM_ID": str})["ITEM_ID"])
    ids = sorted(set(events["ITEM_ID"]) & described)
    chance = np.random.default_rng(SEED)
    cold = set(chance.choice(ids, len(ids) // 10, replace=False))
    kept = events[~events["ITEM_ID"].isin(cold)]
    kept.to_csv(folder / "history.csv", index=False)
    popular = list(kept.drop_duplicates(["USER_ID", "ITEM_ID"])["ITEM_ID"].value_counts().index)
    leaving, reaching = [], []
    for _, history in events.groupby("USER_ID")["ITEM_ID"]:
        history = history.tolist()
        for place in range(1, len(history)):
            here, after = history[place - 1], history[place]
            if here in cold and after not in cold:
                leaving.append(([here], after))
            known = [item for item in history[:place] if item not in cold][-N_BEFORE:]
            if after in cold and known:
                reaching.append((known, after))
    picked = []
    for cases in (leaving, reaching):
        order = chance.permutation(len(cases))[: arguments.most]
        picked.append([cases[place] for place in order])
    leaving, reaching = picked
    asked = {f"l{number}": past for number, (past, _) in enumerate(leaving)}
    asked |= {f"r{number}": past for number, (past, _) in enumerate(reaching)}
    lists = answers(arguments.fit.resolve(), folder / "history.csv", items, COLUMNS[name], asked, folder)
    hits = [0, 0, 0]
    for number, (past, after) in enumerate(leaving):
        found = [item for item in lists[f"l{number}"] if item not in cold][:N_RESULTS]
        hits[0] += after in found
        hits[1] += after in popular[:N_RESULTS]
    for number, (past, after) in enumerate(reaching):
        found = [item for item in lists[f"r{number}"] if item in cold][:N_RESULTS]
        hits[2] += after in found
    return (len(leaving), hits[0] / len(leaving), hits[1] / len(leaving), len(reaching), hits[2] / len(reaching),
            N_RESULTS / len(cold))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--only", nargs="*", default=list(COLUMNS), help="these data sets alone")
    parser.add_argument("--most", type=int, default=2000, help="queries of either kind")
    arguments = parser.parse_args()
    missed = 0
    print("| data set | from cold items: queries | found | popular items | to cold items: queries | found | by chance |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in arguments.only:
        with tempfile.TemporaryDirectory() as folder:
            n_from, found, popular, n_to, reached, drawn = judged(name, arguments, Path(folder))
        print(f"| {name} | {n_from:,} | {found:.4f} | {popular:.4f} | {n_to:,} | {reached:.4f} | {drawn:.4f} |",
              flush=True)
        missed += found <= popular or reached <= drawn
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
