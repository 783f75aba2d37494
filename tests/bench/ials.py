#!/usr/bin/env python3
"""palate-ials beside implicit's AlternatingLeastSquares: time, accuracy, and items that nobody has touched.

    cargo build --release -p palate-recipes --example fit
    RAYON_NUM_THREADS=2 python3 ials.py --data DIR --eval DIR --fit target/release/examples/fit

`--data` holds folders `ml-1m`, `amazon-beauty` and `online-retail` in Personalize form; `--eval` holds `split.py` and
`score.py`. Prints tables in Markdown; exits 1 if a figure misses its bar. `--parts` runs some of the three alone.

- "speed": seconds of one iteration with 64 and 128 factors, on ml-1m and on ten million interactions made from a seed;
  two threads each, conjugate gradients with three steps each. Rounds alternate; of all iterations but the first of a
  round the median counts. Bar: ours is not slower.
- "accuracy": leave one out, seen items excluded, 64 factors. Both are asked with the newest 20 events, each item once,
  and tuned by the same points of a Sobol sequence over the weight of what was not observed, the regularization (ranges of
  equal width on a logarithmic scale) and the events after which an event of the query weighs half, 0.5 to 8 unless
  `--half-life` gives it, by NDCG@10 of the events before the last. Iterations are each one's default unless `--iterations` gives ours. What is told of the chosen point is the mean of
  some models that begin with other random factors, which move NDCG@10 by some 0.0005. On amazon-beauty palate-ials is
  also told with the items' attributes, of which implicit knows nothing, at the point that was chosen without them. Bars:
  NDCG@10 not below implicit's, and 0.109 on ml-1m, each without metadata.
- "cold": a tenth of ml-1m's items, drawn from a seed, is held out whole, with metadata given; users with interactions
  with them are asked for, with all others of their interactions. recall@50, seen items excluded, over the whole
  catalogue and among the held-out items alone. Popularity has no interactions to count of them: it never names one
  before every other item, and among themselves they are in an order of no meaning, of which the expectation is told.
  What items would reach by how often they were taken in the interactions held back is told beside it. Bar: three times
  popularity. And a tenth of the users is held out whole and asked for without any event.
"""

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

# implicit wants its BLAS to leave threads to it; read when numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "2")

import numpy as np
import pandas as pd
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from scipy.stats import qmc

from cold_ials import cold_items, cold_users
from made_up import frames

SETS = {"ml-1m": [], "amazon-beauty": ["--shuffle-ties", "0"], "online-retail": []}
FACTORS, N_EVENTS, SEED = 64, 20, 7
HALF_LIVES = (0.5, 8.0)
LEAST_NDCG = {"ml-1m": 0.109}
METADATA = {"amazon-beauty": {"categorical": "ATTRIBUTES"}}
COLUMNS = ["USER_ID", "ITEM_ID", "TIMESTAMP"]


def read(path):
    """Interactions by user and time, with the rows of users and items."""
    events = pd.read_csv(path, dtype={"USER_ID": str, "ITEM_ID": str}, usecols=COLUMNS, escapechar="\\",
                         keep_default_na=False)[COLUMNS]
    events = events.sort_values(["USER_ID", "TIMESTAMP"], kind="stable").reset_index(drop=True)
    events["user"], users = pd.factorize(events["USER_ID"])
    events["item"], items = pd.factorize(events["ITEM_ID"], sort=True)
    return events, users, items


def matrix(events):
    """Users by items, a one for each pair."""
    pairs = csr_matrix((np.ones(len(events), np.float32), (events["user"], events["item"])))
    pairs.data[:] = 1.0
    return pairs


# Time


def their_iterations(pairs, factors, n):
    """Seconds of each iteration."""
    seconds = []
    model = AlternatingLeastSquares(factors=factors, iterations=n, num_threads=2, use_cg=True, random_state=1)
    model.fit(pairs, show_progress=False, callback=lambda _, elapsed, __: seconds.append(elapsed))
    return seconds


