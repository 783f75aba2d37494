"""Interactions made up from a seed: users of very different activity, items after Zipf, in the order of time.

The same seed and number of rows give the same bytes, whatever the machine.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import polars as pl

HEADER = ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"]
SCHEMA = {"type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
          "fields": [{"name": name, "type": "long" if name == "TIMESTAMP" else "string"} for name in HEADER]}
EVENT_TYPES = ["view", "click", "add-to-cart", "purchase"]
PIECE = 1_000_000
START_S, END_S = 1_600_000_000, 1_760_000_000


def frames(rows, seed, users=1_000_000, items=100_000):
    """The rows as data frames of a million each, so that any number of them fits in memory."""
    rng = np.random.default_rng(seed)
    # Activity is log-normal over users, popularity falls as a power of the rank; ranks are dealt out at random.
    activity = np.cumsum(rng.lognormal(0.0, 1.0, users))
    popularity = np.cumsum(1.0 / np.arange(1, items + 1))
    user_names = pl.Series([f"user{number:07d}" for number in rng.permutation(users)])
    item_names = pl.Series([f"item{number:06d}" for number in rng.permutation(items)])
    event_names = pl.Series(EVENT_TYPES)
    for begin in range(0, rows, PIECE):
        n = min(PIECE, rows - begin)
        user = np.searchsorted(activity, rng.random(n) * activity[-1])
        item = np.searchsorted(popularity, rng.random(n) * popularity[-1])
        event = rng.choice(len(EVENT_TYPES), n, p=[0.8, 0.12, 0.05, 0.03])
        span = (END_S - START_S) / rows
        times = START_S + np.sort(begin + rng.random(n) * n) * span
        yield pl.DataFrame({"USER_ID": user_names.gather(user), "ITEM_ID": item_names.gather(item),
                            "TIMESTAMP": times.astype(np.int64), "EVENT_TYPE": event_names.gather(event)})


def write_csv(path, rows, seed, **sizes):
    with open(path, "wb") as file:
        for number, frame in enumerate(frames(rows, seed, **sizes)):
            frame.write_csv(file, include_header=number == 0)


def fitted(program, recipe, history, **settings):
    """Runs the example `fit`: seconds of the training with evaluation and of the whole program, peak memory in MB, its log."""
    settings = {"k": 1, **settings}
    with tempfile.TemporaryFile() as log:
        begin = time.perf_counter()
        process = subprocess.Popen([program, recipe, history, os.devnull,
                                    *(f"{name}={value}" for name, value in settings.items())],
                                   stdout=subprocess.DEVNULL, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        log.seek(0)
        told = log.read().decode()
    if status:
        sys.exit(f"{recipe}: {told}")
    number, unit = re.search(r"trained in ([0-9.]+)(ms|s|µs)", told).groups()
    return float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit], seconds, usage.ru_maxrss / 1024, told
