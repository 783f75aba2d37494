"""Items and users of which there is nothing but metadata, for `ials.py`."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pandas as pd

SEED, K, FACTOR = 20, 50, 3.0
ITEM_COLUMNS = ["categorical=GENRES", "text=TITLE,DESCRIPTION", "number=YEAR"]
USER_COLUMNS = ["categorical=AGE,GENDER,OCCUPATION"]
COLUMNS = ["USER_ID", "ITEM_ID", "TIMESTAMP"]


def events_of(args):
    events = pd.read_csv(args.data / "ml-1m" / "interactions.csv.gz", dtype={"USER_ID": str, "ITEM_ID": str})
    return events.sort_values(["USER_ID", "TIMESTAMP"], kind="stable")


def unpacked(args, name, folder):
    path = folder / f"ml-1m-{name}.csv"
    path.write_bytes(gzip.decompress((args.data / "ml-1m" / f"{name}.csv.gz").read_bytes()))
    return path


def answers(args, folder, learned, asked, settings):
    """Lists by user, of a model that knows nothing else of them."""
    paths = [folder / name for name in ("learned.csv", "asked.csv", "answers.jsonl")]
    learned.to_csv(paths[0], index=False)
    asked.to_csv(paths[1], index=False)
    done = subprocess.run([args.fit, "palate-ials", paths[0], paths[2], f"ask={paths[1]}", *settings],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"fit: {done.stderr}")
    lines = map(json.loads, paths[2].open(encoding="utf-8"))
    return {line["input"]["userId"]: line["output"]["recommendedItems"] for line in lines}


def recall(lists, truth):
    """Mean and standard error."""
    values = np.array([len(set(lists(user)[:K]) & items) / len(items) for user, items in truth.items()])
    return values.mean(), values.std() / np.sqrt(len(values))


def cold_items(args, folder):
    """Prints a table; returns what misses its bar."""
    events = events_of(args)
    ids = np.unique(events["ITEM_ID"])
    cold = set(np.random.default_rng(SEED).choice(ids, len(ids) // 10, replace=False))
    is_cold = events["ITEM_ID"].isin(cold)
    kept, held = events[~is_cold], events[is_cold]
    truth = held.groupby("USER_ID")["ITEM_ID"].agg(set).to_dict()
    seen = kept.groupby("USER_ID")["ITEM_ID"].agg(set).to_dict()
    truth = {user: items for user, items in truth.items() if user in seen}
    asked = kept[kept["USER_ID"].isin(truth)]
    lists = answers(args, folder, kept[COLUMNS], asked[COLUMNS],
                    [f"items={unpacked(args, 'items', folder)}", *ITEM_COLUMNS, f"k={len(ids) + 1000}"])
    unseen = {user: [item for item in items if item not in seen[user]] for user, items in lists.items()}
    among = {user: [item for item in items if item in cold] for user, items in unseen.items()}
    popular = list(kept["ITEM_ID"].value_counts().index)
    by_counts, by_held = list(events["ITEM_ID"].value_counts().index), list(held["ITEM_ID"].value_counts().index)
    of = {
        "popular items": (lambda user: [item for item in popular if item not in seen[user]], None),
        "palate-ials": (unseen.get, among.get),
        "popular items, the interactions held back counted too": (
            lambda user: [item for item in by_counts if item not in seen[user]], lambda user: by_held),
    }
    print(f"\n{len(cold)} of {len(ids)} items held out, {len(truth)} users\n")
    print("| ml-1m, cold items | recall@50, whole catalogue | ± | recall@50, among cold items | ± |")
    print("|---|---:|---:|---:|---:|")
    reached = {}
    for method, (whole, among_cold) in of.items():
        first = recall(whole, truth)
        second = recall(among_cold, truth) if among_cold else (min(K, len(cold)) / len(cold), 0.0)
        reached[method] = (first[0], second[0])
        print(f"| {method} | {first[0]:.4f} | {first[1]:.4f} | {second[0]:.4f} | {second[1]:.4f} |", flush=True)
    missed = []
    for place, what in enumerate(("over the whole catalogue", "among cold items")):
        ours, theirs = reached["palate-ials"][place], reached["popular items"][place]
        if ours < FACTOR * theirs or ours == 0.0:
            missed.append(f"cold items {what}: recall@50 {ours:.4f}, popularity {theirs:.4f}")
    return missed


def cold_users(args, folder):
    """Prints a table."""
    events = events_of(args)
    ids = np.unique(events["USER_ID"])
    cold = set(np.random.default_rng(SEED).choice(ids, len(ids) // 10, replace=False))
    is_cold = events["USER_ID"].isin(cold)
    kept, truth = events[~is_cold], events[is_cold].groupby("USER_ID")["ITEM_ID"].agg(set).to_dict()
    asked = pd.DataFrame({"USER_ID": sorted(cold), "ITEM_ID": "", "TIMESTAMP": 0})
    lists = answers(args, folder, kept[COLUMNS], asked,
                    [f"users={unpacked(args, 'users', folder)}", *USER_COLUMNS, f"k={K}"])
    popular = list(kept["ITEM_ID"].value_counts().index[:K])
    print(f"\n{len(cold)} of {len(ids)} users held out\n\n| ml-1m, cold users | recall@50 | ± |\n|---|---:|---:|")
    for method, of in (("popular items", lambda user: popular), ("palate-ials", lambda user: lists.get(user, []))):
        mean, error = recall(of, truth)
        print(f"| {method} | {mean:.4f} | {error:.4f} |", flush=True)