def our_iterations(program, history, factors, n):
    """Seconds of each iteration of the fit on all users, by the times at which they begin; then the program is stopped."""
    settings = {"factors": factors, "iterations": n + 1, "regularization": 0.01, "unobserved_weight": 0.1,
                "history_length": N_EVENTS, "half_life": 5.0, "seen_weight": 0.0, "k": 1}
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    process = subprocess.Popen([program, "palate-ials", history, os.devnull, *words(settings)],
                               stderr=subprocess.PIPE, text=True, encoding="utf-8")
    begins, on_all_users = [], False
    for line in process.stderr:
        on_all_users |= "fitting on all users" in line
        found = re.search(r"([0-9.]+)(s|ms|µs) .*iteration", line)
        if on_all_users and found:
            begins.append(float(found[1]) * units[found[2]])
            if len(begins) == n + 1:
                process.terminate()
                break
    process.stderr.close()
    process.wait()
    if len(begins) < n + 1:
        sys.exit("fit ended before its last iteration")
    return np.diff(begins)


def words(settings):
    return [f"{name}={value}" for name, value in settings.items()]


def speed(args, folder):
    """Prints the first table; returns what is slower."""
    made = folder / "made-up.csv"
    with made.open("wb") as file:
        for number, frame in enumerate(frames(args.rows, SEED, users=args.rows // 100, items=20_000)):
            frame.select(COLUMNS).write_csv(file, include_header=number == 0)
    read(args.data / "ml-1m" / "interactions.csv.gz")[0][COLUMNS].to_csv(folder / "ml-1m.csv", index=False)
    missed = []
    print("| interactions | pairs | factors | implicit, s an iteration | palate-ials | times faster |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, path in (("ml-1m", folder / "ml-1m.csv"), (f"{args.rows:,} made up", made)):
        pairs = matrix(read(path)[0])
        for factors in (64, 128):
            theirs, ours = [], []
            for _ in range(args.rounds):
                theirs.extend(their_iterations(pairs, factors, 4)[1:])
                ours.extend(our_iterations(args.fit, path, factors, 4)[1:])
            their, our = np.median(theirs), np.median(ours)
            print(f"| {name} | {pairs.nnz:,} | {factors} | {their:.3f} | {our:.3f} | {their / our:.2f} |", flush=True)
            if our > their:
                missed.append(f"{name}, {factors} factors: {our:.3f} s, implicit {their:.3f} s")
    return missed


# Accuracy


class Split:
    """A history and the event that each user's is to be continued with."""

    def __init__(self, folder):
        self.path, self.folder = folder / "train.csv", folder
        self.events, self.users, self.items = read(self.path)
        self.pairs = matrix(self.events)
        self.truth = {}
        for line in (folder / "truth.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            self.truth[row["userId"]] = row["items"][0]

    def queries(self, half_life):
        rows, columns, weights = [], [], []
        for user, items in self.events.groupby("user", sort=True)["item"]:
            newest = dict.fromkeys(items.to_numpy()[::-1][:N_EVENTS])
            places = {}
            for place, item in enumerate(items.to_numpy()[::-1][:N_EVENTS]):
                places.setdefault(item, place)
            for item in newest:
                rows.append(user)
                columns.append(item)
                weights.append(2.0 ** (-places[item] / half_life))
        return csr_matrix((np.array(weights, np.float32), (rows, columns)), shape=self.pairs.shape)

    def ndcg(self, lists):
        gains = [1.0 / np.log2(2 + items.index(item)) if item in (items := lists.get(user, [])) else 0.0
                 for user, item in self.truth.items()]
        return float(np.mean(gains))


def their_lists(split, unobserved, regularization, half_life, seed=SEED):
    """Ten unseen items for each user."""
    query = split.queries(half_life)
    model = AlternatingLeastSquares(factors=FACTORS, alpha=1.0 / unobserved, regularization=regularization,
                                    num_threads=2, use_cg=True, random_state=seed)
    model.fit(split.pairs, show_progress=False)
    lists = {}
    for first in range(0, len(split.users), 1000):
        rows = np.arange(first, min(first + 1000, len(split.users)))
        scores = model.recalculate_user(rows, query[rows]) @ model.item_factors.T
        scores[split.pairs[rows].nonzero()] = -np.inf
        best = np.argpartition(-scores, 10, axis=1)[:, :10]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)
        lists.update(zip(split.users[rows], (list(split.items[row]) for row in best)))
    return lists


def our_lists(program, more, split, unobserved, regularization, half_life, seed=SEED):
    settings = {"factors": FACTORS, "regularization": regularization, "unobserved_weight": unobserved,
                "history_length": N_EVENTS, "half_life": half_life, "seen_weight": 0.0, "k": 10, "seed": seed} | more
    path = split.folder / "answers.jsonl"
    run(program, "palate-ials", split.path, path, *words(settings))
    answers = map(json.loads, path.open(encoding="utf-8"))
    return {answer["input"]["userId"]: answer["output"]["recommendedItems"] for answer in answers}


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr}")
    return done


def split_with(args, source, to, options):
    run(sys.executable, args.eval / "split.py", source, to, "--protocol", "loo", "--no-validation", *options)
    return Split(to)


def scored(args, split, lists):
    """HR@10, NDCG@10 and its standard error."""
    path = split.folder / "scored.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for user, items in lists.items():
            line = {"input": {"userId": user}, "output": {"recommendedItems": items}, "error": None}
            lines.write(json.dumps(line) + "\n")
    done = run(sys.executable, args.eval / "score.py", split.folder / "truth.jsonl", path, "--k", "10",
               "--exclude-seen", split.path)
    report = json.loads(done.stdout)
    metrics = report["metrics"]
    return metrics["hr@10"], metrics["ndcg@10"], report["standard_errors"]["ndcg@10"]


def accuracy(args, folder):
    """Prints the second table; returns what is below its bar."""
    points = qmc.Sobol(3, seed=SEED).random(args.trials)
    half_lives = (args.half_life, args.half_life) if args.half_life else HALF_LIVES
    more = {"iterations": args.iterations} if args.iterations else {}
    methods = {
        "implicit": (their_lists, (1.0, 300.0)),
        "palate-ials": (partial(our_lists, args.fit, more), (0.0001, 0.03)),
    }
    missed = []
    print(f"| data set | method, best of {args.trials} trials | unobserved weight | regularization | half-life | HR@10 | NDCG@10 | ± |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name in args.sets:
        test = split_with(args, args.data / name / "interactions.csv.gz", folder / name, SETS[name])
        # What was shuffled is in the order of its time already.
        trial = split_with(args, test.path, folder / f"{name}-trial", [])
        reached = {}
        for method, (lists, (low, high)) in methods.items():
            begin, tried = time.monotonic(), []
            for place in points:
                ranges = ((0.003, 1.0), (low, high), half_lives)
                given = tuple(low * (high / low) ** share for share, (low, high) in zip(place, ranges))
                tried.append((trial.ndcg(lists(trial, *given)), given))
            given = max(tried)[1]
            figures = [scored(args, test, lists(test, *given, seed=SEED + number)) for number in range(args.seeds)]
            hr, ndcg, error = np.mean(figures, axis=0)
            reached[method] = ndcg
            print(f"| {name} | {method} | {given[0]:.4f} | {given[1]:.4g} | {given[2]:.2f} | {hr:.4f} | {ndcg:.4f} | {error:.4f} |", flush=True)
            print(f"{name}: {method}: {time.monotonic() - begin:.0f} s", file=sys.stderr)
        if name in METADATA:
            items = folder / f"{name}-items.csv"
            items.write_bytes(gzip.decompress((args.data / name / "items.csv.gz").read_bytes()))
            told = more | METADATA[name] | {"items": items}
            figures = [scored(args, test, our_lists(args.fit, told, test, *given, seed=SEED + number))
                       for number in range(args.seeds)]
            hr, ndcg, error = np.mean(figures, axis=0)
            print(f"| {name} | palate-ials, with metadata | {given[0]:.4f} | {given[1]:.4g} | {given[2]:.2f} "
                  f"| {hr:.4f} | {ndcg:.4f} | {error:.4f} |", flush=True)
        least = max(reached["implicit"], LEAST_NDCG.get(name, 0.0))
        if reached["palate-ials"] < least:
            missed.append(f"{name}: NDCG@10 {reached['palate-ials']:.4f}, bar {least:.4f}")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--eval", type=Path, required=True, help="folder with split.py and score.py")
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--parts", nargs="+", default=["speed", "accuracy", "cold"])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--half-life", type=float, help="of both queries in the part accuracy, in place of a choice")
    parser.add_argument("--iterations", type=int, help="of palate-ials in the part accuracy")
    parser.add_argument("--seeds", type=int, default=4, help="models that a figure of accuracy is the mean of")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=10_000_000)
    args = parser.parse_args()
    args.fit, missed = args.fit.resolve(), []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if "speed" in args.parts:
            missed += speed(args, folder)
        if "accuracy" in args.parts:
            missed += accuracy(args, folder)
        if "cold" in args.parts:
            missed += cold_items(args, folder)
            cold_users(args, folder)
    for line in missed:
        print(line, file=sys.stderr)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
