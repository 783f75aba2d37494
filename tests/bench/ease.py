#!/usr/bin/env python3
"""palate-ease beside the closed form in numpy and LAPACK: the same scores, and at most the time.

    cargo build --release -p palate-recipes --example fit
    OPENBLAS_NUM_THREADS=2 RAYON_NUM_THREADS=2 python3 ease.py --history loo/history.csv --fit target/release/examples/fit

`--history` is a CSV file in Personalize form. Prints a table in Markdown; exits 1 if a score differs by more than
1e-4 or the time is above LAPACK's.

- Theirs are scipy's sparse product, which makes the matrix, and `dpotrf`/`dpotri`, which invert it. Ours is the whole
  fit on all users: the matrix, its inverse, the choice of the strongest weights and their rows. Rounds alternate, of
  each the best time counts.
- Scores are those of a model with every weight, read from its files; the users ask with their newest 20 events.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
os.environ.setdefault("RAYON_NUM_THREADS", "2")

import numpy as np
import pandas as pd
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

REGULARIZATION, N_EVENTS, HALF_LIFE = 500.0, 20, 3.0


def read_tensors(path):
    """Arrays of a safetensors file."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    types = {"U64": "<u8", "U32": "<u4", "F32": "<f4", "I64": "<i8"}
    body = memoryview(content)[8 + length:]
    return {name: np.frombuffer(body[slice(*entry["data_offsets"])], types[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


def interactions(history):
    """Users by items; both in the order of their ids, as in a model."""
    frame = pd.read_csv(history, dtype={"USER_ID": str, "ITEM_ID": str})
    users, _ = pd.factorize(frame["USER_ID"], sort=True)
    items, _ = pd.factorize(frame["ITEM_ID"], sort=True)
    matrix = csr_matrix((np.ones(len(users)), (users, items)))
    matrix.data[:] = 1.0
    order = np.lexsort((frame["TIMESTAMP"].to_numpy(), users))
    return matrix, users[order], items[order]


def inverse(matrix):
    """P, and the seconds of the product and of the inverse."""
    begin = time.perf_counter()
    gram = (matrix.T @ matrix).toarray(order="F")
    gram[np.diag_indices_from(gram)] += REGULARIZATION
    counted = time.perf_counter()
    factor, failed = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    lower, failed_too = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        sys.exit("LAPACK: not positive definite")
    end = time.perf_counter()
    return np.tril(lower) + np.tril(lower, -1).T, counted - begin, end - counted


def queries(shape, users, items):
    """The newest events of each user, each item at its newest place."""
    rows, columns, weights = [], [], []
    bounds = np.searchsorted(users, np.arange(shape[0] + 1))
    for user in range(shape[0]):
        seen = set()
        for place, item in enumerate(items[bounds[user]:bounds[user + 1]][::-1][:N_EVENTS]):
            if item not in seen:
                seen.add(item)
                rows.append(user)
                columns.append(item)
                weights.append(2.0 ** (-place / HALF_LIFE))
    return csr_matrix((weights, (rows, columns)), shape=shape)


def fit(program, history, **settings):
    """Runs the recipe with every hyperparameter given; returns its log."""
    settings = {"regularization": REGULARIZATION, "history_length": N_EVENTS, "half_life": HALF_LIFE,
                "seen_weight": 1.0, "k": 1, **settings}
    done = subprocess.run([program, "palate-ease", history, os.devnull,
                           *(f"{name}={value}" for name, value in settings.items())],
                          capture_output=True, text=True, check=True)
    return done.stderr


def fit_seconds(program, history):
    """Seconds of the fit on all users, by the times at which the steps of the training begin."""
    log = fit(program, history)
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    begin, end = (re.search(rf"([0-9.]+)(s|ms|µs) .*{step}", log) for step in ("fitting on all users", "writing the model"))
    seconds = [float(found[1]) * units[found[2]] for found in (begin, end)]
    return seconds[1] - seconds[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", type=Path, required=True)
    parser.add_argument("--fit", type=Path, required=True, help="the example `fit` of the release build")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    arguments.fit = arguments.fit.resolve()
    matrix, users, items = interactions(arguments.history)

    theirs, ours = [], []
    for _ in range(arguments.rounds):
        p, *seconds = inverse(matrix)
        theirs.append(seconds)
        ours.append(fit_seconds(arguments.fit, arguments.history))
    weights = -p / np.diag(p)
    np.fill_diagonal(weights, 0.0)

    with tempfile.TemporaryDirectory() as folder:
        fit(arguments.fit, arguments.history, weights_per_item=30_000, model=folder)
        model = read_tensors(Path(folder) / "neighbours.safetensors")
    stored = csr_matrix((model["weights"].astype(np.float64), model["items"].astype(np.int64),
                         model["offsets"].astype(np.int64)), shape=weights.shape)
    asked = queries(matrix.shape, users, items)
    error = max(np.abs(asked[first:first + 1000] @ weights - (asked[first:first + 1000] @ stored).toarray()).max()
                for first in range(0, asked.shape[0], 1000))

    print(f"{matrix.shape[1]} items; greatest difference of a score to numpy's closed form: {error:.1e}\n")
    count, invert = min(one[0] for one in theirs), min(one[1] for one in theirs)
    own = min(ours)
    print("| best of", arguments.rounds, "| co-occurrence, s | inverse, s | weights, s | together, s |")
    print("|---|---:|---:|---:|---:|")
    print(f"| scipy | {count:.3f} | {invert:.3f} | | {min(map(sum, theirs)):.3f} |")
    print(f"| palate-ease | | | | {own:.3f} |")
    print(f"\nThe whole fit takes {own / invert:.2f} of the time of dpotrf and dpotri alone.")
    sys.exit(error > 1e-4 or own > min(map(sum, theirs)))


if __name__ == "__main__":
    main()
